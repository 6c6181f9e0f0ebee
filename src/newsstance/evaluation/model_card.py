"""The model card: README.md of a model folder, in Hugging Face format, filled in from an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.display import LABEL_STYLES
from newsstance.evaluation.report import METRIC_NAMES, format_figure, verdict
from newsstance.stances import LABELS

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from newsstance.evaluation.figures import Estimate
    from newsstance.evaluation.result import Evaluation

CARD_FILE = "README.md"
WRITTEN_BY_MODELS = frozenset({"invented", "held_back", "all"})
"""Corpora that hold the shipped texts, which language models wrote; the card says so."""

LABELLED_BY_MODELS = WRITTEN_BY_MODELS | {"real_news"}
"""Corpora whose labels language models read; the card says so."""

LABEL_MEANINGS = {
    "acknowledgement": "the party itself admits, concedes, confirms or apologises for something against its interest",
    "denial": "the party itself rejects an accusation, report or claim about itself or its side",
    "third_party_skepticism": "somebody else doubts, disputes, contradicts or debunks a claim",
}
"""Label → the codebook in one line."""


def write_model_card(model_dir: Path, evaluation: Evaluation, training_facts: Mapping[str, Any] | None = None) -> Path:
    """Write ``README.md`` into ``model_dir``; a card that is there is replaced.

    Args:
        model_dir: A model folder.
        evaluation: What was measured of the model.
        training_facts: What is known of its training. Used where given: ``encoder`` (hub id), ``corpus`` (name),
            ``license``, ``language`` (a code or a list of codes); every fact is listed in the card.

    Returns:
        Path of the card.
    """
    from huggingface_hub import ModelCard, ModelCardData

    facts = dict(training_facts or {})
    encoder = facts.get("encoder")
    data = ModelCardData(
        language=facts.get("language", "en"),
        license=facts.get("license", "apache-2.0"),
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["newsstance", "stance-detection", "news", "multi-label"],
        # The hub takes only ids of models; a path on somebody's disk would mean nothing to a reader.
        base_model=encoder if _is_hub_id(encoder) else None,
        model_name=evaluation.model_id,
        eval_results=list(_eval_results(evaluation)),
    )
    card = ModelCard.from_template(
        data,
        template_str=_template(),
        evaluation=evaluation,
        facts=facts,
        labels=LABELS,
        names={label: style.name for label, style in LABEL_STYLES.items()},
        meanings=LABEL_MEANINGS,
        trained_on=facts.get("corpus", ""),
        written_by_models=facts.get("corpus") in WRITTEN_BY_MODELS,
        labelled_by_models=facts.get("corpus") in LABELLED_BY_MODELS,
        measured_on_written=evaluation.corpus in WRITTEN_BY_MODELS,
        measured_on_labelled=evaluation.corpus in LABELLED_BY_MODELS,
        figure=format_figure,
        verdict=verdict,
    )
    path = model_dir / CARD_FILE
    card.save(path)
    return path


def _eval_results(evaluation: Evaluation) -> Iterator[EvalResult]:
    """The figures of the ``model-index``; those that are undefined are left out."""
    from huggingface_hub import EvalResult

    def result(kind: str, name: str, estimate: Estimate) -> Iterator[EvalResult]:
        if estimate.defined:
            yield EvalResult(
                task_type="text-classification",
                task_name="stance in news sentences (multi-label)",
                dataset_type=evaluation.corpus,
                dataset_name=evaluation.corpus,
                dataset_split=evaluation.split,
                dataset_revision=evaluation.data_hash,
                metric_type=kind,
                metric_value=round(estimate.value, 4),
                metric_name=name,
            )

    model = evaluation.model
    for field, name in METRIC_NAMES.items():
        yield from result(field, f"macro {name}", getattr(model.macro, field))
    for label in LABELS:
        yield from result("f1", f"F1 {label}", model.labels[label].f1)
    yield from result("exact_match", "exact match", model.exact_match)
    yield from result("false_alarm_rate", "false alarm rate", model.false_alarm_rate)


def _is_hub_id(name: object) -> bool:
    """Whether ``name`` reads ``organisation/model`` or ``model``, not a path."""
    import re

    is_id = isinstance(name, str) and re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", name) is not None
    return is_id and not str(name).startswith(".") and not Path(str(name)).exists()


def _template() -> str:
    from importlib.resources import files

    return (files("newsstance.evaluation") / "templates" / "model_card.md.jinja").read_text(encoding="utf-8")

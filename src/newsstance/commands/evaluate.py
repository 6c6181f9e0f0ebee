"""``newsstance evaluate``: measure a model on labelled sentences; write the report; hold it against the gate."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, cast

from newsstance.configuration.commands import EvaluateConfig
from newsstance.configuration.groups import CorpusConfig
from newsstance.errors import InputError
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.evaluation.result import Evaluation
    from newsstance.stances import LabelledSentence

LOG = logging.getLogger(__name__)


def run(config: EvaluateConfig, run: Run) -> None:
    """Evaluate ``config.model``, write the report and apply the gate.

    Raises:
        GateError: Where the model does not reach the bounds of ``config.gate``.
        InputError: On a corpus, model or baseline that cannot be used.
    """
    from newsstance.evaluation.gate import check_bounds, check_gate
    from newsstance.evaluation.report import write_report
    from newsstance.evaluation.storage import load_evaluation
    from newsstance.evaluation.tables import print_systems

    earlier = load_evaluation(evaluation_folder(config.baseline)) if config.baseline is not None else None
    check_bounds(config.gate, earlier)
    evaluation = evaluate(config)
    folder = Path(config.output).expanduser() if config.output is not None else run.folder
    paths = write_report(evaluation, folder)
    if config.model_card:
        paths["model card"] = write_card(config, evaluation)
    run.record(
        model=evaluation.model_id,
        data_hash=evaluation.data_hash,
        macro_f1=evaluation.model.macro.f1.value,
        report={name: str(path) for name, path in paths.items()},
    )
    print_systems(evaluation)
    for name, path in paths.items():
        print(f"{name}: {path}")
    for line in check_gate(evaluation, config.gate, earlier, config.seed):
        print(f"gate: {line}: passed")


def write_card(config: EvaluateConfig, evaluation: Evaluation) -> Path:
    """Write the ``README.md`` of the model's folder from ``evaluation`` and what the folder says of the training.

    Raises:
        InputError: Where the model is not a folder.
    """
    from newsstance.evaluation.model_card import write_model_card
    from newsstance.model.location import find_model

    folder = Path(find_model(config.model))
    if not folder.is_dir():
        raise InputError(f"model_card=true: model={config.model} is no folder that a card could be written into")
    return write_model_card(folder, evaluation, training_facts(folder, config.corpus))


def training_facts(folder: Path, corpus: CorpusConfig) -> dict[str, object]:
    """What the model card says of the training; the corpus only where it is the one evaluated, by its hash."""
    from newsstance.corpus.loading import data_hash, load_corpus
    from newsstance.model.metadata import ModelMetadata

    metadata = ModelMetadata.load(folder)
    if metadata is None:
        return {}
    facts: dict[str, object] = {"encoder": metadata.encoder, "training key": metadata.key}
    if metadata.data_hash == data_hash(load_corpus(corpus)):
        facts["corpus"] = corpus_name(corpus)
    recipe = metadata.config.get("trainer", {})
    return facts | {"data hash": metadata.data_hash} | {k: v for k, v in recipe.items() if isinstance(v, (int, float))}


def evaluate(config: EvaluateConfig) -> Evaluation:
    """Load what ``config`` names and evaluate it."""
    from newsstance.configuration.typed import to_plain
    from newsstance.corpus.loading import load_corpus
    from newsstance.evaluation.evaluate import Subject, evaluate_model
    from newsstance.inference.backends import load_backend

    corpus = load_corpus(config.corpus)
    needed = bool(config.evaluation.baselines) or config.evaluation.error_analysis
    sentences, train_sentences, training = sentences_of(corpus, config.corpus, config.split, training_needed=needed)
    LOG.info("corpus %s, %s: %d sentences", config.corpus.name, config.split, len(sentences))
    classifier = load_backend(config.model, config.backend)
    learned = _learned(config.model, corpus, config.split, len(sentences))
    subject = Subject(corpus_name(config.corpus), config.split, training, to_plain(config), config.seed, learned)
    return evaluate_model(classifier, sentences, train_sentences, config.evaluation, subject)


def _learned(model: str, corpus: list[LabelledSentence], split: str, measured: int) -> str:
    """Says of a model that was trained on this very corpus what it has learned from; "" of another one.

    Args:
        model: The model.
        corpus: All sentences of the corpus.
        split: Which part of them is measured on.
        measured: How many these are.
    """
    from newsstance.corpus.loading import data_hash
    from newsstance.model.location import find_model
    from newsstance.model.metadata import ModelMetadata

    metadata = ModelMetadata.load(Path(find_model(model)))
    if metadata is None or metadata.data_hash != data_hash(corpus):
        return ""
    if split in {"all", "train"}:
        return "was trained on this corpus, and has learned from sentences that are measured"
    if metadata.figures.get("sentences", {}).get(split) != measured:
        return "was trained on this corpus, which was split otherwise then"
    return "was chosen and calibrated on this split" if split == "validation" else ""


def sentences_of(
    sentences: list[LabelledSentence], corpus: CorpusConfig, split: str, *, training_needed: bool = True
) -> tuple[list[LabelledSentence], list[LabelledSentence], str]:
    """The sentences to measure on, those that baselines learn from, and where the latter come from.

    With ``split=all`` nothing of the corpus is left to learn from, so baselines learn from the train split of the
    shipped corpus, without the sentences that are measured on.

    Args:
        sentences: All sentences of the corpus.
        corpus: How it is split.
        split: Which part is measured on.
        training_needed: Whether anything learns from it.

    Raises:
        InputError: On an unknown split, or one that holds no sentence.
    """
    from newsstance.corpus.splitting import SPLITS, split_by_article

    if split not in (*SPLITS, "all"):
        raise InputError(f"split={split}: choose train, validation, test or all")
    if split == "all":
        return sentences, *(_shipped_training(sentences) if training_needed else ([], ""))
    splits = split_by_article(sentences, corpus.split)
    if not splits[split]:
        raise InputError(
            f"split={split}: holds no sentence of {corpus_name(corpus)} (corpus.split.* sets the shares; or split=all)"
        )
    overlap = "the very sentences measured on: their figures flatter" if split == "train" else ""
    return splits[split], splits["train"], overlap


def _shipped_training(measured: list[LabelledSentence]) -> tuple[list[LabelledSentence], str]:
    """The train split of the shipped corpus without the sentences ``measured``, and what to call it."""
    from newsstance.corpus.loading import load_corpus
    from newsstance.corpus.splitting import split_by_article

    shipped = shipped_corpus()
    train = split_by_article(load_corpus(shipped), shipped.split)["train"]
    texts = {sentence.text for sentence in measured}
    unseen = [sentence for sentence in train if sentence.text not in texts]
    if unseen:
        return unseen, "the train split of the shipped corpus, less the sentences measured on"
    return train, "sentences that are also measured on: their figures flatter"


def shipped_corpus() -> CorpusConfig:
    """The corpus that ships with the package, as ``corpus=invented`` names it."""
    from omegaconf import DictConfig, OmegaConf

    from newsstance.configuration import resolvers
    from newsstance.configuration.typed import to_typed
    from newsstance.resources import configs_dir

    resolvers.register()
    config = OmegaConf.load(configs_dir() / "corpus" / "invented.yaml")
    return to_typed(cast(DictConfig, config), CorpusConfig)


def corpus_name(corpus: CorpusConfig) -> str:
    """The name of the corpus; for one given by path, the names of its files."""
    return ", ".join(Path(path).name for path in corpus.paths) if corpus.name == "custom" else corpus.name


def evaluation_folder(name: str) -> Path:
    """The folder that ``RUN`` names: a folder with an evaluation, or the file in it."""
    from newsstance.evaluation.storage import EVALUATION_FILE

    path = Path(name)
    return path.parent if path.name == EVALUATION_FILE else path

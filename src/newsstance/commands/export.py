"""``newsstance export``: write a model for other runtimes, and check that it gives the same scores there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.configuration.commands import ExportConfig
from newsstance.errors import InputError
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.inference.first_pass import FirstPass
    from newsstance.model.export_record import ExportRecord


def run(config: ExportConfig, run: Run) -> None:
    """Export the model of ``config``, check it and record how well it agrees."""
    from newsstance.corpus.loading import load_corpus
    from newsstance.inference.exporting import Checked, export_model, formats_of, sample_sentences
    from newsstance.model.classifier import StanceClassifier
    from newsstance.model.export import copy_model
    from newsstance.model.location import find_model

    formats_of(config)
    if config.parity_sentences < 1:
        raise InputError(
            f"parity_sentences={config.parity_sentences}: give 1 or more sentences to check the exports on"
        )
    source = Path(find_model(config.model))
    classifier = StanceClassifier.from_pretrained(str(source))
    if classifier.metadata is None:
        raise InputError(
            f"model={config.model}: has no newsstance.json; only models trained by newsstance can be exported"
        )
    folder = Path(config.output).expanduser() if config.output else source
    folder.mkdir(parents=True, exist_ok=True)
    copy_model(source, folder)
    corpus = [sentence.text for sentence in load_corpus(config.corpus)]
    sentences = sample_sentences(corpus, config.parity_sentences, config.seed)
    record = export_model(Checked(classifier, folder, sentences, classifier.predict_proba(sentences)), config)
    run.record(model=classifier.model_id, exports=[asdict(exported) for exported in record.files])
    _print_exports(record, folder)
    if config.first_pass:
        embeddings = classifier.model.get_input_embeddings().weight
        first_pass = _train_first_pass(config, folder, corpus, run.folder, embeddings)
        run.record(first_pass=first_pass.figures)
        _print_first_pass(first_pass)


def _train_first_pass(
    config: ExportConfig, folder: Path, corpus: list[str], rejects_folder: Path, embeddings: Any
) -> FirstPass:
    from newsstance.articles.reading import read_articles
    from newsstance.articles.rejects import RejectLog
    from newsstance.articles.segmentation import split_sentences
    from newsstance.configuration.groups import BackendConfig
    from newsstance.inference.backends import load_backend
    from newsstance.inference.exported_backend import ExportedClassifier
    from newsstance.inference.first_pass_training import train_first_pass

    sentences = list(corpus)
    if config.input is not None:
        rejects = RejectLog(rejects_folder / "rejects.jsonl")
        articles = rejects.first_read(read_articles(config.input, config.reader, rejects.add), config.input)
        sentences += [sentence.text for article in articles for sentence in split_sentences(article)]
        rejects.close()
    exported = load_backend(str(folder), BackendConfig(name="onnxruntime"))
    assert isinstance(exported, ExportedClassifier)
    first_pass = train_first_pass(sentences, exported, embeddings, config.seed)
    first_pass.save(folder)
    return first_pass


def _print_exports(record: ExportRecord, folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "backend", "precision", "largest score difference", "same labels", "backend=auto")
    for exported in record.files:
        figures = (f"{exported.largest_score_difference:.1e}", f"{exported.same_labels:.2%}")
        table.add_row(
            exported.file, exported.backend, exported.precision, *figures, "takes it" if exported.sound else "leaves it"
        )
    Console().print(table)
    print(f"exported: {folder}")


def _print_first_pass(first_pass: FirstPass) -> None:
    figures = first_pass.figures
    print(
        f"first pass: skips {figures['skipped']:.1%} of {figures['sentences']} held-out sentences, loses "
        f"{figures['lost']:.2%} of those with a label; scores off by up to {figures['largest_score_difference']:.3f}"
    )

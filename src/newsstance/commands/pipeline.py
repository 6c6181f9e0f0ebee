"""``newsstance pipeline``: train, evaluate and predict in one go, reusing what is unchanged."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from newsstance.commands.predict import check_rejects, print_summary
from newsstance.commands.train import training_job
from newsstance.configuration.commands import PipelineConfig
from newsstance.errors import InputError
from newsstance.provenance import Run
from newsstance.resources import data_dir
from newsstance.writing import on_disk

if TYPE_CHECKING:
    from newsstance.evaluation.result import Evaluation
    from newsstance.inference.job import PredictionSummary
    from newsstance.model.classifier import StanceClassifier
    from newsstance.model.training_job import TrainingJob

LOG = logging.getLogger(__name__)


def run(config: PipelineConfig, run: Run) -> None:
    """Train on the corpus, evaluate on its test split, predict on the example and on ``config.input``.

    Raises:
        InputError: On a corpus, recipe or evaluation that cannot be used.
    """
    from newsstance.evaluation.evaluate import check_request
    from newsstance.model.location import model_folder, point_latest_at
    from newsstance.model.training import train

    job = training_job(config)
    if not job.splits["test"]:
        raise InputError(
            f"corpus.split.test_share={config.corpus.split.test_share:g}: no article of {config.corpus.name} is left to"
            " evaluate the model on (give a larger share, or use newsstance train, which needs none)"
        )
    check_request(config.evaluation, job.splits["test"])
    model = model_folder(job.key, None)
    run.record(data_hash=job.data_hash, training_key=job.key, model=str(model))
    classifier = train(job, model)
    link_model(run.folder, model)
    evaluation, report = evaluate_on_test_split(config, job, classifier, run.folder)
    predictions = [predict(config, classifier, str(example_article()), run.folder / "example")]
    if config.input is not None:
        predictions.append(predict(config, classifier, config.input, run.folder / "input"))
    point_latest_at(run.folder)
    print_results(evaluation, predictions, {"model": run.folder / "model", **report})
    for summary in predictions:
        check_rejects(summary, config.output.max_rejects)


def example_article() -> Path:
    """The article that ships with the package."""
    return data_dir() / "example" / "article.txt"


def link_model(run_folder: Path, model: Path) -> None:
    """Make ``model`` in the run's folder lead to the model that the run used."""
    import os

    (run_folder / "model").symlink_to(os.path.relpath(model.resolve(), run_folder.resolve()))


def evaluate_on_test_split(
    config: PipelineConfig, job: TrainingJob, classifier: StanceClassifier, folder: Path
) -> tuple[Evaluation, dict[str, Path]]:
    """Measure ``classifier`` beside the baselines, write the report and the model card.

    Returns:
        The evaluation and the report's files by name.
    """
    from newsstance.configuration.typed import to_plain
    from newsstance.corpus.soft_labels import UNREAD
    from newsstance.evaluation.evaluate import Subject, evaluate_model
    from newsstance.evaluation.model_card import write_model_card
    from newsstance.evaluation.report import write_report

    subject = Subject(config.corpus.name, "test", config=to_plain(config), seed=config.seed)
    read = [sentence for sentence in job.splits["train"] if not sentence.extra.get(UNREAD)]  # baselines need labels
    evaluation = evaluate_model(classifier, job.splits["test"], read, config.evaluation, subject)
    write_model_card((folder / "model").resolve(), evaluation, training_facts(config, job))
    return evaluation, write_report(evaluation, folder)


def training_facts(config: PipelineConfig, job: TrainingJob) -> dict[str, object]:
    """What the model card says of the training."""
    return {
        "encoder": config.encoder.name,
        "corpus": config.corpus.name,
        "training sentences": len(job.splits["train"]),
        "training key": job.key,
        "data hash": job.data_hash,
    } | {name: value for name, value in vars(config.trainer).items() if isinstance(value, (int, float))}


def predict(config: PipelineConfig, classifier: StanceClassifier, input: str, folder: Path) -> PredictionSummary:
    """Predict on ``input`` with the model that was just trained."""
    from newsstance.inference.job import run_prediction

    output = config.output
    if output.path is not None:  # a folder that receives one for each input, laid out as that of the run
        folder, output = on_disk(output.path) / folder.name, replace(output, path=None)
    folder.mkdir(parents=True, exist_ok=True)
    return run_prediction(
        input, output, config.reader, folder, lambda: classifier, model=lambda: {"id": classifier.model_id}
    )


def print_results(evaluation: Evaluation, predictions: list[PredictionSummary], paths: dict[str, Path]) -> None:
    """The figures of the model beside the baselines, what was found in the articles, and where everything lies."""
    from newsstance.evaluation.tables import print_systems

    print_systems(evaluation)
    for name, path in paths.items():
        print(f"{name}: {path}")
    for summary in predictions:
        print_summary(summary)

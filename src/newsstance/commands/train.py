"""``newsstance train``: fine-tune an encoder on a labelled corpus."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from newsstance.configuration.schema import PipelineConfig, TrainConfig
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.model.training import TrainingJob

LOG = logging.getLogger(__name__)


def run(config: TrainConfig, run: Run) -> None:
    """Train (or reuse) the model that ``config`` describes, and say where it is."""
    from newsstance.model.location import model_folder
    from newsstance.model.training import train

    job = training_job(config)
    folder = model_folder(job.key, config.output)
    run.record(data_hash=job.data_hash, training_key=job.key, model=str(folder))
    classifier = train(job, folder)
    figures = classifier.metadata.figures if classifier.metadata else {}
    run.record(figures=figures)
    print(f"model: {folder}")
    print(f"validation macro-F1: {figures.get('validation_macro_f1')}")


def training_job(config: TrainConfig | PipelineConfig) -> TrainingJob:
    """Read and split the corpus of ``config``, and put the job of training on it together."""
    from newsstance.corpus.loading import data_hash, load_corpus
    from newsstance.corpus.splitting import split_by_article
    from newsstance.model.training import TrainingJob

    sentences = load_corpus(config.corpus)
    splits = split_by_article(sentences, config.corpus.split)
    sizes = ", ".join(f"{len(part)} {name}" for name, part in splits.items())
    LOG.info("corpus %s: %d sentences (%s)", config.corpus.name, len(sentences), sizes)
    return TrainingJob(splits, data_hash(sentences), config.encoder, config.trainer, config.tracker, config.seed)

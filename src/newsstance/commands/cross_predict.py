"""``newsstance cross-predict``: score a corpus by models that did not learn from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from newsstance.commands.train import training_job
from newsstance.configuration.commands import CrossPredictConfig
from newsstance.model.processes import rank
from newsstance.provenance import Run


def run(config: CrossPredictConfig, run: Run) -> None:
    """Train a model a fold and seed, write the scores as soft labels, and say how good they are."""
    import numpy as np

    from newsstance.corpus.loading import load_unlabelled
    from newsstance.corpus.soft_labels import write_soft_labels
    from newsstance.model.calibration import macro_f1
    from newsstance.model.cross_prediction import cross_predict
    from newsstance.model.location import MODELS
    from newsstance.model.targets import indicators

    # The scores of earlier models would bring in what these are not to have seen.
    job = training_job(replace(config, corpus=replace(config.corpus, soft_labels=None, unlabelled=[])))
    sentences = [sentence for part in job.splits.values() for sentence in part]
    unread = load_unlabelled(config.corpus) if config.corpus.unlabelled else []
    models = Path(config.models).expanduser() if config.models is not None else MODELS / "folds"
    scores = cross_predict(
        job,
        sentences,
        models,
        folds=config.folds,
        seeds=config.seeds,
        only=config.only,
        unread=unread,
        near_duplicate=config.corpus.split.near_duplicate,
    )
    if rank():
        return
    if config.only is not None:
        print(f"models: {models} (one run without only= puts the folds together)")
        return
    output = Path(config.output).expanduser() if config.output is not None else run.folder / "soft_labels.parquet"
    # The labelled come last: of a sentence in both, the scores by models that did not learn from it count.
    write_soft_labels(output, [*unread, *sentences], np.roll(scores, len(unread), axis=0))
    figure = round(macro_f1(indicators(sentences), scores[: len(sentences)]), 4)
    run.record(data_hash=job.data_hash, soft_labels=str(output), figures={"out_of_fold_macro_f1": figure})
    print(f"soft labels: {output}")
    print(f"out-of-fold macro-F1: {figure}")

"""Scores of a corpus by models that did not learn from it: K-fold, as scikit-learn's ``cross_val_predict``.

Such scores are what a model knows of a sentence rather than what it remembers of it: a smaller model learns from them
(`corpus.soft_labels`), and where they contradict a label, the label deserves a second reading.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from newsstance.corpus.splitting import fold_by_article
from newsstance.errors import InputError
from newsstance.model.training import train
from newsstance.model.training_job import TrainingJob, check_job
from newsstance.stances import LABELS, LabelledSentence

if TYPE_CHECKING:
    from newsstance.model.classifier import StanceClassifier

LOG = logging.getLogger(__name__)

_EXTREME = 1e-4
"""Scores nearer to 0 or 1 count as this near, so that one sure model does not outvote the others."""


def cross_predict(
    job: TrainingJob,
    sentences: Sequence[LabelledSentence],
    folder: Path,
    *,
    folds: int,
    seeds: Sequence[int],
    only: int | None = None,
    unread: Sequence[LabelledSentence] = (),
    near_duplicate: float = 0.8,
) -> np.ndarray:
    """Train a model for each fold and seed, and score the sentences of the fold with it.

    Models are kept in ``folder``, so that a killed run goes on, and so that runs with ``only`` in several processes or
    on several machines that share the folder divide the work.

    An encoder that has learned from these sentences already, such as the shipped model from the shipped corpora, makes
    no unseen fold.

    Args:
        job: Recipe and splits; within each fold its validation sentences stop and calibrate, all others train.
        sentences: The sentences of ``job``, all splits together.
        folder: Receives the models.
        folds: Number of folds; articles are dealt out whole, near-duplicates together.
        seeds: Training seeds; the scores of a sentence are averaged over them as log-odds.
        only: Only this fold; the others' scores are NaN.
        unread: Sentences that nobody has labelled; every model scores them.
        near_duplicate: Articles that share a sentence of this similarity stay in one fold.

    Returns:
        Scores of shape (n, 3), first of ``sentences``, then of ``unread``, columns in the order of `LABELS`.

    Raises:
        InputError: On numbers that make no folds, or a fold that leaves too little to train on.
    """
    if folds < 2 or not seeds:
        raise InputError(f"folds={folds}, seeds={list(seeds)}: at least 2 folds and one seed are needed")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"seeds={list(seeds)}: one stands there twice")
    if only is not None and not 0 <= only < folds:
        raise InputError(f"only={only}: a fold from 0 to {folds - 1} was expected")
    folds_of = fold_by_article(sentences, folds, near_duplicate=near_duplicate)
    fold_of = dict(zip((sentence.doc for sentence in sentences), folds_of, strict=True))
    chosen = [fold for fold in range(folds) if only in (None, fold) and fold in folds_of]
    parts = {(fold, seed): _without(job, fold, fold_of, seed) for fold in chosen for seed in seeds}
    for (fold, _), part in parts.items():  # before hours of training
        _check_fold(part, fold, folds)
    odds = np.full((len(sentences), len(LABELS)), np.nan)
    odds_of_unread = np.zeros((len(unread), len(LABELS)))
    for fold in chosen:
        inside = [index for index, own in enumerate(folds_of) if own == fold]
        odds[inside] = 0.0
        for seed in seeds:
            LOG.info("fold %d of %d, seed %d", fold, folds, seed)
            classifier = train(parts[fold, seed], folder / parts[fold, seed].key)
            odds[inside] += _log_odds(classifier, [sentences[index] for index in inside]) / len(seeds)
            odds_of_unread += _log_odds(classifier, unread) / len(parts)
    scores: np.ndarray = expit(np.concatenate([odds, odds_of_unread]))
    return scores


def _log_odds(classifier: StanceClassifier, sentences: Sequence[LabelledSentence]) -> np.ndarray:
    scores = classifier.predict_proba([sentence.text for sentence in sentences]).astype(float)
    odds: np.ndarray = logit(np.clip(scores, _EXTREME, 1 - _EXTREME))
    return odds


def _check_fold(part: TrainingJob, fold: int, folds: int) -> None:
    try:
        check_job(part)
    except InputError as error:
        remedy = "give fewer folds, or a larger corpus.split.validation_share"
        raise InputError(f"fold {fold} of {folds}: {error} ({remedy})") from error


def _without(job: TrainingJob, fold: int, fold_of: dict[str, int], seed: int) -> TrainingJob:
    """The job on the other folds; what it leaves for tests trains too, for the fold is the test."""

    def outside(*splits: str) -> list[LabelledSentence]:
        return [sentence for split in splits for sentence in job.splits[split] if fold_of[sentence.doc] != fold]

    return replace(
        job, splits={"train": outside("train", "test"), "validation": outside("validation"), "test": []}, seed=seed
    )

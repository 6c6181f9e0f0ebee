"""Scores of a corpus by models that did not learn from it: K-fold, as scikit-learn's ``cross_val_predict``.

Such scores are what a model knows of a sentence rather than what it remembers of it: a smaller model learns from them
(`corpus.soft_labels`), and where they contradict a label, the label deserves a second reading.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from newsstance.corpus.splitting import fold_by_article
from newsstance.errors import InputError
from newsstance.model.training import TrainingJob, train
from newsstance.stances import LABELS, LabelledSentence

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
) -> np.ndarray:
    """Train a model for each fold and seed, and score the sentences of the fold with it.

    Models are kept in ``folder``, so that a killed run goes on, and so that runs with ``only`` in several processes or
    on several machines that share the folder divide the work.

    Args:
        job: Recipe and splits; within each fold its validation sentences stop and calibrate, all others train.
        sentences: The sentences of ``job``, all splits together.
        folder: Receives the models.
        folds: Number of folds; articles are dealt out whole, near-duplicates together.
        seeds: Training seeds; the scores of a sentence are averaged over them as log-odds.
        only: Only this fold; the others' scores are NaN.

    Returns:
        Scores of shape (n, 3) in the order of ``sentences`` and `LABELS`.

    Raises:
        InputError: On numbers that make no folds.
    """
    if folds < 2 or not seeds:
        raise InputError(f"folds={folds}, seeds={list(seeds)}: at least 2 folds and one seed are needed")
    if only is not None and not 0 <= only < folds:
        raise InputError(f"only={only}: a fold from 0 to {folds - 1} was expected")
    fold_of = dict(zip((sentence.doc for sentence in sentences), fold_by_article(sentences, folds), strict=True))
    scores = np.full((len(sentences), len(LABELS)), np.nan)
    for fold in range(folds) if only is None else [only]:
        inside = [index for index, sentence in enumerate(sentences) if fold_of[sentence.doc] == fold]
        texts = [sentences[index].text for index in inside]
        odds = np.zeros((len(inside), len(LABELS)))
        for seed in seeds:
            LOG.info("fold %d of %d, seed %d", fold, folds, seed)
            part = _without(job, fold, fold_of, seed)
            classifier = train(part, folder / part.key)
            odds += logit(np.clip(classifier.predict_proba(texts).astype(float), _EXTREME, 1 - _EXTREME))
        scores[inside] = expit(odds / len(seeds))
    return scores


def _without(job: TrainingJob, fold: int, fold_of: dict[str, int], seed: int) -> TrainingJob:
    """The job on the other folds; what it leaves for tests trains too, for the fold is the test."""

    def outside(*splits: str) -> list[LabelledSentence]:
        return [sentence for split in splits for sentence in job.splits[split] if fold_of[sentence.doc] != fold]

    return replace(
        job, splits={"train": outside("train", "test"), "validation": outside("validation"), "test": []}, seed=seed
    )

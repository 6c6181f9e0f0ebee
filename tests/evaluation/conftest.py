"""A small evaluation of invented sentences, its figures computed by the library itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from newsstance.evaluation.calibration import calibrate, sweep_thresholds
from newsstance.evaluation.error_analysis import analyse_errors
from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.intervals import ArticleBootstrap
from newsstance.evaluation.metrics import (
    Output,
    confusion,
    label_metrics,
    precision_recall_curves,
    sample_metrics,
    to_estimate,
)
from newsstance.evaluation.result import Evaluation, Prediction, Slice, SystemResult, Timing
from newsstance.stances import LABELS, from_scores, in_label_order

TEXTS = {
    (): "The ferry to Ostrova sails twice a day, operator Belmar said.",
    ("acknowledgement",): "Belmar admitted that two of its lifeboats had not been inspected.",
    ("denial",): "Belmar's chairman, Otto Brandvik, called the leaked memo a forgery.",
    ("third_party_skepticism",): "Harbour pilots doubt Belmar's account of the collision.",
}


def make_evaluation(*, seed: int = 0, sentences: int = 240, hostile: str = "") -> Evaluation:
    """An evaluation of a model that is right about four times in five, and of a majority baseline."""
    random = np.random.default_rng(seed)
    gold_sets = [list(TEXTS)[k] for k in random.choice(4, sentences, p=[0.55, 0.15, 0.15, 0.15])]
    gold = np.array([[label in labels for label in LABELS] for labels in gold_sets])
    scores = np.clip(0.5 + np.where(gold, 0.3, -0.35) + random.normal(0, 0.25, gold.shape), 0.001, 0.999)
    docs = [f"doc-{n // 8}" for n in range(sentences)]
    predictions = [
        Prediction(
            doc=doc,
            i=n % 8,
            text=hostile if hostile and n == 0 else f"{TEXTS[labels]} ({n})",
            context="",
            labels=list(in_label_order(labels)),
            predicted=list(from_scores(row)),
            scores={label: float(score) for label, score in zip(LABELS, row, strict=True)},
        )
        for n, (doc, labels, row) in enumerate(zip(docs, gold_sets, scores.tolist(), strict=True))
    ]
    bootstrap = ArticleBootstrap(docs, resamples=50, seed=0)
    model = make_system("model", gold, Output(scores >= 0.5, scores), bootstrap)
    majority = make_system("majority", gold, Output(np.zeros_like(gold)), bootstrap)
    majority.versus_model["macro_f1"] = Estimate(model.macro.f1.value, 0.5, 0.9)
    part = Slice(
        "quotation",
        "quoted",
        sentences=40,
        articles=20,
        support=30,
        label_support=dict.fromkeys(LABELS, 10),
        micro_f1=Estimate(0.55, 0.41, 0.68),
        exact_match=Estimate(0.6, 0.5, 0.7),
        label_f1=dict.fromkeys(LABELS, Estimate(0.55)),
    )
    return Evaluation(
        model_id="minilm-0123abcd",
        corpus="invented",
        split="test",
        data_hash="00ff00ff00ff00ff",
        code_revision="abc1234",
        created="2026-01-02T03:04:05+00:00",
        config={"seed": 13, "corpus": {"name": "invented"}},
        sentences=sentences,
        articles=len(set(docs)),
        resamples=50,
        systems=[model, majority],
        slices=[part],
        predictions=predictions,
        error_analysis=analyse_errors(predictions),
        notes=["Baselines were trained on the training split."],
    )


def make_system(name: str, gold: np.ndarray, output: Output, bootstrap: ArticleBootstrap) -> SystemResult:
    """The figures of one system."""
    samples = sample_metrics(gold, output, bootstrap)
    labels, macro = label_metrics(gold, output, samples)
    scored = output.scores is not None
    return SystemResult(
        name=name,
        description=f"the {name} system",
        threshold=dict.fromkeys(LABELS, 0.5),
        labels=labels,
        macro=macro,
        micro_f1=to_estimate(samples.overall["micro_f1"]),
        exact_match=to_estimate(samples.overall["exact_match"]),
        false_alarm_rate=to_estimate(samples.overall["false_alarm_rate"]),
        confusion=confusion(gold, output.predicted),
        timing=Timing(seconds=0.5, sentences_per_second=480, peak_mb=812),
        curves=precision_recall_curves(gold, output.scores) if scored else {},
        calibration=calibrate(gold, output.scores, bootstrap) if scored else {},
        sweeps=sweep_thresholds(gold, output.scores) if scored else {},
    )


@pytest.fixture(scope="session")
def evaluation_of() -> Callable[..., Evaluation]:
    """Makes evaluations: ``evaluation_of(seed=, sentences=, hostile=)``."""
    return make_evaluation

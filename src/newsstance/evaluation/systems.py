"""Run the model and the baselines over the same sentences and take their figures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from newsstance.configuration.groups import EvaluationConfig
from newsstance.evaluation import calibration, metrics
from newsstance.evaluation.baselines import Baseline
from newsstance.evaluation.intervals import ArticleBootstrap
from newsstance.evaluation.measuring import Meter
from newsstance.evaluation.metrics import Booleans, Output, Samples, to_estimate
from newsstance.evaluation.result import SystemResult, Timing
from newsstance.stances import LABELS, LabelledSentence

if TYPE_CHECKING:
    import numpy.typing as npt

LOG = logging.getLogger(__name__)

MODEL = "model"
"""Name of the evaluated model among the systems."""

_MB = 2**20


class Scorer(Protocol):
    """What an evaluation needs of a model."""

    @property
    def model_id(self) -> str:
        """Short name for reports."""
        ...

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> npt.NDArray[Any]:
        """Scores in [0, 1]. *Shape:* ``(n, 3)``, in the order of `LABELS`."""
        ...


@dataclass(frozen=True, slots=True)
class Data:
    """The sentences to measure on.

    Attributes:
        gold: Gold labels. *Shape:* ``(sentences, 3)``.
        texts: The sentences.
        contexts: The sentence before each; "" where there is none.
        bootstrap: The resamples of their articles.
    """

    gold: Booleans
    texts: list[str]
    contexts: list[str]
    bootstrap: ArticleBootstrap

    @classmethod
    def of(cls, sentences: Sequence[LabelledSentence], resamples: int, seed: int) -> Data:
        """The matrices of ``sentences``."""
        return cls(
            gold=metrics.indicators([s.labels for s in sentences]),
            texts=[s.text for s in sentences],
            contexts=[s.context for s in sentences],
            bootstrap=ArticleBootstrap([s.doc for s in sentences], resamples, seed),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One system: what it said, its figures, and its metrics on every resample."""

    output: Output
    result: SystemResult
    samples: Samples


def measure_model(classifier: Scorer, data: Data, config: EvaluationConfig) -> Measured:
    """Score the sentences with the model and take its figures."""

    def score() -> Output:
        scores = np.asarray(classifier.predict_proba(data.texts, data.contexts), dtype=float)
        return Output.from_scores(scores, [config.threshold] * len(LABELS))

    output, timing = _timed(score, 0.0, _weights_mb(classifier))
    return _measured(MODEL, classifier.model_id, output, timing, data, config)


def measure_baseline(
    baseline: Baseline,
    training: Sequence[LabelledSentence],
    data: Data,
    model: Measured,
    *,
    config: EvaluationConfig,
    seed: int,
) -> Measured:
    """Train a baseline, score the sentences with it, take its figures and its distance from the model's.

    Raises:
        InputError: Where the baseline cannot be run.
    """
    LOG.info("baseline %s", baseline.name)
    with Meter() as fitting:
        baseline.fit(training, seed)
    output, timing = _timed(lambda: baseline.predict(data.texts, data.contexts), fitting.seconds, fitting.added_mb)
    own = _measured(baseline.name, baseline.description, output, timing, data, config)
    versus = {
        name: to_estimate(model.samples.get(name) - own.samples.get(name)) for name in ("macro_f1", "exact_match")
    }
    return replace(own, result=replace(own.result, versus_model=versus))


def _timed(score: Callable[[], Output], training_seconds: float, loaded_mb: float) -> tuple[Output, Timing]:
    with Meter() as meter:
        output = score()
    rate = len(output.predicted) / max(meter.seconds, 1e-9)
    return output, Timing(meter.seconds, rate, meter.peak_mb, training_seconds, loaded_mb + meter.added_mb)


def _weights_mb(classifier: Scorer) -> float:
    """Size of the weights of a torch model; 0 for others."""
    parameters = getattr(getattr(classifier, "model", None), "parameters", None)
    return sum(p.numel() * p.element_size() for p in parameters()) / _MB if callable(parameters) else 0.0


def _measured(  # noqa: PLR0917
    name: str, description: str, output: Output, timing: Timing, data: Data, config: EvaluationConfig
) -> Measured:
    samples = metrics.sample_metrics(data.gold, output, data.bootstrap)
    labels, macro = metrics.label_metrics(data.gold, output, samples)
    result = SystemResult(
        name=name,
        description=description,
        threshold=dict(zip(LABELS, output.thresholds, strict=False)),
        labels=labels,
        macro=macro,
        micro_f1=to_estimate(samples.get("micro_f1")),
        exact_match=to_estimate(samples.get("exact_match")),
        false_alarm_rate=to_estimate(samples.get("false_alarm_rate")),
        confusion=metrics.confusion(data.gold, output.predicted),
        timing=timing,
    )
    if output.scores is not None:
        costs = config.cost_of_false_alarm, config.cost_of_miss
        result = replace(
            result,
            curves=metrics.precision_recall_curves(data.gold, output.scores),
            calibration=calibration.calibrate(data.gold, output.scores, data.bootstrap),
            sweeps=calibration.sweep_thresholds(data.gold, output.scores, *costs),
        )
    return Measured(output, result, samples)

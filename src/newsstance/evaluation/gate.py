"""The gate: is the model good enough, and no worse than the last one?"""

from __future__ import annotations

from newsstance.configuration.groups import GateConfig
from newsstance.errors import GateError, InputError
from newsstance.evaluation.comparison import check_same_sentences, compare_evaluations
from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.result import Evaluation
from newsstance.stances import LABELS


def check_gate(evaluation: Evaluation, config: GateConfig, baseline: Evaluation | None, seed: int = 0) -> list[str]:
    """Hold an evaluation against the bounds of the gate.

    Args:
        evaluation: The evaluation, with predictions.
        config: The bounds.
        baseline: The earlier evaluation that ``config.regression`` refers to.
        seed: Seed of the resamples of the paired comparison.

    Returns:
        One line a bound that was asked and held.

    Raises:
        GateError: Names every bound that does not hold.
        InputError: On a bound for an unknown label, or a regression bound without an evaluation of the same sentences.
    """
    check_bounds(config, baseline)
    checks = [*_quality(evaluation, config), *_calibration(evaluation, config)]
    if config.regression is not None and baseline is not None:
        checks.append(_regression(evaluation, baseline, config.regression, config.intervals, seed))
    failed = [text for holds, text in checks if not holds]
    if failed:
        raise GateError(f"the model {evaluation.model_id} does not pass the gate: {'; '.join(failed)}")
    return [text for _, text in checks]


def check_bounds(config: GateConfig, baseline: Evaluation | None) -> None:
    """Refuse bounds that cannot be checked; to be called before the work as well.

    Raises:
        InputError: On a bound for an unknown label, or a regression bound without an earlier evaluation.
    """
    unknown = [label for label in config.f1 if label not in LABELS]
    if unknown:
        raise InputError(f"gate.f1.{unknown[0]}: unknown label; the labels are {', '.join(LABELS)}")
    if config.regression is not None and baseline is None:
        raise InputError(f"gate.regression={config.regression}: say against what: baseline=FOLDER of an evaluation")


def _quality(evaluation: Evaluation, config: GateConfig) -> list[tuple[bool, str]]:
    model = evaluation.model
    asked: list[tuple[str, Estimate, float | None]] = [
        ("macro-F1", model.macro.f1, config.macro_f1),
        ("exact match", model.exact_match, config.exact_match),
        *((f"F1 of {label}", model.labels[label].f1, config.f1.get(label)) for label in LABELS),
    ]
    return [_at_least(name, figure, bound, config.intervals) for name, figure, bound in asked if bound is not None]


def _at_least(name: str, figure: Estimate, bound: float, intervals: bool) -> tuple[bool, str]:
    """NaN holds no bound: a figure that cannot be computed is no pass."""
    value = figure.low if intervals else figure.value
    what = f"lower end of the interval of {name}" if intervals else name
    return value >= bound, f"{what} is {value:.4f}, at least {bound:g} is asked"


def _calibration(evaluation: Evaluation, config: GateConfig) -> list[tuple[bool, str]]:
    if config.ece is None:
        return []
    checks = []
    for label, calibration in evaluation.model.calibration.items():
        value = calibration.ece.high if config.intervals else calibration.ece.value
        text = f"calibration error (ECE) of {label} is {value:.4f}, at most {config.ece:g} is allowed"
        checks.append((value <= config.ece, text))
    return checks or [(False, "the model has no scores to take a calibration error of")]


def _regression(
    evaluation: Evaluation, baseline: Evaluation, allowed: float, intervals: bool, seed: int
) -> tuple[bool, str]:
    check_same_sentences("baseline", baseline.predictions, "this evaluation", evaluation.predictions)
    pair = [("baseline", baseline), ("model", evaluation)]
    (comparison,) = compare_evaluations(pair, evaluation.resamples, seed)
    change = next(d.difference for d in comparison.differences if d.metric == "macro_f1")
    value = change.low if intervals else change.value
    interval = f"interval {change.low:+.4f} to {change.high:+.4f}"
    text = f"macro-F1 changed by {change.value:+.4f} ({interval}) against {baseline.model_id}"
    return value >= -allowed, f"{text}, a loss of at most {allowed:g} is allowed"

"""The gate: what passes, what does not, and why."""

import dataclasses

import pytest

from newsstance.configuration.groups import GateConfig
from newsstance.errors import GateError, InputError
from newsstance.evaluation.gate import check_gate
from newsstance.stances import LABELS


@pytest.fixture
def evaluation(evaluation_of):
    return evaluation_of()


def worse(evaluation):
    """The same evaluation where the model found no denial."""
    rows = [
        dataclasses.replace(row, predicted=[label for label in row.predicted if label != "denial"])
        for row in evaluation.predictions
    ]
    return dataclasses.replace(evaluation, predictions=rows)


def test_nothing_asked_nothing_checked(evaluation):
    assert check_gate(evaluation, GateConfig(), None) == []


def test_bound_that_holds_is_said(evaluation):
    bound = evaluation.model.macro.f1.value - 0.01
    (line,) = check_gate(evaluation, GateConfig(macro_f1=bound), None)
    assert "macro-F1" in line


def test_every_bound_that_does_not_hold_is_named(evaluation):
    config = GateConfig(macro_f1=0.999, exact_match=0.999, f1={"denial": 0.999, "acknowledgement": None}, ece=0.0)
    with pytest.raises(GateError) as error:
        check_gate(evaluation, config, None)
    message = str(error.value)
    assert all(part in message for part in ("macro-F1 is", "exact match", "F1 of denial", "ECE", evaluation.model_id))
    assert "F1 of acknowledgement" not in message


def test_intervals_hold_the_lower_end_against_the_bound(evaluation):
    figure = evaluation.model.macro.f1
    between = (figure.low + figure.value) / 2
    assert check_gate(evaluation, GateConfig(macro_f1=between), None)
    with pytest.raises(GateError, match="lower end"):
        check_gate(evaluation, GateConfig(macro_f1=between, intervals=True), None)


def test_undefined_figure_is_no_pass(evaluation):
    model = evaluation.model
    nothing = dataclasses.replace(model.labels["denial"].f1, value=float("nan"))
    labels = model.labels | {"denial": dataclasses.replace(model.labels["denial"], f1=nothing)}
    evaluation.systems[0] = dataclasses.replace(model, labels=labels)
    with pytest.raises(GateError, match="denial"):
        check_gate(evaluation, GateConfig(f1={"denial": 0.0}), None)


def test_regression_beyond_the_allowed_loss_fails(evaluation):
    config = GateConfig(regression=0.01)
    assert check_gate(evaluation, config, evaluation)
    with pytest.raises(GateError, match="changed by -0"):
        check_gate(worse(evaluation), config, evaluation)
    assert check_gate(worse(evaluation), GateConfig(regression=0.9), evaluation), "a loss of 0.9 is allowed here"
    assert check_gate(evaluation, config, worse(evaluation)), "better than the baseline passes"


def test_regression_needs_a_baseline_on_the_same_sentences(evaluation, evaluation_of):
    with pytest.raises(InputError, match="baseline=FOLDER"):
        check_gate(evaluation, GateConfig(regression=0.01), None)
    with pytest.raises(InputError, match="same corpus and split"):
        check_gate(evaluation, GateConfig(regression=0.01), evaluation_of(sentences=80))


def test_unknown_label_is_named(evaluation):
    with pytest.raises(InputError, match=r"gate\.f1\.denail"):
        check_gate(evaluation, GateConfig(f1={"denail": 0.5}), None)
    assert "denial" in LABELS

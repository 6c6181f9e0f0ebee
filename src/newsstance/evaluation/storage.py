"""Evaluations on disk: ``evaluation.json`` (every figure) and ``predictions.jsonl`` (one row a sentence)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from newsstance.errors import InputError
from newsstance.evaluation.result import Evaluation, Prediction
from newsstance.writing import partial_name, write_text

if TYPE_CHECKING:
    from pydantic import TypeAdapter

EVALUATION_FILE = "evaluation.json"
PREDICTIONS_FILE = "predictions.jsonl"


def save_evaluation(evaluation: Evaluation, folder: Path) -> dict[str, Path]:
    """Write ``evaluation.json`` and ``predictions.jsonl`` into ``folder``; returns name → path."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"evaluation": folder / EVALUATION_FILE, "predictions": folder / PREDICTIONS_FILE}
    # The figures go first and come last: those of one evaluation never lie beside the predictions of another.
    paths["evaluation"].unlink(missing_ok=True)
    partial = partial_name(paths["predictions"])
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(prediction_lines(evaluation.predictions))
        partial.replace(paths["predictions"])
    finally:
        partial.unlink(missing_ok=True)
    write_text(paths["evaluation"], to_json(evaluation))
    return paths


def load_evaluation(folder: Path) -> Evaluation:
    """Read what `save_evaluation` wrote.

    Raises:
        InputError: Where ``folder`` holds no readable evaluation.
    """
    path = folder / EVALUATION_FILE
    if not path.is_file():
        raise InputError.at(folder, f"no {EVALUATION_FILE} in it", remedy="give the folder of an evaluation")
    try:
        evaluation = from_json(path.read_bytes())
    except ValueError as error:
        raise InputError.at(path, "not an evaluation of this version", remedy="evaluate the model again") from error
    evaluation.predictions = list(read_predictions(folder / PREDICTIONS_FILE))
    if len(evaluation.predictions) != evaluation.sentences:
        problem = f"{len(evaluation.predictions)} rows for {evaluation.sentences} sentences"
        raise InputError.at(folder / PREDICTIONS_FILE, problem, remedy="evaluate the model again")
    return evaluation


def to_json(evaluation: Evaluation) -> str:
    """JSON of everything but the predictions."""
    import pydantic_core

    content = dataclasses.replace(evaluation, predictions=[])
    record = json.loads(pydantic_core.to_json(content, inf_nan_mode="null"))
    del record["predictions"]
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str | bytes) -> Evaluation:
    """The evaluation that `to_json` wrote, without its predictions.

    Raises:
        ValueError: Where the text is no such JSON.
    """
    return cast("Evaluation", _adapter(Evaluation).validate_json(text))


def prediction_lines(predictions: Iterable[Prediction]) -> Iterator[str]:
    """One JSON line a prediction."""
    import pydantic_core

    for prediction in predictions:
        yield pydantic_core.to_json(prediction).decode() + "\n"


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The rows of a ``predictions.jsonl``.

    Raises:
        InputError: Where the file is missing or a row is no prediction.
    """
    if not path.is_file():
        raise InputError.at(path, "no such file", remedy="evaluate the model again")
    adapter = _adapter(Prediction)
    with path.open(encoding="utf-8") as file:
        for row, line in enumerate(file, start=1):
            try:
                yield adapter.validate_json(line)
            except ValueError as error:
                raise InputError.at(path, "not a prediction", row=row, remedy="evaluate the model again") from error


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)

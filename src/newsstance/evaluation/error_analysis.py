"""Where a model fails: confident errors, shaky hits, confusions, near neighbours in training data, suspect labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from newsstance.evaluation.attributions import attribute_words
from newsstance.evaluation.label_errors import suspect_labels
from newsstance.evaluation.neighbours import Embed, nearest_neighbours
from newsstance.stances import LABELS, Label, LabelledSentence

if TYPE_CHECKING:
    from newsstance.evaluation.result import Prediction
    from newsstance.model.classifier import StanceClassifier

ErrorKind = Literal["missed", "false_alarm", "confused"]

NO_CLEANLAB = "suspected label errors need cleanlab: pip install 'newsstance[explain]'"
NO_CAPTUM = "token attributions need captum: pip install 'newsstance[explain]'"


def analyse_errors(
    predictions: Sequence[Prediction],
    training: Sequence[LabelledSentence] = (),
    *,
    classifier: StanceClassifier | None = None,
    embed: Embed | None = None,
    thresholds: Mapping[Label, float] | None = None,
    examples: int = 50,
    neighbours: int = 3,
    attributed: int = 0,
) -> dict[str, Any]:
    """Sort and explain what a model got wrong.

    Args:
        predictions: Gold labels, predicted labels and scores.
        training: What the model learned from; near neighbours of the errors are looked up in it.
        classifier: The model, for token attributions.
        embed: Embeds sentences, shape (n, dimensions), for the neighbours; TF-IDF where it is None.
        thresholds: Label → score from which it counts as predicted; 0.5 where it is not given.
        examples: Rows kept of each list.
        neighbours: Training sentences shown beside each error; 0 for none.
        attributed: How many of the most confident errors get token attributions; needs ``classifier`` and captum.

    Returns:
        JSON-ready dict: ``counts`` (kind of error → sentences), ``label_sets`` (which set of labels was read as which),
        ``confident_errors``, ``unsure_hits``, ``suspected_label_errors``, ``notes``.
    """
    errors = sorted((p for p in predictions if not p.right), key=_error_confidence, reverse=True)
    hits = sorted((p for p in predictions if p.right and p.labels), key=lambda p: _margin(p, thresholds or {}))
    notes: list[str] = []
    rows = [_error_row(error) for error in errors[:examples]]
    _add_neighbours(rows, training, neighbours, embed)
    if classifier is not None and attributed:
        notes += _optional(NO_CAPTUM, lambda: _add_attributions(rows[:attributed], classifier))
    suspects: list[dict[str, Any]] = []
    notes += _optional(NO_CLEANLAB, lambda: suspects.extend(_suspect_rows(predictions, examples)))
    return {
        "counts": dict(Counter(error_kind(error) for error in errors)),
        "label_sets": _label_sets(errors)[:examples],
        "confident_errors": rows,
        "unsure_hits": [_row(hit) | {"margin": _margin(hit, thresholds or {})} for hit in hits[:examples]],
        "suspected_label_errors": suspects,
        "notes": notes,
    }


def error_kind(prediction: Prediction) -> ErrorKind:
    """Missed label, false alarm, or one label in the place of another.

    Raises:
        ValueError: Where the prediction is right.
    """
    missed = set(prediction.labels) - set(prediction.predicted)
    false = set(prediction.predicted) - set(prediction.labels)
    if not missed and not false:
        raise ValueError(f"sentence {prediction.doc}:{prediction.i} has no error")
    return "confused" if missed and false else "missed" if missed else "false_alarm"


def _optional(note: str, step: Callable[[], object]) -> list[str]:
    """Run ``step``; where it needs a package that is not installed, the note that says so."""
    try:
        step()
    except ModuleNotFoundError:
        return [note]
    return []


def _wrong_labels(prediction: Prediction) -> list[Label]:
    wrong = set(prediction.labels) ^ set(prediction.predicted)
    return [label for label in LABELS if label in wrong]


def _error_confidence(prediction: Prediction) -> float:
    """How sure the model was of its worst wrong answer, in [0, 1]."""
    predicted = set(prediction.predicted)
    return max(
        prediction.scores[label] if label in predicted else 1 - prediction.scores[label]
        for label in _wrong_labels(prediction)
    )


def _margin(prediction: Prediction, thresholds: Mapping[Label, float]) -> float:
    """Smallest distance of a score to its threshold: how little would have made the answer wrong."""
    return min(abs(prediction.scores[label] - thresholds.get(label, 0.5)) for label in LABELS)


def _row(prediction: Prediction) -> dict[str, Any]:
    return {
        "doc": prediction.doc,
        "i": prediction.i,
        "text": prediction.text,
        "context": prediction.context,
        "labels": list(prediction.labels),
        "predicted": list(prediction.predicted),
        "scores": dict(prediction.scores),
    }


def _error_row(prediction: Prediction) -> dict[str, Any]:
    return _row(prediction) | {
        "kind": error_kind(prediction),
        "wrong": list(_wrong_labels(prediction)),
        "confidence": _error_confidence(prediction),
        "neighbours": [],
        "attributions": {},
    }


def _label_sets(errors: Sequence[Prediction]) -> list[dict[str, Any]]:
    counts = Counter((tuple(error.labels), tuple(error.predicted)) for error in errors)
    return [
        {"labels": list(labels), "predicted": list(predicted), "count": count}
        for (labels, predicted), count in counts.most_common()
    ]


def _add_neighbours(
    rows: list[dict[str, Any]], training: Sequence[LabelledSentence], count: int, embed: Embed | None
) -> None:
    if not rows or not training or not count:
        return
    found = nearest_neighbours([row["text"] for row in rows], [s.text for s in training], count, embed)
    for row, near in zip(rows, found, strict=True):
        row["neighbours"] = [
            {
                "doc": training[index].doc,
                "i": training[index].i,
                "text": training[index].text,
                "labels": list(training[index].labels),
                "similarity": similarity,
            }
            for index, similarity in near
        ]


def _add_attributions(rows: Sequence[dict[str, Any]], classifier: StanceClassifier) -> None:
    for row in rows:
        row["attributions"] = {
            label: [{"start": word.start, "end": word.end, "value": word.value} for word in words]
            for label in row["wrong"]
            if (words := attribute_words(classifier, row["text"], label))
        }


def _suspect_rows(predictions: Sequence[Prediction], examples: int) -> list[dict[str, Any]]:
    gold = [list(prediction.labels) for prediction in predictions]
    scores = [[prediction.scores[label] for label in LABELS] for prediction in predictions]
    return [_row(predictions[index]) for index in suspect_labels(gold, scores)[:examples]]

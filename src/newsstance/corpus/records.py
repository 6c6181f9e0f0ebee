"""From a row of a file to a labelled sentence, with every fault of the row named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from newsstance.corpus.tables import Row
from newsstance.stances import LABELS, NARRATOR, Label, LabelledSentence, Stance

FIELDS = ("doc", "i", "text", "stances", "labels", "context")
_UNLABELLED = ("doc", "i", "text", "context")

_TRUE, _FALSE = {"1", "1.0", "true", "yes", "y", "t"}, {"0", "0.0", "false", "no", "n", "f", ""}


class Parsed(NamedTuple):
    """A row as a sentence (None where it cannot be one) and what is wrong with it."""

    sentence: LabelledSentence | None
    problems: list[str]


@dataclass
class RecordParser:
    """Reads rows whose columns and labels may have other names than ours.

    Attributes:
        columns: Our field → column of the file; a label may stand for a yes/no column.
        label_map: Label of the file → our label, or None to drop it.
        labelled: Whether the rows have labels; else none are looked for.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    label_map: Mapping[str, str | None] = field(default_factory=dict)
    labelled: bool = True
    _positions: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._columns = {name: self.columns.get(name, name) for name in (*FIELDS, *LABELS)}
        self._flags = {self._columns[label]: label for label in LABELS} | {name: name for name in self.label_map}

    def parse(self, row: Row) -> Parsed:
        """Turn ``row`` into a sentence; without ``doc`` it is its own article, without ``i`` it stands in order."""
        problems = [
            f"{_storable(name)} holds half of a surrogate pair, which no file can store"
            for name, value in row.values.items()
            if _holds_half_a_character((name, value))
        ]
        used = self.columns.items() if self.labelled else [(n, c) for n, c in self.columns.items() if n in _UNLABELLED]
        missing = [column for name, column in used if column not in row.values]
        if missing:
            have = ", ".join(map(str, row.values))
            problems.append(f"has no column {missing[0]!r}, which corpus.columns names; its columns are {have}")
        text = self._text(row, problems)
        doc = self._doc(row, text, problems)
        i = self._position(row, doc, problems)
        stances = self._stances(row, text, problems) if self.labelled else ()
        context = row.values.get(self._columns["context"]) or ""
        if not isinstance(context, str):
            problems.append(f"context is a {type(context).__name__}, text was expected")
        if problems:
            return Parsed(None, problems)
        known = {self._columns[name] for name in FIELDS} | set(self._flags)
        extra = {name: value for name, value in row.values.items() if name not in known}
        return Parsed(LabelledSentence(doc, i, text, stances, context, extra), [])

    def _text(self, row: Row, problems: list[str]) -> str:
        column = self._columns["text"]
        if column not in row.values:
            have = ", ".join(map(str, row.values))
            problems.append(f"has no field {column!r}; it has {have} (name the right one: corpus.columns.text=FIELD)")
            return ""
        text = row.values[column]
        if not isinstance(text, str):
            problems.append(f"{column} is a {type(text).__name__}, text was expected")
            return ""
        if not text.strip():
            problems.append(f"{column} is empty")
        return text

    def _doc(self, row: Row, text: str, problems: list[str]) -> str:
        doc = row.values.get(self._columns["doc"])
        if doc is None or doc == "":
            # By text and not by row number, so that the split of a sentence stays when rows are added before it.
            return f"{row.file.name.split('.')[0]}#{hashlib.sha1(text.encode('utf-8', 'replace')).hexdigest()[:12]}"
        if isinstance(doc, str | int) and not isinstance(doc, bool):
            return str(doc)
        problems.append(f"doc is a {type(doc).__name__}, text was expected")
        return ""

    def _position(self, row: Row, doc: str, problems: list[str]) -> int:
        following = self._positions.get(doc, 0)
        value = row.values.get(self._columns["i"])
        position = following if value is None or value == "" else _whole_number(value)
        if position is None:
            problems.append(f"i is {value!r}, a whole number from 0 was expected")
            return following
        self._positions[doc] = max(following, position + 1)
        return position

    def _stances(self, row: Row, text: str, problems: list[str]) -> tuple[Stance, ...]:
        values = row.values
        flags = [column for column in self._flags if column in values]
        stances_given = values.get(self._columns["stances"])
        labels_given = values.get(self._columns["labels"])
        if stances_given is not None and stances_given != "":
            stances = self._from_stances(stances_given, text, problems)
            if labels_given is not None and not problems:
                labels = self._from_labels(labels_given, problems)
                if not problems and set(labels) != {stance.label for stance in stances}:
                    problems.append(f"labels say {_listed(labels)}, stances say {_listed([s.label for s in stances])}")
            return stances
        if labels_given is not None and not (labels_given == "" and flags):
            return tuple(Stance(label) for label in self._from_labels(labels_given, problems))
        if flags:
            return tuple(Stance(label) for label in self._from_flags(values, flags, problems))
        if self._columns["labels"] not in values and self._columns["stances"] not in values:
            problems.append(f"has no labels: neither stances nor labels nor a column for each of {', '.join(LABELS)}")
        return ()

    def _from_stances(self, given: Any, text: str, problems: list[str]) -> tuple[Stance, ...]:
        items = _from_json(given) if isinstance(given, str) else given
        if not isinstance(items, list):
            problems.append(f"stances is a {type(items).__name__}, a list was expected")
            return ()
        stances: list[Stance] = []
        for item in items:
            if not isinstance(item, Mapping) or "label" not in item:
                problems.append(f"stance {_short(item)} is not an object with label, source and cue")
                continue
            source, cue = item.get("source") or "", item.get("cue") or ""
            for name, span in (("source", source), ("cue", cue)):
                if not isinstance(span, str):
                    problems.append(f"{name} {_short(span)} of a stance is not text")
                elif span not in text and not (name == "source" and span == NARRATOR):
                    problems.append(f"{name} {_short(span)} does not stand in the sentence")
            label = self._label(item["label"], problems)
            if label is not None and not problems:
                stances.append(Stance(label, source, cue))
        return tuple(stances)

    def _from_labels(self, given: Any, problems: list[str]) -> list[Label]:
        items = given
        if isinstance(given, str):
            as_list = _from_json(given) if given.lstrip().startswith("[") else None
            items = as_list if isinstance(as_list, list) else [part.strip() for part in re.split("[,;|]", given)]
        if not isinstance(items, list):
            problems.append(f"labels is a {type(items).__name__}, a list or text was expected")
            return []
        if len(items) == len(LABELS) and all(isinstance(item, bool | int | float) for item in items):
            if not all(item in (0, 1) for item in items):
                problems.append(f"labels is {_short(items)}: numbers say yes or no (1 or 0), no scores or classes")
                return []
            items = [label for label, present in zip(LABELS, items, strict=True) if present]
        labels = [self._label(item, problems) for item in items if item != ""]
        return list(dict.fromkeys(label for label in labels if label is not None))

    def _from_flags(self, values: Mapping[str, Any], flags: list[str], problems: list[str]) -> list[Label]:
        labels: list[Label | None] = []
        for column in flags:
            present = _yes_or_no(values[column])
            if present is None:
                problems.append(f"{column} is {_short(values[column])}, yes or no (1 or 0) was expected")
            elif present:
                labels.append(self._label(self._flags[column], problems))
        return list(dict.fromkeys(label for label in labels if label is not None))

    def _label(self, given: Any, problems: list[str]) -> Label | None:
        is_name = isinstance(given, str | int) and not isinstance(given, bool)
        label = self.label_map.get(str(given), given) if is_name else given
        if label is None and given is not None:
            return None
        if label in LABELS:
            return cast(Label, label)
        known = ", ".join(LABELS)
        problems.append(f"unknown label {_short(given)}: the labels are {known} (map others with corpus.label_map)")
        return None


_HALF = re.compile("[\ud800-\udfff]")


def _holds_half_a_character(value: Any) -> bool:
    if isinstance(value, str):
        return not value.isascii() and _HALF.search(value) is not None
    if isinstance(value, Mapping):
        return any(map(_holds_half_a_character, value.items()))
    return isinstance(value, list | tuple) and any(map(_holds_half_a_character, value))


def _storable(name: Any) -> str:
    return str(name).encode("utf-8", "backslashreplace").decode()


def _whole_number(value: Any) -> int | None:
    try:
        exact = int(value) if str(value).strip().isdecimal() else float(value)  # pandas writes "3.0"
        number = int(exact) if exact == int(exact) and not isinstance(value, bool) else -1
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number >= 0 else None


def _yes_or_no(value: Any) -> bool | None:
    if value is None:
        return False
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _listed(labels: list[Label]) -> str:
    return ", ".join(dict.fromkeys(labels)) or "none"


def _short(value: Any, length: int = 60) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= length else text[: length - 1] + "…"

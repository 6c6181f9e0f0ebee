"""The edits that make a variant of a sentence: each changes what may decide its stance, or what must not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, get_args

import yaml

from newsstance.stances import NARRATOR, LabelledSentence

StanceEdit = Literal["cue", "negation", "hypothetical", "source"]
TextEdit = Literal["words", "dropped", "clause", "crossed"]
Edit = StanceEdit | TextEdit

STANCE_EDITS: tuple[StanceEdit, ...] = get_args(StanceEdit)
"""What stances hang on. cue: another verb of stance or saying; negation, hypothetical: that verb negated, or not said
to have happened; source: another subject of it."""

TEXT_EDITS: tuple[TextEdit, ...] = get_args(TextEdit)
"""What they may or may not hang on. words: some words exchanged for similar ones; dropped: some words missing; clause:
a part of the sentence; crossed: its beginning or end with those of another sentence."""

_WORDS = Path(__file__).with_name("variant_words.yaml")
_SUBJECT = re.compile(
    r"\b(?:(?:[Tt]he|[Aa]n?|[Hh]is|[Hh]er|[Ii]ts|[Tt]heir|[Oo]ur|[Ss]ome|[Oo]ne|[Tt]wo|[Tt]hree|[Bb]oth)"
    r"(?: [\w.'’-]+){1,6}|"
    r"[A-Z][\w.'’-]*(?: (?:[A-Z][\w.'’-]*|of|the|and|for)){0,6}|"
    r"[Hh]e|[Ss]he|[Ii]t|[Tt]hey|[Ww]e|who|officials|lawyers|police|critics)$"
)
_SEPARATOR = re.compile(r"(, | that | but | while | after | because | when |; | and | as |: | [—–-] )")
_PIECE = re.compile(r"\w+|\W+")
_LONGEST_SOURCE = 60
_DROPPED_SHARE = 0.15
_SHORTEST = 5
"""Words that a part of a sentence has at least, a side of a crossed one two less."""


@dataclass(frozen=True)
class _Verb:
    """A form of a verb in a sentence."""

    base: str
    present: bool


@dataclass(frozen=True)
class EditWords:
    """The words that edits put in; see ``variant_words.yaml``."""

    verbs: Mapping[str, tuple[str, str, str]]
    negations: tuple[str, ...]
    hypotheticals: tuple[str, ...]
    sources: tuple[str, ...]
    before_no_finite_verb: frozenset[str]
    function_words: frozenset[str]

    @classmethod
    def load(cls) -> EditWords:
        """The words that the package ships."""
        found = yaml.safe_load(_WORDS.read_text(encoding="utf-8"))
        verbs = {base: (past, present, gerund) for base, (past, present, gerund) in found["verbs"].items()}
        return cls(
            verbs,
            negations=tuple(found["negations"]),
            hypotheticals=tuple(found["hypotheticals"]),
            sources=tuple(found["sources"]),
            before_no_finite_verb=frozenset(found["before_no_finite_verb"].split()),
            function_words=frozenset(found["function_words"].split()),
        )


class SentenceEditor:
    """Edits sentences of one body of text, with words and clauses of that body.

    Args:
        donors: Sentences that sources and clauses are taken from.
        neighbours: Lower-case word → similar words, nearest first; empty where it has none.
    """

    def __init__(
        self,
        donors: Sequence[LabelledSentence],
        neighbours: Callable[[str], Sequence[str]],
    ) -> None:
        self._words = EditWords.load()
        self._neighbours = neighbours
        self._forms = {
            form: _Verb(base, present)
            for base, (past, now, _) in self._words.verbs.items()
            for form, present in ((past, False), (now, True))
        }
        self._verb = re.compile(rf"\b({'|'.join(self._forms)})\b")
        self._sources = sorted({*_sources(donors), *self._words.sources})
        self._heads, self._tails = _clauses(donors)

    def edit(self, text: str, edit: Edit, random: Random) -> str | None:
        """``text`` after one edit, or None where there is nothing to edit."""
        edits: dict[Edit, Callable[[str, Random], str | None]] = {
            "cue": self._other_cue,
            "negation": lambda text, random: self._instead_of_verb(text, self._words.negations, random),
            "hypothetical": lambda text, random: self._instead_of_verb(text, self._words.hypotheticals, random),
            "source": self._other_source,
            "words": self._other_words,
            "dropped": _without_some_words,
            "clause": _clause,
            "crossed": self._crossed,
        }
        edited = edits[edit](text, random)
        return None if edited is None or edited == text else edited

    def _finite_verb(self, text: str, random: Random) -> re.Match[str] | None:
        """One of the verbs that are finite, by the word before."""
        found = [
            match
            for match in self._verb.finditer(text)
            if _last_word(text[: match.start()]) not in self._words.before_no_finite_verb
        ]
        return random.choice(found) if found else None

    def _other_cue(self, text: str, random: Random) -> str | None:
        match = self._finite_verb(text, random)
        if match is None:
            return None
        verb = self._forms[match[0]]
        other = random.choice([base for base in self._words.verbs if base != verb.base])
        return text[: match.start()] + self._words.verbs[other][verb.present] + text[match.end() :]

    def _instead_of_verb(self, text: str, phrases: Sequence[str], random: Random) -> str | None:
        match = self._finite_verb(text, random)
        if match is None:
            return None
        base = self._forms[match[0]].base
        past, _, gerund = self._words.verbs[base]
        phrase = random.choice(phrases).format(base=base, past=past, gerund=gerund)
        return text[: match.start()] + phrase + text[match.end() :]

    def _other_source(self, text: str, random: Random) -> str | None:
        verb = self._finite_verb(text, random)
        subject = _SUBJECT.search(text[: verb.start()].rstrip()) if verb else None
        if verb is None or subject is None:
            return None
        source = random.choice(self._sources)
        source = source if subject.start() else _capitalized(source)
        return f"{text[: subject.start()]}{source} {text[verb.start() :]}"

    def _other_words(self, text: str, random: Random) -> str | None:
        pieces = _PIECE.findall(text)
        choices = {
            index: similar
            for index, piece in enumerate(pieces)
            if len(piece) > 3 and piece.isalpha() and piece.lower() not in self._words.function_words
            if (similar := self._neighbours(piece.lower()))
        }
        if not choices:
            return None
        count = max(1, int(len(choices) * random.uniform(0.15, 0.4)))
        for index in random.sample(sorted(choices), count):
            word = random.choice(choices[index])
            pieces[index] = _capitalized(word) if pieces[index][0].isupper() else word
        return "".join(pieces)

    def _crossed(self, text: str, random: Random) -> str | None:
        parts = _SEPARATOR.split(text)
        cuts = [
            at
            for at in range(1, len(parts), 2)
            if parts[at] in self._heads and _long(parts[:at]) and _long(parts[at + 1 :])
        ]
        if not cuts:
            return None
        at = random.choice(cuts)
        if random.random() < 0.5:
            return "".join(parts[: at + 1]) + random.choice(self._tails[parts[at]])
        return random.choice(self._heads[parts[at]]) + "".join(parts[at:])


def _sources(sentences: Iterable[LabelledSentence]) -> set[str]:
    """The sources that sentences name, but pronouns."""
    pronouns = {"he", "she", "it", "they", "i", "we", "who", "you", NARRATOR}
    named = {stance.source for sentence in sentences for stance in sentence.stances}
    return {source for source in named if 1 < len(source) < _LONGEST_SOURCE and source.lower() not in pronouns}


def _clauses(sentences: Iterable[LabelledSentence]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What stands before and behind each separator, by separator."""
    heads: dict[str, list[str]] = defaultdict(list)
    tails: dict[str, list[str]] = defaultdict(list)
    for sentence in sentences:
        parts = _SEPARATOR.split(sentence.text)
        for at in range(1, len(parts), 2):
            if _long(parts[:at]) and _long(parts[at + 1 :]):
                heads[parts[at]].append("".join(parts[:at]))
                tails[parts[at]].append("".join(parts[at + 1 :]))
    return heads, tails


def _clause(text: str, random: Random) -> str | None:
    parts = _SEPARATOR.split(text)
    clauses = len(parts) // 2 + 1
    if clauses == 1:
        return None
    first = random.randrange(clauses)
    last = random.randrange(first, clauses)
    if (first, last) == (0, clauses - 1):
        first = 1
    part = "".join(parts[2 * first : 2 * last + 1]).strip()
    return _capitalized(part) if len(part.split()) >= _SHORTEST else None


def _without_some_words(text: str, random: Random) -> str | None:
    kept = [word for word in text.split() if random.random() > _DROPPED_SHARE]
    return " ".join(kept) if len(kept) >= _SHORTEST else None


def _long(parts: Sequence[str]) -> bool:
    return len("".join(parts).split()) >= _SHORTEST - 2


def _last_word(text: str) -> str:
    return text.lower().rsplit(None, 1)[-1].strip(",") if text.strip() else ""


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Best guess at who holds a stance, by the order of words alone: no parser, no model.

Subjects are looked for to the left of a verb, speakers at the nearest verb of saying on either side of the cue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from newsstance.labelling.rule_file import Party, SourcePlace
from newsstance.stances import NARRATOR

_LONGEST_SOURCE: Final = 14
_QUOTES: Final = frozenset({'"', "“", "”", "''", "``", "‘", "’", "'"})
_STOPS: Final = frozenset({",", ";", ":", ".", "!", "?", "(", ")", "—", "–", "--", "…"}) | _QUOTES


class SourceFinder:
    """Finds the source of a cue in a tokenised sentence.

    Args:
        words: The word lists of the rule file; those of `rule_file.SOURCE_WORD_LISTS` are used.
    """

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self._saying = frozenset(words["saying"])
        self._auxiliaries = frozenset(words["auxiliaries"])
        self._party = frozenset(words["party"])
        self._third_party = frozenset(words["third_party"])
        self._boundaries = frozenset(words["subordinators"]) | _STOPS
        self._times = frozenset(words["times"])
        self._openers = frozenset(words["openers"])
        self._not_adverbs = frozenset(words["not_adverbs"])

    def find(self, doc: Any, start: int, end: int, place: SourcePlace) -> str:
        """The source of the cue ``doc[start:end]``: words of the sentence, ``narrator``, or "" where it is not named.

        Args:
            doc: A spaCy Doc.
            start: First token of the cue.
            end: Token behind the cue.
            place: Whether the source is the subject of the cue or the speaker of the sentence.
        """
        if place == "speaker":
            return self.speaker(doc, start, end)
        subject = self.subject(doc, start)
        if subject.lower().split()[-1:] in (["i"], ["we"]):  # in a quotation: whoever is quoted, where named
            speaker = self.speaker(doc, start, end)
            return subject if speaker in {"", NARRATOR} else speaker
        return subject

    def party(self, source: str) -> Party:
        """Whether ``source`` sounds like the party a claim is about, or like somebody else."""
        if source == NARRATOR:
            return "third_party"
        words = {
            word.strip(",.'’\"").lower()
            for word in source.replace("-", " ").replace("’s", " ").replace("'s", " ").split()
        }
        if words & self._third_party:
            return "third_party"
        return "party" if words & self._party else "unknown"

    def speaker(self, doc: Any, start: int, end: int) -> str:
        """Who says the sentence around ``doc[start:end]``; the narrator where nobody else does."""
        lower = [token.lower_ for token in doc]
        before = [i for i in range(start) if lower[i] in self._saying]
        after = [i for i in range(end, len(lower)) if lower[i] in self._saying and self._closes_quotation(lower, i)]
        for i in [*reversed(before), *after[:1]]:
            source = self.subject(doc, i) or self._inverted_subject(doc, i)
            if source:
                return source
        quoted = any(word in {'"', "“", "”"} for word in lower)
        return "" if quoted or before or after else NARRATOR

    def subject(self, doc: Any, verb: int) -> str:
        """The words before ``verb`` that look like its subject; "" where none do."""
        end = self._skip_auxiliaries(doc, verb)
        if end and doc[end - 1].lower_ == ",":  # "Name, apposition, denied": the name stands before the apposition
            opening = self._back_to(doc, end - 1, {","})
            if opening:
                apposition = doc[opening : end - 1]
                if all(token.text[:1].isupper() for token in apposition):  # "The director, Jo Ray, denied"
                    return str(apposition.text)
                end = opening - 1
        if end and doc[end - 1].lower_ == "who":
            end -= 1
            end -= int(end > 0 and doc[end - 1].lower_ == ",")
        start = self._clause_start(doc, end)
        while start < end and doc[start].lower_ in self._openers:
            start += 1
        while end > start and doc[end - 1].lower_ in _STOPS:
            end -= 1
        if not 0 < end - start <= _LONGEST_SOURCE or any(doc[i].lower_ in self._saying for i in range(start, end)):
            return ""
        return str(doc[start:end].text)

    def _skip_auxiliaries(self, doc: Any, end: int) -> int:
        """Step left over auxiliaries, adverbs and "on Monday"."""
        while end:
            word = doc[end - 1].lower_
            if word in self._auxiliaries or self._is_adverb(doc[end - 1]):
                end -= 1
            elif word in self._times:
                end -= 2 if end > 1 and doc[end - 2].lower_ in {"on", "late", "early"} else 1
            else:
                break
        return end

    def _is_adverb(self, token: Any) -> bool:
        return token.lower_.endswith("ly") and token.text.islower() and token.lower_ not in self._not_adverbs

    def _clause_start(self, doc: Any, end: int) -> int:
        start = end
        while start and doc[start - 1].lower_ not in self._boundaries and not _is_dash(doc, start - 1):
            start -= 1
        return start

    @staticmethod
    def _back_to(doc: Any, end: int, words: set[str]) -> int:
        """Index behind the last of ``words`` before ``end``; 0 where there is none."""
        for i in range(end - 1, -1, -1):
            if doc[i].lower_ in words:
                return i + 1
        return 0

    @staticmethod
    def _closes_quotation(lower: Sequence[str], verb: int) -> bool:
        """Whether a comma or closing quotation mark stands shortly before ``verb``: ``..., she said``."""
        return any(word in _QUOTES or word == "," for word in lower[max(0, verb - 8) : verb])

    def _inverted_subject(self, doc: Any, verb: int) -> str:
        """The subject in ``..., said the minister``: the words behind ``verb`` up to the next stop."""
        end = verb + 1
        while end < len(doc) and end - verb <= _LONGEST_SOURCE and doc[end].lower_ not in self._boundaries:
            end += 1
        follows_stop = verb > 0 and doc[verb - 1].lower_ in _STOPS
        return str(doc[verb + 1 : end].text) if follows_stop and end > verb + 1 else ""


def _is_dash(doc: Any, i: int) -> bool:
    """Whether a hyphen stands alone, as in ``the firm - once a giant - denied``, not inside a word."""
    return doc[i].text == "-" and (i == 0 or bool(doc[i - 1].whitespace_))

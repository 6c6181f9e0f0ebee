"""The short notation of the rule file, and its translation to patterns of spaCy's Matcher.

A pattern is a row of elements separated by blanks:

==========  ====================================================================
``word``    that word, in any case
``a|b``     one of these words
``<name>``  one of the words of that word list; mixes with others: ``<not>|hardly``
``word?``   may be missing (any element may end in ``?``)
``*3``      up to three words of any kind, but no stop, semicolon or quotation mark
==========  ====================================================================

Words are tokens of spaCy's English tokenizer: ``didn't`` is ``did n't``, ``made-up`` is ``made - up``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GAP = re.compile(r"\*(\d)")
_GAP_STOPS = [".", "!", "?", ";", ":", '"', "“", "”", "(", ")"]
WORD_PIECES = re.compile(r"[a-z]+")
"""Runs of letters of a lower-case sentence, cheap to find; anchors are looked up among them."""


class PatternError(ValueError):
    """A pattern that cannot be understood."""


@dataclass(frozen=True)
class Pattern:
    """One pattern of a rule.

    Attributes:
        text: As written in the rule file.
        tokens: The same for ``spacy.matcher.Matcher.add``.
        needs: A sentence can match only if its `WORD_PIECES` hold one word of each of these sets.
        anchors: The most telling of them.
    """

    text: str
    tokens: tuple[dict[str, Any], ...]
    needs: tuple[frozenset[str], ...]
    anchors: frozenset[str]


def parse_pattern(text: str, word_lists: Mapping[str, Sequence[str]], common: frozenset[str]) -> Pattern:
    """Translate one pattern.

    Args:
        text: The pattern in the notation of this module.
        word_lists: Words by the name that ``<name>`` stands for.
        common: Frequent words, which make poor anchors.

    Raises:
        PatternError: On an unknown word list, or where nothing but optional parts is left.
    """
    tokens: list[dict[str, Any]] = []
    required: list[frozenset[str]] = []
    for element in text.split():
        gap = _GAP.fullmatch(element)
        if gap:
            tokens += [{"LOWER": {"NOT_IN": _GAP_STOPS}, "OP": "?"}] * int(gap[1])
            continue
        optional = element.endswith("?") and len(element) > 1
        words = _words(element.removesuffix("?") if optional else element, word_lists)
        token: dict[str, Any] = {"LOWER": words[0] if len(words) == 1 else {"IN": words}}
        tokens.append(token | {"OP": "?"} if optional else token)
        if not optional:
            required.append(frozenset(words))
    needs = [_pieces(words) for words in required if all(WORD_PIECES.search(word) for word in words)]
    if not needs:
        raise PatternError(f"pattern {text!r} needs an element of words that may not be missing")
    anchors = min(needs, key=lambda words: (len(words & common), len(words)))
    return Pattern(text, tuple(tokens), tuple(needs), anchors)


def _words(element: str, word_lists: Mapping[str, Sequence[str]]) -> list[str]:
    words: list[str] = []
    for part in element.split("|"):
        if part.startswith("<") and part.endswith(">"):
            if part[1:-1] not in word_lists:
                raise PatternError(f"{element!r} names the word list {part[1:-1]!r}, which does not exist")
            words += word_lists[part[1:-1]]
        elif part:
            words.append(part.lower())
    if not words:
        raise PatternError(f"{element!r} holds no word")
    return list(dict.fromkeys(words))


def _pieces(words: Iterable[str]) -> frozenset[str]:
    """The last run of letters of each word: ``n't`` is found by its ``t``."""
    return frozenset(WORD_PIECES.findall(word)[-1] for word in words)

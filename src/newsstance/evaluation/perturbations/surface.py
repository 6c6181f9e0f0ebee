"""How a passage is written: quotation marks, spelling, letter case, glued captions, typing slips."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

from newsstance.evaluation.perturbations.passage import Passage, any_of, word_lists

_SMALL_WORDS = frozenset(
    {"a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
)
_DOUBLE_OPEN, _DOUBLE_CLOSE = "“", "”"
_STYLES = {"straight": ('"', '"'), "curly": ("“", "”"), "single": ("‘", "’")}


def change_quotation_marks(passage: Passage, random: Random) -> Passage | None:
    """Write double quotation marks in another style: straight, curly or single."""
    has = [style for style in ("straight", "curly") if _STYLES[style][0] in passage.text]
    if not has:
        return None
    opening, closing = _STYLES[random.choice([style for style in _STYLES if style not in has])]

    def changed(text: str) -> str:
        curly = re.sub(r'(^|[\s(\[—–-])"', r"\1“", text).replace('"', "”")
        return curly.replace(_DOUBLE_OPEN, opening).replace(_DOUBLE_CLOSE, closing)

    return passage.map(changed)


def change_spelling(passage: Passage, random: Random) -> Passage | None:
    """Write British words the American way and the reverse, in the case they stand in."""
    spellings = word_lists().spellings
    swaps = spellings | {american: british for british, american in spellings.items()}

    def changed(match: re.Match[str]) -> str:
        word = match.group()
        other = swaps[word.lower()]
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    pattern = re.compile(rf"\b(?:{any_of(swaps)})\b", re.IGNORECASE)
    return passage.map(lambda text: pattern.sub(changed, text))


def change_headline_case(passage: Passage, random: Random) -> Passage | None:
    """Set a headline in capitals or in title case; one in capitals is set in sentence case."""
    if not passage.is_headline:
        return None
    text = passage.text
    candidates = [text.capitalize()] if text.isupper() else [text.upper(), _title_case(text)]
    styles = [style for style in candidates if style != text]
    if not styles:  # figures, signs, or a script without capitals
        return None
    return Passage(random.choice(styles), passage.context, True, passage.protected)


def _title_case(text: str) -> str:
    words = text.split(" ")
    return " ".join(
        word if index and word in _SMALL_WORDS else word[:1].upper() + word[1:] for index, word in enumerate(words)
    )


def append_caption(passage: Passage, random: Random) -> Passage | None:
    """Glue the caption or credit of a picture to the end of the sentence."""
    return Passage(
        f"{passage.text} {random.choice(word_lists().captions)}",
        passage.context,
        passage.is_headline,
        passage.protected,
    )


def add_typo(passage: Passage, random: Random) -> Passage | None:
    """Swap two neighbouring letters inside a long word that is no name and carries no stance."""
    words = [
        match
        for match in re.finditer(r"\b[a-z]{7,}\b", passage.text)
        if match.group() not in passage.protected and any(a != b for a, b in _inner_pairs(match.group()))
    ]
    if not words:
        return None
    match = random.choice(words)
    word = match.group()
    at = random.choice([place + 1 for place, (a, b) in enumerate(_inner_pairs(word)) if a != b])
    slipped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    text = passage.text[: match.start()] + slipped + passage.text[match.end() :]
    return Passage(text, passage.context, passage.is_headline, passage.protected)


def _inner_pairs(word: str) -> list[tuple[str, str]]:
    """Neighbouring letters of ``word`` without its first and last letter."""
    return list(pairwise(word[1:-1]))

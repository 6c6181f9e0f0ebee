"""What a perturbation changes, and the word lists it changes it with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from newsstance.resources import data_dir
from newsstance.stances import LabelledSentence


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence with the one before it.

    Attributes:
        text: The sentence.
        context: The sentence before it; "" where there is none.
        is_headline: Whether it is the headline of its article.
        protected: Words that carry its stances and that a typo must leave alone, in lower case.
    """

    text: str
    context: str = ""
    is_headline: bool = False
    protected: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sentence: LabelledSentence) -> Passage:
        """The passage of a labelled sentence."""
        words = (word for stance in sentence.stances for word in re.findall(r"\w+", stance.cue.lower()))
        return cls(sentence.text, sentence.context, _is_headline(sentence), frozenset(words))

    def map(self, change: Callable[[str], str]) -> Passage | None:
        """The passage with ``change`` made to sentence and context; None where the sentence stays as it was."""
        text = change(self.text)
        if text == self.text:
            return None
        return Passage(text, change(self.context), self.is_headline, self.protected)


@dataclass(frozen=True, slots=True)
class WordLists:
    """The lists of ``data/behaviour/perturbations.yaml``.

    Attributes:
        names: ``female`` and ``male`` → full names of invented people.
        titles: Words that stand before a person's name.
        countries: Country → adjective.
        spellings: British → American spelling.
        captions: Captions and credits.
    """

    names: dict[str, list[str]]
    titles: list[str]
    countries: dict[str, str]
    spellings: dict[str, str]
    captions: list[str]


@cache
def word_lists() -> WordLists:
    """The shipped word lists."""
    import yaml

    path = data_dir() / "behaviour" / "perturbations.yaml"
    return WordLists(**yaml.safe_load(path.read_text(encoding="utf-8")))


def any_of(words: Iterable[str]) -> str:
    """A regular expression that matches any of ``words``, longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _is_headline(sentence: LabelledSentence) -> bool:
    kind = sentence.extra.get("kind")
    if kind is not None:
        return bool(kind == "headline")
    words = sentence.text.split()
    # The corpus does not mark headlines: they open an article and do not end like a sentence.
    return sentence.i <= 1 and 3 <= len(words) <= 25 and sentence.text[-1] not in '.!";,:…”'

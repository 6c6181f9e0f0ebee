"""What a corpus looks like in figures: sizes, labels, lengths, surface, cues, sources, duplicates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, quantiles

from newsstance.corpus.duplicates import find_repeats, normalise
from newsstance.stances import LABELS, NARRATOR, Label, LabelledSentence, Stance

SourceKind = str
SOURCE_KINDS: tuple[SourceKind, ...] = ("narrator", "unnamed", "pronoun", "name", "description")
"""Who holds a stance: the reporter, nobody named, a pronoun, somebody with a name, or a description without one."""

NEAR_DUPLICATE = 0.8

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_QUOTE = re.compile('["“”«»]')
_PRONOUNS = {"i", "you", "he", "she", "it", "we", "they", "who", "which", "his", "her", "their", "its", "one"} | {
    "this", "that", "these", "those", "some", "others", "both", "neither", "none", "anyone", "someone",
}  # fmt: skip
_DETERMINERS = {"The", "A", "An", "One", "Some", "Two", "Three", "His", "Her", "Their", "Its", "This", "Both", "Many"}


@dataclass(frozen=True)
class CorpusStatistics:
    """The figures of one corpus; shares are of its sentences where nothing else is said.

    Attributes:
        name: Name of the corpus.
        sentences: Sentences.
        articles: Articles.
        sentences_per_article: Mean.
        label_counts: Sentences with each label.
        combinations: Label sets ("denial + acknowledgement", "none") and their sentences, most frequent first.
        words_per_sentence: Mean, and the 10th, 50th and 90th percentile.
        lengths: Words of each sentence.
        surface: Shares of sentences with a quotation mark, digit, question mark; shares of words in capitals or
            capitalised inside the sentence.
        cues: Label → its most frequent cues (lower case) and their counts.
        distinct_cues: Label → distinct cues for each 100 stances.
        sources: Label → kind of source → share of its stances.
        exact_duplicates: Sentences that repeat an earlier one word for word.
        near_duplicates: Pairs of longer sentences with a similarity of 0.8 or more, exact ones included.
    """

    name: str
    sentences: int
    articles: int
    sentences_per_article: float
    label_counts: dict[Label, int]
    combinations: dict[str, int]
    words_per_sentence: dict[str, float]
    lengths: list[int]
    surface: dict[str, float]
    cues: dict[Label, list[tuple[str, int]]]
    distinct_cues: dict[Label, float]
    sources: dict[Label, dict[SourceKind, float]]
    exact_duplicates: int
    near_duplicates: int


def describe(name: str, sentences: Sequence[LabelledSentence], top_cues: int = 15) -> CorpusStatistics:
    """Compute the figures of a corpus of at least one sentence."""
    texts = [sentence.text for sentence in sentences]
    words = [_WORD.findall(text) for text in texts]
    lengths = [len(found) for found in words]
    articles = len({sentence.doc for sentence in sentences})
    by_label = {label: _stances(sentences, label) for label in LABELS}
    cues = {label: Counter(normalise(s.cue) for s in held if s.cue) for label, held in by_label.items()}
    combinations = Counter(" + ".join(sentence.labels) or "none" for sentence in sentences)
    return CorpusStatistics(
        name=name,
        sentences=len(sentences),
        articles=articles,
        sentences_per_article=len(sentences) / articles,
        label_counts={label: sum(label in sentence.labels for sentence in sentences) for label in LABELS},
        combinations=dict(combinations.most_common()),
        words_per_sentence=_spread(lengths),
        lengths=lengths,
        surface=_surface(texts, words),
        cues={label: counter.most_common(top_cues) for label, counter in cues.items()},
        distinct_cues={label: 100 * len(cues[label]) / max(len(by_label[label]), 1) for label in LABELS},
        sources={label: _source_shares(held) for label, held in by_label.items()},
        exact_duplicates=len(texts) - len({normalise(text) for text in texts}),
        near_duplicates=sum(1 for _ in find_repeats(texts, NEAR_DUPLICATE)),
    )


def source_kind(source: str) -> SourceKind:
    """Which of `SOURCE_KINDS` the source of a stance is; a name is told by a capital behind its first word or in it."""
    if source == NARRATOR:
        return "narrator"
    tokens = _WORD.findall(source)
    if not tokens:
        return "unnamed"
    if len(tokens) == 1 and tokens[0].casefold() in _PRONOUNS:
        return "pronoun"
    named = [token for token in tokens if token[0].isupper() and token not in _DETERMINERS]
    only_first = named == tokens[:1] and len(tokens) > 1 and tokens[0].lower().endswith("s")  # "Officials in the town"
    return "name" if named and not only_first else "description"


def _stances(sentences: Sequence[LabelledSentence], label: Label) -> list[Stance]:
    return [stance for sentence in sentences for stance in sentence.stances if stance.label == label]


def _spread(lengths: Sequence[int]) -> dict[str, float]:
    deciles = quantiles(lengths, n=10, method="inclusive") if len(lengths) > 1 else [float(lengths[0])] * 9
    return {"mean": mean(lengths), "10%": deciles[0], "50%": deciles[4], "90%": deciles[8]}


def _surface(texts: Sequence[str], words: Sequence[list[str]]) -> dict[str, float]:
    every = [word for found in words for word in found]
    inner = [word for found in words for word in found[1:]]
    return {
        "sentences with quotation marks": _share(bool(_QUOTE.search(text)) for text in texts),
        "sentences with digits": _share(any(map(str.isdigit, text)) for text in texts),
        "sentences with a question mark": _share("?" in text for text in texts),
        "words in capitals": _share(len(word) > 1 and word.isupper() for word in every),
        "capitalised words inside sentences": _share(word[0].isupper() for word in inner),
    }


def _source_shares(stances: Sequence[Stance]) -> dict[SourceKind, float]:
    kinds = Counter(source_kind(stance.source) for stance in stances)
    return {kind: kinds[kind] / max(len(stances), 1) for kind in SOURCE_KINDS}


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / max(len(values), 1)

"""The model on parts of the sentences: where is it weak?

Each dimension cuts the sentences by something that a reader can check: where they come from, how they are written,
where they stand. Slices with too few gold labels get no figure but say so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.intervals import ArticleBootstrap
from newsstance.evaluation.metrics import Booleans, Output, sample_metrics, to_estimate
from newsstance.evaluation.result import Slice
from newsstance.evaluation.systems import Data
from newsstance.stances import LABELS, NARRATOR, LabelledSentence

Cut = Callable[[Sequence[LabelledSentence]], list[str]]
"""Gives each sentence the name of its slice; "" for a sentence that the dimension does not apply to."""

LENGTH_BANDS = ((10, "1-10 words"), (20, "11-20 words"), (30, "21-30 words"), (40, "31-40 words"))
PRONOUNS = frozenset(
    {"i", "we", "you", "he", "she", "it", "they", "who", "him", "her", "them", "one", "someone", "nobody"}
)

_QUOTATION = re.compile(r"[\"“”„«»]|(?:^|[\s(])['‘]\w.*?\w[,.!?]?['’](?:$|[\s).,;:!?])", re.DOTALL)
_ENDED = re.compile(r"[.!?…:;][\"”'’)\]]*\s*$")
_SOURCE_PREFIX = re.compile(r"^(?:([^:/#]+)[:/#]|([A-Za-z_]+?)[-_]?\d)")
# "HORODNA, Aug 27 (Interpress) - ", "PORT VELL — "
_DATELINE = re.compile(r"[A-Z][A-Z.'’ -]+(?:, [^()\n]{1,40}?)?(?: \([^()\n]{2,40}\))? ?(?:--|[-–—]) ?\S")
_OPENING = 3  # sentences: headline, standfirst, then the dateline
_HEADLINE_WORDS = 20
_LONGEST = 2_000  # characters looked at for quotation marks


def find_slices(
    sentences: Sequence[LabelledSentence], data: Data, output: Output, *, min_support: int, seed: int
) -> list[Slice]:
    """Measure the model on every slice.

    Args:
        sentences: The sentences.
        data: The same sentences as matrices.
        output: What the model said of them.
        min_support: Gold labels that a slice (or a label in it) needs to be judged.
        seed: Seed of the resamples of each slice's articles.

    Returns:
        Slices worst first (lowest micro-F1), then those too small to judge.
    """
    slices = []
    for dimension, cut in CUTS.items():
        members: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(cut(sentences)):
            if name:
                members[name].append(row)
        if len(members) > 1:  # a dimension that does not cut says nothing
            for name, rows in members.items():
                bootstrap = ArticleBootstrap([sentences[row].doc for row in rows], data.bootstrap.resamples, seed)
                part = Output(output.predicted[rows])
                slices.append(_measure((dimension, name), data.gold[rows], part, bootstrap, min_support))
    return sorted(slices, key=_rank)


def _rank(one: Slice) -> tuple[bool, float, str, str]:
    return bool(one.too_small), one.micro_f1.value if one.micro_f1.defined else 0.0, one.dimension, one.name


def _measure(
    place: tuple[str, str], gold: Booleans, output: Output, bootstrap: ArticleBootstrap, min_support: int
) -> Slice:
    support = {label: int(gold[:, k].sum()) for k, label in enumerate(LABELS)}
    total = sum(support.values())
    samples = sample_metrics(gold, output, bootstrap)
    unknown = Estimate(float("nan"))
    judged = total >= min_support
    return Slice(
        dimension=place[0],
        name=place[1],
        sentences=len(gold),
        articles=bootstrap.articles,
        support=total,
        label_support=support,
        micro_f1=to_estimate(samples.get("micro_f1")) if judged else unknown,
        exact_match=to_estimate(samples.get("exact_match")) if judged else unknown,
        label_f1={
            label: to_estimate(samples.get(f"f1.{label}")) if support[label] >= min_support else unknown
            for label in LABELS
        },
        too_small="" if judged else f"{total} gold labels, {min_support} needed",
    )


def by_domain(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Where the article comes from: field ``domain`` or ``outlet``, else the letters before the number in its id."""
    return [str(s.extra.get("domain") or s.extra.get("outlet") or _prefix(s.doc)) for s in sentences]


def _prefix(doc: str) -> str:
    match = _SOURCE_PREFIX.match(doc)
    return (match.group(1) or match.group(2)) if match else ""


def by_style(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Style of the outlet: field ``style``, else whether the article opens with a dateline, as agency copy does.

    Single sentences without the field are left out: they show no opening.
    """
    openings: dict[str, list[LabelledSentence]] = defaultdict(list)
    for sentence in sentences:
        openings[sentence.doc].append(sentence)
    styles = {doc: _style_by_opening(own) for doc, own in openings.items()}
    return [str(s.extra.get("style") or styles[s.doc]) for s in sentences]


def _style_by_opening(article: Sequence[LabelledSentence]) -> str:
    if len(article) < 2:
        return ""
    opening = sorted(article, key=lambda sentence: sentence.i)[:_OPENING]
    return "dateline" if any(_DATELINE.match(sentence.text[:_LONGEST]) for sentence in opening) else "no dateline"


def by_length(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Number of words."""
    names = []
    for sentence in sentences:
        words = len(sentence.text.split())
        names.append(next((name for most, name in LENGTH_BANDS if words <= most), "over 40 words"))
    return names


def by_quotation(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Whether somebody is quoted in the sentence."""
    return ["quoted" if _QUOTATION.search(s.text[:_LONGEST]) else "not quoted" for s in sentences]


def by_cue(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Whether the sentence holds a cue of the rule labeller, one that its rules do not count included."""
    from newsstance.labelling.rules import RuleLabeller

    labeller = RuleLabeller()
    return ["cue word" if labeller.explain(s.text) else "no cue word" for s in sentences]


def by_stance_source(sentences: Sequence[LabelledSentence]) -> list[str]:
    """How the gold sources are named; for sentences with a stance, in corpora that annotate sources."""
    if not any(stance.source for s in sentences for stance in s.stances):
        return [""] * len(sentences)
    return [_source_kind([stance.source for stance in s.stances]) for s in sentences]


def _source_kind(sources: Sequence[str]) -> str:
    if not sources:
        return ""
    kinds = set()
    for source in sources:
        words = source.lower().split()
        pronoun = bool(words) and words[0] in PRONOUNS and len(words) <= 2
        kinds.add("not named" if not words else NARRATOR if source == NARRATOR else "pronoun" if pronoun else "named")
    return kinds.pop() if len(kinds) == 1 else "mixed"


def by_headline(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Headlines: said so by the field ``kind``, or short and without a full stop."""
    return ["headline" if _is_headline(s) else "running text" for s in sentences]


def _is_headline(sentence: LabelledSentence) -> bool:
    if "kind" in sentence.extra:
        return bool(sentence.extra["kind"] == "headline")
    return len(sentence.text.split()) <= _HEADLINE_WORDS and not _ENDED.search(sentence.text)


def by_position(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Place among the sentences of its article; single sentences are left out."""
    places: dict[str, list[int]] = defaultdict(list)
    for sentence in sentences:
        places[sentence.doc].append(sentence.i)
    names = []
    for sentence in sentences:
        first, last = min(places[sentence.doc]), max(places[sentence.doc])
        share = (sentence.i - first) / (last - first) if last > first else -1.0
        names.append(_position(share))
    return names


def _position(share: float) -> str:
    if share < 0:
        return ""
    if share == 0:
        return "first sentence"
    return "first third" if share <= 1 / 3 else "middle third" if share <= 2 / 3 else "last third"


def by_agreement(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Whether the annotators agreed, where the corpus says so (field ``agreed``)."""
    return ["" if s.extra.get("agreed") is None else "agreed" if s.extra["agreed"] else "disputed" for s in sentences]


CUTS: dict[str, Cut] = {
    "domain": by_domain,
    "style": by_style,
    "length": by_length,
    "quotation": by_quotation,
    "cue": by_cue,
    "stance source": by_stance_source,
    "headline": by_headline,
    "position": by_position,
    "agreement": by_agreement,
}
"""Dimension → how it cuts."""

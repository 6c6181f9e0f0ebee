"""The rule labeller: cues from a readable rule file, unless negation, a modal or another sense of the word blocks them.

It needs no model and no network, gives the reason for each label, and is the baseline that a trained model has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from newsstance.labelling.patterns import WORD_PIECES, Pattern
from newsstance.labelling.rule_file import Block, Rule, RuleFile, load_rules
from newsstance.labelling.sources import SourceFinder
from newsstance.stances import Label, Stance

_CLAUSE_ENDS: Final = frozenset({",", ";", ":", ".", "—", "–", "--", "(", ")", '"', "“", "”", "but", "who", "which"})
_NEGATION_REACH, _MODAL_REACH, _CONDITION_REACH, _REFUSAL_REACH = 4, 3, 10, 7
_LONGEST_SENTENCE: Final = 2_000
"""Characters looked at; what follows in a longer "sentence" (a table, a page without stops) is left alone."""


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """One cue that a rule found.

    Attributes:
        rule: Name of the rule.
        label: The stance it votes for; None where the rule only says that this is no stance.
        cue: The matched words, as they stand in the sentence.
        source: Best guess at who holds the stance.
        start: First token of the cue.
        end: Token behind the cue.
        blocked: Why the cue does not count; "" where it does.
    """

    rule: str
    label: Label | None
    cue: str
    source: str
    start: int
    end: int
    blocked: str = ""


class RuleLabeller:
    """Labels sentences by cue and negation rules.

    Args:
        rule_file: The rules; None for the shipped ones.
    """

    def __init__(self, rule_file: RuleFile | None = None) -> None:
        import spacy

        self.rule_file = rule_file or load_rules()
        self._nlp = spacy.blank("en")
        self._sources = SourceFinder(self.rule_file.words)
        self._matchers = [_RuleMatcher(rule, self._nlp.vocab) for rule in self.rule_file.rules]
        self._by_anchor: dict[str, list[tuple[int, Pattern]]] = {}
        for number, rule in enumerate(self.rule_file.rules):
            for pattern in rule.patterns:
                for anchor in pattern.anchors:
                    self._by_anchor.setdefault(anchor, []).append((number, pattern))
        self._blocking = {name: frozenset(words) for name, words in self.rule_file.words.items()}

    @property
    def name(self) -> str:
        """Name and version of the rules, e.g. ``rules-1.0+3f2a91c0``."""
        return f"rules-{self.rule_file.version}"

    def label(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> list[tuple[Stance, ...]]:
        """The stances of each sentence, at most one a label and source.

        Args:
            sentences: The sentences.
            contexts: Not looked at: the rules read each sentence alone.
        """
        return [self._stances(sentence) for sentence in sentences]

    def explain(self, sentence: str) -> list[RuleMatch]:
        """Every cue found in ``sentence`` with the rule that found it, blocked ones and those of no stance included."""
        numbers = self._candidates(_word_pieces(sentence[:_LONGEST_SENTENCE]))
        if not numbers:
            return []
        doc = self._nlp.make_doc(sentence[:_LONGEST_SENTENCE])
        found = [match for number in numbers for match in self._rule_matches(self._matchers[number], doc)]
        return _drop_contained(found)

    def _candidates(self, pieces: set[str]) -> list[int]:
        """The rules that can match these word pieces: a cheap test that spares most sentences the rest."""
        return sorted(
            {
                number
                for anchor in pieces & self._by_anchor.keys()
                for number, pattern in self._by_anchor[anchor]
                if not any(words.isdisjoint(pieces) for words in pattern.needs)
            }
        )

    def _stances(self, sentence: str) -> tuple[Stance, ...]:
        stances: dict[tuple[Label, str], Stance] = {}
        for match in self.explain(sentence):
            if match.label is not None and not match.blocked:
                stances.setdefault((match.label, match.source), Stance(match.label, match.source, match.cue))
        return tuple(stances.values())

    def _rule_matches(self, matcher: _RuleMatcher, doc: Any) -> list[RuleMatch]:
        rule = matcher.rule
        matches = []
        for start, end in matcher.spans(doc):
            source = self._sources.find(doc, start, end, rule.source)
            label = rule.label_for(self._sources.party(source))
            blocked = self._blocked(rule, doc, start)
            matches.append(RuleMatch(rule.name, label, doc[start:end].text, source, start, end, blocked))
        return matches

    def _blocked(self, rule: Rule, doc: Any, start: int) -> str:
        before = [doc[i].lower_ for i in range(max(0, start - _CONDITION_REACH), start)]
        for i in range(len(before) - 1, -1, -1):
            if before[i] in _CLAUSE_ENDS:
                before = before[i + 1 :]
                break
        reasons: dict[Block, bool] = {
            "negated": self._has("negators", before[-_NEGATION_REACH:]),
            "hypothetical": self._has("modals", before[-_MODAL_REACH:])
            or self._has("conditions", before)
            or self._is_mere_infinitive(before),
            "refused": self._has("refusals", before[-_REFUSAL_REACH:]),
        }
        return next((reason for reason, holds in reasons.items() if holds and reason in rule.blocks), "")

    def _has(self, word_list: str, words: Sequence[str]) -> bool:
        return not self._blocking[word_list].isdisjoint(words)

    def _is_mere_infinitive(self, before: Sequence[str]) -> bool:
        """``to admit`` has not happened, unless somebody ``was forced to admit``."""
        if "to" not in before[-2:]:
            return False
        return not self._has("happening_infinitives", before[-5:])


def _word_pieces(text: str) -> set[str]:
    """The runs of letters of ``text``, contractions parted as spaCy's tokenizer does (``did n't``, ``can not``)."""
    lower = text.lower().replace("n't", " t").replace("n’t", " t").replace("cannot", "can not")
    return set(WORD_PIECES.findall(lower))


class _RuleMatcher:
    """The spaCy matchers of one rule."""

    def __init__(self, rule: Rule, vocab: Any) -> None:
        self.rule = rule
        self._cues = _matcher(rule.patterns, vocab)
        self._not_before = _matcher(rule.not_before, vocab)
        self._not_after = _matcher(rule.not_after, vocab)

    def spans(self, doc: Any) -> list[tuple[int, int]]:
        """Token spans of the rule's cues, in order; of overlapping ones the first and shortest."""
        found = sorted({(start, end) for _, start, end in self._cues(doc)}, key=lambda span: (span[0], span[1]))
        spans: list[tuple[int, int]] = []
        for start, end in found:
            if not spans or start >= spans[-1][1]:
                spans.append((start, end))
        if not spans:
            return []
        forbidden_ends = {start for _, start, _ in self._not_before(doc)} if self._not_before else set()
        forbidden_starts = {end for _, _, end in self._not_after(doc)} if self._not_after else set()
        return [(start, end) for start, end in spans if end not in forbidden_ends and start not in forbidden_starts]


def _matcher(patterns: Sequence[Pattern], vocab: Any) -> Any:
    from spacy.matcher import Matcher

    if not patterns:
        return None
    matcher = Matcher(vocab)
    matcher.add("cue", [list(pattern.tokens) for pattern in patterns])
    return matcher


def _drop_contained(matches: Sequence[RuleMatch]) -> list[RuleMatch]:
    """The matches that do not lie inside a longer one: the longer cue is the more specific one."""

    def is_inside(inner: RuleMatch, outer: RuleMatch) -> bool:
        longer = outer.end - outer.start > inner.end - inner.start
        return longer and outer.start <= inner.start and inner.end <= outer.end

    kept = [match for match in matches if not any(is_inside(match, other) for other in matches)]
    return sorted(kept, key=lambda match: (match.start, match.end))

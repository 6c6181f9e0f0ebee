"""The rule file: cues, word lists and blocking words of the rule labeller, read from YAML and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from newsstance.errors import InputError
from newsstance.labelling.patterns import Pattern, PatternError, parse_pattern
from newsstance.stances import LABELS, Label

SHIPPED_RULES = Path(__file__).with_name("rules.yaml")

Block = Literal["negated", "hypothetical", "refused"]
BLOCKS: tuple[Block, ...] = ("negated", "hypothetical", "refused")

BLOCKING_WORD_LISTS = ("negators", "modals", "conditions", "refusals", "happening_infinitives")
SOURCE_WORD_LISTS = (
    "saying",
    "auxiliaries",
    "party",
    "third_party",
    "subordinators",
    "times",
    "openers",
    "not_adverbs",
)

SourcePlace = Literal["subject", "speaker"]
Party = Literal["party", "third_party", "unknown"]

_RULE_KEYS = {"name", "label", "if_party", "if_third_party", "source", "blocks", "patterns", "not_before", "not_after"}


@dataclass(frozen=True)
class Rule:
    """Cues that carry one stance, and what keeps them from doing so.

    Attributes:
        name: Unique name, shown in the rule summary.
        label: The stance where the source is neither clearly a party nor clearly a third party; None for no stance.
        if_party: The stance where the source speaks for the party that the claim is about.
        if_third_party: The stance where the source is a third party to the claim.
        source: Where the source stands: ``subject`` of the cue, or the ``speaker`` of the sentence.
        blocks: What blocks the cue when it stands before it.
        patterns: The cues.
        not_before: The cue does not count right before one of these (``denied bail``).
        not_after: The cue does not count right after one of these.
    """

    name: str
    label: Label | None
    if_party: Label | None
    if_third_party: Label | None
    source: SourcePlace
    blocks: frozenset[Block]
    patterns: tuple[Pattern, ...]
    not_before: tuple[Pattern, ...] = ()
    not_after: tuple[Pattern, ...] = ()

    def label_for(self, party: Party) -> Label | None:
        """The stance that the cue carries for such a source; None for none."""
        return {"party": self.if_party, "third_party": self.if_third_party, "unknown": self.label}[party]


@dataclass(frozen=True)
class RuleFile:
    """Everything the rule labeller knows.

    Attributes:
        version: Version of the file and the start of the SHA-256 of its text, e.g. ``1.0+3f2a91c0``.
        words: The word lists by name.
        rules: The rules in the order of the file.
    """

    version: str
    words: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]


def load_rules(path: Path = SHIPPED_RULES) -> RuleFile:
    """Read and check a rule file.

    Raises:
        InputError: Where the file is missing, no YAML, or a rule in it cannot be used; names the rule.
    """
    try:
        text = path.read_text("utf-8")
        content = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise InputError.at(path, "no such rule file") from error
    except OSError as error:
        raise InputError.at(path, f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError.at(path, f"not a YAML file: {error}") from error
    if not isinstance(content, dict) or not {"version", "words", "rules"} <= content.keys():
        raise InputError.at(path, "needs the keys version, words and rules", remedy=f"compare {SHIPPED_RULES}")
    try:
        _check_lists(content)
        words = {str(name): tuple(_split_words(listed)) for name, listed in content["words"].items()}
        if missing := {*BLOCKING_WORD_LISTS, *SOURCE_WORD_LISTS} - words.keys():
            raise PatternError(f"words needs the list {sorted(missing)[0]!r}")
        reader = _RuleReader(words)
        rules = tuple(reader.rule(entry) for entry in content["rules"])
    except (PatternError, AttributeError, TypeError) as error:
        raise InputError.at(path, str(error)) from error
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise InputError.at(path, f"two rules are called {name!r}")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return RuleFile(f"{content['version']}+{digest}", words, rules)


def _check_lists(content: dict[str, Any]) -> None:
    if not isinstance(content["words"], dict):
        raise PatternError("words must map names to lists of words")
    if not isinstance(content["rules"], list):
        raise PatternError("rules must be a list")


def _split_words(listed: str | Sequence[str]) -> list[str]:
    """Word lists may be written as YAML lists or as words separated by blanks."""
    return [str(word).lower() for word in (listed.split() if isinstance(listed, str) else listed)]


class _RuleReader:
    """Turns entries of the file into rules."""

    def __init__(self, words: Mapping[str, tuple[str, ...]]) -> None:
        from spacy.lang.en.stop_words import STOP_WORDS

        self.words = words
        self.common = frozenset(STOP_WORDS)

    def rule(self, entry: Any) -> Rule:
        if not isinstance(entry, dict) or not {"name", "label", "patterns"} <= entry.keys():
            raise PatternError(f"each rule needs name, label and patterns; found {str(entry)[:80]!r}")
        name = str(entry["name"])
        if unknown := entry.keys() - _RULE_KEYS:
            raise PatternError(f"rule {name!r} has the unknown key {sorted(unknown)[0]!r}")
        label = self._label(name, entry["label"])
        try:
            return Rule(
                name=name,
                label=label,
                if_party=self._label(name, entry.get("if_party", entry["label"])),
                if_third_party=self._label(name, entry.get("if_third_party", entry["label"])),
                source=cast(SourcePlace, self._one_of(name, entry.get("source", "subject"), ("subject", "speaker"))),
                blocks=frozenset(cast(Block, self._one_of(name, b, BLOCKS)) for b in entry.get("blocks", BLOCKS)),
                patterns=self._patterns(entry, "patterns"),
                not_before=self._patterns(entry, "not_before"),
                not_after=self._patterns(entry, "not_after"),
            )
        except PatternError as error:
            raise PatternError(f"rule {name!r}: {str(error).removeprefix(f'rule {name!r}: ')}") from error

    def _patterns(self, entry: Mapping[str, Any], key: str) -> tuple[Pattern, ...]:
        texts = entry.get(key, [])
        if not isinstance(texts, list):
            raise PatternError(f"{key} must be a list of patterns")
        return tuple(parse_pattern(str(text), self.words, self.common) for text in texts)

    def _label(self, name: str, label: Any) -> Label | None:
        if label in (None, "none"):
            return None
        return cast(Label, self._one_of(name, label, LABELS))

    @staticmethod
    def _one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
        if value not in allowed:
            raise PatternError(f"rule {name!r}: {value!r} is none of {', '.join(allowed)}")
        return str(value)

"""The rule file and its notation: what it accepts, and errors that name the rule."""

from pathlib import Path

import pytest
import yaml

from newsstance.errors import InputError
from newsstance.labelling.patterns import PatternError, parse_pattern
from newsstance.labelling.rule_file import SHIPPED_RULES, load_rules
from newsstance.labelling.rules import RuleLabeller

WORDS = {"claim": ["claim", "report"]}


def test_pattern_becomes_matcher_tokens() -> None:
    pattern = parse_pattern("rejected|rejects *1 <claim> flatly?", WORDS, frozenset())
    first, gap, claim, last = pattern.tokens
    assert first == {"LOWER": {"IN": ["rejected", "rejects"]}}
    assert gap["OP"] == "?"
    assert claim == {"LOWER": {"IN": ["claim", "report"]}}
    assert last == {"LOWER": "flatly", "OP": "?"}


def test_anchor_is_the_rarest_required_element() -> None:
    assert parse_pattern("no evidence of", {}, frozenset({"no", "of"})).anchors == {"evidence"}
    assert parse_pattern("did n't", {}, frozenset({"did"})).anchors == {"t"}


@pytest.mark.parametrize("text", ["<unknown> word", "word? *2", "- ,", "|"])
def test_unusable_patterns_are_errors(text: str) -> None:
    with pytest.raises(PatternError):
        parse_pattern(text, WORDS, frozenset())


def write(path: Path, **changes: object) -> Path:
    content = yaml.safe_load(SHIPPED_RULES.read_text("utf-8")) | changes
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def test_own_rules_replace_the_shipped_ones(tmp_path: Path) -> None:
    rule = {"name": "pooh", "label": "denial", "patterns": ["pooh - poohed"]}
    labeller = RuleLabeller(load_rules(write(tmp_path / "own.yaml", rules=[rule], version=7)))
    found = labeller.label(["The earl pooh-poohed the report.", "The earl denied the report."])
    assert [[stance.cue for stance in stances] for stances in found] == [["pooh-poohed"], []]
    assert labeller.name.startswith("rules-7+")


RULE = {"name": "r", "label": "denial", "patterns": ["denied"]}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rules": [RULE | {"label": "refusal"}]}, "rule 'r': 'refusal' is none of"),
        ({"rules": [RULE | {"patterns": ["<nowhere>"]}]}, "rule 'r': '<nowhere>' names the word list"),
        ({"rules": [RULE | {"blocks": ["sometimes"]}]}, "rule 'r': 'sometimes' is none of"),
        ({"rules": [RULE | {"lable": "denial"}]}, "rule 'r' has the unknown key 'lable'"),
        ({"rules": [{"name": "r"}]}, "each rule needs name, label and patterns"),
        ({"rules": [RULE, RULE]}, "two rules are called 'r'"),
        ({"rules": [RULE | {"patterns": "denied"}]}, "rule 'r': patterns must be a list"),
        ({"rules": 5}, "rules must be a list"),
        ({"words": {}}, "words needs the list"),
    ],
)
def test_errors_name_the_file_and_the_rule(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    path = write(tmp_path / "own.yaml", **changes)
    with pytest.raises(InputError, match=r"own\.yaml") as error:
        load_rules(path)
    assert told in str(error.value)


def test_missing_and_broken_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such rule file"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("rules: [", "utf-8")
    with pytest.raises(InputError, match="not a YAML file"):
        load_rules(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1", "utf-8")
    with pytest.raises(InputError, match="needs the keys"):
        load_rules(tmp_path / "list.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_rules(tmp_path)

"""The votes table, against figures counted by hand."""

import math

import pytest

from newsstance.labelling.rules import RuleLabeller
from newsstance.labelling.votes import rule_votes, votes_table

VOTES = {
    "one": [["denial"], ["denial"], [], ["acknowledgement", "denial"]],
    "two": [["denial"], ["acknowledgement"], [], []],
    "mute": [[], [], [], []],
}


def test_coverage_overlaps_and_conflicts() -> None:
    table = votes_table(VOTES)
    assert table.loc["one", ["votes", "coverage", "overlaps", "conflicts"]].tolist() == [3, 0.75, 0.5, 0.25]
    assert table.loc["two", ["votes", "coverage", "overlaps", "conflicts"]].tolist() == [2, 0.5, 0.5, 0.25]
    assert table.loc["one", "labels"] == "acknowledgement, denial"
    assert "precision" not in table.columns


def test_sharing_one_of_several_labels_is_no_conflict() -> None:
    table = votes_table({"a": [["acknowledgement", "denial"]], "b": [["denial"]]})
    assert table["conflicts"].tolist() == [0, 0]


def test_precision_counts_labels_not_sentences() -> None:
    table = votes_table(VOTES, gold=[["denial"], [], [], ["denial"]])
    assert table.loc["one", ["correct", "incorrect", "precision"]].tolist() == [2, 2, 0.5]
    assert math.isnan(table.loc["mute", "precision"])


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        votes_table({"a": [[]], "b": [[], []]})
    with pytest.raises(ValueError, match="one length"):
        votes_table({"a": [[]]}, gold=[])


def test_each_rule_votes_by_itself() -> None:
    votes = rule_votes(RuleLabeller(), ["He admitted it but denied the rest.", "He did not deny it.", "It was denied."])
    assert votes["denies"] == [{"denial"}, set(), set()]
    assert votes["admits"] == [{"acknowledgement"}, set(), set()]
    assert "none-denied-access" not in votes

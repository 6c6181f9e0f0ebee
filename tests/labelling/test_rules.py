"""The rule labeller: plain newsroom cues in every tense, and what keeps a cue from counting."""

import json
from pathlib import Path

import pytest
from sklearn.metrics import f1_score

from newsstance.labelling.rules import RuleLabeller
from newsstance.resources import data_dir
from newsstance.stances import to_indicators

A, D, T = "acknowledgement", "denial", "third_party_skepticism"


@pytest.fixture(scope="module")
def labeller() -> RuleLabeller:
    return RuleLabeller()


def labels(labeller: RuleLabeller, sentence: str) -> list[str]:
    return sorted({stance.label for stance in labeller.label([sentence])[0]})


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The mayor denied that she had met the contractor.", D),
        ("The mayor denies meeting the contractor.", D),
        ("The mayor has repeatedly denied meeting the contractor.", D),
        ("Her denial came an hour after the recording was aired.", D),
        ("The shipyard rejected the claims as an invention of its rivals.", D),
        ("Orlin Freight dismissed the allegations on Friday.", D),
        ("The reports are false, a spokeswoman for the shipyard said.", D),
        ("The senator's lawyer called the accusations baseless.", D),
        ("The company said the story was untrue.", D),
        ("He said he had nothing to do with the fire.", D),
        ("The firm said it had no knowledge of the payments.", D),
        ("Ada Brisk pleaded not guilty on Monday.", D),
        ("The bank admitted that its controls had failed.", A),
        ("The bank's chairman admits the controls failed.", A),
        ("The ministry acknowledged heavy losses.", A),
        ("The union conceded that the ballot had been mishandled.", A),
        ("Two of the suspects have confessed.", A),
        ("The airline confirmed that its servers had been breached.", A),
        ("Orlin Freight apologised to the families.", A),
        ("Orlin Freight apologized to the families.", A),
        ("He regrets the remark.", A),
        ("The Red Sickle took responsibility for the blast.", A),
        ("A faction called the Red Sickle claimed responsibility for the blast.", A),
        ("The lender disclosed on Friday that it had lost the records.", A),
        ("Hydrologists doubted the ministry's figures.", T),
        ("The auditors cast doubt on the ministry's figures.", T),
        ("Residents are sceptical of the explanation.", T),
        ("Residents are skeptical of the explanation.", T),
        ("Analysts questioned the ministry's account of the sinking.", T),
        ("Two former divers disputed that version.", T),
        ("The harbour log contradicts the captain's statement.", T),
        ("Investigators found no evidence that the bridge had been mined.", T),
        ("The photograph is a hoax.", T),
        ("The clip shows a fake video of the mayor.", T),
        ("That is not true.", T),
        ("Fact-checkers debunked the recording within a day.", T),
        ("The miracle cure turned out to be sugar.", T),
        ("He was supposedly asleep at the time.", T),
        ("The caption is misleading.", T),
    ],
)
def test_plain_cues_carry_their_label(labeller: RuleLabeller, sentence: str, expected: str) -> None:
    assert labels(labeller, sentence) == [expected]


@pytest.mark.parametrize(
    "sentence",
    [
        "The mayor did not deny the meeting.",
        "The mayor never denied the meeting.",
        "The mayor didn't deny the meeting.",
        "The mayor has yet to admit the mistake.",
        "The mayor refused to admit the mistake.",
        "The mayor stopped short of denying the meeting.",
        "The mayor may have to concede that the plan failed.",
        "If the mayor admits the mistake, she will have to resign.",
        "The mayor would deny it.",
        "Critics urged the mayor to apologise.",
        "The mayor should apologise for the remark.",
        "The mayor declined to comment.",
        "The mayor would neither confirm nor deny the report.",
        "The driver was denied bail.",
        "Two reporters were denied entry to the hall.",
        "The judge denied a motion to move the trial.",
        "The boy was admitted to hospital.",
        "The council rejected the offer.",
        "The council rejected a proposal for a car park.",
        "The league confirmed the schedule.",
        "He was questioned by police for three hours.",
        "Detectives questioned the driver for an hour.",
        "The report could not be independently verified.",
        "Rovers conceded a goal after two minutes.",
        "The photograph turned out to be genuine.",
        "Trains to the coast run every hour.",
    ],
)
def test_blocked_cues_and_other_senses_carry_no_label(labeller: RuleLabeller, sentence: str) -> None:
    assert labels(labeller, sentence) == []


def test_two_stances_in_one_sentence(labeller: RuleLabeller) -> None:
    assert labels(labeller, "He admitted the losses but denied that they amounted to a defeat.") == [A, D]


def test_an_infinitive_counts_when_it_happened(labeller: RuleLabeller) -> None:
    assert labels(labeller, "The ministry was forced to admit the losses.") == [A]
    assert labels(labeller, "The ministry is expected to admit the losses.") == []


def test_who_speaks_decides_between_denial_and_scepticism(labeller: RuleLabeller) -> None:
    assert labels(labeller, "A spokesman for the mine said the report was false.") == [D]
    assert labels(labeller, "Independent researchers said the report was false.") == [T]
    assert labels(labeller, "The report was false.") == [T]  # the narrator


@pytest.mark.parametrize(
    ("sentence", "source", "cue"),
    [
        ("On Monday, the harbour board flatly denied the report.", "the harbour board", "denied"),
        ("Mara Quist, who runs the mill, has denied the report.", "Mara Quist", "denied"),
        ("The mill's owner, Mara Quist, denied the report.", "Mara Quist", "denied"),
        ("“We apologise to the families,” Mara Quist said.", "Mara Quist", "apologise"),
        ("“The story is a hoax,” said Mara Quist.", "Mara Quist", "hoax"),
        ("The photograph is a hoax.", "narrator", "hoax"),
    ],
)
def test_source_and_cue_are_copied_from_the_sentence(
    labeller: RuleLabeller, sentence: str, source: str, cue: str
) -> None:
    stances = labeller.label([sentence])[0]
    assert source in {stance.source for stance in stances}
    assert any(cue in stance.cue for stance in stances)
    assert all(stance.cue in sentence for stance in stances)


def test_every_source_and_cue_stands_in_its_sentence(labeller: RuleLabeller) -> None:
    rows = [json.loads(line) for line in (data_dir() / "corpus" / "war.jsonl").open(encoding="utf-8")]
    for row in rows:
        for stance in labeller.label([row["text"]])[0]:
            assert stance.cue
            assert stance.cue in row["text"]
            assert stance.source in {"", "narrator"} or stance.source in row["text"]


def test_quality_on_a_domain_of_the_shipped_corpus(labeller: RuleLabeller) -> None:
    paths = [Path(data_dir() / "corpus" / f"{name}.jsonl") for name in ("politics", "business")]
    rows = [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]
    gold = [to_indicators(stance["label"] for stance in row["stances"]) for row in rows]
    given = [to_indicators(s.label for s in found) for found in labeller.label([row["text"] for row in rows])]
    assert f1_score(gold, given, average="macro") > 0.45


def test_explain_names_the_rule_and_the_reason(labeller: RuleLabeller) -> None:
    (match,) = labeller.explain("The mayor did not deny the meeting.")
    assert (match.rule, match.cue, match.blocked) == ("denies", "deny", "negated")


@pytest.mark.parametrize(
    "sentence", ["", " ", "\x00", "denied" * 5000, "he denied it " * 20_000, "🙂 denied 🙂", "n't"]
)
def test_odd_sentences_do_no_harm(labeller: RuleLabeller, sentence: str) -> None:
    assert isinstance(labeller.label([sentence])[0], tuple)


def test_name_changes_with_the_rules(labeller: RuleLabeller) -> None:
    assert labeller.name == f"rules-{labeller.rule_file.version}"
    assert len(labeller.rule_file.version.partition("+")[2]) == 8


def test_the_quick_test_of_a_sentence_loses_no_match(labeller: RuleLabeller, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(data_dir() / "corpus" / "diplomacy.jsonl")
    texts = [json.loads(line)["text"] for line in path.open(encoding="utf-8")][:300]
    texts += ["“We didn’t sell it,” he said.", "It can't be, and we hadn't met.", "He cannot deny it."]
    quick = [labeller.explain(text) for text in texts]
    monkeypatch.setattr(labeller, "_candidates", lambda _: list(range(len(labeller.rule_file.rules))))
    assert [labeller.explain(text) for text in texts] == quick

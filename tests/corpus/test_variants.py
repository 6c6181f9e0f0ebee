"""Variants of sentences, and ``newsstance corpus variants``."""

import json
from pathlib import Path
from random import Random

import pytest

from newsstance.commands.main import main
from newsstance.configuration.groups import EncoderConfig
from newsstance.corpus.soft_labels import SOFT_LABELS
from newsstance.corpus.variant_edits import STANCE_EDITS, TEXT_EDITS, EditWords, SentenceEditor
from newsstance.corpus.variants import VARIANT, make_variants
from newsstance.model.word_neighbours import WordNeighbours
from newsstance.stances import LabelledSentence, Stance

DENIAL = LabelledSentence(
    "a",
    0,
    "The harbour master denied the bribe, but he kept the boat.",
    (Stance("denial", "The harbour master", "denied"),),
    extra={"corpus": "letters", SOFT_LABELS: [0.0, 0.9, 0.0]},
)
DOUBT = LabelledSentence(
    "b", 0, "Two divers said the wreck was never searched, but nobody asked them.", (Stance("third_party_skepticism"),)
)
PLAIN = LabelledSentence("c", 0, "The ferry leaves every morning at seven from the old pier.")


def editor() -> SentenceEditor:
    return SentenceEditor([DENIAL, DOUBT], lambda word: ["ship"])


@pytest.mark.parametrize(
    ("edit", "starts"),
    [("cue", "The harbour master "), ("negation", "The harbour master "), ("hypothetical", "The harbour master ")],
)
def test_an_edit_of_the_verb_leaves_the_rest(edit, starts):
    edited = editor().edit(DENIAL.text, edit, Random(1))
    assert edited is not None
    assert edited.startswith(starts)
    assert edited.endswith(" the bribe, but he kept the boat.")
    assert " master denied the" not in edited


def test_the_verb_keeps_its_tense():
    forms = EditWords.load().verbs
    present = {now for _, now, _ in forms.values()}
    for seed in range(20):
        edited = editor().edit("She denies it.", "cue", Random(seed))
        assert edited is not None
        assert edited.split()[1] in present - {"denies"}


def test_a_participle_is_no_finite_verb():
    for edit in STANCE_EDITS:
        assert editor().edit("The rumour was denied at once.", edit, Random(1)) is None


def test_another_source_takes_the_place_of_the_subject():
    edited = [editor().edit(DENIAL.text, "source", Random(seed)) for seed in range(20)]
    assert {text.split(" denied ")[0] for text in edited if text} & {"Outside experts", "A union official"}


def test_clauses_are_cut_out_and_crossed_with_those_of_other_sentences():
    clauses = {editor().edit(DENIAL.text, "clause", Random(seed)) for seed in range(20)}
    assert "The harbour master denied the bribe" in clauses
    crossed = {editor().edit(DENIAL.text, "crossed", Random(seed)) for seed in range(40)}
    assert "The harbour master denied the bribe, but nobody asked them." in crossed
    assert "Two divers said the wreck was never searched, but he kept the boat." in crossed


def test_words_are_exchanged_and_dropped():
    assert "ship" in (editor().edit(PLAIN.text, "words", Random(1)) or "")
    dropped = editor().edit(PLAIN.text, "dropped", Random(3))
    assert dropped is not None
    assert set(dropped.split()) < set(PLAIN.text.split())


@pytest.mark.parametrize("edit", [*STANCE_EDITS, *TEXT_EDITS])
@pytest.mark.parametrize("text", ["", "No", "denied", "said said said", ", , but , "])
def test_what_cannot_be_edited_is_none_or_another_text(edit, text):
    edited = editor().edit(text, edit, Random(0))
    assert edited is None or edited != text


def make(sentences, **options):
    chosen = {"count": 6, "likely_score": 0.1, "others_share": 0.0, "seed": 1} | options
    return make_variants(sentences, lambda word: ["ship", "pier"], **chosen)


def test_variants_are_distinct_and_keep_article_and_fields_but_no_labels():
    variants = make([DENIAL, DOUBT, PLAIN])
    texts = [variant.text for variant in variants]
    assert len(set(texts)) == len(texts) == 12
    assert {variant.doc for variant in variants} == {"a", "b"}, "a sentence without a stance is left alone"
    first = variants[0]
    assert (first.stances, first.extra["corpus"]) == ((), "letters")
    assert SOFT_LABELS not in first.extra, "its sentence's scores are not its own"
    assert all(set(v.extra[VARIANT].split("+")) <= {*STANCE_EDITS, *TEXT_EDITS} for v in variants)


def test_variants_are_the_same_each_time_and_never_a_text_to_be_avoided():
    texts = [variant.text for variant in make([DENIAL, DOUBT])]
    assert [variant.text for variant in make([DENIAL, DOUBT])] == texts
    assert [variant.text for variant in make([DENIAL, DOUBT], seed=2)] != texts
    assert texts[0] not in {variant.text for variant in make([DENIAL, DOUBT], avoid=texts[:1])}


def test_which_sentences_are_varied():
    likely = LabelledSentence("d", 0, PLAIN.text + " So it says.", extra={SOFT_LABELS: [0.0, 0.0, 0.3]})
    assert {v.doc for v in make([DENIAL, likely, PLAIN])} == {"a", "d"}
    assert {v.doc for v in make([DENIAL, likely, PLAIN], likely_score=0.4)} == {"a"}
    assert sum(v.doc == "c" for v in make([DENIAL, PLAIN], others_share=1.0)) == 1


def test_neighbours_are_words_of_the_text_in_one_token(tiny_encoder: Path):
    texts = ["the harbour and the river"] * 3 + ["zyzzyvas zyzzyvas zyzzyvas once"]
    near = WordNeighbours(texts, EncoderConfig(str(tiny_encoder)), count=2)
    assert len(near("river")) == 2
    assert set(near("river")) <= {"the", "harbour", "and"}
    assert near("zyzzyvas") == near("once") == []
    assert WordNeighbours([], EncoderConfig(str(tiny_encoder)))("river") == []


def test_the_command_writes_variants_of_the_training_split_for_training(tmp_path, monkeypatch, tiny_encoder, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"doc": f"a-{n}", "i": i, "text": f"The mayor {verb} bridge {n}, but the town paid.", "labels": [label]}
        for n in range(12)
        for i, (label, verb) in enumerate((("acknowledgement", "admitted"), ("denial", "denied")))
    ]
    Path("mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["corpus=mine.jsonl", f"encoder={tiny_encoder}", "corpus.split.near_duplicate=0"]
    assert main(["corpus", "variants", *words, "output=variants.jsonl"]) == 0
    assert "variants: variants.jsonl" in capsys.readouterr().out
    variants = [json.loads(line) for line in Path("variants.jsonl").read_text().splitlines()]
    assert variants
    assert not any("stances" in variant for variant in variants)
    assert main(["corpus", "split", *words[::2], "output=splits"]) == 0
    training = {json.loads(line)["doc"] for line in Path("splits/train.jsonl").read_text().splitlines()}
    assert {variant["doc"] for variant in variants} <= training < {row["doc"] for row in rows}


@pytest.mark.parametrize("word", ["count=-1", "likely_score=2", "others_share=-0.1"])
def test_numbers_out_of_bounds(word, capsys):
    assert main(["corpus", "variants", word]) == 2
    assert word.split("=")[0] in capsys.readouterr().err

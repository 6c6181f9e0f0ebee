"""Files of soft labels: what is written is read again, by sentence; what is none is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsstance.configuration.groups import CorpusConfig
from newsstance.corpus.loading import load_corpus
from newsstance.corpus.soft_labels import SOFT_LABELS, UNREAD, unread_sentences, with_soft_labels, write_soft_labels
from newsstance.errors import InputError
from newsstance.resources import data_dir
from newsstance.stances import LABELS, LabelledSentence

SENTENCES = [LabelledSentence("a", 0, "The mill denied it."), LabelledSentence("a", 1, "It rained in Orvel.")]


def written(tmp_path: Path) -> Path:
    path = tmp_path / "soft.parquet"
    write_soft_labels(path, SENTENCES, np.array([[0.1, 0.9, 0.0], [0.0, 0.0, 0.25]]))
    return path


def test_scores_come_back_to_their_sentence_and_others_stay_as_they_are(tmp_path):
    stranger = LabelledSentence("b", 0, "Nobody scored this.", extra={"picked": True})
    first, other, second = with_soft_labels([SENTENCES[0], stranger, SENTENCES[1]], written(tmp_path))
    assert first.extra[SOFT_LABELS] == pytest.approx([0.1, 0.9, 0.0], abs=1e-3)
    assert second.extra[SOFT_LABELS] == pytest.approx([0.0, 0.0, 0.25], abs=1e-3)
    assert other == stranger


def test_a_sentence_is_known_by_its_words_whatever_its_white_space(tmp_path):
    (found,) = with_soft_labels([LabelledSentence("z", 5, "The mill\n  denied it.")], written(tmp_path))
    assert SOFT_LABELS in found.extra


def test_the_file_holds_no_text(tmp_path):
    table = pq.read_table(written(tmp_path))
    assert table.column_names == ["sha", *LABELS]
    assert all(len(name) == 12 for name in table["sha"].to_pylist())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"PAR1 is not enough", "is no file of soft labels"),
        (pa.table({"sha": ["0" * 12], "denial": [0.5]}), "is no file of soft labels"),
        (pa.table({"sha": ["0" * 12]} | {label: ["x"] for label in LABELS}), "is no file of soft labels"),
        (
            pa.table({"sha": ["0" * 12]} | {label: [None] for label in LABELS}),
            "no file of soft|not between 0 and 1",
        ),
        (pa.table({"sha": ["0" * 12]} | {label: [1.5] for label in LABELS}), "row 1.*not between 0 and 1"),
        (pa.table({"sha": ["0" * 12]} | {label: [float("nan")] for label in LABELS}), "not between 0 and 1"),
        (pa.table({"sha": ["0" * 12]} | {label: [0.5] for label in LABELS}), "knows none of the sentences"),
    ],
)
def test_bad_files_are_named(tmp_path, content, reason):
    path = tmp_path / "soft.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pq.write_table(content, path)
    with pytest.raises(InputError, match=reason) as caught:
        with_soft_labels(SENTENCES, path)
    assert "soft.parquet" in str(caught.value)


def test_half_precision_is_near_enough(tmp_path):
    scores = np.random.default_rng(0).random((2, 3))
    path = tmp_path / "soft.parquet"
    write_soft_labels(path, SENTENCES, scores)
    found = [sentence.extra[SOFT_LABELS] for sentence in with_soft_labels(SENTENCES, path)]
    assert np.array(found) == pytest.approx(scores, abs=1e-3)


def test_of_unread_sentences_only_those_with_scores_are_used(tmp_path):
    stranger = LabelledSentence("b", 0, "Nobody scored this.")
    (found,) = unread_sentences(with_soft_labels([stranger, SENTENCES[1]], written(tmp_path)))
    assert found.text == SENTENCES[1].text
    assert found.extra[UNREAD]
    assert not found.stances


def test_the_shipped_soft_labels_know_the_shipped_corpus_but_what_is_newer():
    sentences = load_corpus(CorpusConfig(paths=[str(data_dir() / "corpus")]))
    scored = with_soft_labels(sentences, data_dir() / "soft_labels.parquet")
    newer = {s.doc.partition("-")[0] for s in scored if SOFT_LABELS not in s.extra}
    assert newer == {"c4"}, "a sentence that was reworded needs its scores under its new hash"

"""``newsstance predict``: what it says at its end, and its exit code."""

import json

import numpy as np
import pytest

from newsstance.commands.main import main
from newsstance.commands.predict import ModelLoader


class WordScorer:
    model_id = "words"

    def predict_proba(self, sentences, contexts=None):
        words = ("admit", "never", "doubt")
        return np.array([[0.9 if word in s else 0.1 for word in words] for s in sentences], dtype=np.float32)


@pytest.fixture
def predict(tmp_path, monkeypatch):
    """Runs ``newsstance predict`` on three articles and two rows that cannot be read; returns its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelLoader, "__call__", lambda _: WordScorer())
    rows = [
        {"id": "a", "title": "Tides", "text": "Rain fell. Experts doubt it.", "published": "2024-05-02"},
        {"id": "https://b.example/[1]", "title": "Tides", "text": "The firm admits it. Experts doubt it."},
        {"id": "c", "text": "The firm admits it.", "published": "2024-05-01"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n[]\n")
    return lambda *more: main(["predict", "input=in.jsonl", "output=out.jsonl", *more])


ANY = "output.max_rejects=null"


def test_at_the_end_stand_stances_by_label_and_day_the_top_articles_and_the_rejects(predict, capsys):
    assert predict(ANY) == 0
    shown = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert cells == [
        ["3", "5", "2", "0", "2", "2"],
        ["2024-05-01", "1", "0", "0"],
        ["2024-05-02", "0", "0", "1"],
        ["2", "https://b.example/[1]", "Tides"],
        ["1", "a", "Tides"],
        ["1", "c", ""],
    ]
    assert "skepticism" in shown
    assert "…" not in shown
    assert shown.splitlines()[-1] == "rejects: rejects-out.jsonl (2 records)"


def test_a_hostile_title_neither_fills_nor_commands_the_terminal(predict, tmp_path, capsys):
    rows = [{"id": str(n), "title": "\x1b]0;mine\x07" + "a" * 100_000, "text": "The firm admits it."} for n in range(2)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert predict() == 0
    shown = capsys.readouterr().out
    assert "]0;mine" in shown
    assert "\x1b" not in shown
    assert len(shown) < 5000


def test_rows_on_stdout_are_all_that_stands_there(predict, capsys):
    assert predict("output=-", ANY) == 0
    captured = capsys.readouterr()
    assert [json.loads(row)["doc"] for row in captured.out.splitlines()] == [
        "a",
        "a",
        *["https://b.example/[1]"] * 2,
        "c",
    ]
    assert captured.err.splitlines()[-1] == "3 articles, 5 sentences, 2 rejects"


@pytest.mark.parametrize(
    ("allowed", "code"),
    [([], 3), (["output.max_rejects=1"], 3), (["output.max_rejects=2"], 0), (["output.max_rejects=null"], 0)],
)
def test_the_exit_code_and_the_last_line_tell_of_rejects_and_the_rest_is_written(
    predict, tmp_path, capsys, allowed, code
):
    assert predict(*allowed) == code
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "rejects: rejects-out.jsonl (2 records)"
    said = "newsstance predict: 2 records could not be read, more than output.max_rejects="
    last = shown.err.splitlines()[-1]
    assert last.startswith(said) == last.endswith(" (see rejects-out.jsonl; the rest is written)") == bool(code)
    assert len((tmp_path / "rejects-out.jsonl").read_text().splitlines()) == 2
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 5


def test_only_stances_leaves_out_the_other_sentences_and_no_summary(predict, tmp_path):
    assert predict("output.only_stances=true", ANY) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["doc"], row["text"]) for row in rows] == [
        ("a", "Experts doubt it."),
        ("https://b.example/[1]", "The firm admits it."),
        ("https://b.example/[1]", "Experts doubt it."),
        ("c", "The firm admits it."),
    ]
    articles = [json.loads(line) for line in (tmp_path / "articles-out.jsonl").read_text().splitlines()]
    assert [(article["doc"], article["sentences"]) for article in articles] == [
        ("a", 2),
        ("https://b.example/[1]", 2),
        ("c", 1),
    ]

"""``corpus fetch`` on a small made-up public repository: over file://, http and git, with faults of many kinds."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from newsstance.commands.main import main
from newsstance.configuration.groups import CorpusConfig
from newsstance.corpus.fetching import Fetcher
from newsstance.corpus.loading import load_corpus
from newsstance.corpus.soft_labels import read_soft_labels, text_hash
from newsstance.corpus.standoff import read_sources
from newsstance.errors import InputError
from newsstance.resources import data_dir

COMMIT = "0123456789abcdef0123456789abcdef01234567"

BULLETIN = {
    "1": "Velsund's harbour master\n  denied the report.\r\nRain fell, all day.",
    "2": 'Critics called the figures "a fairy tale". Nobody replied.',
}
LETTER = "The mayor admitted the error.\nA crowd waited."


@dataclass
class World:
    """A public repository on disk, the annotations that point into it, and the folder that is fetched into."""

    root: Path
    base: Path = field(init=False)
    upstream: Path = field(init=False)
    annotations: Path = field(init=False)
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.base = self.root / "web"
        self.upstream = self.base / "velsund/news" / COMMIT
        self.annotations = self.root / "annotations"
        self.output = self.root / "output"

    def fetch(self, *options: str) -> int:
        return main(["corpus", "fetch", f"annotations={self.annotations}", f"output={self.output}", *options])

    def over_files(self, *options: str) -> int:
        return self.fetch("confirm=true", f"base_url={self.base.as_uri()}", *options)

    def records(self) -> list[dict[str, Any]]:
        return [s.to_record() for s in load_corpus(CorpusConfig(paths=[str(self.output)]))]

    def unmatched(self) -> list[dict[str, Any]]:
        (path,) = self.root.glob("outputs/corpus_fetch/*/*/unmatched.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


def standoff(
    doc: str, text: str, sentence: str, *stances: tuple[str, str, str], picked: bool = False
) -> dict[str, Any]:
    folded = " ".join(sentence.split())

    def span(part: str) -> Any:
        return part if part in {"", "narrator"} else [folded.index(part), folded.index(part) + len(part)]

    return {
        "doc": doc,
        "start": text.index(sentence),
        "end": text.index(sentence) + len(sentence),
        "sha": hashlib.sha1(folded.encode()).hexdigest()[:12],
        "picked": picked,
        "stances": [{"label": label, "source": span(source), "cue": span(cue)} for label, source, cue in stances],
    }


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    made = World(tmp_path)
    (made.upstream / "letters").mkdir(parents=True)
    made.annotations.mkdir()
    with (made.upstream / "bulletins.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("No", "body"), *BULLETIN.items()])
    (made.upstream / "letters/a b.txt").write_text(LETTER, encoding="utf-8")
    rows = {
        "bulletins": [
            standoff(
                "1",
                BULLETIN["1"],
                "Velsund's harbour master\n  denied the report.",
                ("denial", "Velsund's harbour master", "denied"),
                picked=True,
            ),
            standoff("1", BULLETIN["1"], "Rain fell, all day."),
            standoff(
                "2",
                BULLETIN["2"],
                'Critics called the figures "a fairy tale".',
                ("third_party_skepticism", "Critics", "fairy tale"),
                ("third_party_skepticism", "narrator", ""),
            ),
        ],
        "letters": [
            standoff("a b.txt", LETTER, "The mayor admitted the error.", ("acknowledgement", "", "admitted")),
            standoff("a b.txt", LETTER, "A crowd waited."),
        ],
    }
    common = {"repository": "https://example.org/velsund/news", "commit": COMMIT, "bytes": 210, "licence": "CC0"}
    texts = {
        "bulletins": {"rule": "csv_column", "file": "bulletins.csv", "key": "No", "column": "body"},
        "letters": {"rule": "text_file", "file": "letters/{doc}"},
    }
    (made.annotations / "sources.yaml").write_text(
        yaml.safe_dump({name: common | {"text": text} for name, text in texts.items()})
    )
    for name, file in (("bulletins", "bulletins.csv"), ("letters", "letters/a b.txt")):
        (made.annotations / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[name]))
        (made.annotations / "checksums").mkdir(exist_ok=True)
        digest = hashlib.sha256((made.upstream / file).read_bytes()).hexdigest()
        (made.annotations / f"checksums/{name}.sha256").write_text(f"{digest}  {file}\n")
    return made


class Handler(SimpleHTTPRequestHandler):
    """Serves files, with ranges; can cut the first answers off, or fail."""

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        server: Any = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        path = Path(self.translate_path(self.path))
        if server.failures:
            server.failures -= 1
            self.send_error(503)
        elif not path.is_file():
            self.send_error(404)
        else:
            self.answer(server, path.read_bytes())

    def answer(self, server: Any, content: bytes) -> None:
        begin = 0
        wanted = self.headers.get("Range")
        if wanted and server.knows_ranges:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        part = content[begin:]
        if server.cuts:
            server.cuts -= 1
            part = part[: len(part) // 2]
        self.wfile.write(part)


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("newsstance.corpus.fetching.time.sleep", lambda _: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy of this machine cannot reach the server
    running: Any = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(world.base)))
    running.requests, running.failures, running.cuts, running.knows_ranges = [], 0, 0, True
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def test_without_confirmation_nothing_is_fetched(world, capsys):
    assert world.fetch(f"base_url={world.base.as_uri()}") == 0
    out = capsys.readouterr().out
    for part in ("example.org/velsund/news", "210 bytes", "CC0", "confirm=true", str(world.output)):
        assert part in out
    assert not world.output.exists()


def test_rebuilt_records_are_ordinary_labelled_records(world, capsys):
    assert world.over_files() == 0
    assert "5 sentences in" in capsys.readouterr().out
    first, second, third, fourth, fifth = world.records()
    assert (first["doc"], first["i"], second["i"], third["i"]) == ("bulletins:1", 0, 1, 0)
    assert first["text"] == "Velsund's harbour master denied the report."
    assert first["stances"] == [{"label": "denial", "source": "Velsund's harbour master", "cue": "denied"}]
    assert (first["corpus"], first["picked"], second["picked"]) == ("bulletins", True, False)
    assert third["stances"][1] == {"label": "third_party_skepticism", "source": "narrator", "cue": ""}
    assert (fourth["doc"], fourth["stances"][0]["source"]) == ("letters:a b.txt", "")
    assert fifth["stances"] == []


def test_local_copies_are_read_under_any_of_their_names(world, tmp_path):
    (tmp_path / "copies").mkdir()
    world.upstream.rename(tmp_path / "copies/news")
    assert world.fetch(f"from={tmp_path}/copies") == 0
    assert len(world.records()) == 5
    assert not (world.output / "_sources").exists()


def test_sentences_nobody_has_read_are_rebuilt_apart_from_the_labelled_ones(world, capsys):
    row = standoff("a b.txt", LETTER, "A crowd waited.")
    for name in ("picked", "stances"):
        del row[name]
    (world.annotations / "unlabelled").mkdir()
    (world.annotations / "unlabelled/letters.jsonl").write_text(json.dumps(row) + "\n")
    assert world.over_files() == 0
    out = capsys.readouterr().out
    assert "letters, unlabelled: 1 of 1 rows rebuilt" in out
    assert "5 sentences in " in out
    assert "1 sentences without labels in " in out
    assert len(world.records()) == 5, "the labelled corpus does not hold it"
    (record,) = map(json.loads, (world.output / "_unlabelled/letters.jsonl").read_text().splitlines())
    assert (record["text"], record["stances"]) == ("A crowd waited.", [])


def test_only_some(world):
    assert world.over_files("only=letters") == 0
    assert [path.name for path in world.output.glob("*.jsonl")] == ["letters.jsonl"]
    assert world.over_files("only=[nothing]") == 2


def test_missing_file_leaves_its_rows_unmatched_and_goes_on(world, capsys):
    (world.upstream / "bulletins.csv").unlink()
    assert world.over_files() == 0
    assert len(world.records()) == 2
    assert [row["reason"] for row in world.unmatched()] == ["bulletins.csv is missing"] * 3
    assert "3 rows could not be matched" in capsys.readouterr().out


def test_changed_upstream_keeps_the_rows_that_still_match(world, caplog):
    path = world.upstream / "letters/a b.txt"
    path.write_text(LETTER.replace("A crowd waited", "A crowd cheered"), encoding="utf-8")
    assert world.over_files() == 0
    assert [record["text"] for record in world.records()][3:] == ["The mayor admitted the error."]
    (row,) = world.unmatched()
    assert (row["doc"], row["corpus"]) == ("a b.txt", "letters")
    assert "differs from the one that was labelled" in row["reason"]
    assert row["file"].endswith("letters.jsonl")
    assert row["row"] == 2


def test_wrong_hash_of_a_row_is_not_believed(world):
    path = world.annotations / "letters.jsonl"
    path.write_text(path.read_text().replace('"sha": "', '"sha": "0', 1))
    assert world.over_files() == 0
    assert len(world.records()) == 4
    assert len(world.unmatched()) == 1


def test_nothing_to_rebuild_is_an_error_and_leaves_what_was_rebuilt(world, capsys):
    assert world.over_files() == 0
    before = (world.output / "letters.jsonl").read_bytes()
    assert before
    shutil.rmtree(world.output / "_sources")
    for path in ("bulletins.csv", "letters/a b.txt"):
        (world.upstream / path).unlink()
    assert world.over_files() == 2
    assert "no row could be rebuilt" in capsys.readouterr().err
    assert (world.output / "letters.jsonl").read_bytes() == before


def test_over_http_and_again_without_a_request(world, server, capsys):
    assert world.fetch("confirm=true", f"base_url={server.url}") == 0
    said = capsys.readouterr().out
    assert said.index("CC0") < said.index("rows rebuilt")  # whoever confirms at once is told the licence, too
    assert "nothing has been fetched" not in said
    assert len(world.records()) == 5
    assert sorted(path for path, _ in server.requests) == [
        f"/velsund/news/{COMMIT}/bulletins.csv",
        f"/velsund/news/{COMMIT}/letters/a%20b.txt",
    ]
    server.requests.clear()
    assert world.fetch("confirm=true", f"base_url={server.url}") == 0
    assert server.requests == []


def fetch_bulletins(world: World, server: Any, **options: Any) -> dict[str, str]:
    (source,) = read_sources(world.annotations, ["bulletins"])
    return Fetcher(server.url, **options).fetch(source, world.output, lambda _: None)


def is_whole(world: World) -> bool:
    found = (world.output / "bulletins.csv").read_bytes()
    return found == (world.upstream / "bulletins.csv").read_bytes() and not list(world.output.glob("*.part"))


def test_cut_download_goes_on_where_it_stopped(world, server):
    server.cuts = 2
    assert fetch_bulletins(world, server) == {}
    assert is_whole(world)
    assert server.requests[0][1] is None
    assert all(wanted for _, wanted in server.requests[1:])


def test_cut_download_starts_anew_where_the_server_knows_no_ranges(world, server):
    server.cuts, server.knows_ranges = 1, False
    assert fetch_bulletins(world, server) == {}
    assert is_whole(world)


def test_partial_file_of_an_earlier_run_is_continued(world, server):
    world.output.mkdir()
    (world.output / "bulletins.csv.part").write_bytes((world.upstream / "bulletins.csv").read_bytes()[:20])
    assert fetch_bulletins(world, server) == {}
    assert is_whole(world)
    assert [wanted for _, wanted in server.requests] == ["bytes=20-"]


@pytest.mark.parametrize("size", [20, 10_000])
def test_partial_file_of_something_else_is_thrown_away(world, server, size):
    world.output.mkdir()
    (world.output / "bulletins.csv.part").write_bytes(b"x" * size)
    assert fetch_bulletins(world, server) == {}
    assert is_whole(world)


def test_broken_file_of_an_earlier_run_is_fetched_again(world, server):
    world.output.mkdir()
    (world.output / "bulletins.csv").write_bytes(b"broken")
    assert fetch_bulletins(world, server) == {}
    assert is_whole(world)


def test_server_that_stumbles_is_asked_again_and_one_that_is_down_is_an_error(world, server):
    server.failures = 2
    assert fetch_bulletins(world, server) == {}
    (world.output / "bulletins.csv").unlink()
    server.failures = 99
    with pytest.raises(InputError, match=r"bulletins\.csv: cannot be fetched: .*run the command again"):
        fetch_bulletins(world, server)


def test_file_that_is_far_too_large_is_refused(world, server):
    problems = fetch_bulletins(world, server, max_bytes=10)
    assert "larger than any file" in problems["bulletins.csv"]
    assert not (world.output / "bulletins.csv").exists()


def test_by_git(world, tmp_path, capsys):
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(world.upstream), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    commit = git("rev-parse", "HEAD")
    (world.upstream / "bulletins.csv").write_text("changed later")
    git("commit", "--quiet", "-am", "two")
    path = world.annotations / "sources.yaml"
    path.write_text(
        path.read_text().replace(COMMIT, commit).replace("https://example.org/velsund/news", world.upstream.as_uri())
    )
    assert world.fetch("confirm=true", "method=git") == 0
    assert len(world.records()) == 5
    path.write_text(path.read_text().replace(commit, "f" * 40))
    for kept in (world.output / "_sources").glob("*/bulletins.csv"):
        kept.unlink()
    assert world.fetch("confirm=true", "method=git") == 2
    assert "git fetch failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("sources.yaml", "commit:", "commmit:", "commit, repository, text are needed"),
        ("sources.yaml", COMMIT, "main", "40 hex digits"),
        ("sources.yaml", "repository: ", "repository: --upload-pack=", "the address of a git repository was expected"),
        ("sources.yaml", "text_file", "run_script", "unknown rule 'run_script'"),
        ("checksums/letters.sha256", "letters/", "../", "leads out of the repository"),
        ("letters.jsonl", '"start": 0', '"start": "x"', "letters.jsonl, row 1: is no stand-off annotation"),
        ("letters.jsonl", "acknowledgement", "rumour", "letters.jsonl, row 1: is no stand-off annotation"),
    ],
)
def test_faulty_annotations_are_one_line_errors(world, capsys, name, old, new, message):
    path = world.annotations / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert world.over_files() == 2
    assert message in capsys.readouterr().err


def test_a_span_outside_its_sentence_is_not_believed(world, capsys):
    path = world.annotations / "letters.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    stance = next(stance for row in rows for stance in row["stances"])
    stance["cue"] = [0, 9000]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert world.over_files() == 0
    (unmatched,) = world.output.parent.rglob("unmatched.jsonl")
    assert "lies outside the sentence" in unmatched.read_text()


def test_document_id_cannot_leave_the_folder(world, tmp_path):
    (tmp_path / "secret.txt").write_text(LETTER)
    path = world.annotations / "letters.jsonl"
    path.write_text(path.read_text().replace("a b.txt", "../../../../secret.txt"))
    assert world.over_files() == 0
    assert {row["reason"] for row in world.unmatched()} == {"../../../../secret.txt leads out of the repository"}


@pytest.mark.shared
def test_real_news_is_rebuilt_whole(tmp_path, monkeypatch, shared):
    monkeypatch.chdir(tmp_path)
    assert main(["corpus", "fetch", f"from={shared}/sources", "output=out"]) == 0
    assert not list(tmp_path.glob("outputs/corpus_fetch/*/*/unmatched.jsonl"))
    rebuilt = [s.to_record() for s in load_corpus(CorpusConfig(paths=[str(tmp_path / "out")]))]
    unread = load_corpus(CorpusConfig(paths=[str(tmp_path / "out/_unlabelled")]))
    soft_labels = read_soft_labels(data_dir() / "soft_labels.parquet")
    assert {text_hash(sentence.text) for sentence in unread} <= soft_labels.keys()
    assert {text_hash(record["text"]) for record in rebuilt} <= soft_labels.keys()
    annotated = [path.read_text().splitlines() for path in (data_dir() / "real_news").glob("*.jsonl")]
    assert len(rebuilt) == sum(map(len, annotated))
    with (shared / "real_news/train.jsonl").open(encoding="utf-8") as file:
        given = [json.loads(line) for line in file]
    fields = ("corpus", "doc", "sha", "text")  # some labels were mended since
    missing = {tuple(row[key] for key in fields) for row in given} - {tuple(r[key] for key in fields) for r in rebuilt}
    assert len(missing) < 30, "only what the development set holds as well was left out"
    held = [json.loads(line)["text"] for line in (shared / "real_news/dev.jsonl").open(encoding="utf-8")]
    assert all(get_close_matches(text, held, n=1, cutoff=0.7) for *_, text in missing)
    assert len(given) == 21_429

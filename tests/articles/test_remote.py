"""Files at URLs are read as those on disk, streamed; nothing is fetched that the user did not type."""

import functools
import gzip
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import ClassVar

import fsspec
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml

from newsstance.articles import remote
from newsstance.articles.inputs import find_inputs, fingerprint
from newsstance.articles.reading import read_articles
from newsstance.configuration.groups import ReaderConfig
from newsstance.errors import InputError
from newsstance.resources import configs_dir


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """fsspec's file system in memory, with a folder of texts."""
    system = fsspec.filesystem("memory")
    for name in ("a.txt", "b/c.txt", "b/d.txt.gz", ".hidden.txt"):
        data = f"{name} denied it.".encode()
        system.pipe(f"/news/{name}", gzip.compress(data) if name.endswith(".gz") else data)
    yield system
    system.rm("/news", recursive=True)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; answers requests for ranges where `ranges` says so."""

    ranges = False
    asked: ClassVar[list[str]] = []

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        if self.path.startswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b'{"text": "It denied it."}\n' * 10)
            return
        given = self.headers.get("Range")
        if not (given and self.ranges):
            super().do_GET()
            return
        data = open(self.translate_path(self.path), "rb").read()  # noqa: PTH123, SIM115
        first, last = given.removeprefix("bytes=").split("-")
        part = data[int(first) : int(last) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def end_headers(self) -> None:
        if self.ranges:
            self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


@pytest.fixture(params=[False, True], ids=["whole", "ranges"])
def server(tmp_path, request) -> Iterator[SimpleNamespace]:
    """A web server for ``tmp_path``, with and without ranges: its address and what it was asked for."""
    handler = type("Ranges", (Handler,), {"ranges": request.param, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=tmp_path)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        fsspec.filesystem("http").clear_instance_cache()
        yield SimpleNamespace(address=f"http://127.0.0.1:{running.server_address[1]}", asked=handler.asked)
        running.shutdown()


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("memory://news/a.txt", ["a"]),
        ("memory://news", ["a", "b/c", "b/d"]),
        ("memory://news/**/*.txt", ["a", "b/c"]),
        ("memory://news/*", ["a", "b/c", "b/d"]),
        ("memory://news/b/*.gz", ["d"]),
    ],
)
def test_files_folders_and_globs_at_urls(read, memory, typed, ids):
    articles, rejects = read(typed)
    assert rejects == []
    assert [article.id for article in articles] == ids
    assert articles[0].file.startswith("memory://")
    assert all(article.text.endswith("denied it.") for article in articles)


def test_a_name_with_brackets_is_no_glob_where_that_matches_nothing(memory, read):
    memory.pipe("/news/b/leak [1].txt", b"It denied it.")
    assert [article.id for article in read("memory://news/b/leak [1].txt")[0]] == ["leak [1]"]
    with pytest.raises(InputError, match="the glob matches no file"):
        find_inputs("memory://news/b/leak [2].txt")


@pytest.mark.parametrize("typed", ["memory://news", "memory://news/**"])
def test_placeholders_of_folders_are_left_out(monkeypatch, memory, typed):
    """Consoles of S3 make an empty object ``news/`` to show a folder; s3fs lists it as a file."""
    find = memory.find

    def find_with_placeholder(path: str, detail: bool = False, **options: object) -> dict[str, dict] | list[str]:
        found = find(path, detail=True, **options) | {"/news/b/": {"name": "/news/b/", "size": 0, "type": "file"}}
        return found if detail else list(found)

    monkeypatch.setattr(memory, "find", find_with_placeholder)
    assert [file.id for file in find_inputs(typed)] == ["a", "b/c", "b/d"]


def test_question_marks_and_hashes_are_part_of_names_in_stores(memory, read):
    for name in ("page.csv?id=1", "page.csv?id=2", "posts#1.csv"):
        memory.pipe(f"/news/asked/{name}", b"text\nIt denied it.\n")
    files = find_inputs("memory://news/asked")
    assert [file.id for file in files] == ["page.csv?id=1", "page.csv?id=2", "posts#1"]
    assert [file.format_by_name for file in files] == [None, None, "csv"]


def test_pages_that_only_their_queries_tell_apart_have_ids_of_their_own(tmp_path, page, server):
    (tmp_path / "index.html").write_text(
        f"<a href='{server.address}/page.html?id=1'>1</a> <a href='{server.address}/page.html?id=2'>2</a>"
    )
    (tmp_path / "page.html").write_text(page)
    files = find_inputs(f"{server.address}/page*")
    assert [file.id for file in files] == ["page.html?id=1", "page.html?id=2"]
    assert [file.format_by_name for file in files] == ["html", "html"]


@pytest.mark.parametrize("typed", ["simplecache::memory://news/b", "simplecache::memory://news/b/*"])
def test_chain_that_starts_with_a_cache(memory, read, typed):
    articles, rejects = read(typed)
    assert rejects == []
    assert [article.id for article in articles] == ["c", "d"]
    names = [f"simplecache::memory:///news/b/{name}" for name in ("c.txt", "d.txt.gz")]
    assert [article.file for article in articles] == names


def test_file_url_gives_what_the_path_gives(tmp_path, read, page):
    for name in ("x/1.html", "x/2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(page if name.endswith("html") else "It denied it.")
    by_path, _ = read(tmp_path)
    by_url, rejects = read(f"file://{tmp_path}")
    assert rejects == []
    assert [(a.id, a.text, a.position) for a in by_url] == [(a.id, a.text, a.position) for a in by_path]


def test_web_server(tmp_path, read, page, server):
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(b'{"text": "It denied it."}\n' * 3))
    pyarrow.parquet.write_table(pa.table({"text": ["It denied it."] * 40}), tmp_path / "rows.parquet")
    assert "denied on Monday" in read(f"{server.address}/page.html?from=rss&n[]=1#top")[0][0].text
    assert [a.id for a in read(f"{server.address}/rows.jsonl.gz")[0]] == ["rows:1", "rows:2", "rows:3"]
    assert len(read(f"{server.address}/rows.parquet")[0]) == 40
    with pytest.raises(InputError, match=r"missing\.html"):
        read(f"{server.address}/missing.html")
    assert [a.id for a in read(f"{server.address}/*.html")[0]] == ["page"]


def test_addresses_in_the_files_are_never_fetched(tmp_path, read, page, server):
    address = f"{server.address}/canonical.html"
    (tmp_path / "page.html").write_text(page.replace("https://courier.example/leak", address))
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "It denied it.", "url": address}) + "\n")
    assert [article.url for article in read(tmp_path)[0]] == [address] * 2
    assert server.asked == []


def test_broken_connection_is_a_reject_behind_what_was_read(read, server):
    articles, rejects = read(f"{server.address}/broken.jsonl")
    assert len(articles) <= 10
    assert len(rejects) == 1
    assert "connection broke" in rejects[0].reason or "cannot be opened" in rejects[0].reason


def test_web_file_is_streamed(tmp_path, server):
    rows = b"".join(json.dumps({"text": f"Claim {n} was denied. " + "x" * 900}).encode() + b"\n" for n in range(20_000))
    (tmp_path / "rows.jsonl").write_bytes(rows)  # 19 MB
    articles = read_articles(f"{server.address}/rows.jsonl", ReaderConfig(), lambda reject: None)
    assert next(articles).text.startswith("Claim 0 was denied.")
    ranges = [entry.rpartition("bytes=")[2].split("-") for entry in server.asked if "bytes=" in entry]
    assert sum(int(last) - int(first) + 1 for first, last in ranges) < 7_000_000
    assert sum(1 for _ in articles) == 19_999


@pytest.mark.parametrize("server", [True], indirect=True, ids=["ranges"])
def test_parquet_on_the_web_is_fetched_once(tmp_path, server):
    """Its columns are read in turn, far from each other; no part must be fetched again at each turn."""
    random = Random(0)
    rows = {name: [f"It denied it. {random.randbytes(800).hex()}" for _ in range(4000)] for name in ("text", "a", "b")}
    pyarrow.parquet.write_table(pa.table(rows), tmp_path / "rows.parquet", use_dictionary=False)
    articles = read_articles(f"{server.address}/rows.parquet", ReaderConfig(), lambda reject: None)
    assert sum(1 for _ in articles) == 4000
    ranges = [entry.rpartition("bytes=")[2].split("-") for entry in server.asked if "bytes=" in entry]
    fetched = sum(int(last) - int(first) + 1 for first, last in ranges)
    assert fetched < 1.3 * (tmp_path / "rows.parquet").stat().st_size


def test_zip_with_hostile_names(tmp_path, read):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("../../etc/passwd.txt", "/absolute.txt", "fine/a.txt", "b.txt"):
            archive.writestr(name, "It denied it.")
    (tmp_path / "a.zip").write_bytes(packed.getvalue())
    articles, rejects = read(f"zip://*.txt::file://{tmp_path}/a.zip")
    assert [article.id for article in articles] == ["b"]
    articles, rejects = read(f"zip://::file://{tmp_path}/a.zip")
    assert [article.id for article in articles] == ["../../etc/passwd", "b", "fine/a"], "read, not unpacked"
    assert [reject.file.partition("::")[0] for reject in rejects] == ["zip:///absolute.txt"]


def test_format_is_told_from_the_name_in_the_zip(tmp_path, read):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("posts.csv", "body\nIt denied it.\n")
    articles, rejects = read(f"zip://posts.csv::file://{tmp_path}/a.zip", columns={"text": "body"})
    assert rejects == []
    assert [article.text for article in articles] == ["It denied it."]


def test_missing_package_is_one_line_that_says_what_to_install(monkeypatch):
    def fail(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", fail)
    with pytest.raises(InputError) as caught:
        find_inputs("s3://commoncrawl/news.warc.gz")
    assert str(caught.value) == (
        "s3://commoncrawl/news.warc.gz: a package for s3:// is missing (pip install 'newsstance[remote]')"
    )


@pytest.mark.parametrize("typed", ["memory:://news", "nothing://x", "simplecache::nothing://x", "://x", "::://"])
def test_mistyped_url_is_one_line(typed):
    with pytest.raises(InputError):
        find_inputs(typed)


def test_store_that_fails_is_one_line(monkeypatch):
    def fail(url: str) -> None:
        raise RuntimeError("token\nexpired")

    monkeypatch.setattr(remote, "_resolve", fail)
    with pytest.raises(InputError, match="memory://x: cannot be read: RuntimeError token expired"):
        find_inputs("memory://x")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"LastModified": 1, "ETag": "a"}, {"LastModified": 1, "ETag": "b"}),  # s3fs
        ({"mtime": 1, "updated": "a"}, {"mtime": 2, "updated": "b"}),  # gcsfs
        ({"blob_id": "a"}, {"blob_id": "b"}),  # a repository of the hub
        ({"mtime": 1, "xet_hash": "a"}, {"mtime": 1, "xet_hash": "b"}),  # a bucket of the hub: its user sets the time
        ({"Last-Modified": "a"}, {"Last-Modified": "b"}),  # a web server
    ],
)
def test_state_changes_with_what_stores_tell_of_a_version(monkeypatch, before, after):
    told = [{"size": 7} | before, {"size": 7} | before, {"size": 7} | after]
    monkeypatch.setattr(remote, "_resolve", lambda url: (SimpleNamespace(info=lambda path: told.pop(0)), url))
    first, second, third = (remote.remote_state("any://x") for _ in range(3))
    assert first == second != third


@pytest.mark.parametrize("layout", ["newsstance", "json"])
def test_log_shows_no_line_for_each_request(layout):
    config = yaml.safe_load((configs_dir() / "hydra" / "job_logging" / f"{layout}.yaml").read_text())
    quiet = {name for name, settings in config["loggers"].items() if settings["level"] in ("WARNING", "CRITICAL")}
    assert {"aiobotocore", "botocore", "fsspec", "gcsfs", "httpx", "httpx2"} <= quiet


def test_fingerprint_changes_with_the_files(memory, tmp_path):
    (tmp_path / "a.txt").write_text("It denied it.")
    first = fingerprint(find_inputs(str(tmp_path)))
    assert fingerprint(find_inputs(str(tmp_path))) == first
    (tmp_path / "b.txt").write_text("It denied it.")
    second = fingerprint(find_inputs(str(tmp_path)))
    (tmp_path / "b.txt").write_text("It denied it all.")
    third = fingerprint(find_inputs(str(tmp_path)))
    assert len({first, second, third}) == 3
    remote_first = fingerprint(find_inputs("memory://news"))
    memory.pipe("/news/a.txt", b"longer than it was before")
    assert fingerprint(find_inputs("memory://news")) != remote_first
    assert fingerprint(find_inputs("-")) == ""

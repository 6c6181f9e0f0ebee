"""Hostile content neither raises, hangs, fills the memory nor moves an offset."""

import gzip
import importlib.util
import json
import resource
import sys
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsstance.articles.segmentation import split_sentences
from newsstance.configuration.groups import InputFormat

_SPEC = importlib.util.spec_from_file_location(
    "fuzz_readers", Path(__file__).parents[2] / "scripts" / "fuzz_readers.py"
)
fuzz = sys.modules.setdefault("fuzz_readers", importlib.util.module_from_spec(_SPEC))  # dataclasses look it up
_SPEC.loader.exec_module(fuzz)
fuzz.MAX_SECONDS = 30.0  # a machine that runs tests may be slow, and the first file of a format loads its libraries


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(suffix=st.sampled_from(sorted(fuzz.SEEDS)), mutations=fuzz.MUTATIONS, choice=st.integers(0, 3))
def test_mutated_files_keep_every_promise(tmp_path, suffix, mutations, choice):
    fuzz.check(fuzz.mutate(fuzz.SEEDS[suffix], mutations), suffix, tmp_path, fuzz.Tally(), **fuzz.CONFIGS[choice])


def test_what_the_fuzzer_promises_can_be_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "read_articles", lambda path, config, reject: iter(()))
    with pytest.raises(fuzz.BrokenPromiseError, match="neither an article nor a reject"):
        fuzz.check(b"It denied it.", "txt", tmp_path, fuzz.Tally())


def deep(tag: str, levels: int) -> str:
    return f"<{tag}>" * levels + "The ministry denied on Monday that it hid a leak at the plant."


@pytest.mark.parametrize("tag", ["div", "p", "b", "table", "li", "blockquote", "svg", "font", "a href=x", "template"])
def test_deeply_nested_pages_end_soon(tmp_path, read, tag):
    start = time.process_time()
    for levels in (20_000, 100_000):
        (tmp_path / "a.html").write_text(f"<html><body><article>{deep(tag, levels)}")
        articles, rejects = read(tmp_path / "a.html")
        assert len(articles) + len(rejects) == 1
    assert time.process_time() - start < 30


def write_bomb(path: Path, pack: str, start: bytes, megabytes: int) -> None:
    """Piece by piece: this process must not have held it whole before its memory is measured."""
    packer = zstandard.ZstdCompressor()
    with path.open("wb") as file:
        size = len(start) + megabytes * 1_000_000
        packed = gzip.GzipFile("", "wb", fileobj=file) if pack == "gz" else packer.stream_writer(file, size=size)
        with packed:
            packed.write(start)
            for _ in range(megabytes):
                packed.write(b"a" * 1_000_000)


@pytest.mark.parametrize("pack", ["gz", "zst"])
@pytest.mark.parametrize("format", ["text", "html", "jsonl", "csv", "parquet", "warc"])
def test_bombs_are_unpacked_up_to_the_limit_only(tmp_path, read, pack, format):
    start = {"jsonl": b'{"text": "', "csv": b"id,text\n1,", "warc": b"WARC/1.0\r\nContent-Length: 900000000\r\n\r\n"}
    write_bomb(tmp_path / "a", pack, start.get(format, b"<p>"), megabytes=300)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    articles, rejects = read(tmp_path / "a", format=InputFormat(format), max_record_mb=1)
    assert articles == []
    assert len(rejects) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


HOSTILE_TEXTS = {
    "right to left": "הוא הכחיש. \u202eHe denied it.\u202c \u2067She doubts it.\u2069 They left.",
    "zero width": "He\u200b denied\u200d it.\ufeff \u200bShe doubts\u00ad it.\u2060 They left.",
    "combining": "He denied it" + "\u0301" * 5000 + ". She left.",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 denied it. \U0001f1e9\U0001f1ea left.",
    "separators": "He denied it.\u2028She left.\u2029They stayed.\x85It was late.\x1cIt ended.\x0bIt began.",
    "returns": "He denied it.\r\nShe left.\rThey stayed.\n\rIt was late.",
    "markup": "<script>alert('He denied it.')</script> & <b>She left.</b>",
}


@pytest.mark.parametrize("name", list(HOSTILE_TEXTS))
@pytest.mark.parametrize("format", ["txt", "jsonl"])
def test_text_is_kept_as_it_is_and_offsets_are_exact(tmp_path, read, name, format):
    text = HOSTILE_TEXTS[name]
    content = json.dumps({"text": text}) if format == "jsonl" else text
    (tmp_path / f"a.{format}").write_bytes(content.encode())
    (article,), rejects = read(tmp_path / f"a.{format}")
    assert rejects == []
    assert article.text == text
    sentences = split_sentences(article)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in sentences)
    covered = sum(sentence.end - sentence.start for sentence in sentences)
    assert covered >= len("".join(text.split())) - text.count("\u200b") - text.count("\ufeff")


@pytest.mark.parametrize("unit", ["and he denied it, ", "a", "… ", "((", "“", "Mr. "], ids=range(6))
def test_sentence_of_100_000_characters_is_neither_cut_nor_slow(tmp_path, read, unit):
    text = (unit * 100_000)[:100_000].strip() + "."
    (tmp_path / "a.txt").write_text(text)
    start = time.process_time()
    (article,), _ = read(tmp_path / "a.txt")
    sentences = split_sentences(article)
    assert "".join(sentence.text for sentence in sentences).replace(" ", "") == text.replace(" ", "")
    assert time.process_time() - start < 10
    if unit.startswith("and"):
        assert len(sentences) == 1


def test_huge_line_is_passed_over_without_being_held(tmp_path, read):
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"text": "It denied it."}\n{"text": "')
        for _ in range(100):
            file.write(b"a" * 1_000_000)
        file.write(b'"}\n{"text": "It admits it."}\n')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    articles, rejects = read(tmp_path / "a.jsonl", max_record_mb=1)
    assert [article.id for article in articles] == ["a:1", "a:3"]
    assert [reject.row for reject in rejects] == [2]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KB


def test_scripts_styles_and_hidden_markup_are_no_text(tmp_path, read, page):
    hostile = page.replace(
        "<h2>",
        "<script>document.write('Stolen one was denied.')</script>"
        "<style>p::after{content:'Stolen two was denied.'}</style>"
        "<noscript>Stolen three was denied.</noscript><template><p>Stolen four was denied.</p></template>"
        "<p onclick=\"alert('Stolen five')\">The governor <img src=x onerror=\"alert('Stolen six')\">left.</p><h2>",
    )
    (tmp_path / "a.html").write_text(hostile)
    (article,), _ = read(tmp_path / "a.html")
    assert "The governor" in article.text
    assert "Stolen" not in article.text.replace("Stolen three was denied.", "").replace("Stolen four was denied.", "")


@pytest.mark.parametrize("uri", ["../../../../etc/passwd", "file:///etc/passwd", "https://a.example/%2e%2e/..\\..\\x"])
def test_addresses_in_archives_open_no_file(tmp_path, read, uri):
    (tmp_path / "a.warc").write_bytes(fuzz.warc(uri))
    (article,), rejects = read(tmp_path / "a.warc")
    assert rejects == []
    assert (article.id, article.url) == (uri, uri)
    assert "root:" not in article.text


def test_xml_entities_are_not_expanded(tmp_path, read):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    (tmp_path / "a.xhtml").write_text(
        f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY l0 "It denied it.">{laughs}'
        '<!ENTITY f SYSTEM "file:///etc/passwd">]><html><body><article>'
        "<p>The ministry denied on Monday that it hid a leak. &l11; &f;</p></article></body></html>"
    )
    articles, rejects = read(tmp_path / "a.xhtml")
    assert len(articles) + len(rejects) == 1
    assert all("root:" not in article.text and len(article.text) < 5000 for article in articles)

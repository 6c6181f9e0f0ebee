"""WARC files: pages become articles, other records are passed over, a broken record costs only itself."""

import gzip
import io
import logging
import os
import random
import re
import sys
import zlib

import brotli
import pytest
import zstandard

from newsstance.articles.article import Position, UnreadableError
from newsstance.articles.formats import records_of_warc
from newsstance.articles.http_body import unpack_body
from newsstance.articles.members import DamagedError, Members


def http_response(
    body: bytes, content_type: str = "text/html; charset=utf-8", headers: str = "", status: str = "200 OK"
) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{headers}\r\n".encode() + body


def record(
    block: bytes, uri: str = "https://courier.example/leak", kind: str = "response", headers: str = "", name: str = "1"
) -> bytes:
    media_type = "application/http; msgtype=response" if kind == "response" else "application/warc-fields"
    target = f"WARC-Target-URI: {uri}\r\n" if uri else ""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\n{target}WARC-Record-ID: <urn:uuid:{name}>\r\n"
        f"WARC-Date: 2024-03-08T10:00:00Z\r\nContent-Type: {media_type}\r\n{headers}"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def with_length(record: bytes, length: str) -> bytes:
    return re.sub(rb"Content-Length: \d+", f"Content-Length: {length}".encode(), record, count=1)


def pack(records: list[bytes], how: str) -> bytes:
    """The records in one file: plain, or with one gzip member or Zstandard frame a record."""
    packers = {"plain": bytes, "gz": lambda data: gzip.compress(data, mtime=0), "zst": zstandard.compress}
    return b"".join(packers[how](data) for data in records)


def chunked(data: bytes, size: int = 1000) -> bytes:
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def pages(page: str, count: int) -> list[bytes]:
    return [record(http_response(page.encode()), f"https://courier.example/{n}", name=str(n)) for n in range(count)]


def urls(articles) -> list[str]:
    return [article.url.rpartition("/")[2] for article in articles]


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
def test_pages_are_articles_and_other_records_are_passed_over(tmp_path, read, page, how, caplog):
    records = [
        record(b"software: test\r\n", "", "warcinfo"),
        record(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", kind="request"),
        record(http_response(page.encode()), "https://courier.example/leak?page=1"),
        record(http_response(os.urandom(3000), "image/png"), "https://courier.example/a.png"),
        record(http_response(page.encode(), status="404 Not Found"), "https://courier.example/gone"),
        record(http_response(page.encode(), "application/xhtml+xml"), uri="", name="f-1"),
        record(http_response(page.encode()).replace(b"\r\nContent-Type: text/html; charset=utf-8", b""), "dns:x"),
    ]
    path = tmp_path / f"news.warc.{how}".removesuffix(".plain")
    path.write_bytes(pack(records, how))
    with caplog.at_level(logging.INFO, logger="newsstance"):
        articles, rejects = read(path)
    assert rejects == []
    assert [article.id for article in articles] == ["https://courier.example/leak?page=1", "urn:uuid:f-1"]
    assert articles[0].url == "https://courier.example/leak?page=1"
    assert articles[0].published == "2024-03-07"  # the page's own date, not that of the crawl
    assert articles[0].extra == {"record_id": "urn:uuid:1", "crawled": "2024-03-08T10:00:00Z"}
    assert articles[0].text.startswith("Ministry denies hiding leak at Dornau plant")
    assert articles[0].text == articles[1].text
    assert (
        "2 web pages; passed over: 2 responses that are no HTML, 1 warcinfo records, 1 request records" in caplog.text
    )


def test_page_without_a_date_has_that_of_the_crawl(tmp_path, read, page):
    undated = page.replace('<meta property="article:published_time" content="2024-03-07T10:00:00Z">', "").replace(
        "Copyright 2024", ""
    )
    (tmp_path / "a.warc").write_bytes(record(http_response(undated.encode())))
    assert read(tmp_path / "a.warc")[0][0].published == "2024-03-08T10:00:00Z"


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
def test_format_is_found_without_a_name(tmp_path, read, page, how):
    (tmp_path / "download").write_bytes(pack(pages(page, 2), how))
    assert urls(read(tmp_path / "download")[0]) == ["0", "1"]


def test_stdin_and_gzip_of_a_whole_file(tmp_path, read, page, monkeypatch):
    whole = gzip.compress(b"".join(pages(page, 3)))
    (tmp_path / "a.warc.gz").write_bytes(whole)
    assert urls(read(tmp_path / "a.warc.gz")[0]) == ["0", "1", "2"]
    with (tmp_path / "a.warc.gz").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert urls(read("-")[0]) == ["0", "1", "2"]


CODINGS = {
    "gzip": (gzip.compress, "Content-Encoding: gzip\r\n"),
    "deflate": (zlib.compress, "Content-Encoding: deflate\r\n"),
    "deflate without frame": (bare_deflate, "Content-Encoding: deflate\r\n"),
    "brotli": (brotli.compress, "Content-Encoding: br\r\n"),
    "zstd": (zstandard.compress, "Content-Encoding: zstd\r\n"),
    "chunked": (chunked, "Transfer-Encoding: chunked\r\n"),
    "chunked gzip": (lambda d: chunked(gzip.compress(d)), "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"),
    "two in one header": (lambda d: gzip.compress(zlib.compress(d)), "Content-Encoding: deflate, GZIP\r\n"),
    "gzip said, unpacked by the crawler": (bytes, "Content-Encoding: gzip\r\n"),
    "brotli said, unpacked by the crawler": (bytes, "Content-Encoding: br\r\n"),
    "deflate said, unpacked by the crawler": (bytes, "Content-Encoding: deflate\r\n"),
    "chunks said, joined by the crawler": (bytes, "Transfer-Encoding: chunked\r\n"),
    "identity": (bytes, "Content-Encoding: identity\r\n"),
}


@pytest.mark.parametrize("name", list(CODINGS))
def test_codings_are_undone(tmp_path, read, page, name):
    encode, header = CODINGS[name]
    (tmp_path / "a.warc").write_bytes(record(http_response(encode(page.encode()), headers=header)))
    (tmp_path / "b.html").write_text(page)
    coded, plain = read(tmp_path)[0]
    assert coded.text == plain.text


@pytest.mark.parametrize(
    ("body", "header", "reason"),
    [
        (
            gzip.compress(b"<p>" + bytes(range(256)) * 99)[:200],
            "Content-Encoding: gzip\r\n",
            "gzip body of the page is",
        ),
        (brotli.compress(b"<p>It denied it." * 99)[:20], "Content-Encoding: br\r\n", "br body of the page is"),
        (b"5\r\n<p>It\r\nffff\r\n denied", "Transfer-Encoding: chunked\r\n", "chunked body of the page is"),
        (b"x", "Content-Encoding: rot13\r\n", "unknown way: rot13"),
        (b"x", "Content-Encoding: " + "gzip," * 50 + "\r\n", "more than 4 codings"),
        (gzip.compress(bytes(20_000_000)), "Content-Encoding: gzip\r\n", "larger than 2 MB"),
        (zlib.compress(bytes(20_000_000)), "Content-Encoding: deflate\r\n", "larger than 2 MB"),
        (brotli.compress(bytes(20_000_000), quality=1), "Content-Encoding: br\r\n", "larger than 2 MB"),
        (zstandard.compress(bytes(20_000_000)), "Content-Encoding: zstd\r\n", "larger than 2 MB"),
        (b"<p>It denied it.\0</p>" * 9, "", "null bytes"),
        (b"<html></html>", "", "no article text found"),
    ],
    ids=range(11),
)
def test_body_that_cannot_be_unpacked_is_rejected_with_its_number(tmp_path, read, page, body, header, reason):
    bad = record(http_response(body, headers=header))
    (tmp_path / "a.warc.gz").write_bytes(pack([pages(page, 1)[0], bad, *pages(page, 1)], "gz"))
    articles, rejects = read(tmp_path / "a.warc.gz", max_record_mb=2)
    assert urls(articles) == ["0", "0"]
    assert [reject.row for reject in rejects] == [2]
    assert reason in rejects[0].reason


def test_page_that_the_crawler_cut_is_read(tmp_path, read, page):
    packed = gzip.compress(page.encode())
    cut = http_response(packed[:-12], headers="Content-Encoding: gzip\r\n")
    (tmp_path / "a.warc").write_bytes(record(cut, headers="WARC-Truncated: length\r\n"))
    articles, rejects = read(tmp_path / "a.warc")
    assert rejects == []
    assert "denied on Monday" in articles[0].text


def broken_records(page: str) -> dict[str, bytes]:
    whole = pages(page, 9)[8]
    return {
        "garbage": b"garbage\r\nfoo: bar\r\n\r\n",
        "no length": with_length(whole, "none"),
        "negative length": with_length(whole, "-5"),
        "endless length": with_length(whole, "9" * 40),
        "length too small": with_length(whole, "300"),
        "length too large": with_length(whole, "4000"),
        "length far too large": with_length(whole, "99999999"),
        "no HTTP header": record(b"<html>It denied it.</html>"),
        "endless header": b"WARC/1.0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        "too large": record(http_response(b"<p>It denied it.</p>" * 60_000)),
        "null byte in the address": whole.replace(b"courier.example", b"courier\0example", 1),
    }


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
@pytest.mark.parametrize("name", list(broken_records("")))
def test_broken_record_costs_only_itself(tmp_path, read, page, how, name):
    path = tmp_path / "a.warc"
    good = pages(page, 4)
    path.write_bytes(pack([*good[:2], broken_records(page)[name], *good[2:]], how))
    articles, rejects = read(path, max_record_mb=1)
    assert urls(articles) == ["0", "1", "2", "3"]
    assert {reject.row for reject in rejects} == {3}
    assert all("\n" not in reject.reason and len(reject.reason) < 300 for reject in rejects)


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
def test_cut_file_loses_its_last_record_only(tmp_path, read, page, how):
    path = tmp_path / "a.warc"
    path.write_bytes(pack(pages(page, 3), how)[:-200])
    articles, rejects = read(path)
    assert urls(articles) == ["0", "1"]
    assert [(reject.row, "cut off" in reject.reason) for reject in rejects] == [(3, True)]


@pytest.mark.parametrize("how", ["gz", "zst"])
def test_damaged_member_costs_only_itself(tmp_path, read, page, how):
    draw = random.Random(1)
    whole = [pack([data], how) for data in pages(page, 4)]
    for _ in range(20):
        place = draw.randrange(20, len(whole[1]) - 20)
        damaged = bytearray(whole[1])
        damaged[place : place + 12] = draw.randbytes(12)
        (tmp_path / "a.warc").write_bytes(whole[0] + bytes(damaged) + whole[2] + whole[3])
        articles, rejects = read(tmp_path / "a.warc")
        assert urls(articles)[-2:] == ["2", "3"], place
        assert urls(articles)[0] == "0"
        if how == "gz":  # its checksum finds every damage; these frames have none
            assert len(articles) == 3
            assert [reject.row for reject in rejects] == [2]


def test_frames_with_a_dictionary_are_read(tmp_path, read, page):
    records = pages(page, 3)
    dictionary = zstandard.train_dictionary(2000, [data[k : k + 200] for data in records for k in range(0, 2000, 20)])
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    packed = zstandard.compress(dictionary.as_bytes())
    skippable = b"\x5d\x2a\x4d\x18" + len(packed).to_bytes(4, "little") + packed
    (tmp_path / "a.warc.zst").write_bytes(skippable + b"".join(packer.compress(data) for data in records))
    articles, rejects = read(tmp_path / "a.warc.zst")
    assert (urls(articles), rejects) == (["0", "1", "2"], [])


def test_large_record_that_is_no_page_is_passed_over(tmp_path, read, page):
    video = record(http_response(bytes(3_000_000), "video/mp4"))
    (tmp_path / "a.warc.gz").write_bytes(pack([video, *pages(page, 1)], "gz"))
    articles, rejects = read(tmp_path / "a.warc.gz", max_record_mb=1)
    assert (urls(articles), rejects) == (["0"], [])


def test_file_without_a_page_is_rejected(tmp_path, read):
    (tmp_path / "a.warc").write_bytes(record(b"software: test\r\n", "", "warcinfo"))
    (tmp_path / "b.warc").write_bytes(b"")
    (tmp_path / "c.warc.gz").write_bytes(gzip.compress(b""))
    articles, rejects = read(tmp_path)
    assert articles == []
    assert [reject.reason for reject in rejects] == [
        "no web page in the file (1 warcinfo records)",
        "empty file",
        "no rows in the file",
    ]


def test_bomb_ends_the_file(tmp_path, read, page, monkeypatch):
    monkeypatch.setattr(records_of_warc, "_MAX_SKIPPED", 5_000_000)
    bomb = gzip.compress(b"WARC/1.0\r\nContent-Length: none\r\n\r\n" + bytes(50_000_000))
    (tmp_path / "a.warc.gz").write_bytes(pages(page, 1)[0] and pack(pages(page, 1), "gz") + bomb)
    articles, rejects = read(tmp_path / "a.warc.gz", max_record_mb=1)
    assert urls(articles) == ["0"]
    assert "the rest of the file was not read" in rejects[-1].reason


def test_position_counts_pages_and_broken_records(tmp_path, read, page):
    records = [record(b"", "", "warcinfo"), *pages(page, 2), b"garbage\r\n", *pages(page, 1)]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    articles, rejects = read(tmp_path / "a.warc")
    assert [article.position.record for article in articles] == [0, 1, 3]
    assert rejects[0].position == Position(0, 2)


def test_missing_package_is_said_in_one_line(tmp_path, read, page, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastwarc", None)
    (tmp_path / "a.warc").write_bytes(pages(page, 1)[0])
    assert read(tmp_path / "a.warc")[1][0].reason == "WARC files need a package (pip install 'newsstance[warc]')"


def test_body_is_never_unpacked_beyond_the_limit():
    inner = gzip.compress(gzip.compress(bytes(100_000_000), 9), 9)
    with pytest.raises(UnreadableError, match="larger than"):
        unpack_body(inner, ("gzip", "gzip"), 1_000_000)


@pytest.mark.parametrize("packer", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_member_is_found_behind_much_that_looks_like_one(packer):
    false_starts = packer(b"x")[:4] * 3000
    content = packer(os.urandom(9000))[:4000] + b"\xff" * 60 + false_starts + packer(b"WARC/1.1 found")
    members = Members(io.BufferedReader(io.BytesIO(content)), "gzip" if packer is gzip.compress else "zstd", b"WARC/")
    with pytest.raises(DamagedError):
        list(iter(lambda: members.read(1 << 16), b""))
    assert members.recover()
    assert members.read(99) == b"WARC/1.1 found"

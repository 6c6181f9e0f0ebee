"""Throw hostile files at the readers: none may raise, hang, blow up memory or break an offset.

    python scripts/fuzz_readers.py --seconds 300
    python scripts/fuzz_readers.py --seconds 300 --engine atheris        (pip install atheris)
    python scripts/fuzz_readers.py --replay FILE                         (a file that a run has saved)

A file of each format is mutated: bytes flipped, pieces cut, moved and repeated, hostile pieces put in, then packed,
and mutated again. Hypothesis draws mutations and shrinks what fails; atheris is led by the branches of the code that a
file reaches. Prints how many files were tried, how many articles and rejects came of them, the slowest file and the
peak of memory. What fails is saved under ``--save`` with its traceback.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import io
import json
import logging
import os
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

IS_ATHERIS = "atheris" in sys.argv
if IS_ATHERIS:
    import atheris

with atheris.instrument_imports(include=["newsstance.articles"]) if IS_ATHERIS else nullcontext():
    from newsstance.articles.article import Reject
    from newsstance.articles.reading import read_articles
    from newsstance.articles.segmentation import split_sentences
    from newsstance.configuration.groups import InputFormat, ReaderConfig

    for each in InputFormat:
        if each is not InputFormat.auto:
            importlib.import_module(f"newsstance.articles.formats.{each.value}")

LIMIT_MB = 0.5
MAX_SECONDS, SECONDS_A_RECORD, MAX_GROWTH_MB = 5.0, 0.1, 400.0

TEXT = "Ministry denies leak\n\nThe ministry denied on Monday that it hid a leak. “Nobody was told,” Zoë Holm said.\n"
PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><title>Ministry denies leak</title></head><body><article>'
    "<h1>Ministry denies leak</h1><figure><img><figcaption>A valve at the plant.</figcaption></figure>"
    "<p>The ministry denied on Monday that it hid a leak at the plant, which inspectors doubt.</p>"
    "<p>The operator acknowledged that two pages were missing from the logbook of the hall.</p>"
    "<script>var a = '<p>no text</p>';</script></article></body></html>"
)
ROWS = [
    {"id": "1", "title": "Leak", "text": TEXT, "url": "https://a.example"},
    {"id": 2, "html": PAGE},
    {"sentence": "It denied it.", "context": "He asked."},
]


def warc(uri: str = "https://a.example/../../etc/passwd") -> bytes:
    block = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    body = gzip.compress(PAGE.encode(), mtime=0)
    block += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {uri}\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
        "WARC-Date: 2024-03-08T10:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def parquet() -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"text": [TEXT, None, "It denied it."], "n": [1, 2, 3]}), target)
    return target.getvalue()


SEEDS: dict[str, bytes] = {
    "txt": TEXT.encode(),
    "html": PAGE.encode(),
    "jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode(),
    "csv": b'id,title,text\n1,Leak,"It denied it.\nShe left."\n2,,It admits it.\n',
    "parquet": parquet(),
    "warc": warc() + b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 2\r\n\r\nab\r\n\r\n" + warc("<dns:x>"),
    "": b"",
}
"""A small file of each format, by suffix; "" leaves it to the first bytes."""

PIECES: tuple[bytes, ...] = (
    b"\0",
    b"\xed\xa0\x80",  # half a character in UTF-8
    b"\\ud800",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "\u202e\u2067שלום עולם\u2069".encode(),
    "\u200b\u200d\ufeff\u00ad".encode(),
    "\U0001f469\u200d\U0001f680".encode(),
    b"\r",
    b"\r\n\r\n",
    b"\x1c\x1d\x1e\x85",
    "\u2028\u2029".encode(),
    b'"',
    b",,,",
    b"{" * 50,
    b"[" * 200,
    b"1e999",
    b"-9223372036854775809",
    b"NaN",
    b"<div>" * 2000,
    b"<table><tr><td>" * 500,
    b"<p>",
    b"</article>",
    b"<figure><figcaption>a</figcaption></figure>",
    b"<![CDATA[",
    b"<!--",
    b"<script>",
    b'<meta charset="utf-7">',
    b'<meta charset="base64">',
    b'<?xml version="1.0" encoding="ucs-4"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>',
    b"&c;&#0;&#xD800;&#1114112;",
    b"PAR1",
    b"WARC/1.0\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Encoding: br\r\n",
    b"Content-Encoding: deflate, gzip, zstd\r\n",
    b"WARC-Target-URI: ../../../../../etc/passwd\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"ffffffffffffff\r\n",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\x5d\x2a\x4d\x18\xff\xff\xff\xff",
    b"He said. " * 40,
    b"a" * 5000,
)

Mutation = tuple[str, int, int, int]


def mutate(data: bytes, mutations: list[Mutation]) -> bytes:
    """Apply ``mutations``: what to do, and three numbers that say where and with what."""
    for kind, place, size, choice in mutations:
        at = place % (len(data) + 1)
        end = min(len(data), at + size)
        match kind:
            case "flip":
                data = data[:at] + bytes([choice % 256]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[end:]
            case "stop":
                data = data[:at]
            case "put":
                data = data[:at] + PIECES[choice % len(PIECES)] + data[at:]
            case "repeat":
                data = data[:at] + data[at:end] * (1 + choice % 100) + data[end:]
            case "move":
                rest = data[:at] + data[end:]
                to = choice % (len(rest) + 1)
                data = rest[:to] + data[at:end] + rest[to:]
            case "gzip":
                data = gzip.compress(data, mtime=0)
            case "zstd":
                data = zstandard.compress(data)
            case "bomb":
                data = gzip.compress(data + bytes([choice % 256]) * 3_000_000, 1, mtime=0)
        data = data[:2_000_000]
    return data


KINDS = ("flip", "flip", "cut", "stop", "put", "put", "put", "repeat", "move", "gzip", "zstd", "bomb")
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 5000), st.integers(0, 3000), st.integers(0, 2000)), max_size=8
)
CONFIGS = (
    {},
    {"score_title": True},
    {"encoding": "utf-16"},
    {"columns": {"text": "title", "id": "url"}},
)


@dataclass
class Tally:
    """What was tried so far."""

    files: int = 0
    articles: int = 0
    rejects: int = 0
    slowest: float = 0.0
    slowest_file: str = ""
    reasons: Counter[str] = field(default_factory=Counter)


class BrokenPromiseError(AssertionError):
    """A reader did what it must not."""


def check(data: bytes, suffix: str, folder: Path, tally: Tally, **config: object) -> None:
    """Read ``data`` as a file with ``suffix``.

    Raises:
        BrokenPromiseError: Where reading took too long, too much memory, or gave what it must not.
        Exception: Whatever a reader raised.
    """
    path = folder / f"file.{suffix}".rstrip(".")
    path.write_bytes(data)
    rejects: list[Reject] = []
    before, start = peak_mb(), time.process_time()
    positions = []
    settings = ReaderConfig(workers=0, max_record_mb=LIMIT_MB, **config)  # type: ignore[arg-type]
    for article in read_articles(str(path), settings, rejects.append):
        tally.articles += 1
        positions.append(article.position)
        article.text.encode("utf-8")
        json.dumps(dict(article.extra), allow_nan=True).encode("utf-8")
        for sentence in split_sentences(article):
            promise(article.text[sentence.start : sentence.end] == sentence.text, "a sentence's offsets are wrong")
    seconds = time.process_time() - start
    positions += [reject.position for reject in rejects]
    promise(sorted(positions) == [(0, n) for n in range(len(positions))], f"positions have gaps: {positions[:9]}")
    promise(bool(positions), "neither an article nor a reject")
    for reject in rejects:
        json.dumps(reject.to_record()).encode("utf-8")
        promise("\n" not in reject.reason and len(reject.reason) < 600, f"not one short line: {reject.reason[:900]!r}")
        tally.reasons[reject.reason[:30]] += 1
    allowed = MAX_SECONDS + SECONDS_A_RECORD * len(positions)
    promise(seconds < allowed, f"took {seconds:.1f} s for {len(positions)} records")
    promise(peak_mb() - before < MAX_GROWTH_MB, f"took {peak_mb() - before:.0f} MB more")
    tally.files += 1
    tally.rejects += len(rejects)
    if seconds > tally.slowest:
        tally.slowest, tally.slowest_file = seconds, f"{suffix or 'no suffix'}, {len(data)} bytes"


def promise(is_kept: bool, what: str) -> None:
    if not is_kept:
        raise BrokenPromiseError(what)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


Try = Callable[[bytes, str, int], None]


def run_hypothesis(attempt: Try, seconds: float, seed: int) -> None:
    """Rounds of drawn mutations until the time is over."""
    end = time.monotonic() + seconds

    phases = (Phase.generate, Phase.shrink)
    checks = list(HealthCheck)

    while time.monotonic() < end:
        seed += 1

        @hypothesis_seed(seed)
        @settings(max_examples=500, deadline=None, database=None, phases=phases, suppress_health_check=checks)
        @given(suffix=st.sampled_from(sorted(SEEDS)), start=st.sampled_from(sorted(SEEDS)), mutations=MUTATIONS)
        def one_round(suffix: str, start: str, mutations: list[Mutation]) -> None:
            if time.monotonic() < end:
                # Mostly a file of its own format, at times one of another under a wrong name.
                origin = suffix if len(mutations) != 1 else start
                attempt(mutate(SEEDS[origin], mutations), suffix, len(mutations))

        one_round()


def run_atheris(attempt: Try, seconds: float, seed: int, report_now: Callable[[], None]) -> None:
    """Let libFuzzer grow a corpus; it ends the process itself, so that the last report comes a second before."""
    end = time.monotonic() + seconds - 1
    reported: list[bool] = []

    def one_input(data: bytes) -> None:
        if time.monotonic() > end and not reported:
            reported.append(True)
            report_now()
        provider = atheris.FuzzedDataProvider(data)
        suffix = provider.PickValueInList(sorted(SEEDS))
        attempt(provider.ConsumeBytes(1 << 20), suffix, provider.ConsumeIntInRange(0, 3))

    corpus = Path(tempfile.mkdtemp(prefix="fuzz_readers_corpus_"))
    for suffix, data in SEEDS.items():
        (corpus / (suffix or "none")).write_bytes(data + b"\0\0")
        (corpus / f"{suffix or 'none'}.gz").write_bytes(gzip.compress(data) + b"\0\0")
    arguments = [
        f"-max_total_time={seconds:.0f}",
        f"-seed={seed}",
        "-max_len=200000",
        "-rss_limit_mb=4096",
        "-timeout=60",
    ]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one_input)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--engine", choices=["hypothesis", "atheris"], default="hypothesis")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, default=Path("fuzz_failures"))
    parser.add_argument("--replay", type=Path)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.replay:
            check(options.replay.read_bytes(), options.replay.suffix.removeprefix("."), folder, tally)
            print("read without fault")
            return
        for suffix, data in SEEDS.items():  # what is loaded once does not count as growth
            check(data, suffix, folder, Tally())

        def attempt(data: bytes, suffix: str, choice: int) -> None:
            try:
                check(data, suffix, folder, tally, **CONFIGS[choice % len(CONFIGS)])
            except BaseException as error:
                options.save.mkdir(parents=True, exist_ok=True)
                target = options.save / f"{type(error).__name__}_{tally.files}.{suffix}".rstrip(".")
                target.write_bytes(data)
                target.with_name(target.name + ".traceback").write_text(traceback.format_exc())
                print(f"FAILED: {error!r}: {target}", flush=True)
                raise

        if options.engine == "atheris":
            run_atheris(attempt, options.seconds, options.seed, lambda: report(tally))
            return
        try:
            run_hypothesis(attempt, options.seconds, options.seed)
        finally:
            report(tally)


def report(tally: Tally) -> None:
    print(
        f"{tally.files} files, {tally.articles} articles, {tally.rejects} rejects of {len(tally.reasons)} kinds;"
        f" slowest {tally.slowest:.2f} s of CPU ({tally.slowest_file}); peak {peak_mb():.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

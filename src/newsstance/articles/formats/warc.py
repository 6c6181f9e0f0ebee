"""WARC, the format of web archives: each web page that was answered with success is an article.

The records are found here, so that one that is broken does not cost those behind it, and read by fastwarc.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from newsstance.articles.article import UnreadableError
from newsstance.articles.formats import NumberedRow, Row, RowSettings
from newsstance.articles.formats.html import WebPage
from newsstance.articles.formats.records_of_warc import HEAD, LostError, RecordStream
from newsstance.articles.inflating import Content, too_large
from newsstance.articles.members import DamagedError, Members

LOG = logging.getLogger(__name__)

_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r?$", re.I | re.M)
_HTML = frozenset({"text/html", "application/xhtml+xml"})


def read_warc(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the web pages of a WARC file with the numbers of their records, from 1; other records are passed over.

    Raises:
        UnreadableError: Where there is no web page in it, or fastwarc is not installed.
    """
    fastwarc = _import_fastwarc()
    _check_zstandard(content.compression)
    stream = RecordStream(Members(content.packed, content.compression, b"WARC/"), settings.limit)
    passed_over: Counter[str] = Counter()
    number = rows = pages = 0
    while True:
        number += 1
        try:
            row = _read_record(stream, settings.limit, settings.encoding, fastwarc)
        except EOFError:
            break
        except LostError as error:
            yield number, error
            return
        except DamagedError as error:
            yield number, error
            rows += 1
            if not stream.recover():
                return
            continue
        except UnreadableError as error:
            yield number, error
            rows += 1
            continue
        if isinstance(row, str):
            passed_over[row] += 1
            continue
        yield number, row if rows >= settings.skip else {}
        rows += 1
        pages += 1
    if passed_over:
        kinds = ", ".join(f"{count} {kind}" for kind, count in passed_over.most_common())
        LOG.info("%s: %d web pages; passed over: %s", settings.name, pages, kinds)
        if not rows:
            raise UnreadableError(f"no web page in the file ({kinds})")


def _import_fastwarc() -> Any:
    try:
        from fastwarc import warc
    except ImportError as error:
        raise UnreadableError("WARC files need a package (pip install 'newsstance[warc]')") from error
    return warc


def _check_zstandard(compression: str) -> None:
    if compression == "zstd":
        try:
            import zstandard  # noqa: F401
        except ImportError as error:
            raise UnreadableError("WARC files in Zstandard need a package (pip install 'newsstance[warc]')") from error


def _read_record(stream: RecordStream, limit: int, encoding: str | None, fastwarc: Any) -> Row | str:
    """The next record: its row, or what kind of record was passed over.

    Raises:
        EOFError: Where there is no more record.
        UnreadableError: Where it is broken; ``stream`` then stands at the next one.
    """
    head = stream.read_head()
    length = _LENGTH.search(head)
    if length is None:
        raise stream.reject_head("a WARC record without a valid Content-Length")
    size = int(length[1])
    block = stream.read_block(size) if size <= limit else stream.peek(HEAD)
    start = block[:HEAD]
    head = head[: length.start(1)] + str(len(start)).encode() + head[length.end(1) :]
    try:
        found = _describe(head + start, fastwarc)
    finally:
        if size > limit:
            stream.skip(size)
    if size > limit and not isinstance(found, str):
        raise UnreadableError(too_large(limit))
    if isinstance(found, str):
        return found
    facts, codings, charset, is_cut, offset = found
    page = WebPage(block[offset:], encoding, charset, codings, is_cut, facts["crawled"])
    return facts | {"html": page}


_Found = tuple[dict[str, str], tuple[str, ...], str, bool, int]


def _describe(data: bytes, fastwarc: Any) -> _Found | str:
    """Facts, codings, charset and place of the page of a record that starts with ``data``; its kind where it has none.

    Raises:
        UnreadableError: Where it is no valid record.
    """
    try:
        record = fastwarc.WarcRecord.from_bytes(data)
        headers = record.headers
        kind = (headers.get("WARC-Type") or "unknown").strip().lower()
        if kind != "response":
            return f"{kind[:40]} records"
        if not record.is_http:
            return "responses of other protocols than HTTP"
        block_size = record.content_length
        record.parse_http(auto_decode="none", max_header_len=HEAD, quirks_mode=True)
        http = record.http_headers
        status = http.status_code if http is not None else None
        if status is None:
            raise UnreadableError("a WARC record without a valid HTTP header")
        media_type = _media_type(record.http_content_type or headers.get("WARC-Identified-Payload-Type") or "")
        uri = (headers.get("WARC-Target-URI") or "").strip("<> \t")
        record_id = (headers.get("WARC-Record-ID") or "").strip("<> \t")
        codings = (*http.get_multiple("Content-Encoding"), *http.get_multiple("Transfer-Encoding"))
        charset = record.http_charset or ""
        offset = block_size - record.content_length
        crawled, is_cut = (headers.get("WARC-Date") or "").strip(), bool(headers.get("WARC-Truncated"))
    except OSError as error:
        raise UnreadableError(f"a broken WARC record: {' '.join(str(error).split())[:200]}") from error
    if not 200 <= status < 300:
        return "responses of other status than success"
    if media_type not in _HTML:
        return "responses that are no HTML"
    facts = {"id": uri or record_id, "url": uri, "record_id": record_id, "crawled": crawled}
    names = tuple(name.strip().lower() for coding in codings for name in coding.split(","))
    return facts, names, charset, is_cut, offset


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()

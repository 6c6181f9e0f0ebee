"""From a row (of a table, or made from a whole file) to an article, with every field checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from newsstance.articles.article import Article, Position, Reject, UnreadableError
from newsstance.articles.decoding import UTF8, check_characters
from newsstance.articles.extraction import extract_page
from newsstance.articles.formats import Row
from newsstance.articles.formats.html import WebPage
from newsstance.articles.inflating import too_large
from newsstance.articles.inputs import InputFile

FIELDS = ("id", "title", "text", "html", "url", "published", "sentence", "context")
_KEPT_OF_SENTENCES = frozenset({"title", "text", "html", "url", "published"})
"""What a row with a sentence carries through under the user's names, as its other fields."""


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """How rows become articles.

    Attributes:
        columns: Article field → column, where they differ.
        limit: Largest text in bytes.
        score_title: Put a row's title before its text.
    """

    columns: Mapping[str, str]
    limit: int
    score_title: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it was read, on its way to becoming an article; it can be sent to another process.

    Attributes:
        file: The file it stands in.
        position: Where it stands in the input.
        number: Number of the row in its file; None where the file is the row.
        row: The fields under the user's column names, or what is wrong with it.
        settings: Column names and limits.
    """

    file: InputFile
    position: Position
    number: int | None
    row: Row | UnreadableError
    settings: RecordSettings

    @property
    def page_size(self) -> int:
        """About how many bytes of web page it holds; 0 where there is none to extract an article from."""
        if isinstance(self.row, UnreadableError):
            return 0
        page = self.row.get(self.settings.columns.get("html", "html"))
        return len(page.data) if isinstance(page, WebPage) else len(page) if isinstance(page, str) else 0


def convert(record: Record) -> Article | Reject:
    """Make the article of ``record``, or say why there is none. No content whatever makes it raise."""
    try:
        if isinstance(record.row, UnreadableError):
            raise record.row
        article = to_article(record.row, record.number, record.file, record.settings)
    except UnreadableError as error:
        return record_reject(record, " ".join(str(error).split()))
    except (RecursionError, MemoryError, UnicodeError) as error:
        return record_reject(record, f"cannot be read: {type(error).__name__}")
    return replace(article, position=record.position)


def record_reject(record: Record, reason: str) -> Reject:
    """The report that ``record`` could not be read."""
    return Reject(record.file.name, record.number, reason, record.position)


def to_article(row: Row, number: int | None, file: InputFile, settings: RecordSettings) -> Article:
    """Make the article of ``row``: of its sentence, else its text, else its web page.

    Args:
        row: The fields under the user's column names.
        number: Number of the row in its file; None where the file is one article.
        file: The file it stands in.
        settings: Column names and limits.

    Raises:
        UnreadableError: Where it has none of the three or a field has the wrong type.
    """
    column = {field: settings.columns.get(field, field) for field in FIELDS}
    fields = {field: row.get(column[field]) for field in FIELDS}
    rest = {name: value for name, value in row.items() if name not in column.values()}
    crawled = ""
    if isinstance(fields["html"], WebPage):
        crawled = fields["html"].crawled
        fields["html"], encoding = fields["html"].decode(settings.limit)
        rest |= {} if encoding == UTF8 else {"encoding": encoding}
    given = _id(fields["id"])
    texts = {field: _text(fields[field], column[field], settings.limit) for field in ("sentence", "text", "html")}
    facts = {field: _short_text(fields[field], column[field]) for field in ("title", "url", "published", "context")}
    base = Article(
        id=given or _id_of_file(file, number),
        text="",
        title=facts["title"],
        url=facts["url"],
        published=facts["published"],
        file=file.name,
        extra=rest,
    )
    if texts["sentence"]:
        kept = {name: row[name] for field, name in column.items() if field in _KEPT_OF_SENTENCES and name in row}
        extra = rest | kept | ({"id": fields["id"]} if given else {})
        return replace(base, text=texts["sentence"], is_sentence=True, context=facts["context"], extra=extra)
    if texts["text"]:
        return _from_text(base, texts["text"], settings.score_title)
    if texts["html"]:
        return _from_page(base, texts["html"], crawled)
    empty = [column[field] for field in texts if column[field] in row]
    raise UnreadableError(
        f"{' and '.join(empty)} is empty" if empty else f"no field {column['text']}, html or sentence"
    )


def _from_text(base: Article, text: str, score_title: bool) -> Article:
    if score_title and base.title and not text.lstrip().startswith(base.title):
        text = f"{base.title}\n\n{text}"
    return replace(base, text=text)


def _from_page(base: Article, html: str, crawled: str) -> Article:
    page = extract_page(html)
    return replace(
        base,
        text=page.text,
        title=base.title or page.title,
        url=base.url or page.url,
        published=base.published or page.published or crawled,
        marked=page.marked,
    )


def _id(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124  pandas writes NaN for a missing id
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UnreadableError(f"id is a {type(value).__name__}, not a string or number")
    if isinstance(value, str):
        check_characters(value)
        return value.strip()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _id_of_file(file: InputFile, number: int | None) -> str:
    r"""The id made of the file's name and the row; bytes of the name that are no UTF-8 are spelled out, as ``\xff``."""
    name = file.id.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return name if number is None else f"{name}:{number}"


def _text(value: Any, column: str, limit: int) -> str:
    """A text of the row, "" where it is missing or blank."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableError(f"{column} is a {type(value).__name__}, not text")
    if len(value) > limit or (len(value) * 4 > limit and len(value.encode("utf-8", "surrogatepass")) > limit):
        raise UnreadableError(too_large(limit))
    check_characters(value)
    return value if value.strip() else ""


def _short_text(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        raise UnreadableError(f"{column} is a {type(value).__name__}, not text")
    text = str(value)
    check_characters(text)
    return text.strip()

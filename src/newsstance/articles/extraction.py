"""Find the article in a web page: headline, paragraphs, subheadings and captions, title, address and date.

trafilatura finds the text; this module keeps what it would drop (captions) and what its plain text would lose (which
block is a heading). ``docs/articles.md`` says what it was measured against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from newsstance.articles.article import MarkedSpan, UnreadableError
from newsstance.stances import SentenceKind

_PLAIN_BLOCKS = ("p", "head", "item", "quote", "cell", "row", "table", "list", "ab", "code", "pre", "blockquote")
_BLOCKS = frozenset((*_PLAIN_BLOCKS, "div", "section", "article", "body", "main"))
_SPACE = re.compile(r"\s+")
_BETWEEN = "\n\n"
MAX_PAGE_CHARACTERS, MAX_PAGE_ELEMENTS = 10_000_000, 50_000
"""Above these a page is refused: extraction takes minutes there, and the largest news pages seen have a tenth."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a web page holds.

    Attributes:
        text: Headline and blocks, blank lines between them; white space inside a block is folded.
        title: The headline, without the site's name; "" where none was found.
        url: Canonical address; "" where unknown.
        published: Date (ISO 8601); "" where unknown.
        marked: Kinds of the blocks: headline, subheading, caption, in order.
    """

    text: str
    title: str
    url: str
    published: str
    marked: tuple[MarkedSpan, ...]


Block = tuple[str, SentenceKind]


def extract_page(html: str) -> Page:
    """Find the article in ``html``.

    Raises:
        UnreadableError: Where there is none.
    """
    import trafilatura

    if len(html) > MAX_PAGE_CHARACTERS:
        raise UnreadableError(f"a web page of more than {MAX_PAGE_CHARACTERS:,} characters")
    try:
        tree = trafilatura.load_html(html)
        if tree is None:
            raise UnreadableError("no article text found in the HTML")
        if sum(1 for _ in tree.iter()) > MAX_PAGE_ELEMENTS:
            raise UnreadableError(f"a web page of more than {MAX_PAGE_ELEMENTS:,} elements")
        captions = _free_captions(tree)
        headings = [_fold("".join(heading.itertext())) for heading in tree.iter("h1")]
        document: Any = trafilatura.bare_extraction(tree, with_metadata=True, include_comments=False)
    except UnreadableError:
        raise
    except Exception as error:  # pages are hostile, and trafilatura has no error class of its own
        raise UnreadableError(f"the HTML cannot be parsed: {type(error).__name__}") from error
    if document is None or document.body is None:
        raise UnreadableError("no article text found in the HTML")
    blocks = list(_blocks(document.body, captions))
    title = _headline(_fold(document.title or ""), document.sitename or "", headings, blocks[:3])
    blocks = _with_headline(blocks, title)
    if not any(kind == "body" for _, kind in blocks):
        raise UnreadableError("no article text found in the HTML")
    text, marked = _join(blocks)
    return Page(text, title, document.url or "", document.date or "", marked)


def _free_captions(tree: Any) -> set[str]:
    """Turn the captions of figures into paragraphs, since trafilatura drops whole figures; returns their texts."""
    captions = set()
    for caption in list(tree.iter("figcaption")):
        text = _fold("".join(caption.itertext()))
        figure = next(caption.iterancestors("figure"), None)
        if not text or figure is None or figure.getparent() is None:
            continue
        captions.add(text)
        paragraph = caption.makeelement("p")
        paragraph.text, paragraph.tail = text, figure.tail
        figure.tail = None
        figure.addnext(paragraph)
        caption.getparent().remove(caption)
    return captions


def _blocks(body: Any, captions: set[str]) -> Iterator[Block]:
    """The blocks of text below ``body`` in order.

    Text outside of any block is the link or emphasis between two halves of a paragraph, which trafilatura takes apart
    on pages that break paragraphs with <br>; it is joined with the block before it and the one after it.
    """
    pieces: list[tuple[str, str]] = []  # (text, tag of the innermost block)
    for text, tag in _texts(body):
        if pieces and "" in (tag, pieces[-1][1]) and tag != "head":
            pieces[-1] = (f"{pieces[-1][0]} {text}".replace(" '", "'").replace(" ’", "’"), tag or "")
        else:
            pieces.append((text, tag))
    seen: set[str] = set()
    for text, tag in pieces:
        is_caption = text in captions
        if (is_caption and text in seen) or not any(character.isalnum() for character in text):
            continue  # captions stand twice where a page shows a picture in two sizes; rules and spacers are no text
        seen.add(text)
        yield text, "caption" if is_caption else "subheading" if tag == "head" else "body"


def _texts(body: Any) -> Iterator[tuple[str, str]]:
    """Runs of text with the tag of the leaf block that holds them; "" for text between blocks."""
    has_blocks = {parent for element in body.iter() if element.tag in _BLOCKS for parent in element.iterancestors()}
    stack = [body]
    while stack:
        element = stack.pop()
        if isinstance(element, str):
            yield element, ""
        elif element not in has_blocks:
            text = _fold("".join(element.itertext()))
            if text:
                yield text, element.tag if element.tag in _BLOCKS else ""
        else:
            inside = [element.text, *(part for child in element for part in (child, child.tail))]
            stack += [
                _fold(part) if isinstance(part, str) else part
                for part in reversed(inside)
                if part is not None and (not isinstance(part, str) or part.strip())
            ]


def _headline(title: str, site: str, headings: list[str], first_blocks: list[Block]) -> str:
    """The page's top heading, else its title without the site's name.

    Logos are top headings too, so that one counts that stands in the article itself or shares its words with the title.
    """
    for heading in headings:
        if len(_words(heading)) > 1 and (heading, "subheading") in first_blocks:
            return heading
    for heading in headings:
        shared = _words(heading) & _words(title)
        if len(_words(heading)) > 1 and (2 * len(shared) >= len(_words(heading)) or not title):
            return heading
    for separator in (" | ", " - ", " – ", " — "):
        head, found, tail = title.rpartition(separator)
        if found and site and _words(tail) & _words(site):
            return head
    return title


def _with_headline(blocks: list[Block], title: str) -> list[Block]:
    """``blocks`` with the headline marked, put first where the page's text does not hold it."""
    if not title:
        return blocks
    for k, (text, _) in enumerate(blocks[:3]):
        if text.casefold() == title.casefold():
            return [*blocks[:k], (text, "headline"), *blocks[k + 1 :]]
    return [(title, "headline"), *blocks]


def _join(blocks: list[Block]) -> tuple[str, tuple[MarkedSpan, ...]]:
    marked: list[MarkedSpan] = []
    start = 0
    for text, kind in blocks:
        if kind != "body":
            marked.append(MarkedSpan(start, start + len(text), kind))
        start += len(text) + len(_BETWEEN)
    return _BETWEEN.join(text for text, _ in blocks), tuple(marked)


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}


def _fold(text: str) -> str:
    return _SPACE.sub(" ", text).strip()

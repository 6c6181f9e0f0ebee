"""Measure sentence segmenters and HTML extractors: speed, and errors on tricky cases and on real pages.

    python scripts/bench_articles.py [--pages ../shared/pages] [--seed-article ../shared/seed_article.txt]

Libraries that are not installed are left out: ``pip install pysbd syntok nupunkt resiliparse`` adds them.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from newsstance.articles.extraction import extract_page
from newsstance.articles.formats.html import decode_page
from newsstance.articles.segmentation import split_line

Segmenter = Callable[[str], list[str]]

# Each entry is a paragraph, given as its sentences; they are joined by a space unless one ends in a line break.
TRICKY: tuple[tuple[str, ...], ...] = (
    # Dates and times
    ("The audit began on Mar. 25 in Dornau.", "It ended a week later."),
    ("On Wed. Sept. 3, the board of Halm & Vey met.", "Nobody spoke afterwards."),
    ("Talks resume at 9 a.m. on Monday.", "Ms. Orlin will chair them."),
    ("The blackout started at 5 p.m.", "Engineers blamed a relay."),
    ("He arrived at 7 p.m. Tuesday and left at once.", "No one saw him."),
    ("The vote is on Feb. 3.", "The count follows on Feb. 4."),
    # Titles, ranks, initials
    ("Mr. J. R. Tolland met Dr. A. Veyra and Prof. Quill.", "They agreed on nothing."),
    ("Gen. Marek Ostrand denied it.", "Lt. Col. Pia Denholt did not."),
    ("Sen. Tobias Wrenfield, D-Mass., called it untrue.", "Rep. Lena Marsh agreed."),
    ("Gov. Hale and Lt. Gov. Stroud left.", "St. Alden was quiet."),
    ("The letter was signed by K. Brandt.", "It was dated June 4."),
    ("Harlan Grieve Jr. said so.", "His father, Harlan Grieve Sr., disagreed."),
    ("The plan was drawn up by Grieve Jr.", "The mayor rejected it."),
    ("J. P. Corrin, M.D., examined the samples.", "They were clean."),
    # Countries, organisations
    ("The U.S. said it would wait.", "The U.K. did not comment."),
    ("He flew to the U.S.", "The visit lasted a day."),
    ("The U.S. Treasury froze the accounts.", "The U.N. Security Council met."),
    ("Orvane Inc. said the leak was small.", "Pellworth Corp. said otherwise."),
    ("The shares belong to Brightmoor Ltd.", "The company denies it."),
    ("Quarrel Bros. Ltd. v. Tamsin Co. was settled in 2019.", "Both sides claimed victory."),
    ("Police in Washington, D.C. made two arrests.", "Both men deny the charges."),
    # Quotes
    ('He called it a "huge mistake."', "The minister disagreed."),
    ('"We did nothing wrong," Orlin said.', '"We never have."', "She then left the room."),
    ("“It is false,” she said.", "“We never met.”", "The court rose."),
    ("“Did he pay? No. He never did,” Marsh said.",),
    ('"Is it true?" asked the judge.', "The witness nodded."),
    ('"Get out!" he shouted.', "The reporters left."),
    ("She said: 'There was no deal.'", "The union doubts it."),
    ("‘No one was paid,’ the club said.", "‘No one will be.’", "Fans laughed."),
    ('The report said the dam was "safe".', "Engineers disputed that."),
    ('He spoke of "a lie."', "Then he hung up."),
    ('"We regret it. We are sorry," the firm wrote.',),
    ("“We were wrong.”", "“So were we.”"),
    ('"They knew," he said.', '"They always knew."'),
    # Numbers
    ("See No. 10 in the annex for details.", "It runs to 40 pages."),
    ("Growth slowed to 3.5 percent from 4.2.", "Analysts had expected 3.9."),
    ("The fine was $1.2 million.", "Orvane paid in Jan. 2019."),
    ("It cost 4.5 bn. crowns in all.", "Nobody was charged."),
    ("Article 5 of the treaty, para. 2, forbids it.", "The ministry disagrees."),
    ("Version 2.0.1 fixed the fault.", "Users still complain."),
    ("Shares fell 3.1%.", "They had risen 2% on Friday."),
    # Ellipses, dashes, brackets
    ("He paused... then denied everything.", "Nobody believed him."),
    ("“I don't know… maybe,” she said.", "The line went dead."),
    ("We waited for an answer...", "None came."),
    ("The firm (which made no comment) is based in Dornau.", "It has 40 staff."),
    ("He had lied before.", "(He admits that.)", "This time he had proof."),
    ("The minister (and his aide, Mr. Holm) left early.", "Both deny it."),
    ("The claim [sic] was wrong.", "It was withdrawn."),
    # Datelines, wires
    ("DORNAU, March 7 (Continental News) - The ministry denied the report on Thursday.", "It gave no details."),
    ("PELL CITY, Ala. (CN) — A judge dismissed the case.", "Prosecutors will appeal."),
    ("VELLIN (CN) -- Officials conceded a delay.", "Work resumes in Aug. or later."),
    # Questions, exclamations
    ("Was it a mistake?", "Yes.", "Will it happen again?", "No!"),
    ("Who knew?!", "Nobody, says Orlin."),
    ("Yahoo! declined to comment.", "So did Orvane."),
    # Addresses, web, abbreviations
    ("Read the file at https://example.org/a.b?c=d.html before noon.", "It is 3 MB."),
    ("Write to press@orvane.example.", "Replies take a day."),
    ("Orvane.com was down.", "Node.js was blamed."),
    ("It deals in ores, e.g. tin, i.e. the usual.", "Profits rose."),
    ("They sell tin, zinc, etc.", "The rest is imported."),
    ("The depot on Elm St. burned down.", "The one on Oak Ave. did not."),
    ("Orvane vs. Pellworth was heard in Oct. and Nov.", "A ruling is due."),
    ("Approx. 300 people came.", "Est. damage was 2 m. crowns."),
    ("Mt. Corrin and Ft. Hale were closed.", "Rte. 9 was open."),
    # Lists, line breaks
    ("What we know:\n", "1. The dam held.\n", "2. The siren failed.\n", "3. No one was hurt."),
    ("- The ministry denies it.\n", "- The union does not.\n", "• Nobody was charged."),
    (
        "Ministry Denies Leak\n",
        "The ministry denied a leak on Monday.\n",
        "\n",
        "Reporting by P. Holm; Editing by A. Veyra",
    ),
    # Small letters and digits after a stop
    ("Sales fell.", "iPhone rivals gained."),
    ("He left in 2019.", "40 others followed."),
)


def paragraph(sentences: tuple[str, ...]) -> str:
    """The text that ``sentences`` make."""
    return "".join(s if s.endswith("\n") else s + " " for s in sentences).strip()


def expected(sentences: tuple[str, ...]) -> list[str]:
    return [s.strip() for s in sentences if s.strip()]


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def ours(line: str) -> list[str]:
    return [line[start:end] for start, end in split_line(line)]


def sentencex_alone() -> Segmenter:
    import sentencex

    return lambda line: [s.strip() for s in sentencex.segment("en", line) if s.strip()]


def pysbd_segmenter() -> Segmenter:
    import pysbd

    segmenter = pysbd.Segmenter(language="en", clean=False)
    return lambda line: [s.strip() for s in segmenter.segment(line) if s.strip()]


def syntok_segmenter() -> Segmenter:
    from syntok import segmenter

    def segment(line: str) -> list[str]:
        sentences = [s for block in segmenter.analyze(line) for s in block]
        return [line[s[0].offset : s[-1].offset + len(s[-1].value)] for s in sentences]

    return segment


def spacy_sentencizer() -> Segmenter:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return lambda line: [s.text.strip() for s in nlp(line).sents if s.text.strip()]


def nupunkt_segmenter() -> Segmenter:
    from nupunkt import sent_tokenize

    return lambda line: [s.strip() for s in sent_tokenize(line) if s.strip()]


SEGMENTERS: dict[str, Callable[[], Segmenter]] = {
    "newsstance (sentencex + rules)": lambda: ours,
    "sentencex": sentencex_alone,
    "pysbd": pysbd_segmenter,
    "syntok": syntok_segmenter,
    "spaCy sentencizer": spacy_sentencizer,
    "nupunkt": nupunkt_segmenter,
}


def segment_text(segment: Segmenter, text: str) -> list[str]:
    return [sentence for line in lines_of(text) for sentence in segment(line)]


def tricky_errors(segment: Segmenter) -> list[tuple[tuple[str, ...], list[str]]]:
    """The tricky paragraphs that ``segment`` gets wrong, with what it makes of them."""
    return [(case, found) for case in TRICKY if (found := segment_text(segment, paragraph(case))) != expected(case)]


def is_seed_right(segment: Segmenter, article: Path) -> str:
    labels = article.with_suffix(".labels.jsonl")
    if not labels.exists():
        return "-"
    right = [json.loads(line)["text"] for line in labels.read_text("utf-8").splitlines()]
    found = segment_text(segment, article.read_text("utf-8"))
    return "exact" if found == right else f"{len(set(right) - set(found))} of {len(right)} wrong"


def measure_segmenters(text: str, seed: Path, console: Console, show: bool) -> None:
    table = Table("segmenter", "sentences/s", "tricky paragraphs wrong", "seed article", title="Sentence segmentation")
    for name, make in SEGMENTERS.items():
        try:
            segment = make()
        except ImportError:
            table.add_row(name, "not installed", "", "")
            continue
        segment_text(segment, text[:2000])
        start = time.perf_counter()
        count = len(segment_text(segment, text))
        speed = count / (time.perf_counter() - start)
        errors = tricky_errors(segment)
        table.add_row(name, f"{speed:,.0f}", f"{len(errors)} of {len(TRICKY)}", is_seed_right(segment, seed))
        if show:
            for case, found in errors:
                console.print(f"[{name}] {expected(case)}\n    became {found}", markup=False)
    console.print(table)


@dataclass
class Found:
    """What an extractor finds on a page."""

    title: str
    date: str
    text: str


def extract_ours(html: str) -> Found:
    page = extract_page(html)
    return Found(page.title, page.published, page.text)


def extract_trafilatura(html: str) -> Found:
    import trafilatura

    document: Any = trafilatura.bare_extraction(html, with_metadata=True, include_comments=False)
    return Found(document.title or "", document.date or "", document.text or "")


def extract_trafilatura_fast(html: str) -> Found:
    import trafilatura

    document: Any = trafilatura.bare_extraction(html, with_metadata=True, include_comments=False, fast=True)
    return Found(document.title or "", document.date or "", document.text or "")


def extract_resiliparse(html: str) -> Found:
    parse = importlib.import_module("resiliparse.parse.html")
    html2text = importlib.import_module("resiliparse.extract.html2text")
    tree = parse.HTMLTree.parse(html)
    text = html2text.extract_plain_text(tree, main_content=True, alt_texts=False, comments=False)
    return Found(tree.title or "", "", text)


EXTRACTORS: dict[str, Callable[[str], Found]] = {
    "newsstance (trafilatura + captions, headings)": extract_ours,
    "trafilatura": extract_trafilatura,
    "trafilatura fast=True": extract_trafilatura_fast,
    "resiliparse": extract_resiliparse,
}

# Lines that stand on pages around articles, never in them.
_FURNITURE = re.compile(
    r"skip to|sign up|subscribe|newsletter|advertisement|share (this|on)|cookies?\b|your browser|min(ute)? read"
    r"|follow us|all rights reserved|read more|click here|breaking news$|log ?in\b|download (our|the) app",
    re.IGNORECASE,
)


@dataclass
class PageFacts:
    """What a page says of itself, independent of every extractor."""

    headings: list[str]
    date: str
    captions: list[str]
    body: set[str]


def facts_of(html: str) -> PageFacts:
    """Top headings, publication date, captions and article body as the page's markup and JSON-LD have them."""
    from lxml import html as lxml_html

    tree = lxml_html.fromstring(html.encode("utf-8"), parser=lxml_html.HTMLParser(encoding="utf-8"))
    dates = re.findall(r'"datePublished"\s*:\s*"(\d{4}-\d\d-\d\d)', html)
    headings = [fold(h.text_content()) for h in tree.iter("h1")]
    captions = [fold(c.text_content()) for c in tree.iter("figcaption") if len(fold(c.text_content())) > 20]
    bodies = re.findall(r'"articleBody"\s*:\s*("(?:[^"\\]|\\.)*")', html)
    texts = [json.loads(body, strict=False) for body in bodies]
    body = max(texts, key=len, default="")
    sentences = {fold(s) for s in segment_text(ours, unescape(re.sub(r"<[^>]+>", " ", unescape(body)))) if len(s) > 40}
    return PageFacts(headings, dates[0] if dates else "", list(dict.fromkeys(captions)), sentences)


def fold(text: str) -> str:
    return " ".join(text.split())


def measure_extractors(pages: list[str], console: Console) -> None:
    facts = [facts_of(html) for html in pages]
    with_body = sum(len(fact.body) > 5 for fact in facts)
    table = Table(
        "extractor",
        "pages/s",
        "title",
        "date",
        "body",
        "captions",
        "furniture",
        title=f"HTML extraction, {len(pages)} pages",
    )
    for name, extract in EXTRACTORS.items():
        try:
            extract(pages[0])
        except ImportError:
            table.add_row(name, "not installed")
            continue
        start = time.perf_counter()
        found = [extract(html) for html in pages]
        speed = len(pages) / (time.perf_counter() - start)
        titles = sum(
            fold(f.title).casefold() in {h.casefold() for h in fact.headings}
            for f, fact in zip(found, facts, strict=True)
        )
        dates = sum(f.date[:10] == fact.date for f, fact in zip(found, facts, strict=True) if fact.date)
        bodies = [share_of(fact.body, f.text) for f, fact in zip(found, facts, strict=True) if len(fact.body) > 5]
        captions = sum(c in fold(f.text) for f, fact in zip(found, facts, strict=True) for c in fact.captions)
        furniture = sum(bool(_FURNITURE.search(line)) and len(line) < 120 for f in found for line in lines_of(f.text))
        table.add_row(
            name,
            f"{speed:.0f}",
            f"{titles} of {len(pages)}",
            f"{dates} of {sum(bool(fact.date) for fact in facts)}",
            f"{sum(bodies) / max(1, with_body):.1%}",
            f"{captions} of {sum(len(fact.captions) for fact in facts)}",
            str(furniture),
        )
    console.print(table)
    console.print(
        "title: equals a top heading of the page; date: equals the page's JSON-LD; body: share of the sentences of the "
        f"JSON-LD article body found ({with_body} pages have one); captions: <figcaption> texts found, those of "
        "related stories among them; furniture: short lines such as 'Sign up' left in the text."
    )


def share_of(sentences: set[str], text: str) -> float:
    squeezed = re.sub(r"\W", "", text)
    return sum(re.sub(r"\W", "", sentence) in squeezed for sentence in sentences) / len(sentences)


def read_pages(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.html*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield decode_page(data, None)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, default=Path("../shared/pages"), help="folder of HTML pages")
    parser.add_argument("--seed-article", type=Path, default=Path("../shared/seed_article.txt"))
    parser.add_argument("--errors", action="store_true", help="show each paragraph that a segmenter gets wrong")
    arguments = parser.parse_args()
    console = Console(width=120)
    pages = list(read_pages(arguments.pages)) if arguments.pages.is_dir() else []
    texts = [extract_page(html).text for html in pages]
    text = "\n".join(texts) if texts else "\n".join(paragraph(case) for case in TRICKY) * 20
    measure_segmenters(text, arguments.seed_article, console, arguments.errors)
    if pages:
        measure_extractors(pages, console)


if __name__ == "__main__":
    main()

"""Fixtures of the tests of article reading: invented articles, and the folder of real pages where it is there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from newsstance.articles.article import Article, Reject
from newsstance.articles.reading import read_articles
from newsstance.configuration.groups import ReaderConfig

Read = Callable[..., tuple[list[Article], list[Reject]]]


@pytest.fixture
def read() -> Read:
    """Reads an input to its end: the articles and the rejects."""

    def _read(source: object, **config: object) -> tuple[list[Article], list[Reject]]:
        rejects: list[Reject] = []
        return list(read_articles(str(source), ReaderConfig(**config), rejects.append)), rejects

    return _read


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared"
    if not folder.is_dir():
        pytest.skip("no folder ../shared beside the checkout")
    return folder


# A page as publishers write it: long lines.
# ruff: noqa: E501
PAGE = """<!doctype html><html><head><title>Ministry denies hiding leak at Dornau plant - Dornau Courier</title>
<meta property="og:site_name" content="Dornau Courier"><link rel="canonical" href="https://courier.example/leak">
<meta property="article:published_time" content="2024-03-07T10:00:00Z"><script>var stolen = "script text";</script></head>
<body><nav><a href="/">Home</a><a href="/sport">Sport</a></nav><article>
<h1>Ministry denies hiding leak at Dornau plant</h1>
<figure><img src="x.jpg"><figcaption>Workers inspect a valve at the plant last week.</figcaption></figure>
<p>The ministry denied on Monday that it hid a leak at the plant. “No one was told to stay quiet,” minister Ada Holm said.</p>
<p>Inspectors from the regional office doubt that account, and they have asked for the logbooks of the whole year.</p>
<h2>What the logbooks say</h2>
<p>The operator, Orvane Ltd., acknowledged that two pages were missing from the logbook of its <b>second</b> reactor hall.</p>
<p>Residents of the lower town said that they were warned only by a neighbour, hours after the valve had failed.</p>
</article><footer>Copyright 2024 Dornau Courier</footer></body></html>
"""


@pytest.fixture
def page() -> str:
    """An invented news page."""
    return PAGE

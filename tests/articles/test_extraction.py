"""Web pages: headline, paragraphs, subheadings and captions in order, each with its kind; nothing of the furniture."""

import pytest

from newsstance.articles.article import Article, UnreadableError
from newsstance.articles.extraction import extract_page
from newsstance.articles.segmentation import split_sentences


def sentences(html: str) -> list[tuple[str, str]]:
    page = extract_page(html)
    article = Article("a", page.text, title=page.title, marked=page.marked)
    return [(s.kind, s.text) for s in split_sentences(article)]


def test_page_is_read_in_order_with_kinds(page):
    assert [(kind, text[:40]) for kind, text in sentences(page)] == [
        ("headline", "Ministry denies hiding leak at Dornau pl"),
        ("caption", "Workers inspect a valve at the plant las"),
        ("body", "The ministry denied on Monday that it hi"),
        ("body", "“No one was told to stay quiet,” ministe"),
        ("body", "Inspectors from the regional office doub"),
        ("subheading", "What the logbooks say"),
        ("body", "The operator, Orvane Ltd., acknowledged "),
        ("body", "Residents of the lower town said that th"),
    ]


def test_title_address_and_date_are_found(page):
    found = extract_page(page)
    assert found.title == "Ministry denies hiding leak at Dornau plant"
    assert found.url == "https://courier.example/leak"
    assert found.published == "2024-03-07"


def test_scripts_and_navigation_are_left_out(page):
    text = extract_page(page).text
    assert "stolen" not in text
    assert "Sport" not in text


def test_site_name_is_cut_from_the_title_where_there_is_no_heading(page):
    html = page.replace("<h1>Ministry denies hiding leak at Dornau plant</h1>", "")
    assert extract_page(html).title == "Ministry denies hiding leak at Dornau plant"
    assert extract_page(html).text.startswith("Ministry denies hiding leak at Dornau plant\n\n")


def test_heading_that_is_a_logo_is_not_the_headline(page):
    html = (
        page.replace("<nav>", "<h1>Courier</h1><nav>")
        .replace("<head>", '<head><meta property="og:title" content="Ministry denies hiding leak at Dornau plant">')
        .replace("<h1>Ministry", "<h2>Ministry")
        .replace("plant</h1>", "plant</h2>")
    )
    assert extract_page(html).title.startswith("Ministry denies")


def test_marked_spans_are_the_blocks(page):
    found = extract_page(page)
    texts = {mark.kind: found.text[mark.start : mark.end] for mark in found.marked}
    assert texts["caption"] == "Workers inspect a valve at the plant last week."
    assert texts["subheading"] == "What the logbooks say"


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("", "no article text"),
        ("<html></html>", "no article text"),
        ("<p>x</p>" * 60_000, "elements"),
        ("<p>" + "x" * 10_000_001, "characters"),
        ("<" * 10_000, "no article text"),
    ],
)
def test_page_without_article_is_unreadable(html, reason):
    with pytest.raises(UnreadableError, match=reason):
        extract_page(html)


@pytest.mark.shared
def test_real_pages_are_all_read(shared, read):
    articles, rejects = read(shared / "pages")
    assert rejects == []
    assert len(articles) == len(list((shared / "pages").glob("*.html.gz")))
    for article in articles:
        found = split_sentences(article)
        assert article.title, article.id
        assert article.url.startswith("https://"), article.id
        assert article.published.startswith("20"), article.id
        assert sum(s.kind == "headline" for s in found) == 1, article.id
        assert sum(s.kind == "body" for s in found) > 5, article.id
        assert all(article.text[s.start : s.end] == s.text for s in found)

"""Kinds: what the words and the place of a line say it is, and what they must not be taken for."""

import pytest

from newsstance.articles.article import Article
from newsstance.articles.kinds import headline_of, kind_by_words
from newsstance.articles.reading import read_articles
from newsstance.articles.segmentation import split_sentences
from newsstance.configuration.groups import ReaderConfig
from newsstance.resources import data_dir

CASES = {
    "link": [
        "Read Also: Orvane Denies Second Leak",
        "READ MORE",
        "READ MORE: Minister Quits",
        "Read more at https://courier.example/leak",
        "Related Article: Orvane Denies Second Leak",
        "RELATED | Orvane Denies Second Leak",
        "See also: Dornau plant timeline",
        "More on this story",
        "MORE: Orvane denies second leak",
        "Click here to get the app",
    ],
    "caption": [
        "(Photo: Workers at the plant. P. Holm/Meridian Wire)",
        "(Photo : Photo by P. HOLM / POOL / AFP)",
        "FILE PHOTO: The plant in Dornau, March 4.",
        "FILE - The plant in Dornau.",
        "Pictured: Ada Holm outside the court",
        "In this file photo, Ada Holm leaves the court.",
        "Ada Holm leaves the court in Dornau (Image: P. Holm/Getty Images)",
        "Ada Holm leaves the court in Dornau, March 4. REUTERS/Pia Denholt",
        "The plant was closed for two days. Photograph: Pia Denholt/AFP",
    ],
    "credit": [
        "Reporting by P. Holm in Dornau; Editing by A. Veyra",
        "(Reporting by P. Holm and Ada Vey; Writing by J. Orlin)",
        "Additional reporting by Pia Denholt",
        "By Pia Denholt",
        "Photo by Pia Denholt",
        "(Photo by PIA DENHOLT/POOL/AFP via Getty Images)",
        "(Reuters)",
        "Pia Denholt/Getty Images",
        "© 2024 Dornau Courier",
        "Copyright 2024 Dornau Courier. All rights reserved.",
        "Meridian writer Pia Denholt contributed to this report.",
    ],
    None: [
        "Reporting by the newspaper showed that the ministry had known.",
        "By Monday the plant was closed.",
        "By all accounts, the minister lied.",
        "Related claims were denied by the ministry.",
        "More on this was promised by the minister.",
        "Photo editors at the paper denied altering the picture.",
        "The photo: a fake, says the ministry, made by a machine in another country.",
        "The picture was taken in 2019, the agency said.",
        "Watch out for fakes, the ministry said.",
        "Copyright law forbids it, the company said.",
        "Editing by the censors was denied.",
        "Source code was stolen, Orvane conceded.",
        "VELSTADT (Reuters) - The ministry denied it.",
        "(He denies that.)",
        "Pictured as a villain by the press, he denies everything.",
    ],
}


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in CASES.items() for line in lines])
def test_kind_by_words(kind, line):
    assert kind_by_words(line) == kind


def kinds(text: str, title: str = "") -> list[str]:
    return [s.kind for s in split_sentences(Article("a", text, title=title))]


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("Ministry Denies Leak\n\nThe ministry denied it.", "Ministry Denies Leak"),
        ("Ministry Calls Leak a 'Huge Lie'\nThe ministry denied it.", "Ministry Calls Leak a 'Huge Lie'"),
        ("The ministry denied it.\n\nIt said so twice.", ""),
        ("He called it 'a lie.'\n\nIt said so twice.", ""),
        ("Ministry Denies Leak", ""),
        ("- a list item\n- another one", ""),
        ("By Pia Denholt\n\nThe ministry denied it.", ""),
        ("a" * 300 + "\n\nThe ministry denied it.", ""),
    ],
)
def test_headline_is_a_short_first_line_without_final_punctuation(text, headline):
    assert headline_of(text) == headline
    assert (kinds(text, headline)[0] == "headline") == bool(headline)


def test_line_that_is_the_title_is_the_headline_even_with_punctuation():
    assert kinds("Dornau\nDid the ministry  lie?\n\nIt denies it.", "Did the Ministry Lie?") == [
        "body",
        "headline",
        "body",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It denied it.\n\nWhat Comes Next\n\nIt said so.", ["body", "subheading", "body"]),
        ("It denied it.\nWhat Comes Next\nIt said so.", ["body", "subheading", "body"]),
        ("It denied it.\n\nIt said\nthat the leak\nwas small.", ["body"] * 4),
        ("It denied it.\n\n- a list item\n\nIt said so.", ["body", "body", "body"]),
        ("It denied it.\n\nthe end of a line\n\nIt said so.", ["body", "body", "body"]),
        ("It denied it.\n\nWhat Comes Next", ["body", "body"]),
    ],
)
def test_subheading_is_a_short_line_that_stands_alone(text, expected):
    assert kinds(text) == expected


def test_shipped_example_article_holds_every_kind(tmp_path):
    (article,) = read_articles(str(data_dir() / "example" / "article.txt"), ReaderConfig(), pytest.fail)
    found = {s.kind: s.i for s in reversed(split_sentences(article))}
    assert found == {"headline": 0, "caption": 1, "body": 2, "subheading": 6, "link": 15, "credit": 26}

"""The page is one file that asks nobody for anything, and a stranger's text stays text in it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from athanor.engine.findings import Severity
from athanor.engine.profile_page.page import MOST_CARDS, About, profile_page
from athanor.engine.profiling.distributions import ValueCount
from athanor.engine.readers import Reject
from support.profiles import (
    a_correlation,
    a_finding,
    a_number,
    a_profile,
    a_vector,
    an_association,
    some_times,
    some_words,
)

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; onload='x",
    "</style></script></title><b>",
    "&amp;&#x3c;",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil\N{HEBREW LETTER ALEF}",
    "\x00\x1b[31m\n",
    "",
    "  ",
    "x" * 10_000,
    "javascript:alert(1)",
]


@dataclass
class Seen(HTMLParser):
    """A page taken apart: every element with its attributes, and the text between them."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "input", "br"}:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.elements if name == tag and attributes.items() <= found.items()]


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    parser.close()
    assert parser.opened == []
    return parser


def a_full_profile():
    return a_profile(
        target="town",
        findings=(a_finding("'size' gives the target away", "size", severity=Severity.SERIOUS), a_finding()),
        associations=(an_association("size", 0.75), an_association("day", 0.25)),
        correlations=a_correlation("size", "weight"),
    )


ABOUT = About(
    name="flats.csv",
    read="csv, 12 KB, 0.1 s",
    warnings=("The encoding is Windows-1252.",),
    rejects=(Reject(line=17, reason="5 fields, the header has 4", text="a,b,c,d,e"),),
    n_rejected=3,
)


@pytest.fixture(scope="module")
def page() -> str:
    return profile_page(a_full_profile(), ABOUT)


def test_every_element_is_closed_where_it_was_opened(page):
    assert page.startswith("<!doctype html>\n<html ")
    assert seen(page).all("html", lang="en")


def test_nothing_refers_to_anything_outside(page):
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page
    assert "url(" not in page
    assert "@import" not in page
    found = seen(page)
    assert {tag for tag, _ in found.elements}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "form"})
    for tag, attributes in found.elements:
        assert attributes.keys().isdisjoint({"src", "srcset", "action", "style", "data", "poster"}), tag
        assert not any(name.startswith("on") for name in attributes), tag
        assert attributes.get("href", "#").startswith("#")


def test_the_policy_allows_the_page_s_own_style_and_script_and_nothing_else(page):
    [policy] = [each["content"] for each in seen(page).all("meta") if each.get("http-equiv")]
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_every_link_leads_somewhere(page):
    found = seen(page)
    places = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    links = {each["href"].removeprefix("#") for each in found.all("a")}
    assert links
    assert links <= places


def test_it_says_what_the_table_is_and_how_it_was_read(page):
    text = seen(page).text
    for told in ("flats.csv", "csv, 12 KB, 0.1 s", "100", "1.2 %", "The encoding is Windows-1252.", "town"):
        assert told in text


def test_rejected_rows_are_shown_with_their_lines_and_the_rest_is_counted(page):
    text = seen(page).text
    for told in ("Rows that could not be read", "17", "5 fields, the header has 4", "a,b,c,d,e", "and 2 more"):
        assert told in text


def test_a_finding_says_its_severity_in_a_word_and_a_sign_and_leads_to_its_columns(page):
    assert re.search(r"✕</span> serious.*'size' gives the target away.*href=\"#c0\"", page, re.DOTALL)
    assert re.search(r"▲</span> warning.*half of it is missing", page, re.DOTALL)


def test_a_table_without_findings_says_so():
    assert "Nothing stands out." in profile_page(a_profile(), About(name="a.csv"))


def test_every_column_has_a_row_and_a_card(page):
    found = seen(page)
    assert len(found.all("article")) == 4
    assert {each["id"] for each in found.all("tr") if "id" in each} == {"r0", "r1", "r2", "r3"}
    for name in ("size", "town", "day", "embedding"):
        assert found.texts.count(name) >= 2


def test_every_picture_says_in_words_what_it_shows_or_is_hidden_from_who_cannot_see_it(page):
    drawings = seen(page).all("svg")
    assert drawings
    for each in drawings:
        assert each.get("aria-hidden") == "true" or (each["role"] == "img" and each["aria-label"])


def test_heads_of_tables_say_what_they_are_heads_of(page):
    assert all(each.get("scope") in {"col", "row"} for each in seen(page).all("th"))


def test_a_histogram_tells_the_rows_of_each_bin(page):
    assert "<title>25 to 50: 60 rows</title>" in page
    assert re.search(r"<title>2024-03-01 to 2024-04-13: 50 rows</title>", page)


def test_associations_are_bars_with_the_measures_they_come_from(page):
    text = seen(page).text
    assert "With the target" in text
    assert "Pearson -0.75" in text


def test_correlations_are_shown_in_hundredths_with_their_sign(page):
    assert 'class="minus-2">\N{MINUS SIGN}50<' in page
    assert 'class="plus-5">100<' in page


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_a_stranger_s_text_stays_text(text):
    top = (ValueCount(value=text, rows=90), ValueCount(value=text + "2", rows=10))
    column = some_words(text, top=top, reason=text)
    profile = a_profile(
        column,
        a_number("y" + text),
        target=text,
        findings=(a_finding(text, text),),
        associations=(an_association("y" + text, 0.5),),
        correlations=a_correlation(text, "y" + text),
    )
    about = About(
        name=text,
        read=text,
        warnings=(text,),
        rejects=(Reject(line=1, reason=text, text=text),),
        n_rejected=1,
    )
    tame = profile_page(a_profile(some_words("a", reason="a"), a_number("b")), About(name="a"))
    page = profile_page(profile, about)
    found = seen(page)
    assert len(found.all("script")) == len(found.all("style")) == 1
    assert {tag for tag, _ in found.elements} <= {tag for tag, _ in seen(tame).elements} | {"code", "ul", "li", "a"}
    assert all(each["href"].startswith("#") for each in found.all("a"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", page)
    assert len(page) < 60_000


def test_a_name_that_is_longer_than_the_page_is_wide_is_cut_and_says_so():
    page = profile_page(a_profile(a_number("x" * 10_000)), About(name="a.csv"))
    assert "x…" in page
    assert "x" * 500 not in page


def test_of_many_columns_all_stand_in_the_table_and_the_most_interesting_have_a_card():
    columns = [a_number(f"n{position}") for position in range(1000)]
    profile = a_profile(
        *columns,
        target="n999",
        findings=(a_finding("odd", "n998"),),
        associations=(an_association("n997", 0.5),),
    )
    page = profile_page(profile, About(name="wide.csv"))
    found = seen(page)
    assert len([each for each in found.all("tr") if each.get("id", "").startswith("r")]) == 1000
    cards = {each["id"] for each in found.all("article")}
    assert len(cards) == MOST_CARDS
    assert {"c999", "c998", "c997", "c0"} <= cards
    assert "The 200 most interesting of 1,000 columns" in page
    assert len(page) / 1000 < 3_000


@pytest.mark.parametrize(
    "column",
    [
        a_number(minimum=1.0, maximum=1.0, histogram=None, quantiles=None),
        a_number(minimum=None, maximum=None, mean=None, std=None, histogram=None, quantiles=None, distinct=0),
        a_number(minimum=-1e308, maximum=1e308),
        some_words(top=(), distinct=0, length=None),
        some_words(top=None, distinct=0, length=None),
        some_times(first=None, last=None, histogram=None, distinct=0),
        a_vector(norm=None, zero_share=None),
    ],
)
def test_a_column_without_values_or_spread_is_shown_too(column):
    assert column.name in seen(profile_page(a_profile(column), About(name="a.csv"))).text


def test_a_table_without_rows_is_shown_too():
    empty = a_profile(some_words(top=None, distinct=0, length=None), n_rows=0, counted_rows=0, profiled_rows=0)
    assert "town" in seen(profile_page(empty, About(name="a.csv"))).text


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"counted_rows": 50, "profiled_rows": 50}, "All figures are of a sample of 50 rows."),
        ({"profiled_rows": 50}, "Counts are of all rows; quantiles, histograms and associations of a sample of 50 row"),
    ],
)
def test_a_sample_is_called_one(rows, told):
    assert told in profile_page(a_profile(**rows), About(name="a.csv"))


def test_the_same_profile_gives_the_same_page(page):
    assert profile_page(a_full_profile(), ABOUT) == page

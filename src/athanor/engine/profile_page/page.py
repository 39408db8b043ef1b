"""The page: head, facts, findings, what goes with the target, the table of columns, and the cards."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from athanor.engine.findings import Finding
from athanor.engine.profile_page.cards import card
from athanor.engine.profile_page.charts import strip
from athanor.engine.profile_page.findings import findings_section, rejects_section
from athanor.engine.profile_page.html import Html, element
from athanor.engine.profile_page.overview import kind, overview
from athanor.engine.profile_page.relations import correlations_section, target_section
from athanor.engine.profile_page.summary import most_interesting
from athanor.engine.profiling.profile import Profile
from athanor.engine.readers import Reject
from athanor.engine.words import count, share, visible

MOST_CARDS = 200  # a card is about 8 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of the table beside its profile, in words to be shown."""

    name: str
    read: str = ""  # how it was read: format, size, time
    warnings: Sequence[str] = ()
    rejects: Sequence[Reject] = ()
    n_rejected: int = 0


def profile_page(profile: Profile, about: About) -> str:
    """One HTML document without a single reference to anything outside itself."""
    style, script = _file("page.css"), _file("page.js")
    cards = frozenset(most_interesting(profile, MOST_CARDS))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{visible(about.name)}: profile"),
        element("style", style),
    )
    main = element(
        "main",
        findings_section(profile, about.warnings, cards),
        rejects_section(about.rejects, about.n_rejected),
        target_section(profile, cards),
        element("section", element("h2", "Columns"), overview(profile, cards), id="overview"),
        correlations_section(profile.correlations),
        _cards(profile, cards),
    )
    foot = element("footer", "Made by Athanor from the file alone. This page loads nothing and sends nothing.")
    body = element("body", _header(profile, about), main, foot, element("script", script))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def page_policy() -> str:
    """The Content-Security-Policy for a server to send: what the pages state, and what no page can state itself."""
    return f"{_policy(_file('page.css'), _file('page.js'))}; frame-ancestors 'none'; sandbox allow-scripts"


def _header(profile: Profile, about: About) -> Html:
    cells = profile.counted_rows * len(profile.columns)
    missing = sum(column.missing for column in profile.columns)
    facts = [
        ("rows", count(profile.n_rows)),
        ("columns", count(len(profile.columns))),
        ("missing cells", share(missing, cells)),
    ]
    if about.n_rejected:
        facts.append(("rows not read", count(about.n_rejected)))
    if profile.target is not None:
        facts.append(("target", visible(profile.target, 40)))
    shown = [element("div", element("dt", name), element("dd", element("bdi", told))) for name, told in facts]
    return element(
        "header",
        element("h1", element("bdi", visible(about.name))),
        element("p", visible(about.read, 200), class_="soft") if about.read else None,
        element("dl", *shown, class_="facts"),
        _types(profile),
        _sample(profile),
        class_="top",
    )


def _types(profile: Profile) -> Html:
    """How many columns of each type, as a strip and in words."""
    first = {column.type: column for column in reversed(profile.columns)}
    amounts = sorted(
        ((name, sum(column.type == name for column in profile.columns)) for name in first),
        key=lambda each: (-each[1], each[0]),
    )
    told = ", ".join(f"{count(amount)} {name}" for name, amount in amounts)
    legend = element("p", *(element("span", kind(first[name]), f" {count(amount)}") for name, amount in amounts))
    return element("div", strip([(f"t-{name}", n) for name, n in amounts], f"Types: {told}"), legend, class_="types")


def _sample(profile: Profile) -> Html | None:
    if profile.counted_rows < profile.n_rows:
        told = f"All figures are of a sample of {count(profile.counted_rows, 'row')}."
    elif profile.profiled_rows < profile.n_rows:
        told = (
            f"Counts are of all rows; quantiles, histograms and associations of a sample of "
            f"{count(profile.profiled_rows, 'row')}."
        )
    else:
        return None
    return element("p", told, class_="soft")


def _cards(profile: Profile, cards: frozenset[int]) -> Html:
    findings: dict[str, list[Finding]] = {profile.columns[position].name: [] for position in cards}
    for finding in profile.findings:
        for name in finding.columns:
            if name in findings:
                findings[name].append(finding)
    associations = {each.column: each for each in profile.associations}
    shown = []
    for position in sorted(cards):
        name = profile.columns[position].name
        shown.append(card(profile, position, findings=findings[name], association=associations.get(name)))
    told = None
    if len(cards) < len(profile.columns):
        told = (
            f"The {count(len(cards))} most interesting of {count(len(profile.columns), 'column')}: the target, those "
            "that findings name, and those that go with the target. The others are in the table."
        )
    return element(
        "section",
        element("h2", "One by one"),
        element("p", told, class_="soft") if told else None,
        element("div", *shown, class_="cards"),
    )


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, and nothing runs but what this module wrote."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _file(name: str) -> Html:
    return Html(files(__package__).joinpath(name).read_text("utf-8"))

"""What is to be known before the table is used: findings, notes of the reading, and rows that could not be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from athanor.engine.findings import Finding, Severity
from athanor.engine.profile_page.html import Html, element
from athanor.engine.profiling.profile import Profile
from athanor.engine.readers import Reject
from athanor.engine.words import count, visible

SHOWN_NAMES = 12
SHOWN_REJECTS = 20
MESSAGE_LENGTH = 1000
# A sign each, so that colour is not all that tells them apart.
SIGNS = {Severity.SERIOUS: "✕", Severity.WARNING: "▲", Severity.INFO: "●"}


def severity_sign(severity: Severity) -> Html:
    sign = element("span", SIGNS[severity], aria_hidden="true")
    return element("span", sign, f" {severity.value}", class_=f"severity s-{severity.value}")


def findings_section(profile: Profile, warnings: Sequence[str], cards: Collection[int]) -> Html:
    """The findings, the most serious first, and what was noticed while the file was read."""
    positions = {column.name: position for position, column in enumerate(profile.columns)}
    lines = [
        element(
            "li",
            severity_sign(finding.severity),
            element("div", element("p", visible(finding.message, MESSAGE_LENGTH)), _names(finding, positions, cards)),
            class_=f"s-{finding.severity.value}",
        )
        for finding in profile.findings
    ]
    lines += [
        element(
            "li",
            element("span", element("span", "●", aria_hidden="true"), " reading", class_="severity"),
            element("div", element("p", visible(warning, MESSAGE_LENGTH))),
        )
        for warning in warnings
    ]
    found = element("ul", *lines, class_="findings") if lines else element("p", "Nothing stands out.", class_="soft")
    return element("section", element("h2", "Findings"), found, aria_label="Findings")


def rejects_section(rejects: Sequence[Reject], n_rejected: int) -> Html | None:
    """The first rows that could not be read, with their lines."""
    if not n_rejected:
        return None
    rows = [
        element(
            "tr",
            element("td", count(each.line), class_="right"),
            element("td", visible(each.reason, 200)),
            element("td", element("bdi", element("code", visible(each.text, 200)))),
        )
        for each in rejects[:SHOWN_REJECTS]
    ]
    heads = element(
        "tr",
        element("th", "Line", scope="col", class_="right"),
        element("th", "Reason", scope="col"),
        element("th", "Text", scope="col"),
    )
    table = element("table", element("thead", heads), element("tbody", *rows))
    rest = n_rejected - len(rows)
    return element(
        "section",
        element("h2", "Rows that could not be read"),
        element("div", table, class_="scroll", role="region", aria_label="Rejected rows", tabindex=0),
        element("p", f"and {count(rest)} more", class_="soft") if rest else None,
    )


def _names(finding: Finding, positions: dict[str, int], cards: Collection[int]) -> Html | None:
    """Links to the columns of a finding."""
    known = [name for name in finding.columns if name in positions]
    if not known:
        return None
    links = [
        element(
            "a",
            element("bdi", visible(name, 40)),
            href=f"#{'c' if positions[name] in cards else 'r'}{positions[name]}",
            class_="chip",
        )
        for name in known[:SHOWN_NAMES]
    ]
    rest = len(known) - len(links)
    return element("p", *links, f" and {count(rest)} more" if rest else None, class_="names")

"""The table with a row per column."""

from __future__ import annotations

from collections.abc import Collection

from athanor.engine.profile_page.charts import bar, sparkline
from athanor.engine.profile_page.html import Html, element, joined
from athanor.engine.profile_page.summary import shape, values
from athanor.engine.profiling.profile import ColumnProfile, Profile
from athanor.engine.words import count, number, share, visible

TITLE_LENGTH = 400


def overview(profile: Profile, cards: Collection[int]) -> Html:
    """All columns; the names of those in `cards` lead to their card."""
    strengths = {each.column: each.strength for each in profile.associations}
    heads = [
        element("th", "#", scope="col", data_sort="number", class_="right"),
        element("th", "Column", scope="col", data_sort="text"),
        element("th", "Type", scope="col", data_sort="text"),
        element("th", "Missing", scope="col", data_sort="number"),
        element("th", "Distinct", scope="col", data_sort="number", class_="right"),
        element("th", "Distribution", scope="col"),
        element("th", "Values", scope="col", class_="values"),
    ]
    if profile.target is not None:
        heads.append(element("th", "With the target", scope="col", data_sort="number"))
    rows = [
        _row(profile, position, column, has_card=position in cards, strength=strengths.get(column.name))
        for position, column in enumerate(profile.columns)
    ]
    table = element(
        "table",
        element("caption", "Every column, in the order of the file", class_="unseen"),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        id="columns",
    )
    return element("div", table, class_="scroll", role="region", aria_label="Columns", tabindex=0)


def _row(profile: Profile, position: int, column: ColumnProfile, *, has_card: bool, strength: float | None) -> Html:
    name = element("bdi", visible(column.name))
    missing = column.missing / profile.counted_rows if profile.counted_rows else 0.0
    counts = shape(column)
    cells = [
        element("td", str(position + 1), class_="right soft"),
        element(
            "th",
            element("a", name, href=f"#c{position}") if has_card else name,
            *target_mark(profile, column),
            scope="row",
            title=visible(column.name, TITLE_LENGTH) if len(column.name) > 30 else None,
        ),
        element("td", kind(column)),
        element(
            "td",
            bar(missing, kind="bar small") if column.missing else None,
            element("span", share(column.missing, profile.counted_rows)),
            class_="amount" if column.missing else "amount soft",
            data_value=f"{missing:.6f}",
        ),
        element("td", distinct(column), class_="right", data_value=str(column.distinct or 0)),
        element("td", sparkline(counts, _told(column)) if counts else None, class_=f"t-{column.type}"),
        element(
            "td",
            element("bdi", values(column, profile.profiled_rows).replace(" %", "\N{NO-BREAK SPACE}%")),
            class_="values",
        ),
    ]
    if profile.target is not None:
        cells.append(_with_target(strength))
    return element("tr", *cells, id=f"r{position}")


def kind(column: ColumnProfile) -> Html:
    """The type, with the dot of its colour."""
    dot = element("span", class_="dot", aria_hidden="true")
    return element("span", dot, column.type, class_=f"kind t-{column.type}")


def target_mark(profile: Profile, column: ColumnProfile) -> tuple[str, ...]:
    """What follows the target's name."""
    return (" ", element("span", "target", class_="chip")) if column.name == profile.target else ()


def distinct(column: ColumnProfile) -> str:
    if column.distinct is None:
        return "-"
    return f"{'≈ ' if column.is_distinct_approximate else ''}{count(column.distinct)}"


def _with_target(strength: float | None) -> Html:
    if strength is None:
        return element("td", data_value="-1")
    return element(
        "td",
        joined(bar(strength, kind="bar small"), element("span", f"{strength:.2f}")),
        class_="amount",
        data_value=f"{strength:.4f}",
    )


def _told(column: ColumnProfile) -> str:
    """A picture in words, for who cannot see it."""
    if column.histogram is not None:
        edges, rows = column.histogram.edges, column.histogram.rows
        fullest = rows.index(max(rows))
        if column.first is not None:
            return f"Histogram of times, {len(rows)} bins"
        between = f"{number(edges[fullest])} and {number(edges[fullest + 1])}"
        return f"Histogram, {len(rows)} bins; most rows between {between}"
    return f"Rows of the {len(column.top or ())} most frequent values"

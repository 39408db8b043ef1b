"""A card per column: its plot, its figures and why it has its type."""

from __future__ import annotations

from collections.abc import Sequence

from athanor.engine.findings import Finding
from athanor.engine.profile_page.charts import bar, box, histogram
from athanor.engine.profile_page.findings import severity_sign
from athanor.engine.profile_page.html import Html, element
from athanor.engine.profile_page.overview import distinct, kind, target_mark
from athanor.engine.profile_page.summary import day
from athanor.engine.profiling.profile import ColumnProfile, Profile
from athanor.engine.tables.association import Association
from athanor.engine.words import MEASURES, count, moment, number, share, visible

NAME_LENGTH = 200
VALUE_LENGTH = 60
SENTENCE_LENGTH = 140


def card(
    profile: Profile, position: int, *, findings: Sequence[Finding], association: Association | None = None
) -> Html:
    """The card of one column. `findings` are those that name it."""
    column = profile.columns[position]
    heading = element(
        "h3",
        element("bdi", visible(column.name, NAME_LENGTH)),
        *target_mark(profile, column),
    )
    notes = [
        element("p", severity_sign(each.severity), " ", visible(each.message, 1000), class_=f"note s-{each.severity}")
        for each in findings
    ]
    return element(
        "article",
        element("header", heading, kind(column)),
        element("p", visible(column.reason, SENTENCE_LENGTH), class_="reason") if column.reason else None,
        *notes,
        _plot(column, profile.profiled_rows),
        _figures(column, profile.counted_rows, association),
        id=f"c{position}",
        class_=f"card t-{column.type}",
    )


def _plot(column: ColumnProfile, rows: int) -> Html | None:
    if column.top:
        return _values(column, rows)
    if column.histogram is None:
        return None
    edges = column.histogram.edges
    lowest, highest = edges[0], edges[-1]

    def spell(value: float) -> str:
        return number(value) if column.first is None else moment(value, span_s=highest - lowest)

    parts = [
        histogram(column.histogram, f"Histogram from {spell(lowest)} to {spell(highest)}", spell),
        _box(column, lowest, highest),
        element("div", element("span", spell(lowest)), element("span", spell(highest)), class_="axis"),
    ]
    return element("figure", *parts)


def _box(column: ColumnProfile, lowest: float, highest: float) -> Html | None:
    if not column.quantiles:
        return None
    at = dict(column.quantiles)
    told = (
        f"Half of the values lie between {number(at[0.25])} and {number(at[0.75])}, "
        f"98 % between {number(at[0.01])} and {number(at[0.99])}; the median is {number(at[0.5])}"
    )
    return box(at, lowest, highest, told)


def _values(column: ColumnProfile, rows: int) -> Html:
    top = column.top or ()
    most = top[0].rows
    if most == 1:  # bars of one row each would say nothing
        lines = [element("li", element("bdi", visible(each.value, SENTENCE_LENGTH)), class_="example") for each in top]
    else:
        lines = [
            element(
                "li",
                element("bdi", visible(each.value, VALUE_LENGTH), class_="value"),
                bar(each.rows / most),
                element("span", share(each.rows, rows), class_="right", title=count(each.rows, "row")),
            )
            for each in top
        ]
    others = (column.distinct or 0) - len(top)
    more = element("p", f"and {count(others, 'other value')}", class_="soft more") if others > 0 else None
    return element("figure", element("ol", *lines, class_="values"), more)


def _figures(column: ColumnProfile, rows: int, association: Association | None) -> Html:
    figures = [
        ("missing", f"{count(column.missing)} ({share(column.missing, rows)})" if column.missing else "none"),
        ("distinct", None if column.distinct is None else distinct(column)),
        *((name, _number(value)) for name, value in _numbers(column)),
    ]
    figures += [(_level(level), number(value)) for level, value in column.quantiles or ()]
    long = [(name, day(told)) for name, told in (("first", column.first), ("last", column.last)) if told is not None]
    if association is not None:
        long += [
            (f"with the target: {MEASURES.get(each.name, each.name)}", f"{each.value:.3f}")
            for each in association.measures
        ]
    return element("dl", *_entries(figures), *_entries(long, class_="long"))


def _entries(figures: Sequence[tuple[str, str | None]], class_: str | None = None) -> list[Html]:
    return [
        element("div", element("dt", name), element("dd", told), class_=class_)
        for name, told in figures
        if told is not None
    ]


def _numbers(column: ColumnProfile) -> list[tuple[str, float | None]]:
    return [
        ("minimum", column.minimum),
        ("maximum", column.maximum),
        ("mean", column.mean),
        ("std", column.std),
        ("zeros", column.zeros),
        ("mean length", column.length),
        ("mean words", column.words),
        ("components", column.dim),
        ("mean L2 norm", column.norm),
        ("nonzeros a row", column.nonzeros),
        ("share of zeros", column.zero_share),
    ]


def _number(value: float | None) -> str | None:
    return None if value is None else number(value)


def _level(level: float) -> str:
    return "median" if level == 0.5 else f"{100 * level:.0f} %"

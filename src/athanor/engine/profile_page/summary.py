"""A column in one line: its values in a few words, its shape in a few bars, and which columns to show first."""

from __future__ import annotations

from collections.abc import Sequence

from athanor.engine.profiling.distributions import ValueCount
from athanor.engine.profiling.profile import ColumnProfile, Profile
from athanor.engine.words import count, isolated, number, share, visible

SHOWN_VALUES = 3
SHOWN_CHARACTERS = 24  # of a value among others


def values(column: ColumnProfile, rows: int) -> str:
    """The range of numbers and times, the most frequent of words. `rows` were looked at."""
    if column.first is not None and column.last is not None:
        return f"{day(column.first)} … {day(column.last)}"
    if column.top:
        return _most_frequent(column.top, rows)
    if column.minimum is not None and column.maximum is not None:
        return _range(column.minimum, column.maximum, dict(column.quantiles or ()).get(0.5))
    return "" if column.dim is None else count(column.dim, "component")


def _most_frequent(top: Sequence[ValueCount], rows: int) -> str:
    seen = [(isolated(visible(each.value, SHOWN_CHARACTERS)), each.rows) for each in top[:SHOWN_VALUES]]
    if top[0].rows == 1 and len(top) > 1:
        return ", ".join([*(value for value, _ in seen), "…"])
    return ", ".join(f"{value} {share(n, rows)}" for value, n in seen)


def _range(minimum: float, maximum: float, median: float | None) -> str:
    if minimum == maximum:
        return f"always {number(minimum)}"
    told = "" if median is None else f", median {number(median)}"
    return f"{number(minimum)} … {number(maximum)}{told}"


def shape(column: ColumnProfile) -> tuple[int, ...]:
    """Rows per bin, or per value, most frequent first; nothing where there is no shape to see."""
    if column.top:
        return tuple(each.rows for each in column.top) if column.top[0].rows > 1 else ()
    return () if column.histogram is None else column.histogram.rows


def most_interesting(profile: Profile, most: int) -> list[int]:
    """Positions of the columns to show where not all can be, in their order.

    The target comes first, then what findings name, then what goes with the target.
    """
    if len(profile.columns) <= most:
        return list(range(len(profile.columns)))
    # Findings about thousands of columns single none out.
    named = {name for finding in profile.findings if len(finding.columns) <= most // 4 for name in finding.columns}
    strength = {each.column: each.strength for each in profile.associations}

    def dullness(position: int) -> tuple[bool, bool, float, int]:
        name = profile.columns[position].name
        return name != profile.target, name not in named, -strength.get(name, 0.0), position

    return sorted(sorted(range(len(profile.columns)), key=dullness)[:most])


def day(spelled: str) -> str:
    """An ISO time without a time of day that is midnight."""
    date, _, hours = spelled.replace(" ", "T").partition("T")
    hours = hours.partition(".")[0].removesuffix("Z")
    return date if not hours.strip("0:") else f"{date} {hours}"

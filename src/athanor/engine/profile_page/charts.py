"""Plots of a profile as SVG: shapes alone, which stretch to the room they get. Words stand beside them in HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from athanor.engine.profile_page.html import Html, element, joined
from athanor.engine.profiling.distributions import Histogram
from athanor.engine.words import count

HEIGHT = 100
LEAST = 1.5  # of the height, so that few rows are seen beside many


def histogram(shown: Histogram, label: str, spell: Callable[[float], str]) -> Html:
    """Bars as wide as their bins; each tells its rows when pointed at."""
    left, width = shown.edges[0], shown.edges[-1] - shown.edges[0]
    heights = _heights(shown.rows)
    bars = []
    for index, rows in enumerate(shown.rows):
        start = _part(shown.edges[index], left, width) if width else 0.0
        end = _part(shown.edges[index + 1], left, width) if width else 1.0
        told = f"{spell(shown.edges[index])} to {spell(shown.edges[index + 1])}: {count(rows, 'row')}"
        bars.append(_bar(1000 * start, 1000 * (end - start) * 0.94, heights[index], told))
    return _drawing(1000, joined(*bars), label, "histogram")


def sparkline(rows: Sequence[int], label: str) -> Html:
    """Bars of the same width in one path: small, also in bytes."""
    path = "".join(
        f"M{index * 10} {HEIGHT}V{HEIGHT - height:.0f}h9V{HEIGHT}z"
        for index, height in enumerate(_heights(rows))
        if height
    )
    return _drawing(10 * len(rows), element("path", d=path), label, "sparkline")


def bar(fraction: float, label: str | None = None, *, kind: str = "bar") -> Html:
    """A line that is filled from its left."""
    drawn = joined(
        element("rect", width=100, height=1, class_="ground"),
        element("rect", width=_short(100 * min(max(fraction, 0.0), 1.0)), height=1, class_="fill"),
    )
    return _drawing(100, drawn, label, kind, height=1)


def strip(parts: Sequence[tuple[str, int]], label: str) -> Html:
    """Neighbouring stretches, each of a class and as long as its count."""
    total, at, drawn = sum(amount for _, amount in parts) or 1, 0.0, []
    for name, amount in parts:
        length = 1000 * amount / total
        drawn.append(element("rect", x=_short(at), width=_short(max(length - 2, 1)), height=1, class_=name))
        at += length
    return _drawing(1000, joined(*drawn), label, "strip", height=1)


def box(quantiles: dict[float, float], lowest: float, highest: float, label: str) -> Html | None:
    """Median, quartiles and the 1 % and 99 % quantiles on the axis of the histogram above."""
    width = highest - lowest
    if not 0 < width < float("inf"):
        return None
    at = {level: 1000 * _part(value, lowest, width) for level, value in quantiles.items()}
    drawn = joined(
        element("rect", x=_short(at[0.01]), y=46, width=_short(at[0.99] - at[0.01]), height=8, class_="whisker"),
        element("rect", x=_short(at[0.05]), y=30, width=_short(at[0.95] - at[0.05]), height=40, class_="most"),
        element("rect", x=_short(at[0.25]), y=10, width=_short(max(at[0.75] - at[0.25], 2)), height=80, class_="half"),
        element("rect", x=_short(at[0.5] - 2), y=0, width=4, height=100, class_="median"),
    )
    return _drawing(1000, drawn, label, "box")


def _drawing(width: float, drawn: Html, label: str | None, kind: str, *, height: int = HEIGHT) -> Html:
    hidden = {"aria_hidden": "true"} if label is None else {"role": "img", "aria_label": label}
    return element(
        "svg", drawn, class_=kind, viewBox=f"0 0 {_short(width)} {height}", preserveAspectRatio="none", **hidden
    )


def _bar(x: float, width: float, height: float, told: str) -> Html:
    seen = element("rect", x=_short(x), y=_short(HEIGHT - height), width=_short(width), height=_short(height))
    touched = element("rect", x=_short(x), width=_short(width), height=HEIGHT, class_="touch")
    return element("g", element("title", told), touched, seen)


def _heights(rows: Sequence[int]) -> list[float]:
    most = max(rows, default=0) or 1
    return [max(LEAST, HEIGHT * number / most) if number else 0.0 for number in rows]


def _part(value: float, left: float, width: float) -> float:
    return value / width - left / width


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

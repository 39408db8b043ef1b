"""Tables, bars and curves as HTML in a notebook, which may be light or dark: few colours are its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isfinite

from athanor.engine.profile_page.html import Html, element

ACCENT = "#4c8dca"  # readable on white and on black
_FAINT = "rgba(127,127,127,0.25)"
_BLOCK = "font-size:13px;line-height:1.5;max-width:60em;overflow-x:auto"
_TABLE = "border-collapse:collapse;margin:6px 0;font-variant-numeric:tabular-nums"
_CELL = f"padding:2px 10px 2px 0;border-bottom:1px solid {_FAINT};background:none"


def block(*children: str | None) -> Html:
    """What a cell of a notebook shows."""
    return element("div", *children, style=_BLOCK)


def dim(text: str) -> Html:
    return element("span", text, style="opacity:0.65")


def table_html(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), dim: Collection[int] = ()
) -> Html:
    """Rows below their head. Columns named in `right` stand to the right; the rows at places `dim` step back."""
    sides = ["right" if name in right else "left" for name in head]

    def line(tag: str, cells: Sequence[str], look: str) -> Html:
        made = [
            element(tag, cell, style=f"{_CELL};text-align:{side}{look}")
            for cell, side in zip(cells, sides, strict=True)
        ]
        return element("tr", *made, style="background:none")

    body = [line("td", row, ";opacity:0.65" if place in dim else "") for place, row in enumerate(rows)]
    return element("table", element("thead", line("th", head, "")), element("tbody", *body), style=_TABLE)


def bar_html(fraction: float) -> Html:
    """A bar that is filled as far as something is."""
    share = 100 * min(max(fraction, 0.0), 1.0)
    filled = element("div", style=f"width:{share:.1f}%;height:6px;border-radius:3px;background:{ACCENT}")
    return element("div", filled, style=f"max-width:40em;height:6px;border-radius:3px;background:{_FAINT};margin:4px 0")


def curve_html(values: Sequence[float], *, label: str) -> Html | None:
    """Values at even distances as a line, the least one lowest; None where there are not two numbers.

    label  in words, for who cannot see it
    """
    shown = [value for value in values if isfinite(value)]
    if len(shown) < 2:
        return None
    least, span = min(shown), (max(shown) - min(shown)) or 1.0
    width, height = 120, 22
    points = " ".join(
        f"{2 + place * (width - 4) / (len(shown) - 1):.1f},{height - 3 - (value - least) / span * (height - 6):.1f}"
        for place, value in enumerate(shown)
    )
    line = element("polyline", points=points, fill="none", stroke=ACCENT, stroke_width=1.5)
    return element("svg", line, width=width, height=height, role="img", aria_label=label, style="vertical-align:middle")

"""Numbers as a line of characters: bars, and curves one character high."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

_BLOCKS, _ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-:=+*#"
_BAR, _ASCII_BAR = ("━", "╌"), ("#", "-")  # filled and empty


def bar(fraction: float, width: int, *, ascii_only: bool = False) -> str:
    """A line of `width` characters that is filled as far as the run is."""
    filled = round(width * min(max(fraction, 0.0), 1.0))
    full, empty = _ASCII_BAR if ascii_only else _BAR
    return full * filled + empty * (width - filled)


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """One character a value, the least one lowest. Values that are no numbers are left out."""
    shown = [value for value in values if isfinite(value)]
    if not shown:
        return ""
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    least, span = min(shown), max(shown) - min(shown)
    if span == 0:
        return blocks[0] * len(shown)
    return "".join(blocks[min(int((value - least) / span * len(blocks)), len(blocks) - 1)] for value in shown)


def over_time(points: Sequence[tuple[float, float]], until: float, width: int) -> list[float]:
    """What held at `width` moments from the first point to `until`; each (moment, value) holds until the next one."""
    if not points:
        return []
    start = points[0][0]
    step = max(until - start, 0.0) / max(width - 1, 1)
    values, place = [], 0
    for moment in range(width):
        while place + 1 < len(points) and points[place + 1][0] <= start + moment * step + 1e-9:
            place += 1
        values.append(points[place][1])
    return values

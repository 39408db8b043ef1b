"""Which numbers a table keeps: finite ones, and whole ones that a float can tell apart."""

from __future__ import annotations

from typing import Any

import polars as pl

from athanor.engine.tables import cells


def fits_float(numbers: pl.Series) -> bool:
    """Whether a float can tell all of the whole numbers apart."""
    if numbers.null_count() == len(numbers):
        return True
    ends: tuple[Any, Any] = (numbers.min(), numbers.max())
    return bool(ends[0] >= -cells.LARGEST_INTEGER and ends[1] <= cells.LARGEST_INTEGER)


def infinite_warning(name: str, n_infinite: int) -> str:
    return f"Column {name!r}: {n_infinite:,} infinite values count as missing."

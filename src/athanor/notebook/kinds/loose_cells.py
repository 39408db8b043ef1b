"""Cells as Python holds them, of whatever kinds, made into one column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from athanor.engine.tables import cells
from athanor.errors import InvalidInput

_NONE_OF_PANDAS = {"NAType", "NaTType"}


def column_of(name: str, given: Sequence[Any]) -> pl.Series:
    """The cells as a column. None, NaN and their like are missing.

    Whole numbers and fractions together are numbers. Cells of other kinds together are words, each as a file would
    spell it. Lists are vectors. Raises InvalidInput that names column and row of a cell that is none of these.
    """
    try:
        return pl.Series(name, given, dtype=pl.String, strict=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError):  # not nothing but texts
        plain = [_plain(cell) for cell in given]
    kinds = {_kind(cell, name, row) for row, cell in enumerate(plain, 1) if cell is not None}
    if not kinds:
        return pl.Series(name, [None] * len(plain), dtype=pl.String)
    make = _ALONE[kinds.pop()] if len(kinds) == 1 else (_numbers if kinds == {"integer", "number"} else _words)
    try:
        return make(name, plain)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InvalidInput(f"Column {name!r} cannot be made a column of a table: {error}", field=name) from error


def _plain(cell: Any) -> Any:
    """The Python value that a cell stands for; None where it is missing."""
    if isinstance(cell, np.generic):
        if isinstance(cell, np.datetime64):
            return None if np.isnat(cell) else cell.astype("datetime64[us]").item()
        if isinstance(cell, np.timedelta64):
            return None if np.isnat(cell) else cell.astype("timedelta64[us]").item()
        cell = cell.item()
    if type(cell).__name__ in _NONE_OF_PANDAS or (isinstance(cell, float | Decimal) and cell != cell):  # noqa: PLR0124
        return None
    return cell


def _kind(cell: Any, name: str, row: int) -> str:
    for kind, types in _TYPES.items():
        if isinstance(cell, types):
            return kind
    raise InvalidInput(
        f"Row {row}, column {name!r}: a {type(cell).__name__} is no cell of a table. Make it a text, a number, a truth "
        "value, a time or a list of numbers, or leave the column out.",
        field=name,
    )


# A truth value is a whole number to Python, so it is asked for first.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "truth": (bool,),
    "integer": (int,),
    "number": (float, Decimal),
    "text": (str,),
    "moment": (date,),
    "duration": (timedelta,),
    "time of day": (time,),
    "struct": (Mapping,),
    "vector": (list, tuple, np.ndarray),
}


def _words(name: str, plain: list[Any]) -> pl.Series:
    return pl.Series(name, [_spelled(cell, name, row) for row, cell in enumerate(plain, 1)], dtype=pl.String)


def _spelled(cell: Any, name: str, row: int) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool | int | float):
        return cells.spelled(cell)
    if isinstance(cell, Decimal):
        return str(cell)
    if isinstance(cell, date | time):
        return cell.isoformat()
    raise InvalidInput(
        f"Row {row}, column {name!r}: a {type(cell).__name__} stands beside cells of other kinds. Give the column "
        "cells of one kind.",
        field=name,
    )


def _integers(name: str, plain: list[Any]) -> pl.Series:
    if any(cell is not None and abs(cell) > cells.LARGEST_INTEGER for cell in plain):
        return _words(name, plain)
    return pl.Series(name, plain, dtype=pl.Int64)


def _numbers(name: str, plain: list[Any]) -> pl.Series:
    return pl.Series(name, [None if cell is None else float(cell) for cell in plain], dtype=pl.Float64)


def _moments(name: str, plain: list[Any]) -> pl.Series:
    moments = [None if cell is None else cells.microseconds_of(cell) for cell in plain]
    return pl.Series(name, moments, dtype=pl.Int64).cast(pl.Datetime("us"))


def _times_of_day(name: str, plain: list[Any]) -> pl.Series:
    return pl.Series(name, plain, dtype=pl.Time)


def _vectors(name: str, plain: list[Any]) -> pl.Series:
    return pl.Series(name, [None if cell is None else list(cell) for cell in plain], dtype=pl.List(pl.Float64))


_ALONE: Mapping[str, Callable[[str, list[Any]], pl.Series]] = {
    "truth": lambda name, plain: pl.Series(name, plain, dtype=pl.Boolean),
    "integer": _integers,
    "number": _numbers,
    "text": _words,
    "moment": _moments,
    "duration": lambda name, plain: pl.Series(name, plain, dtype=pl.Duration("us")),
    "time of day": _times_of_day,
    "struct": lambda name, plain: pl.Series(name, [None if cell is None else dict(cell) for cell in plain]),
    "vector": _vectors,
}

"""Values of JSON as rows: objects as they are, arrays under the names of columns; what is neither is rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import polars as pl

from athanor.engine.readers import Notes
from athanor.engine.readers.column_names import unique_names
from athanor.engine.readers.json_columns import JsonColumns, Row, as_json
from athanor.engine.readers.json_text import Oddities
from athanor.errors import InvalidInput

_FIRST = 100  # rows that show whether the first of them holds names
_BLOCK, _BLOCK_CHARACTERS = 20_000, 8 * 1024**2  # rows, and about so much text, that are held as objects at a time

# A pass over a file; numbers keep their spelling where the second argument says so.
Pass = Callable[[Oddities | None, bool, Notes], Iterator[Row]]
Values = Iterator[tuple[Any, int]]  # values of JSON and where each stands


class JsonFile:
    """A file of JSON rows, ready to be gone through. All rows have been looked at once, to know the columns."""

    is_spelled = True

    def __init__(self, rows: Pass) -> None:
        self._rows = rows
        self._columns = JsonColumns()
        notes = Notes()
        n_rows = 0
        for block in _blocks(rows(None, False, notes)):
            self._columns.look(block)
            n_rows += len(block)
        if not n_rows:
            first = notes.rejects[0] if notes.rejects else None
            why = f": line {first.line} is {first.reason}" if first else ""
            raise InvalidInput(f"The JSON file holds no row{why}. An object with at least one key is needed.")
        self._columns.settle()

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        oddities = Oddities()
        for block in _blocks(self._rows(oddities, self._columns.needs_spelling, notes)):
            yield from self._columns.frames(block, oddities.infinite)
        notes.warnings += [*self._columns.warnings, *oddities.warnings()]


def _blocks(rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
    """Some rows at a time: fewer where they are long, as the first of them shows."""
    for first in rows:
        n_rows = min(_BLOCK, _BLOCK_CHARACTERS // len(as_json(first)) + 1)
        yield [first, *islice(rows, n_rows - 1)]


def rows_of(values: Values, line_of: Callable[[int], int], has_header: bool | None, notes: Notes) -> Iterator[Row]:
    """The rows among the values: all are objects, or arrays of one length, as the first is. `line_of` a place."""
    first = list(islice(values, _FIRST))
    values = chain(first, values)
    if first and type(first[0][0]) is list:
        yield from _named(values, [value for value, _ in first], line_of, has_header, notes)
        return
    for value, place in values:
        if type(value) is dict:
            yield value
        else:
            notes.reject(line_of(place), "not an object", as_json(value))


def _named(
    values: Values, first: list[Any], line_of: Callable[[int], int], has_header: bool | None, notes: Notes
) -> Iterator[Row]:
    """Arrays as rows."""
    width = len(first[0])
    if has_header is None:
        has_header = _are_names(first[0], [row for row in first[1:] if type(row) is list and len(row) == width])
    if has_header:
        next(values)
        names, renamed = unique_names(name if type(name) is str else as_json(name) for name in first[0])
        notes.warnings.extend(renamed)
    else:
        names = [f"column_{position}" for position in range(1, width + 1)]
        notes.warnings.append(
            "The first array looks like a row, not like names, so the columns are named column_1, column_2 …; "
            "say `has_header` if it does hold the names."
        )
    for value, place in values:
        if type(value) is list and len(value) == width:
            yield dict(zip(names, value, strict=True))
        else:
            reason = f"{len(value)} values instead of {width}" if type(value) is list else "not an array"
            notes.reject(line_of(place), reason, as_json(value))


def _are_names(first: list[Any], below: list[list[Any]]) -> bool:
    """Whether the first row is of words, each its own, and stands above a cell that is none or above other words."""
    if not below or not all(type(name) is str and name for name in first) or len(set(first)) < len(first):
        return False
    if any(type(cell) is not str for row in below for cell in row):
        return True
    return not any(name == row[position] for row in below for position, name in enumerate(first))

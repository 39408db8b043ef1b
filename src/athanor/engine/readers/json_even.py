"""JSON lines that all have the same keys over plain values: polars reads them, ten times as fast.

Polars makes words of numbers among words, takes one of two values of a key and half a letter for NUL, and says nothing.
So all of this is looked for in the text, and a file that shows any of it is left to the reading value by value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

import polars as pl

from athanor.engine.readers import Notes
from athanor.engine.readers.column_names import unique_names
from athanor.engine.readers.numbers import fits_float
from athanor.engine.readers.text_lines import blocks_of_lines
from athanor.engine.tables import cells

_HALF_LETTERS = (b"\\ud", b"\\uD")
_MOST_TEXTS = 100  # columns, each of which takes a look through the text
_PLAIN = {pl.Int64, pl.Float64, pl.Boolean, pl.String, pl.Null}


class EvenLines:
    """A file of such lines, ready to be gone through. Of `large` columns the whole numbers are words."""

    is_spelled = True

    def __init__(
        self, file: Path, encoding: str | None, types: Mapping[str, pl.DataType], large: AbstractSet[str]
    ) -> None:
        self._file, self._encoding, self._types = file, encoding, types
        self._names, self._renamed = unique_names(name.strip(cells.BLANKS) for name in types)
        self._words = [name for name, dtype in types.items() if name in large or dtype == pl.Null]

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        notes.warnings.extend(self._renamed)
        for block in blocks_of_lines(self._file, self._encoding, notes):
            frame = pl.read_ndjson(block, schema=self._types).with_columns(pl.col(self._words).cast(pl.String))
            frame.columns = self._names
            yield frame


def even_lines(file: Path, encoding: str | None) -> EvenLines | None:
    """The file, if all of its lines are alike."""
    types: dict[str, pl.DataType] = {}
    large: set[str] = set()
    for block in blocks_of_lines(file, encoding, Notes()):
        frame = _read(block, types) if types else None
        if frame is None:
            frame = _read(block, None)
        if frame is None or (types and frame.columns != list(types)):
            return None
        for column in frame.get_columns():
            dtype = _together(types.get(column.name, pl.Null()), column.dtype)
            if dtype is None:
                return None
            types[column.name] = dtype
            if dtype.is_numeric() and not fits_float(column):
                large.add(column.name)
    if not types or any(types[name] == pl.Float64 for name in large):
        return None
    return EvenLines(file, encoding, types, large)


def _read(block: bytes, types: Mapping[str, pl.DataType] | None) -> pl.DataFrame | None:
    """The rows of some lines, None where they may not be what polars takes them for."""
    # Nothing but the lines themselves may open a brace: polars ends the process where objects are nested deeply.
    is_flat = b"[" not in block and block.count(b"{") == block.count(b"\n{") + block.startswith(b"{")
    if not is_flat or any(half in block for half in _HALF_LETTERS):
        return None
    try:
        # Columns whose types are known are read much faster; polars refuses cells of another type, but by words.
        frame = pl.read_ndjson(block, schema=types or None, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    texts = [column for column in frame.get_columns() if column.dtype == pl.String]
    if not frame.width or not set(frame.dtypes) <= _PLAIN or len(texts) > _MOST_TEXTS:
        return None
    # Each row has each key, and each key once. A quote and a colon inside a text count as well, and then this fails.
    n_keys, n_nulls = (sum(map(block.count, ends)) for ends in ((b'":', b'" :'), (b'":null', b'": null')))
    if n_keys != frame.width * frame.height or n_nulls != sum(column.null_count() for column in frame.get_columns()):
        return None
    for column in texts:
        key = f'"{column.name}":'.encode()
        if block.count(key + b'"') + block.count(key + b' "') != len(column) - column.null_count():
            return None
    return frame


def _together(first: pl.DataType, second: pl.DataType) -> pl.DataType | None:
    """What holds the cells of both, None where they are of several kinds."""
    if first == pl.Null:
        return second
    if second in {first, pl.Null()}:
        return first
    return pl.Float64() if {first, second} == {pl.Int64(), pl.Float64()} else None

"""Files whose columns have types of their own: each column is brought to one of the few types that a table has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from athanor.engine.readers import Notes
from athanor.engine.readers.column_names import unique_names
from athanor.engine.readers.numbers import fits_float, infinite_warning
from athanor.engine.readers.typed_vectors import dense, is_sparse, sparse
from athanor.engine.tables import cells
from athanor.errors import InvalidInput

BLOCK_BYTES = 16 * 1024**2  # of the file, to be held at a time
_MOST_CELLS = 8_000_000  # of a slice: a file may be compressed a thousandfold
_CELL_BYTES = 8
_FEWEST_ROWS = 1_000  # each slice costs the reading of a page, however few its rows
_MISSING_WORDS = list(cells.MISSING_WORDS)


class Slices(Protocol):
    """The rows of a file from the first on, some at a time, whole or some columns only."""

    def __call__(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]: ...


def opened_lazily(kind: str, rows: pl.LazyFrame, file: Path, block_bytes: int | None = None) -> TypedFile:
    """A file that can be read from any row on; `block_bytes` at a time where memory is short."""
    with refusing_damage(kind):
        schema = rows.collect_schema()
        n_rows = int(rows.select(pl.len()).collect().item()) if schema else 0
    width, most_cells, fewest = max(1, len(schema)), _MOST_CELLS, _FEWEST_ROWS
    if block_bytes is not None:
        most_cells = min(most_cells, block_bytes // _CELL_BYTES)
        fewest = _FEWEST_ROWS // 4
    step = min(n_rows * (block_bytes or BLOCK_BYTES) // max(1, file.stat().st_size), most_cells // width)
    step = max(fewest, step)

    def slices(columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        wanted = rows if columns is None else rows.select(columns)
        return (wanted.slice(start, step).collect() for start in range(0, n_rows, step))

    return TypedFile(kind, schema, n_rows, slices)


@dataclass(slots=True)
class _Pass:
    """What one pass through the file has come by so far."""

    n_rows: int = 0
    infinite: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, int] = field(default_factory=dict)  # of dense vectors
    dims: dict[str, int] = field(default_factory=dict)  # of sparse ones, up to here


class TypedFile:
    """A Parquet or Arrow file, ready to be gone through."""

    is_spelled = False

    def __init__(self, kind: str, schema: pl.Schema, n_rows: int, slices: Slices) -> None:
        if not schema or not n_rows:
            raise InvalidInput(f"The {kind} file has {len(schema)} columns and {n_rows} rows; one of each is needed.")
        self._kind, self._slices = kind, slices
        columns = _flat(pl.DataFrame(schema=schema))
        for column in columns:
            _check(column)
        self._names, self._renamed = unique_names(column.name for column in columns)
        # Whether whole numbers lie beyond those that a table keeps as numbers, all rows decide.
        wide = [name for name, dtype in schema.items() if _may_be_large(dtype) or isinstance(dtype, pl.Struct)]
        blocks = self._read(wide) if wide else iter(())
        self._large = {column.name for block in blocks for column in _flat(block) if not _fits(column)}

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        notes.warnings.extend(self._renamed)
        seen = _Pass(dims=notes.dims)
        for block in self._read():
            columns = [_whole_as_words(column) if column.name in self._large else column for column in _flat(block)]
            named = [column.alias(name) for column, name in zip(columns, self._names, strict=True)]
            yield pl.DataFrame([_KEPT[column.dtype.base_type()](column, seen) for column in named])
            seen.n_rows += block.height
        notes.warnings.extend(infinite_warning(name, count) for name, count in seen.infinite.items())

    def _read(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        with refusing_damage(self._kind):
            yield from self._slices(columns)


@contextmanager
def refusing_damage(kind: str) -> Iterator[None]:
    """What polars makes of a damaged file, in words."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InvalidInput(
            f"The {kind} file cannot be read; it is damaged, cut off or of a kind that is not known: {error}"
        ) from error


def _flat(block: pl.DataFrame) -> list[pl.Series]:
    """The columns, those of structs taken apart into one a field, "struct.field"."""
    columns: list[pl.Series] = []
    for column in block.get_columns():
        if isinstance(column.dtype, pl.Struct) and not is_sparse(column.dtype):
            columns += [
                column.struct.field(part.name).alias(f"{column.name}.{part.name}") for part in column.dtype.fields
            ]
        else:
            columns.append(column)
    return columns


def _check(column: pl.Series) -> None:
    dtype = column.dtype
    if dtype.base_type() not in _KEPT or (isinstance(dtype, pl.Struct) and not is_sparse(dtype)):
        raise InvalidInput(
            f"Column {column.name!r} holds {dtype}, which is not a cell of a table. "
            "Take it apart into plain columns, or leave it out.",
            field=column.name,
        )


def _may_be_large(dtype: pl.DataType) -> bool:
    return dtype in {pl.Int64, pl.UInt64, pl.Int128} or (isinstance(dtype, pl.Decimal) and dtype.scale == 0)


def _fits(column: pl.Series) -> bool:
    """Whether all cells are whole numbers that a float can tell apart, or no whole numbers at all."""
    return not _may_be_large(column.dtype) or fits_float(column)


def _whole_as_words(column: pl.Series) -> pl.Series:
    return column.cast(pl.Int128 if isinstance(column.dtype, pl.Decimal) else column.dtype).cast(pl.String)


def _integers(column: pl.Series, _: _Pass) -> pl.Series:
    return column.cast(pl.Int64)


def _numbers(column: pl.Series, seen: _Pass) -> pl.Series:
    if isinstance(column.dtype, pl.Decimal) and column.dtype.scale == 0:
        return column.cast(pl.Int64)
    values = column.cast(pl.Float64)
    if isfinite(values.sum()):  # as nearly always: then each of them is finite
        return values
    seen.infinite += Counter({column.name: int(values.is_infinite().sum())})
    return values.set(~values.is_finite(), None)


def _words(column: pl.Series, _: _Pass) -> pl.Series:
    trimmed = column.cast(pl.String).str.strip_chars(cells.BLANKS)
    return trimmed.set(trimmed.is_in(_MISSING_WORDS), None)


def _bytes(column: pl.Series, seen: _Pass) -> pl.Series:
    """Words, as some programs write them."""
    try:
        return _words(column.cast(pl.String), seen)
    except pl.exceptions.ComputeError as error:
        row = next(row for row, cell in enumerate(column) if cell is not None and not _is_utf8(cell))
        raise InvalidInput(
            f"Column {column.name!r} holds bytes that are no UTF-8 text (first: row {seen.n_rows + row + 1}). "
            "Leave the column out.",
            field=column.name,
        ) from error


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _moments(column: pl.Series, _: _Pass) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(pl.Datetime("us"))


# Durations are seconds, times of day seconds since midnight.
_KEPT: dict[Any, Callable[[pl.Series, _Pass], pl.Series]] = {
    **dict.fromkeys(
        (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64), _integers
    ),
    **dict.fromkeys((pl.Float32, pl.Float64, pl.Decimal), _numbers),
    **dict.fromkeys((pl.String, pl.Categorical, pl.Enum, pl.Null), _words),
    **dict.fromkeys((pl.Datetime, pl.Date), _moments),
    **dict.fromkeys((pl.List, pl.Array), lambda column, seen: dense(column, seen.n_rows, seen.lengths)),
    pl.Struct: lambda column, seen: sparse(column, seen.n_rows, seen.dims),
    pl.Binary: _bytes,
    pl.Boolean: lambda column, _: column,
    pl.Duration: lambda column, _: column.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Float64) / 1e6,
    pl.Time: lambda column, _: column.cast(pl.Int64).cast(pl.Float64) / 1e9,
}

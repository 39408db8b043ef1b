"""Parquet: types are the file's own, brought to the few that a table has."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl

from athanor.engine import cells
from athanor.engine.frames import spelled
from athanor.engine.inference import infer
from athanor.engine.readers import ReaderOptions, Table
from athanor.engine.readers.texts import Stored, finite, store_as
from athanor.engine.schema import Schema, Storage
from athanor.errors import InvalidInput


class Parquet:
    """Columns with types, as most table programs write them."""

    format = "parquet"

    def claims(self, content: bytes) -> bool:
        return content.startswith(b"PAR1")

    def read(self, content: bytes, options: ReaderOptions, schema: Schema | None) -> Table:  # noqa: ARG002
        try:
            raw = pl.read_parquet(io.BytesIO(content))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise InvalidInput(f"The Parquet file cannot be read: {error}") from error
        if not raw.width or not raw.height:
            raise InvalidInput(
                f"The Parquet file has {raw.width} columns and {raw.height} rows; one of each is needed."
            )
        stored = [_stored(series) for series in raw]
        if schema is not None:
            stored = [_fitted(column, schema) for column in stored]
        frame = pl.DataFrame([column.values for column in stored])
        warnings = tuple(warning for column in stored for warning in column.warnings)
        return Table(frame, infer(frame, schema), self.format, warnings)


PARQUET = Parquet()


def _stored(series: pl.Series) -> Stored:
    """A column in the type that a table keeps it in."""
    dtype = series.dtype.base_type()
    if dtype.is_integer():
        return _integers(series)
    if dtype not in _KEPT:
        raise InvalidInput(
            f"Column {series.name!r} holds {series.dtype}, which is not a cell of a table. "
            "Take it apart into plain columns, or leave it out.",
            field=series.name,
        )
    return _KEPT[dtype](series)


def _integers(series: pl.Series) -> Stored:
    integers = series.cast(pl.Int64, strict=False)
    limit = cells.LARGEST_INTEGER
    if integers.null_count() > series.null_count() or not integers.is_between(-limit, limit).all():
        return Stored(series.cast(pl.String), Storage.STRING)
    return Stored(integers, Storage.INTEGER)


def _moments(series: pl.Series) -> Stored:
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return Stored(series.cast(pl.Datetime("us")), Storage.DATETIME)


def _vectors(series: pl.Series) -> Stored:
    name, dtype = series.name, series.dtype
    inner = getattr(dtype, "inner", pl.Null)
    if not (inner.is_numeric() or inner == pl.Boolean):
        raise InvalidInput(
            f"Column {name!r} holds {dtype}. Lists must hold numbers, to be read as vectors; take the column apart.",
            field=name,
        )
    lists = series.arr.to_list() if isinstance(dtype, pl.Array) else series
    lengths = lists.list.len().fill_null(0)
    dim = int(lengths[0])
    odd = (lengths != dim) | (lengths == 0)
    if odd.any():
        row = int(odd.arg_true()[0])
        raise InvalidInput(
            f"Column {name!r} must hold one vector of the same length in every row: the first has {dim} numbers, "
            f"row {row + 1} has {lengths[row]}. Fill the vectors up, or leave the column out.",
            field=name,
        )
    vectors = lists.cast(pl.List(pl.Float32)).cast(pl.Array(pl.Float32, dim))
    unusable = ~vectors.explode().is_finite().fill_null(value=False)
    if unusable.any():
        row = int(unusable.arg_true()[0]) // dim + 1
        raise InvalidInput(f"Column {name!r} has a missing or infinite number in the vector of row {row}.", field=name)
    return Stored(vectors, Storage.DENSE)


_KEPT: dict[Any, Callable[[pl.Series], Stored]] = {
    **dict.fromkeys((pl.Float32, pl.Float64, pl.Decimal), lambda series: finite(series.cast(pl.Float64))),
    **dict.fromkeys(
        (pl.String, pl.Categorical, pl.Enum, pl.Null), lambda series: store_as(series.cast(pl.String), Storage.STRING)
    ),
    **dict.fromkeys((pl.Datetime, pl.Date), _moments),
    **dict.fromkeys((pl.List, pl.Array), _vectors),
    pl.Boolean: lambda series: Stored(series, Storage.BOOLEAN),
    # Seconds, and seconds since midnight.
    pl.Duration: lambda series: finite(series.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Float64) / 1e6),
    pl.Time: lambda series: finite(series.cast(pl.Int64).cast(pl.Float64) / 1e9),
}


def _fitted(column: Stored, schema: Schema) -> Stored:
    """The column in the storage that the schema asks for, where it names it."""
    name = column.values.name
    wanted = schema[name].storage if name in schema else column.storage
    if column.storage is wanted or {column.storage, wanted} in _ALIKE:
        return replace(column, values=column.values.cast(pl.Float64)) if wanted is Storage.FLOAT else column
    if column.storage is Storage.DENSE:
        raise InvalidInput(f"Column {name!r} holds vectors where {wanted.value} values are expected.", field=name)
    text = column.values if column.storage is Storage.STRING else spelled(column.values)
    return store_as(text, wanted)


_ALIKE = ({Storage.FLOAT, Storage.INTEGER}, {Storage.DENSE, Storage.SPARSE})

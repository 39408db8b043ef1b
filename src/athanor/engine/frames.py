"""Data frames and the engine's datasets, each made from the other; segments on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from athanor.engine import cells
from athanor.engine.dataset import Column, Dataset, Numbers, Times, Vectors, Words
from athanor.engine.schema import ColumnSchema, Schema, Storage
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.readers import Table


def to_dataset(frame: pl.DataFrame, schema: Schema) -> Dataset:
    """The columns of `schema` as arrays. A column that the frame lacks is missing in every row, as it is for rows."""
    columns: dict[str, Column] = {}
    there = {series.name: series for series in frame.get_columns()}  # at once: a frame is slow to ask name by name
    for column in schema.columns:
        if column.name in there:
            columns[column.name] = _SHAPES[column.storage](there[column.name], column)
        else:
            columns[column.name] = _absent(column, frame.height)
    return Dataset(schema, columns, frame.height)


def to_frame(dataset: Dataset) -> pl.DataFrame:
    """The dataset as a frame, each column in the type of its storage."""
    return pl.DataFrame([_series(dataset.columns[column.name], column) for column in dataset.schema.columns])


def write_segment(table: Table, path: Path) -> None:
    """Write the table's rows as one immutable Parquet file."""
    table.frame.write_parquet(path, compression="zstd")


def read_segments(paths: Sequence[Path], schema: Schema) -> Dataset:
    """The rows of all segments, one after the other."""
    wanted = set(schema.names)
    frames = []
    for path in paths:
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InvalidInput(f"The segment {path.name} cannot be read: {error}") from error
        frames.append(frame.select(name for name in frame.columns if name in wanted))
    if not frames:
        raise InvalidInput("A dataset needs at least one segment.")
    return to_dataset(frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed"), schema)


def _numbers(series: pl.Series, column: ColumnSchema) -> Numbers:
    if not (series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}):
        raise _misfit(series, column, "numbers")
    values = series.cast(pl.Float64)
    # Missing and infinite cells become NaN; the cast of a column without either is the array itself.
    if values.null_count() or not values.is_finite().all():
        values = values.set(~values.is_finite(), None).fill_null(float("nan"))
    return Numbers(values.to_numpy())


def _words(series: pl.Series, _: ColumnSchema) -> Words:
    if series.dtype in {pl.Categorical, pl.Enum, pl.Null}:
        series = series.cast(pl.String)
    elif series.dtype != pl.String:
        series = spelled(series)
    vocabulary = series.drop_nulls().unique().sort()
    if vocabulary.is_empty():
        return Words(np.full(len(series), -1, np.int32), ())
    codes = series.cast(pl.Enum(vocabulary)).to_physical().cast(pl.Int32).fill_null(-1)
    return Words(codes.to_numpy(), tuple(vocabulary.to_list()))


def spelled(series: pl.Series) -> pl.Series:
    """Numbers, truth values or times as the text that a file would hold."""
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        found = series.unique()
        words = [None if cell is None else cells.spelled(cell) for cell in found.to_list()]
        return series.replace_strict(found, pl.Series(words, dtype=pl.String), return_dtype=pl.String)
    if series.dtype.is_temporal():
        return series.map_elements(lambda cell: cell.isoformat(), return_dtype=pl.String)
    raise InvalidInput(f"Column {series.name!r} holds {series.dtype}, which has no text form.", field=series.name)


def _times(series: pl.Series, column: ColumnSchema) -> Times:
    if not (series.dtype.is_temporal() or series.dtype == pl.Null):
        raise _misfit(series, column, "dates or times")
    values: Any = series.cast(pl.Datetime("us")).to_physical().fill_null(np.iinfo(np.int64).min).to_numpy()
    return Times(values.view("datetime64[us]"))


def _vectors(series: pl.Series, column: ColumnSchema) -> Vectors:
    dim = column.dim or 0
    if not isinstance(series.dtype, (pl.Array, pl.List)):
        raise _misfit(series, column, f"vectors of {dim} numbers")
    lengths = series.list.len() if isinstance(series.dtype, pl.List) else series.arr.len()
    wrong = lengths.is_null() | (lengths != dim)
    if wrong.any():
        row = wrong.arg_true()[0]
        length = "no vector" if lengths[row] is None else f"{lengths[row]} numbers"
        raise InvalidInput(
            f"Column {column.name!r}: expected {dim} numbers in every row, got {length} in row {row + 1}.",
            field=column.name,
        )
    flat = series.explode() if dim else series.clear().explode()
    matrix = flat.cast(pl.Float32).fill_null(float("nan")).to_numpy().reshape(len(series), dim)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise InvalidInput(f"Column {column.name!r} has a missing or infinite number in row {row + 1}.")
    if column.storage is Storage.SPARSE:
        from scipy.sparse import csr_matrix

        return Vectors(csr_matrix(matrix))
    return Vectors(matrix)


def _absent(column: ColumnSchema, n_rows: int) -> Column:
    if column.storage in {Storage.DENSE, Storage.SPARSE}:
        raise InvalidInput(f"The vector column {column.name!r} is not there, and vectors cannot be missing.")
    return _SHAPES[column.storage](pl.Series(column.name, [None] * n_rows, dtype=pl.Null), column)


def _misfit(series: pl.Series, column: ColumnSchema, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"Column {column.name!r} should hold {wanted} and holds {series.dtype}. "
        "Read the file with the schema that it should have, or leave the column out.",
        field=column.name,
    )


def _series(column: Column, schema: ColumnSchema) -> pl.Series:
    name = schema.name
    if isinstance(column, Words):
        vocabulary = pl.Series(name, list(column.vocabulary), dtype=pl.String)
        places = pl.Series(column.codes)
        return vocabulary.gather(places.set(places < 0, None)).alias(name)
    if isinstance(column, Times):
        return pl.Series(name, column.values, dtype=pl.Datetime("us"))
    if isinstance(column, Vectors):
        matrix = column.matrix.toarray() if column.is_sparse else column.matrix
        return pl.Series(name, matrix, dtype=pl.Array(pl.Float32, matrix.shape[1]))
    values = pl.Series(name, column.values, nan_to_null=True)
    if schema.storage is Storage.BOOLEAN:
        return values.cast(pl.Boolean)
    if schema.storage is Storage.INTEGER and (values.floor() == values).all():
        return values.cast(pl.Int64)
    return values


_SHAPES: dict[Storage, Callable[[pl.Series, ColumnSchema], Column]] = {
    Storage.FLOAT: _numbers,
    Storage.INTEGER: _numbers,
    Storage.BOOLEAN: _numbers,
    Storage.STRING: _words,
    Storage.DATETIME: _times,
    Storage.DENSE: _vectors,
    Storage.SPARSE: _vectors,
}

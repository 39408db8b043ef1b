"""Data frames and the engine's datasets, each made from the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables import cells
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage, vector_missing
from athanor.errors import InvalidInput

SPARSE = pl.Struct({"indices": pl.List(pl.UInt32), "values": pl.List(pl.Float32)})


def to_dataset(frame: pl.DataFrame, schema: Schema) -> Dataset:
    """The columns of `schema` as arrays. A column that the frame lacks is missing in every row, as it is for rows."""
    there = {series.name: series for series in frame.get_columns()}  # at once: a frame is slow to ask name by name
    columns = {column.name: to_column(there.get(column.name), column, frame.height) for column in schema.columns}
    return Dataset(schema, columns, frame.height)


def to_column(series: pl.Series | None, column: ColumnSchema, n_rows: int) -> Column:
    """A column's cells as arrays; `series` None: missing in each of `n_rows` rows."""
    if series is not None:
        return _SHAPES[column.storage](series, column)
    if column.storage.is_vector:
        raise vector_missing(column.name)
    return _SHAPES[column.storage](pl.Series(column.name, [None] * n_rows, dtype=pl.Null), column)


def to_frame(dataset: Dataset) -> pl.DataFrame:
    """The dataset as a frame, each column in the type of its storage."""
    return pl.DataFrame([_series(dataset.columns[column.name], column) for column in dataset.schema.columns])


def frame_type(column: ColumnSchema) -> pl.DataType:
    """The type in which frames and segments keep such a column."""
    if column.storage is Storage.DENSE:
        return pl.Array(pl.Float32, column.dim or 0)
    return _TYPES[column.storage]


def sparse_series(
    name: str, counts: NDArray[np.int64], indices: NDArray[np.uint32], values: NDArray[np.float32]
) -> pl.Series:
    """Sparse vectors, one a row, from the entries of all rows one after the other; `counts` says how many each has."""
    rows = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    entries = pl.DataFrame({"row": rows, "indices": indices, "values": values})
    vectors = entries.with_columns(pl.col("row").set_sorted()).group_by("row", maintain_order=True).agg(pl.all())
    if vectors.height < len(counts):  # rows without entries: they all get the one that is put behind the others
        vectors = pl.concat([vectors, pl.DataFrame({"row": [0], "indices": [[]], "values": [[]]}, vectors.schema)])
        vectors = vectors[np.where(counts > 0, np.cumsum(counts > 0) - 1, vectors.height - 1)]
    return vectors.select(pl.struct("indices", "values").alias(name)).to_series()


def _numbers(series: pl.Series, column: ColumnSchema) -> Numbers:
    if not (series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}):
        raise _misfit(series, column, "numbers")
    values = series.cast(pl.Float64).to_numpy()  # missing cells become NaN
    if series.dtype.is_float() and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, np.nan)
    return Numbers(values)


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


def texts(series: pl.Series) -> pl.Series:
    """The cells as the texts of an attribute: `cells.text`."""
    if series.dtype in {pl.String, pl.Null}:
        return series.cast(pl.String)
    found = series.unique()
    words = pl.Series([cells.text(cell) for cell in found.to_list()], dtype=pl.String)
    return series.replace_strict(found, words, return_dtype=pl.String)


def _times(series: pl.Series, column: ColumnSchema) -> Times:
    if not (series.dtype.is_temporal() or series.dtype == pl.Null):
        raise _misfit(series, column, "dates or times")
    values: Any = series.cast(pl.Datetime("us")).to_physical().fill_null(np.iinfo(np.int64).min).to_numpy()
    return Times(values.view("datetime64[us]"))


def _dense(series: pl.Series, column: ColumnSchema) -> Vectors:
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
    flat = (series.explode() if dim else series.clear().explode()).cast(pl.Float32)
    matrix = flat.to_numpy().reshape(len(series), dim)  # missing numbers become NaN
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise InvalidInput(f"Column {column.name!r} has a missing or infinite number in row {row + 1}.")
    return Vectors(matrix)


def _sparse(series: pl.Series, column: ColumnSchema) -> Vectors:
    """One CSR matrix. Components that the schema does not have are left out, as levels that training did not see."""
    from scipy.sparse import csr_matrix

    if isinstance(series.dtype, (pl.Array, pl.List)):
        return Vectors(csr_matrix(_dense(series, column).matrix))
    if not isinstance(series.dtype, pl.Struct):
        raise _misfit(series, column, "sparse vectors")
    parts = [series.struct.field(name) for name in ("indices", "values")]
    lengths = [part.list.len() for part in parts]
    wrong = series.is_null() | lengths[0].is_null() | (lengths[0] != lengths[1]).fill_null(value=True)
    if wrong.any():
        raise InvalidInput(
            f"Column {column.name!r}: expected as many indices as values in every row; row {wrong.arg_true()[0] + 1} "
            "has a vector that is missing or uneven.",
            field=column.name,
        )
    indices, values = (part.explode().drop_nulls() for part in parts)  # an empty list comes out as one null
    counts = lengths[0].to_numpy()
    if len(indices) != counts.sum() or len(values) != len(indices) or not values.is_finite().all():
        raise InvalidInput(f"Column {column.name!r} has a missing or infinite number in a vector.", field=column.name)
    places, numbers = indices.cast(pl.Int32).to_numpy(), values.cast(pl.Float32).to_numpy()
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    dim = column.dim or 0
    if len(places) and int(places.max()) >= dim:
        kept = places < dim
        starts = np.concatenate([[0], np.cumsum(kept)])[starts]
        places, numbers = places[kept], numbers[kept]
    return Vectors(csr_matrix((numbers, places, starts), shape=(len(series), dim)))


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
        return _vector_series(column, name)
    values = pl.Series(name, column.values, nan_to_null=True)
    if schema.storage is Storage.BOOLEAN:
        return values.cast(pl.Boolean)
    if (
        schema.storage is Storage.INTEGER
        and ((values.floor() == values) & (values.abs() <= cells.LARGEST_INTEGER)).all()
    ):
        return values.cast(pl.Int64)
    return values


def _vector_series(column: Vectors, name: str) -> pl.Series:
    matrix = column.matrix
    if column.is_sparse:
        return sparse_series(name, np.diff(matrix.indptr), matrix.indices.astype(np.uint32), matrix.data)
    return pl.Series(name, matrix, dtype=pl.Array(pl.Float32, matrix.shape[1]))


_SHAPES: dict[Storage, Callable[[pl.Series, ColumnSchema], Column]] = {
    Storage.FLOAT: _numbers,
    Storage.INTEGER: _numbers,
    Storage.BOOLEAN: _numbers,
    Storage.STRING: _words,
    Storage.DATETIME: _times,
    Storage.DENSE: _dense,
    Storage.SPARSE: _sparse,
}
_TYPES: dict[Storage, pl.DataType] = {
    Storage.FLOAT: pl.Float64(),
    Storage.INTEGER: pl.Int64(),
    Storage.BOOLEAN: pl.Boolean(),
    Storage.STRING: pl.String(),
    Storage.DATETIME: pl.Datetime("us"),
    Storage.SPARSE: SPARSE,
}

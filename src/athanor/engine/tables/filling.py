"""Columns of a known length, filled slice by slice, in memory or in files: one copy, and a slice beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.array_files import Growing, growing, mapped
from athanor.engine.tables.dataset import Column, Numbers, Times, Vectors, Words
from athanor.engine.tables.frames import to_column
from athanor.engine.tables.schema import ColumnSchema, Storage


class Filling(Protocol):
    """A column in the making."""

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:
        """The cells of rows `start` to `start + n_rows`; None: missing in all of them. Slices come in their order."""
        ...

    def column(self) -> Column:
        """The column, once every row has come."""
        ...


def filling(column: ColumnSchema, n_rows: int, place: Path | None = None) -> Filling:
    """Room for `n_rows` cells of a column: in files whose names begin with `place`, None: in memory."""
    if column.storage is Storage.STRING:
        return _Words(column, n_rows, place)
    if column.storage is Storage.SPARSE:
        return _Sparse(column, n_rows, place)
    return _Array(column, n_rows, place)


def _file(place: Path | None, part: str) -> Path | None:
    return None if place is None else place.with_name(f"{place.name}.{part}.npy")


def _finished(values: Growing, path: Path | None) -> NDArray[Any]:
    array = values.array()
    return array if path is None else mapped(path)


class _Array:
    """Numbers, times and dense vectors."""

    def __init__(self, column: ColumnSchema, n_rows: int, place: Path | None) -> None:
        self._schema, self._path = column, _file(place, "values")
        is_dense, is_time = column.storage is Storage.DENSE, column.storage is Storage.DATETIME
        dtype = "float32" if is_dense else "datetime64[us]" if is_time else "float64"
        width = (column.dim or 0) if is_dense else None
        self._values = growing(dtype, n_rows=n_rows, width=width, path=self._path)

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:  # noqa: ARG002
        part = to_column(series, self._schema, n_rows)
        self._values.put(part.matrix if isinstance(part, Vectors) else _values(part))

    def column(self) -> Column:
        values = _finished(self._values, self._path)
        if self._schema.storage is Storage.DENSE:
            return Vectors(values)
        return Times(values) if self._schema.storage is Storage.DATETIME else Numbers(values)


def _values(part: Column) -> NDArray[Any]:
    if not isinstance(part, (Numbers, Times)):
        raise TypeError(f"Numbers or times are filled in here, got {type(part).__name__}.")
    return part.values


class _Words:
    """Codes of each slice's own vocabulary, until all vocabularies are known."""

    def __init__(self, column: ColumnSchema, n_rows: int, place: Path | None) -> None:
        self._schema, self._path = column, _file(place, "codes")
        self._codes = growing(np.int32, n_rows=n_rows, path=self._path)
        self._slices: list[tuple[int, int, pl.Series]] = []

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:
        part = to_column(series, self._schema, n_rows)
        if not isinstance(part, Words):
            raise TypeError(f"Words are filled in here, got {type(part).__name__}.")
        self._codes.put(part.codes)
        self._slices.append((start, n_rows, pl.Series(list(part.vocabulary), dtype=pl.String)))

    def column(self) -> Column:
        if not self._slices:
            return Words(_finished(self._codes, self._path), ())
        codes = self._codes.array()
        vocabulary = pl.concat([words for _, _, words in self._slices]).unique().sort()
        places = pl.Enum(vocabulary)
        for start, n_rows, words in self._slices:
            # The last place is where code -1 points.
            table = np.append(words.cast(places).to_physical().cast(pl.Int32).to_numpy(), np.int32(-1))
            codes[start : start + n_rows] = table[codes[start : start + n_rows]]
        return Words(codes if self._path is None else mapped(self._path), tuple(vocabulary.to_list()))


class _Sparse:
    """One CSR matrix, whose number of entries is known when the last slice has come."""

    def __init__(self, column: ColumnSchema, n_rows: int, place: Path | None) -> None:
        self._schema = column
        self._paths = {part: _file(place, part) for part in ("data", "indices", "indptr")}
        self._data = growing(np.float32, path=self._paths["data"])
        self._indices = growing(np.int32, path=self._paths["indices"])
        self._starts = growing(np.int64, n_rows=n_rows + 1, path=self._paths["indptr"])
        self._starts.put(np.zeros(1, np.int64))
        self._n_entries = 0

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:  # noqa: ARG002
        part = to_column(series, self._schema, n_rows)
        if not isinstance(part, Vectors):
            raise TypeError(f"Vectors are filled in here, got {type(part).__name__}.")
        self._data.put(part.matrix.data)
        self._indices.put(part.matrix.indices)
        self._starts.put(part.matrix.indptr[1:] + np.int64(self._n_entries))
        self._n_entries += part.matrix.nnz

    def column(self) -> Column:
        from scipy.sparse import csr_matrix

        made = {"data": self._data, "indices": self._indices, "indptr": self._starts}
        data, indices, starts = (_finished(values, self._paths[part]) for part, values in made.items())
        return Vectors(csr_matrix((data, indices, starts), shape=(len(starts) - 1, self._schema.dim or 0), copy=False))

"""Columns as arrays of a known length, filled slice by slice: one copy in memory, and a slice beside it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.dataset import Column, Numbers, Times, Vectors, Words
from athanor.engine.frames import to_column
from athanor.engine.schema import ColumnSchema, Storage

_GROWTH = 1.5


class Filling(Protocol):
    """A column in the making."""

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:
        """The cells of rows `start` to `start + n_rows`; None: missing in all of them. Slices come in their order."""
        ...

    def column(self) -> Column:
        """The column, once every row has come."""
        ...


def filling(column: ColumnSchema, n_rows: int) -> Filling:
    """Room for `n_rows` cells of a column."""
    if column.storage is Storage.STRING:
        return _Words(column, n_rows)
    if column.storage is Storage.SPARSE:
        return _Sparse(column, n_rows)
    return _Array(column, n_rows)


class _Array:
    """Numbers, times and dense vectors."""

    def __init__(self, column: ColumnSchema, n_rows: int) -> None:
        self._schema = column
        is_dense, is_time = column.storage is Storage.DENSE, column.storage is Storage.DATETIME
        dtype = "float32" if is_dense else "datetime64[us]" if is_time else "float64"
        self._values: NDArray[Any] = np.empty((n_rows, column.dim or 0) if is_dense else n_rows, dtype)

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:
        part = to_column(series, self._schema, n_rows)
        self._values[start : start + n_rows] = part.matrix if isinstance(part, Vectors) else _values(part)

    def column(self) -> Column:
        if self._schema.storage is Storage.DENSE:
            return Vectors(self._values)
        return Times(self._values) if self._schema.storage is Storage.DATETIME else Numbers(self._values)


def _values(part: Column) -> NDArray[Any]:
    if not isinstance(part, (Numbers, Times)):
        raise TypeError(f"Numbers or times are filled in here, got {type(part).__name__}.")
    return part.values


class _Words:
    """Codes of each slice's own vocabulary, until all vocabularies are known."""

    def __init__(self, column: ColumnSchema, n_rows: int) -> None:
        self._schema = column
        self._codes = np.empty(n_rows, np.int32)
        self._slices: list[tuple[int, int, pl.Series]] = []

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:
        part = to_column(series, self._schema, n_rows)
        if not isinstance(part, Words):
            raise TypeError(f"Words are filled in here, got {type(part).__name__}.")
        self._codes[start : start + n_rows] = part.codes
        self._slices.append((start, n_rows, pl.Series(list(part.vocabulary), dtype=pl.String)))

    def column(self) -> Column:
        if not self._slices:
            return Words(self._codes, ())
        vocabulary = pl.concat([words for _, _, words in self._slices]).unique().sort()
        places = pl.Enum(vocabulary)
        for start, n_rows, words in self._slices:
            # The last place is where code -1 points.
            table = np.append(words.cast(places).to_physical().cast(pl.Int32).to_numpy(), np.int32(-1))
            self._codes[start : start + n_rows] = table[self._codes[start : start + n_rows]]
        return Words(self._codes, tuple(vocabulary.to_list()))


class _Sparse:
    """One CSR matrix, whose number of entries is known when the last slice has come.

    Arrays grow in place: what is not written to takes no memory, and the system moves pages instead of copying them.
    """

    def __init__(self, column: ColumnSchema, n_rows: int) -> None:
        self._schema = column
        self._starts = np.zeros(n_rows + 1, np.int64)
        self._n_entries = 0
        self._data = np.empty(0, np.float32)
        self._indices = np.empty(0, np.int32)

    def put(self, series: pl.Series | None, start: int, n_rows: int) -> None:
        part = to_column(series, self._schema, n_rows)
        if not isinstance(part, Vectors):
            raise TypeError(f"Vectors are filled in here, got {type(part).__name__}.")
        end = self._n_entries + part.matrix.nnz
        if end > len(self._data):
            for array in (self._data, self._indices):
                array.resize(int(end * _GROWTH), refcheck=False)
        self._data[self._n_entries : end] = part.matrix.data
        self._indices[self._n_entries : end] = part.matrix.indices
        self._starts[start + 1 : start + n_rows + 1] = part.matrix.indptr[1:] + np.int64(self._n_entries)
        self._n_entries = end

    def column(self) -> Column:
        from scipy.sparse import csr_matrix

        for array in (self._data, self._indices):
            array.resize(self._n_entries, refcheck=False)
        shape = (len(self._starts) - 1, self._schema.dim or 0)
        return Vectors(csr_matrix((self._data, self._indices, self._starts), shape=shape, copy=False))

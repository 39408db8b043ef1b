"""A table in memory: named columns and matrix blocks, as numpy arrays.

Column values come in four shapes, one class each. Nothing here is a data frame, so that a single row takes the same
way through features and models as a million, and pool processes can share a table by mapping its files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput

Rows = NDArray[np.int64]  # positions of rows in a dataset
Some = Rows | slice  # rows by their positions, or a run of them


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numeric and boolean cells. NaN is missing."""

    values: NDArray[np.float64]  # (n_rows,)

    @property
    def n_rows(self) -> int:
        return len(self.values)

    def take(self, rows: Some) -> Numbers:
        return Numbers(self.values[rows])

    def missing(self) -> NDArray[np.bool_]:
        return np.isnan(self.values)


@dataclass(frozen=True, slots=True)
class Words:
    """Categories and texts, each distinct one stored once."""

    codes: NDArray[np.int32]  # (n_rows,) position in `vocabulary`; -1 is missing
    vocabulary: Sequence[str]

    @property
    def n_rows(self) -> int:
        return len(self.codes)

    def take(self, rows: Some) -> Words:
        return Words(self.codes[rows], self.vocabulary)

    def missing(self) -> NDArray[np.bool_]:
        return self.codes < 0

    @classmethod
    def of(cls, cells: Sequence[str | None]) -> Words:
        places: dict[str, int] = {}
        codes = np.empty(len(cells), np.int32)
        for position, cell in enumerate(cells):
            codes[position] = -1 if cell is None else places.setdefault(cell, len(places))
        return cls(codes, tuple(places))


@dataclass(frozen=True, slots=True)
class Times:
    """Points in time. NaT is missing."""

    values: NDArray[np.datetime64]  # (n_rows,) datetime64[us], UTC

    @property
    def n_rows(self) -> int:
        return len(self.values)

    def take(self, rows: Some) -> Times:
        return Times(self.values[rows])

    def missing(self) -> NDArray[np.bool_]:
        return np.isnat(self.values)


@dataclass(frozen=True, slots=True)
class Vectors:
    """A matrix block: one vector a row, all of one length. Never missing."""

    matrix: Any  # (n_rows, dim) float32: a numpy array, or a scipy CSR matrix

    @property
    def n_rows(self) -> int:
        return int(self.matrix.shape[0])

    def take(self, rows: Some) -> Vectors:
        return Vectors(self.matrix[rows])

    def missing(self) -> NDArray[np.bool_]:
        return np.zeros(self.matrix.shape[0], np.bool_)

    @property
    def is_sparse(self) -> bool:
        return not isinstance(self.matrix, np.ndarray)


Column = Numbers | Words | Times | Vectors


@dataclass(frozen=True, slots=True)
class Dataset:
    """Named columns of one length, with their schema. Immutable by agreement: nobody writes into an array of it."""

    schema: Schema
    columns: Mapping[str, Column]
    n_rows: int

    def __post_init__(self) -> None:
        if set(self.schema.names) != set(self.columns):
            raise InvalidInput("A dataset's schema and columns must have the same names.")

    def __getitem__(self, name: str) -> Column:
        _ = self.schema[name]
        return self.columns[name]

    def select(self, names: Sequence[str]) -> Dataset:
        schema = self.schema.select(tuple(names))
        if isinstance(self.columns, Taken):
            given = self.columns.columns
            return Dataset(schema, Taken({name: given[name] for name in names}, self.columns.rows), self.n_rows)
        return Dataset(schema, {name: self.columns[name] for name in names}, self.n_rows)

    def take(self, rows: Rows) -> Dataset:
        """Some rows, as a table of their own."""
        taken = {name: column.take(rows) for name, column in self.columns.items()}
        return Dataset(self.schema, taken, len(rows))

    def at(self, rows: Some) -> Dataset:
        """Some rows, each column taken anew whenever it is asked for: who needs one at a time holds no copy of all."""
        if isinstance(self.columns, Taken):
            taken = Taken(self.columns.columns, self.columns.among(rows))
        else:
            taken = Taken(self.columns, range(self.n_rows)[rows] if isinstance(rows, slice) else rows)
        return Dataset(self.schema, taken, len(taken.rows))


@dataclass(frozen=True, slots=True)
class Taken(Mapping[str, Column]):
    """Columns of some rows, which are taken when they are asked for."""

    columns: Mapping[str, Column]
    rows: Rows | range

    def __getitem__(self, name: str) -> Column:
        rows = self.rows
        return self.columns[name].take(slice(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def among(self, rows: Some) -> Rows | range:
        """Some of these rows, as rows of the columns."""
        if isinstance(self.rows, range):
            return self.rows[rows] if isinstance(rows, slice) else np.asarray(self.rows)[rows]
        return self.rows[rows]

"""A table that came later, read as the schema of the table that was learned from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from athanor.engine.tables import cells
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage, vector_missing
from athanor.errors import InvalidInput

_NAT = np.datetime64("NaT", "us")


def conform(dataset: Dataset, schema: Schema) -> Dataset:
    """The columns of `schema`, in its order. Further columns are ignored, ones that are not there are missing values.

    A file that was read on its own may have found other types (a column of numbers that are all missing is a column of
    words): cells are read again as `schema` says. Raises InvalidInput naming row and column of a cell that cannot be.
    """
    columns: dict[str, Column] = {}
    for wanted in schema.columns:
        if wanted.name in dataset.columns:
            columns[wanted.name] = _as(dataset.columns[wanted.name], dataset.schema[wanted.name], wanted)
        else:
            columns[wanted.name] = _missing(wanted, dataset.n_rows)
    return Dataset(schema, columns, dataset.n_rows)


def _as(column: Column, found: ColumnSchema, wanted: ColumnSchema) -> Column:
    if wanted.storage.is_vector:
        return _vectors(column, wanted)
    if wanted.storage is Storage.STRING:
        return column if isinstance(column, Words) else _to_words(column, found, wanted)
    if wanted.storage is Storage.DATETIME:
        if isinstance(column, Times):
            return column
        if wanted.spelling and isinstance(column, Numbers):  # seconds since 1970, 20240301
            column = Words.of([None if np.isnan(value) else cells.whole(value) for value in column.values.tolist()])
        moment = partial(_moment, spelling=wanted.spelling)
        return Times(_parsed(column, wanted, moment, "a date or time", _NAT).astype("datetime64[us]"))
    if isinstance(column, Numbers):
        return _truths(column, wanted) if wanted.storage is Storage.BOOLEAN else column
    number = partial(cells.number, spelling=wanted.spelling)
    read = cells.truth if wanted.storage is Storage.BOOLEAN else number
    return Numbers(_parsed(column, wanted, read, "a number", np.nan).astype(np.float64))


def _truths(column: Numbers, wanted: ColumnSchema) -> Numbers:
    bad = np.flatnonzero(~(np.isnan(column.values) | np.isin(column.values, (0.0, 1.0))))
    if len(bad):
        raise InvalidInput(
            f"Row {bad[0] + 1}, column {wanted.name!r}: expected true or false as in the training data, "
            f"got {column.values[bad[0]]:g}.",
            field=wanted.name,
        )
    return column


def _parsed(column: Column, wanted: ColumnSchema, read: Callable[[str], Any], what: str, missing: Any) -> Any:
    """Each distinct word read once."""
    if bool(column.missing().all()):
        return np.full(len(column.missing()), missing)
    if not isinstance(column, Words):
        raise InvalidInput(
            f"Column {wanted.name!r} should hold {what} in each row, as in the training data.", field=wanted.name
        )
    values = [missing] * (len(column.vocabulary) + 1)  # the last one is where code -1 points
    for code in np.unique(column.codes[column.codes >= 0]).tolist():
        text = column.vocabulary[code]
        try:
            values[code] = read(text)
        except ValueError as error:
            row = int(np.flatnonzero(column.codes == code)[0]) + 1
            raise InvalidInput(
                f"Row {row}, column {wanted.name!r}: expected {what} as in the training data, got {text[:60]!r}. "
                "Leave the cell empty where the value is missing.",
                field=wanted.name,
            ) from error
    return np.array(values)[column.codes]


def _moment(text: str, spelling: str) -> np.datetime64:
    found = cells.microseconds(text, spelling)
    return _NAT if found is None else np.datetime64(found, "us")


def _to_words(column: Numbers | Times | Vectors, found: ColumnSchema, wanted: ColumnSchema) -> Words:
    if isinstance(column, Vectors):
        raise InvalidInput(f"Column {wanted.name!r} should hold one text in each row, got a vector.", field=wanted.name)
    if isinstance(column, Times):
        texts = [None if np.isnat(moment) else moment.item().isoformat() for moment in column.values]
        return Words.of(texts)
    distinct, codes = np.unique(column.values, return_inverse=True)
    spelled = [_spelled(value, found.storage) for value in distinct.tolist()]
    return Words.of([spelled[code] for code in codes.tolist()])


def _spelled(value: float, storage: Storage) -> str | None:
    if np.isnan(value):
        return None
    if storage is Storage.INTEGER:
        return str(int(value))
    return cells.spelled(bool(value) if storage is Storage.BOOLEAN else value)


def _vectors(column: Column, wanted: ColumnSchema) -> Vectors:
    dim = wanted.dim or 0
    if isinstance(column, Vectors) and column.is_sparse and column.matrix.shape[1] != dim:
        column = _resized(column, dim)
    if not isinstance(column, Vectors) or column.matrix.shape[1] != dim:
        raise InvalidInput(f"Column {wanted.name!r} should hold vectors of {dim} numbers.", field=wanted.name)
    if column.is_sparse == (wanted.storage is Storage.SPARSE):
        return column
    if column.is_sparse:
        return Vectors(column.matrix.toarray())
    from scipy.sparse import csr_matrix

    return Vectors(csr_matrix(column.matrix))


def _resized(column: Vectors, dim: int) -> Vectors:
    """Further components of training are 0 here; components that training did not see say nothing."""
    from scipy.sparse import csr_matrix

    matrix = column.matrix
    if matrix.shape[1] > dim:
        return Vectors(matrix[:, :dim])
    return Vectors(csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], dim)))


def _missing(wanted: ColumnSchema, n_rows: int) -> Column:
    if wanted.storage.is_vector:
        raise vector_missing(wanted.name)
    if wanted.storage is Storage.STRING:
        return Words(np.full(n_rows, -1, np.int32), ())
    if wanted.storage is Storage.DATETIME:
        return Times(np.full(n_rows, _NAT))
    return Numbers(np.full(n_rows, np.nan))

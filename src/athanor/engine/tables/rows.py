"""Rows as they come with a request, made into a dataset. No polars here: one row must take microseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables import cells
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.errors import InvalidInput

_NAN = float("nan")
_NAT = -(2**63)  # numpy's "not a time", as the integer it is stored as


def rows_to_dataset(rows: Sequence[Mapping[str, Any]], schema: Schema) -> Dataset:
    """`rows` as a dataset of `schema`. Unknown keys are ignored, keys that are not there are missing values.

    Raises InvalidInput that names row (from 1) and column of the first cell that has the wrong type.
    """
    columns: dict[str, Column] = {}
    for position, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InvalidInput(
                f"Row {position} is not an object of column names and values but {_what(row)}.", field="rows"
            )
    for column in schema.columns:
        name = column.name
        columns[name] = _READ[column.storage]([row.get(name) for row in rows], column)
    return Dataset(schema, columns, len(rows))


def _numbers(given: list[Any], column: ColumnSchema) -> Numbers:
    values = np.empty(len(given))
    for position, cell in enumerate(given):
        kind = type(cell)
        if kind is float:
            values[position] = cells.finite(cell)
        elif kind is int:
            values[position] = _float(cell)
        elif cell is None:
            values[position] = _NAN
        else:
            values[position] = _number(cell, position, column)
    return Numbers(values)


def _number(cell: Any, position: int, column: ColumnSchema) -> float:
    cell = _plain(cell)
    if cell is None:
        return _NAN
    if isinstance(cell, str):
        try:
            return cells.number(cell, column.spelling)
        except ValueError as error:
            raise _refused(cell, position, column, "a number") from error
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return _float(cell)
    raise _refused(cell, position, column, "a number")


def _float(cell: float) -> float:
    try:
        return cells.finite(float(cell))
    except OverflowError:  # an integer beyond the largest float: infinite, as its text would be
        return _NAN


def _truths(given: list[Any], column: ColumnSchema) -> Numbers:
    values = np.empty(len(given))
    for position, raw in enumerate(given):
        cell = _plain(raw)
        if cell is True or cell is False:
            values[position] = 1.0 if cell else 0.0
        elif cell is None or cell != cell:  # noqa: PLR0124 - NaN
            values[position] = _NAN
        elif isinstance(cell, (int, float)) and cell in {0, 1}:
            values[position] = cell
        elif isinstance(cell, str):
            try:
                values[position] = cells.truth(cell)
            except ValueError as error:
                raise _refused(cell, position, column, "true or false") from error
        else:
            raise _refused(cell, position, column, "true or false")
    return Numbers(values)


def _words(given: list[Any], column: ColumnSchema) -> Words:
    found: list[str | None] = []
    for position, raw in enumerate(given):
        cell = raw if type(raw) is str else _plain(raw)
        if isinstance(cell, str):
            found.append(cells.word(cell))
        elif cell is None:
            found.append(None)
        elif isinstance(cell, (int, float)):
            found.append(cells.spelled(cell))
        elif isinstance(cell, date):
            found.append(cell.isoformat())
        else:
            raise _refused(cell, position, column, "a text")
    return Words.of(found)


def _times(given: list[Any], column: ColumnSchema) -> Times:
    values = np.empty(len(given), np.int64)
    for position, raw in enumerate(given):
        cell = _plain(raw)
        moment: int | None
        if column.spelling and isinstance(cell, (int, float)) and cell == cell and not isinstance(cell, bool):  # noqa: PLR0124
            cell = cells.whole(cell)  # seconds since 1970, 20240301
        if isinstance(cell, str):
            try:
                moment = cells.microseconds(cell, column.spelling)
            except ValueError as error:
                raise _refused(cell, position, column, "a date or time such as 2024-03-01T12:30:00Z") from error
        elif isinstance(cell, date):
            moment = cells.microseconds_of(cell)
        elif cell is None or cell != cell:  # noqa: PLR0124 - NaN
            moment = None
        else:
            raise _refused(cell, position, column, "a date or time such as 2024-03-01T12:30:00Z")
        values[position] = _NAT if moment is None else moment
    return Times(values.view("datetime64[us]"))


def _dense(given: list[Any], column: ColumnSchema) -> Vectors:
    matrix = np.empty((len(given), column.dim or 0), np.float32)
    for position, cell in enumerate(given):
        matrix[position] = _vector(cell, position, column)
    return Vectors(matrix)


def _vector(cell: Any, position: int, column: ColumnSchema) -> NDArray[np.float32]:
    wanted = f"a list of {column.dim} numbers"
    if not isinstance(cell, (Sequence, np.ndarray)) or isinstance(cell, str) or len(cell) != column.dim:
        raise _refused(cell, position, column, wanted)
    try:
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
            vector = np.asarray(cell, np.float32)
    except (TypeError, ValueError) as error:
        raise _refused(cell, position, column, wanted) from error
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise _refused(cell, position, column, f"{wanted}, none of them missing or infinite")
    return vector


def _sparse(given: list[Any], column: ColumnSchema) -> Vectors:
    """Vectors as `{"indices": [...], "values": [...]}`, or as lists of all numbers."""
    from scipy.sparse import csr_matrix

    dim = column.dim or 0
    found = [_entries(cell, position, column, dim) for position, cell in enumerate(given)]
    starts = np.cumsum([0, *(len(indices) for indices, _ in found)])
    indices, values = (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else ((), ())
    return Vectors(
        csr_matrix((np.asarray(values, np.float32), np.asarray(indices, np.int32), starts), shape=(len(given), dim))
    )


def _entries(cell: Any, position: int, column: ColumnSchema, dim: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Indices, ascending, and values of one sparse vector."""
    if not isinstance(cell, Mapping):
        vector = _vector(cell, position, column)
        indices = np.flatnonzero(vector)
        return indices, vector[indices]
    wanted = f"equally many indices (whole numbers from 0 to {dim - 1}, each once) and finite values"
    try:
        indices = np.asarray(cell["indices"])
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
            values = np.asarray(cell["values"], np.float64).astype(np.float32)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _refused(cell, position, column, wanted) from error
    order = np.argsort(indices, kind="stable") if indices.ndim == 1 else indices
    is_whole = indices.dtype.kind in "iu" or not indices.size
    if not is_whole or indices.ndim != 1 or indices.shape != values.shape or not np.isfinite(values).all():
        raise _refused(cell, position, column, wanted)
    indices, values = indices[order].astype(np.int64), values[order]
    if indices.size and (indices[0] < 0 or indices[-1] >= dim or not np.diff(indices).all()):
        raise _refused(cell, position, column, wanted)
    return indices, values


def _plain(cell: Any) -> Any:
    """A numpy scalar as the Python value that it stands for; anything else as it is."""
    if isinstance(cell, np.generic):
        return None if isinstance(cell, np.datetime64) and np.isnat(cell) else cell.item()
    return cell


def _refused(cell: Any, position: int, column: ColumnSchema, wanted: str) -> InvalidInput:
    is_vector = column.storage.is_vector
    what_to_do = (
        "A vector cannot be missing" if is_vector else "Send null or leave the key out where the value is missing"
    )
    return InvalidInput(
        f"Row {position + 1}, column {column.name!r}: expected {wanted}, got {_what(cell)}. {what_to_do}.",
        field=column.name,
    )


def _what(cell: Any) -> str:
    """A value in words, short enough for a message."""
    if isinstance(cell, (bool, int, float, str)):
        shown = repr(cell)
        return shown if len(shown) <= 60 else shown[:57] + "..."
    if cell is None:
        return "no value"
    if isinstance(cell, Mapping):
        return "an object"
    if isinstance(cell, (Sequence, np.ndarray)):
        return f"a list of {len(cell)}"
    return f"a {type(cell).__name__}"


_READ: dict[Storage, Callable[[list[Any], ColumnSchema], Column]] = {
    Storage.FLOAT: _numbers,
    Storage.INTEGER: _numbers,
    Storage.BOOLEAN: _truths,
    Storage.STRING: _words,
    Storage.DATETIME: _times,
    Storage.DENSE: _dense,
    Storage.SPARSE: _sparse,
}

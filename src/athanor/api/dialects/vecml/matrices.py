"""Rows of numbers in JSON made a float32 matrix, dense or sparse, with errors that name the row and the position."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np

from athanor.api.dialects.vecml.json_body import Bulk, rows_in_parts
from athanor.errors import InvalidInput, TooLarge

_NUMBERS = {int, float}  # bool is neither here
_LARGEST = float(np.finfo(np.float32).max)
MOST_ROWS = 10_000_000  # of one request: short rows need far more memory than their text
_MOST_DIGITS = 10  # of an index


def matrix_of(data: Any, *, is_sparse: bool, dim: int | None = None, field: str = "data") -> Any:
    """The rows as a float32 matrix: a numpy array, or of a sparse collection a scipy CSR matrix.

    data  a list, rows of a large body that are still as they came, or an iterator that gives some rows at a time
    dim   numbers that a row must have, or at most has where it is sparse; None: as many as the first row, or the
          largest index says
    """
    if isinstance(data, Iterator):
        parts = data
    elif isinstance(data, list):
        parts = iter((data,))
    elif isinstance(data, Bulk) and data.kind != "base64":
        parts = rows_in_parts(data)
    else:
        raise InvalidInput(f"`{field}` must be a list with one row a vector, {_shown(data)} came.", field=field)
    return _sparse(parts, dim, field) if is_sparse and not _is_dense(data) else _dense(parts, dim, field)


def _is_dense(data: Any) -> bool:
    """Whether these are plain lists of numbers, which a sparse collection takes as well."""
    if isinstance(data, Bulk):
        return data.kind == "dense"
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(row, list) and bool(row) and type(row[0]) in _NUMBERS for row in data)
    )


def _dense(parts: Iterator[Sequence[Any]], dim: int | None, field: str) -> Any:
    made, n_before = [], 0
    for rows in parts:
        if dim is None and rows and isinstance(rows[0], list):
            dim = len(rows[0])
        made.append(_dense_part(rows, dim or 0, n_before, field))
        n_before = _counted(n_before + len(rows), field)
    if not made or not n_before:
        return np.zeros((0, dim or 0), np.float32)
    return made[0] if len(made) == 1 else np.concatenate(made)


def _counted(n_rows: int, field: str) -> int:
    if n_rows > MOST_ROWS:
        raise TooLarge(f"`{field}` has more than {MOST_ROWS:,} rows. Send them in several requests.")
    return n_rows


def _dense_part(rows: Sequence[Any], dim: int, n_before: int, field: str) -> Any:
    if (
        set(map(type, rows)) <= {list}
        and set(map(len, rows)) <= {dim}
        and set(map(type, chain.from_iterable(rows))) <= _NUMBERS
    ):
        try:
            with np.errstate(over="ignore"):
                made = np.array(rows, np.float32).reshape(len(rows), dim)
        except OverflowError:  # an integer beyond every float
            pass
        else:
            if np.isfinite(made).all():
                return made
    for number, row in enumerate(rows, start=n_before + 1):
        _check_row(row, dim, number, field)
    raise AssertionError  # one of the rows was wrong


def _check_row(row: Any, dim: int, number: int, field: str) -> None:
    if not isinstance(row, list):
        raise InvalidInput(f"`{field}`: row {number} must be a list of {dim} numbers, {_shown(row)} came.", field=field)
    if len(row) != dim:
        raise InvalidInput(f"`{field}`: row {number} has {len(row):,} numbers; vectors have {dim:,} here.", field=field)
    for place, value in enumerate(row, start=1):
        _check_number(value, f"row {number}, position {place}", field)


def _check_number(value: Any, where: str, field: str) -> None:
    if type(value) not in _NUMBERS:
        raise InvalidInput(f"`{field}`: {where}: a number is expected, {_shown(value)} came.", field=field)
    if not (isinstance(value, int) or math.isfinite(value)) or abs(value) > _LARGEST:
        raise InvalidInput(
            f"`{field}`: {where}: {_shown(value)} is no finite number of 32 bits. Send finite numbers.", field=field
        )


def _sparse(parts: Iterator[Sequence[Any]], dim: int | None, field: str) -> Any:
    from scipy.sparse import csr_matrix

    indices, values, lengths, n_before = [], [], [], 0
    for rows in parts:
        pairs = [_pairs(row, number, field) for number, row in enumerate(rows, start=n_before + 1)]
        lengths.append(np.fromiter(map(len, pairs), np.int64, len(pairs)))
        n_pairs = int(lengths[-1].sum())
        places = np.fromiter((place for place, _ in chain.from_iterable(pairs)), np.int64, n_pairs)
        indices.append(places)
        values.append(np.fromiter((value for _, value in chain.from_iterable(pairs)), np.float32, n_pairs))
        n_before = _counted(n_before + len(rows), field)
    starts = np.concatenate([[0], np.cumsum(np.concatenate([*lengths, np.zeros(0, np.int64)]))])
    columns = np.concatenate([*indices, np.zeros(0, np.int64)])
    n_columns = int(columns.max()) + 1 if len(columns) else 1
    if dim and n_columns > dim:
        row = int(np.searchsorted(starts, int(np.flatnonzero(columns >= dim)[0]), side="right"))
        raise InvalidInput(
            f"`{field}`: row {row} has the index {n_columns - 1}; vectors have {dim:,} numbers here, so that the "
            f"largest index is {dim - 1:,}.",
            field=field,
        )
    shape = (len(starts) - 1, dim or n_columns)
    return csr_matrix((np.concatenate([*values, np.zeros(0, np.float32)]), columns, starts), shape=shape)


def _pairs(row: Any, number: int, field: str) -> list[tuple[int, float]]:
    """A sparse row as (index, number), ascending."""
    if isinstance(row, dict):
        given = [(_index(place, number, field), value) for place, value in row.items()]
    elif isinstance(row, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in row):
        given = [(_index(place, number, field), value) for place, value in row]
    else:
        raise InvalidInput(
            f'`{field}`: row {number} must be {{"index": value, …}} or [[index, value], …], {_shown(row)} came.',
            field=field,
        )
    for place, value in given:
        _check_number(value, f"row {number}, index {place}", field)
    given.sort()
    for (place, _), (following, _) in pairwise(given):
        if place == following:
            raise InvalidInput(f"`{field}`: row {number} has the index {place} twice.", field=field)
    return given


def _index(given: Any, number: int, field: str) -> int:
    """The index of a component, from 0: a whole number, or a text of digits as the key of an object is."""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS:
        return int(given)
    if type(given) is int and 0 <= given < 10**_MOST_DIGITS:
        return given
    raise InvalidInput(
        f"`{field}`: row {number}: an index is a whole number from 0, {_shown(given)} came.", field=field
    )


def _shown(value: Any) -> str:
    """What came, in the words of JSON."""
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:40]
    kinds = {list: "a list", dict: "an object", type(None): "null", bool: str(value).lower()[:5]}
    return kinds.get(type(value), "something else")

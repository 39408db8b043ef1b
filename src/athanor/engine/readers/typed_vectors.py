"""Lists and structs of typed files as vectors: dense ones of one length, sparse ones of indices and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from athanor.errors import InvalidInput

_FIELDS = ("indices", "values")
_LARGEST_INDEX = 2**31 - 2  # the matrices of learners count components as int32


def is_sparse(dtype: pl.DataType) -> bool:
    """Whether a column of this type holds sparse vectors: structs of the lists `indices` and `values`."""
    if not isinstance(dtype, pl.Struct) or {part.name for part in dtype.fields} != set(_FIELDS):
        return False
    inner = {part.name: getattr(part.dtype, "inner", None) for part in dtype.fields}
    return inner["indices"] is not None and inner["indices"].is_integer() and _is_number(inner["values"])


def dense(series: pl.Series, n_before: int, dims: dict[str, int]) -> pl.Series:
    """Vectors of one length, that of the file's first, which is kept in `dims`."""
    name, dtype = series.name, series.dtype
    if not _is_number(getattr(dtype, "inner", None)):
        raise InvalidInput(
            f"Column {name!r} holds {dtype}. Lists must hold numbers, to be read as vectors; take the column apart.",
            field=name,
        )
    lengths = (series.arr.len() if isinstance(dtype, pl.Array) else series.list.len()).set(series.is_null(), 0)
    dim = dims.setdefault(name, int(lengths[0]))
    odd = (lengths != dim) | (lengths == 0)
    if odd.any():
        row = int(odd.arg_true()[0])
        raise InvalidInput(
            f"Column {name!r} must hold one vector of the same length in every row: the first has {dim} numbers, "
            f"row {n_before + row + 1} has {lengths[row]}. Fill the vectors up, or leave the column out.",
            field=name,
        )
    vectors = series.cast(pl.List(pl.Float32)).cast(pl.Array(pl.Float32, dim))
    unusable = ~vectors.explode().is_finite().fill_null(value=False)
    if unusable.any():
        raise _unusable(name, n_before + int(unusable.arg_true()[0]) // dim)
    return vectors


def sparse(series: pl.Series, n_before: int, dims: dict[str, int]) -> pl.Series:
    """Sparse vectors with ascending indices; the components needed so far are kept in `dims`."""
    name = series.name
    parts: dict[str, Any] = {part: series.struct.field(part) for part in _FIELDS}
    lengths = {part: lists.list.len().fill_null(2**32 - 1).to_numpy() for part, lists in parts.items()}
    uneven = np.flatnonzero((lengths["indices"] != lengths["values"]) | series.is_null().to_numpy())
    if len(uneven):
        raise InvalidInput(
            f"Column {name!r} must hold as many indices as values in every row, which row {n_before + uneven[0] + 1} "
            "does not. Correct it; a vector of zeros has two empty lists.",
            field=name,
        )
    rows = np.repeat(np.arange(len(series)), lengths["indices"])
    kept = pl.Series(lengths["indices"]) > 0  # some versions of polars explode an empty list to a null
    flat = {part: lists.filter(kept).explode() for part, lists in parts.items()}
    outside = ~flat["indices"].is_between(0, _LARGEST_INDEX).fill_null(value=False)
    if outside.any():
        raise InvalidInput(
            f"Column {name!r} has an index that is missing, negative or beyond {_LARGEST_INDEX:,} in row "
            f"{n_before + int(rows[int(outside.arg_true()[0])]) + 1}. Indices count from 0.",
            field=name,
        )
    unusable = ~flat["values"].cast(pl.Float32).is_finite().fill_null(value=False)
    if unusable.any():
        raise _unusable(name, n_before + int(rows[int(unusable.arg_true()[0])]))
    indices = flat["indices"].cast(pl.Int64).to_numpy()
    dims[name] = max(dims.get(name, 1), int(indices.max(initial=0)) + 1)
    within = rows[1:] == rows[:-1]
    if (np.diff(indices)[within] <= 0).any():
        parts = _sorted(name, n_before, parts)
    return pl.DataFrame(
        [parts["indices"].cast(pl.List(pl.UInt32)), parts["values"].cast(pl.List(pl.Float32))]
    ).to_struct(name)


def _sorted(name: str, n_before: int, parts: dict[str, pl.Series]) -> dict[str, pl.Series]:
    """The same vectors with their indices in ascending order."""
    twice = parts["indices"].list.n_unique() != parts["indices"].list.len()
    if twice.any():
        raise InvalidInput(
            f"Column {name!r} has an index twice in row {n_before + int(twice.arg_true()[0]) + 1}. "
            "Each component may have one value.",
            field=name,
        )
    order = parts["indices"].list.eval(pl.element().arg_sort())
    return {part: lists.list.gather(order).alias(part) for part, lists in parts.items()}


def _is_number(dtype: pl.DataType | None) -> bool:
    return dtype is not None and (dtype.is_numeric() or dtype == pl.Boolean)


def _unusable(name: str, row: int) -> InvalidInput:
    return InvalidInput(
        f"Column {name!r} has a missing or infinite number in the vector of row {row + 1}. "
        "Vectors hold finite float32 numbers.",
        field=name,
    )

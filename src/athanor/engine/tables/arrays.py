"""Arrays of Python made into a dataset: a matrix is one vector column, a mapping has its columns by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Column, Dataset, Vectors
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.inference import infer
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput

Cells = Sequence[Any] | NDArray[Any]


def dataset_of(X: Any, y: Cells | None = None, *, features: str = "features", target: str = "target") -> Dataset:
    """A dataset of arrays, its columns' meanings found out.

    X         (n_rows, dim) numbers, as a numpy array or a scipy sparse matrix: one vector column named `features`; or
              columns by name, each a sequence or an array of n_rows cells
    y         (n_rows,) a further column, named `target`

    A component of a vector cannot be missing: give columns by name where cells are. Raises InvalidInput.
    """
    if isinstance(X, Mapping):
        columns = dict(X) if y is None else {**X, target: y}
        return _of_columns(columns)
    vectors = _matrix(X)
    n_rows, dim = vectors.matrix.shape
    storage = Storage.SPARSE if vectors.is_sparse else Storage.DENSE
    reason = f"a matrix of {dim:,} columns"
    schema = ColumnSchema(name=features, type=ColumnType.VECTOR, storage=storage, reason=reason, dim=dim)
    found: dict[str, Column] = {features: vectors}
    if y is None:
        return Dataset(Schema((schema,)), found, n_rows)
    beside = _of_columns({target: y})
    if beside.n_rows != n_rows:
        raise InvalidInput(f"X has {n_rows:,} rows and y {beside.n_rows:,}; they must be equally many.", field="y")
    return Dataset(Schema((schema, *beside.schema.columns)), found | dict(beside.columns), n_rows)


def _of_columns(columns: Mapping[str, Cells]) -> Dataset:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name!r} {length:,}" for name, length in list(lengths.items())[:10])
        raise InvalidInput(f"Columns must have equally many rows, at least one column; got {told or 'no column'}.")
    frame = pl.DataFrame([_series(name, cells) for name, cells in columns.items()])
    return to_dataset(frame, infer(frame))


def _series(name: str, cells: Cells) -> pl.Series:
    if isinstance(cells, np.ndarray) and cells.ndim == 2:
        matrix = _matrix(cells).matrix
        return pl.Series(name, matrix, dtype=pl.Array(pl.Float32, matrix.shape[1]))
    try:
        values = pl.Series(name, _plain(cells), strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InvalidInput(
            f"Column {name!r} must hold numbers, texts, truth values or times of one kind: {error}", field=name
        ) from error
    dtype = values.dtype
    if dtype.is_integer():
        return values.cast(pl.Int64)
    if dtype.is_numeric():
        return values.cast(pl.Float64).fill_nan(None)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    kept: dict[Any, Any] = {
        **dict.fromkeys((pl.Date, pl.Datetime), pl.Datetime("us")),
        **dict.fromkeys((pl.String, pl.Categorical, pl.Enum), pl.String),
        **{kind: kind for kind in (pl.Boolean, pl.Null)},
    }
    if dtype.base_type() in kept:
        return values.cast(kept[dtype.base_type()])
    raise InvalidInput(f"Column {name!r} holds {dtype}, which is no cell of a table.", field=name)


def _plain(cells: Cells) -> Cells:
    """Cells of a type that polars takes."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
        return cells.astype("datetime64[us]")
    return cells.tolist() if isinstance(cells, np.ndarray) and cells.dtype == object else cells


def _matrix(X: Any) -> Vectors:
    """X as float32, the array itself where it is that already."""
    from scipy import sparse

    if sparse.issparse(X):
        csr = sparse.csr_matrix(X)
        if not csr.has_canonical_format:
            csr = csr.copy()  # nobody's matrix is changed here
            csr.sum_duplicates()
        csr = csr.astype(np.float32, copy=False)
        _check_finite(csr.data)
        return Vectors(csr)
    matrix = np.asarray(X)
    if matrix.ndim != 2 or not matrix.shape[1] or matrix.dtype.kind not in "fiub":
        raise InvalidInput(
            f"X must be a matrix of numbers or columns by name, got an array of {matrix.dtype} with the shape "
            f"{matrix.shape}.",
            field="X",
        )
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
        matrix = np.ascontiguousarray(matrix, np.float32)
    _check_finite(matrix)
    return Vectors(matrix)


def _check_finite(values: NDArray[np.float32]) -> None:
    if not np.isfinite(values).all():
        where = f" in row {int(np.argwhere(~np.isfinite(values))[0][0]) + 1}" if values.ndim == 2 else ""
        raise InvalidInput(
            f"X has a number{where} that is missing, infinite or beyond float32. Give columns by name where cells "
            "are missing.",
            field="X",
        )

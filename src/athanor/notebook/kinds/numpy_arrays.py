"""numpy arrays: a matrix has its columns by number, a structured array by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import Taken, checked_names, vector_name, wanted_of
from athanor.notebook.kinds.loose_cells import column_of

# A matrix of more columns is taken as one vector, which is looked at as a whole: of 2,000 rows with 10,000 columns the
# columns were judged one by one in 4.9 s, and the vector taken in 0.9 s (two busy cores). But no number of a vector can
# be missing: a matrix with gaps keeps its columns.
MOST_COLUMNS = 1_000
PREFIX = "x"  # of the columns of a matrix, which has no names: x0, x1, …


class Numpy:
    """Answers are numpy arrays."""

    def claims(self, data: object) -> bool:
        return isinstance(data, np.ndarray)

    def take(self, data: NDArray[Any], schema: Schema | None) -> Taken:
        if data.dtype.names is not None and data.ndim == 1:
            names, wanted = checked_names(data.dtype.names), wanted_of(schema)
            kept = [name for name in names if wanted is None or name in wanted]
            return Taken(frame=pl.DataFrame([array_column(name, data[name]) for name in kept]), n_rows=len(data))
        if data.ndim != 2 or not data.shape[1]:
            raise InvalidInput(
                f"Expected a matrix of rows and columns, got an array of the shape {data.shape}. Reshape it: "
                "array.reshape(-1, 1) makes one column of it, array.reshape(1, -1) one row.",
                field="data",
            )
        values = data.filled(_gap(data)) if isinstance(data, np.ma.MaskedArray) else data
        if _is_vector(values, schema):
            return matrix_taken(values, schema)
        width = data.shape[1]
        _check_width(width, schema)
        wanted = wanted_of(schema)
        columns = [
            array_column(f"{PREFIX}{place}", values[:, place])
            for place in range(width)
            if wanted is None or f"{PREFIX}{place}" in wanted
        ]
        return Taken(frame=pl.DataFrame(columns), n_rows=len(data))

    def column(self, name: str, values: NDArray[Any]) -> tuple[pl.Series, bool]:
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise InvalidInput(f"Expected one value a row, got an array of the shape {values.shape}.", field=name)
        return array_column(name, values), False

    def one(self, data: object, name: str, values: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG002
        return values

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> NDArray[Any]:  # noqa: ARG002
        return np.column_stack(list(columns.values()))


def array_column(name: str, values: NDArray[Any]) -> pl.Series:
    """(n_rows,) cells as a column. Raises InvalidInput for a type that no column has."""
    kind = values.dtype.kind
    if kind in "OUST":
        cells = [cell.decode(errors="replace") if isinstance(cell, bytes) else cell for cell in values.tolist()]
        return column_of(name, cells)
    if kind == "M":
        return pl.Series(name, values.astype("datetime64[us]"))
    if kind == "m":
        return pl.Series(name, values.astype("timedelta64[us]"))
    if kind in "biu" or (kind == "f" and values.dtype.itemsize in {4, 8}):
        return pl.Series(name, np.ascontiguousarray(values, values.dtype.newbyteorder("=")))
    if kind == "f":  # of two bytes, or of more than eight
        return pl.Series(name, values.astype(np.float64))
    raise InvalidInput(
        f"Column {name!r} holds {values.dtype}, which no column of a table can. Complex data are not supported, nor "
        "are records inside of cells.",
        field=name,
    )


def matrix_taken(matrix: Any, schema: Schema | None) -> Taken:
    """A matrix, dense or sparse, as one vector column."""
    from athanor.engine.tables.arrays import dataset_of

    name = vector_name(schema)
    dataset = dataset_of(matrix, features=name)
    return Taken(frame=pl.DataFrame(), n_rows=dataset.n_rows, vectors={name: dataset.columns[name]})  # type: ignore[dict-item]


def _is_vector(data: NDArray[Any], schema: Schema | None) -> bool:
    if schema is not None:
        name = vector_name(schema)
        return name in schema and schema[name].storage.is_vector and len(schema.columns) == 1
    is_numeric = data.dtype.kind in "biuf"
    return is_numeric and data.shape[1] > MOST_COLUMNS and bool(np.isfinite(data).all())


def _check_width(width: int, schema: Schema | None) -> None:
    """Raises InvalidInput where the model cannot have been trained on such a matrix."""
    if schema is None:
        return
    numbers = [_number(name) for name in schema.names]
    if None in numbers:
        raise InvalidInput(
            "A numpy array has no column names, and this model was trained on columns by name: "
            f"{', '.join(schema.names[:20])}. Give a frame or a dict of columns.",
            field="data",
        )
    most = max((number for number in numbers if number is not None), default=-1)
    if most >= width:
        raise InvalidInput(
            f"The array has {width:,} columns; the model was trained on more, up to {PREFIX}{most}.", field="data"
        )


def _number(name: str) -> int | None:
    digits = name.removeprefix(PREFIX)
    return int(digits) if digits.isdecimal() and digits.isascii() and name != digits else None


def _gap(data: NDArray[Any]) -> float:
    """What stands for a masked number. Raises InvalidInput where nothing can."""
    if data.dtype.kind == "f":
        return float("nan")
    raise InvalidInput(
        f"A masked array of {data.dtype} has no number that stands for a missing one. Make it one of floats.",
        field="data",
    )


NUMPY = Numpy()

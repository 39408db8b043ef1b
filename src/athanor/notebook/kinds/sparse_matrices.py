"""scipy's sparse matrices: one vector a row, of which only what is not 0 is kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import Taken
from athanor.notebook.kinds.numpy_arrays import NUMPY, matrix_taken


class Sparse:
    """Answers are numpy arrays."""

    def claims(self, data: object) -> bool:
        scipy_sparse = sys.modules.get("scipy.sparse")
        return scipy_sparse is not None and bool(scipy_sparse.issparse(data))

    def take(self, data: Any, schema: Schema | None) -> Taken:
        return matrix_taken(data, schema)

    def column(self, name: str, values: Any) -> tuple[pl.Series, bool]:
        raise InvalidInput(
            f"Expected one value a row, got a sparse matrix of the shape {values.shape}. Give an array.", field=name
        )

    def one(self, data: object, name: str, values: NDArray[Any]) -> NDArray[Any]:
        return NUMPY.one(data, name, values)

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> NDArray[Any]:
        return NUMPY.many(data, columns)


SPARSE = Sparse()

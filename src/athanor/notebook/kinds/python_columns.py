"""A dict of columns: name → cells, in a sequence or an array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import SHOWN, Taken, checked_names, kind_of, wanted_of


class Columns:
    """Answers are numpy arrays; several a row are a dict of them."""

    def claims(self, data: object) -> bool:
        return isinstance(data, Mapping)

    def take(self, data: Mapping[Any, Any], schema: Schema | None) -> Taken:
        names, wanted = checked_names(data), wanted_of(schema)
        given = dict(zip(names, data.values(), strict=True))
        lengths = {name: _length(name, values) for name, values in given.items()}
        if len(set(lengths.values())) != 1:
            told = ", ".join(f"{name!r} {length:,}" for name, length in list(lengths.items())[:SHOWN])
            raise InvalidInput(
                f"Columns must have equally many rows, and there must be one; got {told or 'no column'}.", field="data"
            )
        columns = [one_column(name, given[name]) for name in names if wanted is None or name in wanted]
        return Taken(
            frame=pl.DataFrame([column for column, _ in columns]),
            n_rows=lengths[names[0]],
            categorical=frozenset(column.name for column, is_category in columns if is_category),
        )

    def column(self, name: str, values: Mapping[Any, Any]) -> tuple[pl.Series, bool]:
        raise InvalidInput(f"Expected one value a row, got a dict of {len(values):,} keys.", field=name)

    def one(self, data: object, name: str, values: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG002
        return values

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> dict[Any, NDArray[Any]]:  # noqa: ARG002
        return dict(columns)


def one_column(name: str, values: Any) -> tuple[pl.Series, bool]:
    """One column that came alone, whatever holds it, and whether its owner says that it holds categories."""
    if isinstance(values, str):
        raise InvalidInput(f"Expected the cells of {name!r}, one a row, got the text {values[:60]!r}.", field=name)
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] > 1:
        return pl.Series(
            name, np.ascontiguousarray(values, np.float32), dtype=pl.Array(pl.Float32, values.shape[1])
        ), False
    if not isinstance(values, Sequence | Mapping) and not hasattr(values, "__array__") and hasattr(values, "__iter__"):
        values = list(values)
    return kind_of(values).column(name, values)


def _length(name: str, values: Any) -> int:
    try:
        return len(values)
    except TypeError as error:
        raise InvalidInput(
            f"Expected the cells of {name!r}, one a row, got {type(values).__name__}.", field=name
        ) from error


COLUMNS = Columns()

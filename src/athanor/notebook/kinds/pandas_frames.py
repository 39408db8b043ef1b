"""pandas: DataFrame and Series. Rows keep their index, which is no column."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.frames import spelled
from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import Taken, checked_names, wanted_of
from athanor.notebook.kinds.loose_cells import column_of
from athanor.notebook.kinds.numpy_arrays import array_column


class Pandas:
    """Answers are pandas Series and DataFrames with the index of the rows."""

    def claims(self, data: object) -> bool:
        pandas = sys.modules.get("pandas")
        return pandas is not None and isinstance(data, pandas.DataFrame | pandas.Series)

    def take(self, data: Any, schema: Schema | None) -> Taken:
        import pandas as pd

        if isinstance(data, pd.Series):
            data = data.to_frame("x" if data.name is None else data.name)
        names, wanted = checked_names(data.columns), wanted_of(schema)
        kept = [(place, name) for place, name in enumerate(names) if wanted is None or name in wanted]
        columns = [_column(name, data.iloc[:, place]) for place, name in kept]
        return Taken(
            frame=pl.DataFrame([column for column, _ in columns]),
            n_rows=len(data),
            categorical=frozenset(column.name for column, is_category in columns if is_category),
        )

    def column(self, name: str, values: Any) -> tuple[pl.Series, bool]:
        if getattr(values, "ndim", 1) == 2:
            if values.shape[1] != 1:
                raise InvalidInput(f"Expected one column, got a frame of {values.shape[1]}.", field=name)
            values = values.iloc[:, 0]
        return _column(name, values)

    def one(self, data: Any, name: str, values: NDArray[Any]) -> Any:
        import pandas as pd

        return pd.Series(_plain(values), index=data.index, name=name)

    def many(self, data: Any, columns: Mapping[Any, NDArray[Any]]) -> Any:
        import pandas as pd

        return pd.DataFrame({name: _plain(values) for name, values in columns.items()}, index=data.index)


def _plain(values: NDArray[Any]) -> Any:
    return values.tolist() if values.dtype.kind in "OU" else values


def _column(name: str, series: Any) -> tuple[pl.Series, bool]:
    """The column, and whether it is of pandas' categories."""
    kind = type(series.dtype).__name__
    if kind == "CategoricalDtype":
        return _categories(name, series), True
    if isinstance(series.dtype, np.dtype):
        return array_column(name, series.to_numpy()), False
    if kind in _EXTENSIONS:
        return _EXTENSIONS[kind](name, series), False
    numbers = getattr(series.dtype, "numpy_dtype", None)
    if isinstance(numbers, np.dtype) and numbers.kind in "biuf":
        return _masked(name, series, numbers), False
    return column_of(name, series.astype(object).tolist()), False


def _masked(name: str, series: Any, numbers: np.dtype[Any]) -> pl.Series:
    """Int64, boolean, Float32 and their like, which keep what is missing beside the numbers."""
    values = series.to_numpy(dtype=numbers, na_value=numbers.type(0))
    return array_column(name, values).set(pl.Series(series.isna().to_numpy()), None)


def _zoned(name: str, series: Any) -> pl.Series:
    return array_column(name, series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())


def _strings(name: str, series: Any) -> pl.Series:
    return column_of(name, series.to_numpy(dtype=object, na_value=None).tolist())


def _intervals(name: str, series: Any) -> pl.Series:
    cells = zip(series.tolist(), series.isna().tolist(), strict=True)
    return pl.Series(name, [None if is_missing else str(cell) for cell, is_missing in cells], dtype=pl.String)


def _categories(name: str, series: Any) -> pl.Series:
    """A categorical column: words, numbers or truth values as its categories are, anything else as text."""
    import pandas as pd

    given = series.cat.categories
    distinct, _ = _column(name, pd.Series(given))
    if distinct.dtype.is_temporal():
        distinct = spelled(distinct)
    codes = pl.Series(series.cat.codes.to_numpy().astype(np.int64))
    return distinct.gather(codes.set(codes < 0, None)).alias(name)


_EXTENSIONS: Mapping[str, Callable[[str, Any], pl.Series]] = {
    "ArrowDtype": lambda name, series: pl.Series(name, series.array.__arrow_array__()),
    "DatetimeTZDtype": _zoned,
    "IntervalDtype": _intervals,
    "PeriodDtype": lambda name, series: array_column(name, series.dt.to_timestamp().to_numpy()),
    "SparseDtype": lambda name, series: array_column(name, series.sparse.to_dense().to_numpy()),
    "StringDtype": _strings,
}


PANDAS = Pandas()

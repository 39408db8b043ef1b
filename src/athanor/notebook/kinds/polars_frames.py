"""polars: DataFrame, LazyFrame, Series, and any other frame that can give itself as an Arrow stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import Taken, checked_names, wanted_of
from athanor.notebook.kinds.loose_cells import column_of


class Polars:
    """Answers are polars Series and DataFrames."""

    def claims(self, data: object) -> bool:
        return isinstance(data, pl.DataFrame | pl.LazyFrame | pl.Series) or hasattr(data, "__arrow_c_stream__")

    def take(self, data: Any, schema: Schema | None) -> Taken:
        wanted = wanted_of(schema)
        if isinstance(data, pl.Series):
            data = data.to_frame()
        if isinstance(data, pl.LazyFrame):
            names = data.collect_schema().names()
            data = data.select([name for name in names if wanted is None or name in wanted]).collect()
        elif not isinstance(data, pl.DataFrame):
            data = pl.DataFrame(data)
        return frame_taken(data, schema)

    def column(self, name: str, values: Any) -> tuple[pl.Series, bool]:
        if isinstance(values, pl.LazyFrame):
            values = values.collect()
        if isinstance(values, pl.DataFrame):
            if values.width != 1:
                raise InvalidInput(f"Expected one column, got a frame of {values.width}.", field=name)
            values = values.to_series()
        series = values.alias(name) if isinstance(values, pl.Series) else pl.Series(name, values)
        return _plain(series), _is_category(series)

    def one(self, data: object, name: str, values: NDArray[Any]) -> pl.Series:  # noqa: ARG002
        return answer_series(name, values)

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> pl.DataFrame:  # noqa: ARG002
        return pl.DataFrame([answer_series(str(name), values) for name, values in columns.items()])


def frame_taken(frame: pl.DataFrame, schema: Schema | None) -> Taken:
    """The columns of a frame; only those that the schema has, where there is one."""
    checked_names(frame.columns)
    wanted = wanted_of(schema)
    columns = [column for column in frame.get_columns() if wanted is None or column.name in wanted]
    return Taken(
        frame=pl.DataFrame([_plain(column) for column in columns]),
        n_rows=frame.height,
        categorical=frozenset(column.name for column in columns if _is_category(column)),
    )


def answer_series(name: str, values: NDArray[Any]) -> pl.Series:
    return pl.Series(name, values.tolist() if values.dtype.kind in "OU" else values)


def _is_category(column: pl.Series) -> bool:
    return isinstance(column.dtype, pl.Categorical | pl.Enum)


def _plain(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Object:
        return column_of(column.name, column.to_list())
    is_odd_float = column.dtype.is_float() and column.dtype not in {pl.Float32, pl.Float64}
    return column.cast(pl.Float32) if is_odd_float else column


POLARS = Polars()

"""Files by their path, and tables that were read from one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import Taken
from athanor.notebook.kinds.polars_frames import POLARS
from athanor.notebook.table import Table, read_file


class File:
    """Answers are polars Series and DataFrames."""

    def claims(self, data: object) -> bool:
        return isinstance(data, str | os.PathLike | Table)

    def take(self, data: str | os.PathLike[str] | Table, schema: Schema | None) -> Taken:
        if isinstance(data, Table):
            taken = _taken(data)
            # Typed by itself: for a model its columns are typed again, as the model knows them.
            return taken if schema is None else replace(taken, schema=None)
        return _taken(read_file(Path(data), schema=schema))

    def column(self, name: str, values: object) -> tuple[pl.Series, bool]:
        raise InvalidInput(f"Expected one value a row, got {values!r}. Name the column of the table.", field=name)

    def one(self, data: object, name: str, values: NDArray[Any]) -> pl.Series:
        return POLARS.one(data, name, values)

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> pl.DataFrame:
        return POLARS.many(data, columns)


def _taken(table: Table) -> Taken:
    return Taken(frame=table.frame, n_rows=table.n_rows, schema=table.schema, warnings=table.warnings)


FILE = File()

"""A list of rows: dicts of name → cell, or lists of cells, whose columns have numbers for names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.notebook.kinds import Taken, checked_names, wanted_of
from athanor.notebook.kinds.loose_cells import column_of
from athanor.notebook.kinds.numpy_arrays import PREFIX


class Rows:
    """Answers are lists; several a row are dicts."""

    def claims(self, data: object) -> bool:
        return isinstance(data, Sequence) and not isinstance(data, str | bytes)

    def take(self, data: Sequence[Any], schema: Schema | None) -> Taken:
        rows = [row if isinstance(row, Mapping) else _by_number(row, place) for place, row in enumerate(data, 1)]
        raw = list(dict.fromkeys(chain.from_iterable(rows)))
        names, wanted = checked_names(raw), wanted_of(schema)
        columns = [
            column_of(name, [row.get(key) for row in rows])
            for key, name in zip(raw, names, strict=True)
            if wanted is None or name in wanted
        ]
        return Taken(frame=pl.DataFrame(columns), n_rows=len(rows))

    def column(self, name: str, values: Sequence[Any]) -> tuple[pl.Series, bool]:
        return column_of(name, list(values)), False

    def one(self, data: object, name: str, values: NDArray[Any]) -> list[Any]:  # noqa: ARG002
        return list(values.tolist())

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> list[dict[Any, Any]]:  # noqa: ARG002
        cells = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in cells]


def _by_number(row: Any, place: int) -> dict[str, Any]:
    if isinstance(row, Sequence) and not isinstance(row, str | bytes):
        return {f"{PREFIX}{position}": cell for position, cell in enumerate(row)}
    raise InvalidInput(
        f"Row {place} is a {type(row).__name__}. Expected a dict of column names and cells, or a list of cells.",
        field="data",
    )


ROWS = Rows()

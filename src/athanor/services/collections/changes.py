"""Changes: rows of a collection with other vectors, or with other values of some attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Dataset
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.errors import InvalidInput
from athanor.services.collections.batches import (
    VectorBatch,
    attribute_columns,
    check_attribute_names,
    check_batch,
    table_of,
)
from athanor.services.collections.layout import Layout, attribute_schema

if TYPE_CHECKING:
    import polars as pl

    from athanor.services.rows.contents import Part

Values = Mapping[str, str | None]  # of a row's attributes, by name; None: from now on it has none


def with_vectors(
    rows: pl.DataFrame, schema: Schema, layout: Layout, ids: Sequence[str], matrix: Any
) -> tuple[pl.DataFrame, Schema]:
    """The rows with those of the matrix for their vectors, and the schema that has room for them."""
    import polars as pl

    from athanor.engine.tables.frames import to_frame

    batch = VectorBatch(ids=ids, matrix=matrix)
    check_batch(batch)
    came = table_of(batch, None, layout)
    for series in to_frame(came).get_columns():
        column = came.schema[series.name]
        if layout.vector is None:  # one of its numbers, kept as those of the other rows
            column = schema[series.name]
            if column.storage is Storage.INTEGER and not (series.floor() == series).all():
                column = replace(column, storage=Storage.FLOAT)
            series = series.cast(pl.Int64 if column.storage is Storage.INTEGER else pl.Float64)  # noqa: PLW2901
        rows, schema = _put(rows, schema, column, series)
    return rows, schema


def with_values(
    rows: pl.DataFrame, schema: Schema, layout: Layout, given: Sequence[Values]
) -> tuple[pl.DataFrame, Schema]:
    """The rows with the values that are given for each of them; their other attributes stay as they are."""
    import polars as pl

    from athanor.engine.tables.frames import frame_type, to_frame

    if len(given) != rows.height:
        raise InvalidInput(
            f"`attributes` has {len(given):,} entries, and {rows.height:,} ids came. Send one an id.",
            field="attributes",
        )
    names = tuple(dict.fromkeys(name for values in given for name in values))
    schemas = [attribute_column(name, schema, layout) for name in names]
    said = attribute_columns([{name: text for name, text in values.items() if text is not None} for values in given])
    words = Schema(tuple(attribute_schema(name) for name in names if name in said))
    came = to_frame(conform(Dataset(words, said, rows.height), Schema(tuple(schemas))))
    for column, new in zip(schemas, came.get_columns(), strict=True):
        is_kept = pl.Series([column.name not in values for values in given])
        kind = frame_type(column)
        old = rows.get_column(column.name) if column.name in schema else pl.Series([None] * rows.height, dtype=kind)
        rows, schema = _put(rows, schema, column, old.zip_with(is_kept, new.cast(kind)))
    return rows, schema


def attribute_column(name: str, schema: Schema, layout: Layout) -> ColumnSchema:
    """The column of an attribute: the one of this name, or one to be made. Raises InvalidInput for any other column."""
    check_attribute_names((name,), layout)
    if name in layout.attributes:
        return schema[name]
    if name in schema:
        raise InvalidInput(f"Column {name!r} holds vectors and is no attribute.", field="attributes")
    return attribute_schema(name)


def with_rows(there: pl.DataFrame, rows: pl.DataFrame, id_column: str) -> pl.DataFrame | None:
    """The table with these rows in the places of its own of the same ids; None where it has none of them."""
    import polars as pl

    ids = there.get_column(id_column).cast(pl.String)
    places = {id_: place for place, id_ in enumerate(rows.get_column(id_column).cast(pl.String).to_list())}
    hits = ids.is_in(pl.Series(list(places), dtype=pl.String).implode()).arg_true()
    if not len(hits):
        return None
    order = np.arange(there.height)
    order[hits.to_numpy()] = [there.height + places[id_] for id_ in ids.gather(hits).to_list()]
    fitting = [rows.get_column(series.name).cast(series.dtype) for series in there.get_columns()]
    return there.vstack(pl.DataFrame(fitting))[order]


class Labels:
    """Texts for all rows of a table in their order: a column of theirs, in place of one of this name.

    schema  of the table with them
    """

    def __init__(self, column: ColumnSchema, texts: pl.Series, schema: Schema) -> None:
        columns = {**{there.name: there for there in schema.columns}, column.name: column}
        self.schema = Schema(tuple(columns.values()))
        self._others = schema.select([name for name in columns if name != column.name])
        self._name, self._texts, self._n_put = column.name, texts, 0

    def put(self, part: Part) -> pl.DataFrame:
        """The rows of the next part with theirs."""
        import polars as pl

        rows = part.scan(self._others).collect()
        texts = self._texts.slice(self._n_put, rows.height).alias(self._name)
        self._n_put += rows.height
        there = {series.name: series for series in (*rows.get_columns(), texts)}
        return pl.DataFrame([there[name] for name in self.schema.names])


def _put(rows: pl.DataFrame, schema: Schema, column: ColumnSchema, cells: pl.Series) -> tuple[pl.DataFrame, Schema]:
    """The rows and their schema with this column, in place of its own of that name or behind the others."""
    columns = {**{there.name: there for there in schema.columns}, column.name: column}
    return rows.with_columns(cells.alias(column.name)), Schema(tuple(columns.values()))

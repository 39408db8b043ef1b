"""Any table that a person holds made into the engine's dataset, typed as a file of the same cells would be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athanor.engine.tables.dataset import Column, Dataset
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput
from athanor.notebook.kinds import SHOWN, Taken, kind_of

if TYPE_CHECKING:
    import polars as pl

_GIVEN = "its owner says that it holds categories"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A dataset, and what its owner should know of the way here."""

    dataset: Dataset
    warnings: tuple[str, ...] = ()


def gathered(data: Any) -> Gathered:
    """The rows and columns of a table to learn from. Raises InvalidInput."""
    taken = kind_of(data).take(data, None)
    if not taken.n_rows:
        raise InvalidInput("The table has no row. A table with at least one row is needed.", field="data")
    return _of_taken(taken)


def beside(dataset: Dataset, name: str, values: Any) -> Dataset:
    """The dataset with a further column, which came alone: one value a row. Raises InvalidInput."""
    from athanor.notebook.kinds.python_columns import one_column

    series, is_category = one_column(name, values)
    if len(series) != dataset.n_rows:
        raise InvalidInput(
            f"The table has {dataset.n_rows:,} rows and {name!r} {len(series):,}; they must be equally many.",
            field=name,
        )
    taken = Taken(
        frame=series.alias(name).to_frame(),
        n_rows=len(series),
        categorical=frozenset([name]) if is_category else frozenset(),
    )
    further = _of_taken(taken).dataset
    schema = Schema((*dataset.schema.columns, *further.schema.columns))
    return Dataset(schema, {**dataset.columns, **further.columns}, dataset.n_rows)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or with as many underscores behind it as make it a name that no column has."""
    while wanted in taken:
        wanted += "_"
    return wanted


def name_of(values: Any) -> str | None:
    """The name that a column which came alone has of itself; None where it has none."""
    name = getattr(values, "name", None)
    if name is None and getattr(values, "ndim", 1) == 2 and len(getattr(values, "columns", ())) == 1:
        name = values.columns[0]
    return name if isinstance(name, str) and name.strip() else None


def as_trained(data: Any, schema: Schema) -> Dataset:
    """The columns of `schema` in a table to be answered, its rows in their order.

    Raises InvalidInput where a column is not there, and naming row and column of a cell that cannot be what it was.
    """
    taken = kind_of(data).take(data, schema)
    found = {*taken.frame.columns, *taken.vectors}
    missing = [name for name in schema.names if name not in found and name.partition(".")[0] not in found]
    if missing:
        more = f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else ""
        raise InvalidInput(
            f"The model was trained on columns that are not there: {', '.join(map(repr, missing[:SHOWN]))}{more}. "
            "Add them; where their values are not known, with missing values.",
            field="data",
        )
    if not taken.n_rows:
        return _empty(schema)
    return _of_taken(taken, schema).dataset


def _of_taken(taken: Taken, known: Schema | None = None) -> Gathered:
    from athanor.engine.tables.frames import to_dataset

    warnings = taken.warnings
    columns: dict[str, Column] = {}
    schemas: list[ColumnSchema] = []
    if taken.frame.width:
        frame, schema = taken.frame, taken.schema
        if schema is None:
            frame, schema, noticed = _typed(frame, taken.categorical, known)
            warnings += noticed
        schemas += schema.columns
        columns |= to_dataset(frame, schema).columns
    for name, vectors in taken.vectors.items():
        storage = Storage.SPARSE if vectors.is_sparse else Storage.DENSE
        dim = int(vectors.matrix.shape[1])
        reason = f"a matrix of {dim:,} columns"
        schemas.append(ColumnSchema(name=name, type=ColumnType.VECTOR, storage=storage, reason=reason, dim=dim))
        columns[name] = vectors
    if not schemas:
        raise InvalidInput("The table has no column.", field="data")
    return Gathered(Dataset(Schema(tuple(schemas)), columns, taken.n_rows), warnings)


def _typed(
    frame: pl.DataFrame, categorical: Collection[str], known: Schema | None
) -> tuple[pl.DataFrame, Schema, tuple[str, ...]]:
    """The frame in the few types of a table, what its columns mean, and what was noticed: all as of a Parquet file."""
    import polars as pl
    from polars import selectors

    from athanor.engine.readers.reading import Reading
    from athanor.engine.readers.typed import TypedFile
    from athanor.engine.tables.facts import storage_of
    from athanor.engine.tables.inference import infer

    def slices(columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        return iter((frame if columns is None else frame.select(columns),))

    blocks: list[pl.DataFrame] = []
    file = TypedFile("table", frame.schema, frame.height, slices)
    outcome = Reading("table", file, known, None).go_through(blocks.append, blocks.clear)
    typed = pl.concat(blocks).with_columns(selectors.by_dtype(pl.Null).cast(pl.String))
    if known is None:
        given = [
            ColumnSchema(
                name=name,
                type=ColumnType.CATEGORICAL,
                storage=storage_of(name, typed.schema[name]),
                reason=_GIVEN,
                is_given=True,
            )
            for name in typed.columns
            if name in categorical
        ]
        known = Schema(tuple(given))
    schema = infer(typed, known, spellings=outcome.spellings, dims=outcome.dims)
    return typed, schema, outcome.warnings


def _empty(schema: Schema) -> Dataset:
    """No rows, of the columns that a model knows."""
    from athanor.engine.tables.rows import rows_to_dataset

    return rows_to_dataset([], schema)

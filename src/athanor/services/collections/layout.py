"""Layouts of collections: which columns of a table are a row's id, its vector and its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables import cells
from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput

ID, VECTOR = "string_id", "vector"  # columns of a collection that was made as one
MOST_COMPONENTS = 100_000  # of a dense vector
LARGEST_INDEX = 2**24 - 1  # of a sparse vector: a linear model has 8 bytes for each component, in every fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a table as a collection has them.

    id_column   names the rows; None: they have no ids
    vector      the one column that holds vectors (*block*); None where each component is a column of its own (*table*)
    components  names of the numeric columns of a table, in order; none in a block
    attributes  names of the other columns
    """

    id_column: str | None
    vector: ColumnSchema | None
    components: tuple[str, ...]
    attributes: tuple[str, ...]

    @property
    def dim(self) -> int:
        """How many numbers a row has; of sparse vectors whose length nobody said, so far."""
        return len(self.components) if self.vector is None else self.vector.dim or 0

    @property
    def is_sparse(self) -> bool:
        return self.vector is not None and self.vector.storage is Storage.SPARSE

    @property
    def grows(self) -> bool:
        """Whether vectors may have components beyond those that are there."""
        return self.is_sparse and self.vector is not None and not self.vector.is_given


def id_schema(name: str = ID) -> ColumnSchema:
    """The column of ids. Nobody need find out what it means."""
    return ColumnSchema(
        name=name, type=ColumnType.ID, storage=Storage.STRING, reason="names the rows, each once", is_given=True
    )


def vector_schema(storage: Storage, dim: int, *, is_fixed: bool, name: str = VECTOR) -> ColumnSchema:
    """The column of vectors. `is_fixed`: its owner said how many components they have."""
    reason = "every row holds a sparse vector" if storage is Storage.SPARSE else f"every row holds {dim:,} numbers"
    return ColumnSchema(name=name, type=ColumnType.VECTOR, storage=storage, reason=reason, dim=dim, is_given=is_fixed)


def attribute_schema(name: str) -> ColumnSchema:
    """A column of texts, until its cells say more of it."""
    return ColumnSchema(name=name, type=ColumnType.CATEGORICAL, storage=Storage.STRING, reason="an attribute")


def layout_of(schema: Schema, id_column: str | None) -> Layout:
    """The layout of a table: a block where a column holds vectors, of which the first one counts."""
    vector = next((column for column in schema.columns if column.storage.is_vector), None)
    others = [column for column in schema.columns if column.name != id_column and not column.storage.is_vector]
    components = () if vector is not None else tuple(column.name for column in others if is_number(column))
    of_components = set(components)
    return Layout(
        id_column=id_column,
        vector=vector,
        components=components,
        attributes=tuple(column.name for column in others if column.name not in of_components),
    )


def is_number(column: ColumnSchema) -> bool:
    return column.storage in {Storage.FLOAT, Storage.INTEGER}


def as_layout(table: Dataset, layout: Layout, wanted: Layout, *, first_row: int = 1) -> Dataset:
    """The table, which has `layout`, with ids and numbers as `wanted` has them. Its other columns are attributes.

    Where numbers become vectors or vectors numbers, attributes become texts. Numeric columns that are attributes in
    `wanted` are attributes. Columns of a table are found by their names, and further ones stay.

    first_row  what messages call the table's first row
    Raises InvalidInput where there are too few or too many numbers, or where one is missing that a vector needs.
    """
    layout = _with_attributes_of(layout, wanted)
    columns: dict[str, tuple[ColumnSchema, Column]] = {}
    if layout.id_column is not None and wanted.id_column is not None:
        columns[wanted.id_column] = _renamed(table, layout.id_column, wanted.id_column)
    for schema, column in _numbers(table, layout, wanted, first_row):
        columns[schema.name] = schema, column
    for name in layout.attributes:
        if name in columns:
            raise InvalidInput(
                f"An attribute cannot be named {name!r} here: the collection has a column of that name for "
                f"{'the ids' if name == wanted.id_column else 'numbers'}. Give it another name.",
                field=name,
            )
        columns[name] = table.schema[name], table.columns[name]
    made = Dataset(
        Schema(tuple(schema for schema, _ in columns.values())),
        {name: column for name, (_, column) in columns.items()},
        table.n_rows,
    )
    return made if wanted.vector is None and layout.vector is None else with_texts(made, layout.attributes)


def with_texts(table: Dataset, names: Sequence[str]) -> Dataset:
    """The table, its columns of these names holding texts: `1`, `1.5`, `true`."""
    columns = dict(table.columns)
    schemas = {column.name: column for column in table.schema.columns}
    for name in names:
        if schemas[name].storage is not Storage.STRING:
            columns[name] = _texts(columns[name], schemas[name])
            schemas[name] = attribute_schema(name)
    return Dataset(Schema(tuple(schemas.values())), columns, table.n_rows)


def _texts(column: Column, schema: ColumnSchema) -> Words:
    if isinstance(column, Numbers):
        distinct, codes = np.unique(column.values, return_inverse=True)
        is_truth = schema.storage is Storage.BOOLEAN
        texts = [cells.text(bool(value) if is_truth and value == value else value) for value in distinct.tolist()]  # noqa: PLR0124 - not NaN
        n_there = len(texts) - texts.count(None)  # NaN comes last
        return Words(np.where(codes < n_there, codes, -1).astype(np.int32), tuple(text for text in texts if text))
    wanted = Schema((attribute_schema(schema.name),))
    made = conform(Dataset(Schema((schema,)), {schema.name: column}, len(column.missing())), wanted)
    words = made.columns[schema.name]
    if not isinstance(words, Words):
        raise TypeError(f"Words are needed here, got {type(words).__name__}.")
    return words


def as_stored(table: Dataset, schema: Schema) -> Dataset:
    """The table, its cells as the columns of `schema` have them that it shares. Vectors stay as they are."""
    shared = (
        schema[column.name] if column.name in schema and not column.storage.is_vector else column
        for column in table.schema.columns
    )
    return conform(table, Schema(tuple(shared)))


def rows_at_once(layout: Layout, most_bytes: int) -> int:
    """How many rows of the layout are made at a time, so that they take about so many bytes and no more."""
    from athanor.engine.tables.segments import row_bytes

    cells = [*([layout.vector] if layout.vector is not None else []), *map(attribute_schema, layout.attributes)]
    n_bytes = 8 * len(layout.components) + sum(map(row_bytes, cells)) + 64  # of a row, the last for its id
    return max(most_bytes // n_bytes, 1)


def _with_attributes_of(layout: Layout, wanted: Layout) -> Layout:
    named = {name for name in layout.components if name in wanted.attributes}
    if not named:
        return layout
    return replace(
        layout,
        components=tuple(name for name in layout.components if name not in named),
        attributes=(*layout.attributes, *(name for name in layout.components if name in named)),
    )


def _renamed(table: Dataset, name: str, other: str) -> tuple[ColumnSchema, Column]:
    schema = table.schema[name]
    is_text = schema.storage is Storage.STRING
    return id_schema(other) if is_text else replace(schema, name=other), table.columns[name]


def _numbers(table: Dataset, layout: Layout, wanted: Layout, first_row: int) -> list[tuple[ColumnSchema, Column]]:
    """The vector, or the components, as `wanted` has them."""
    if wanted.vector is None and layout.vector is None:
        missing = [name for name in wanted.components if name not in layout.components]
        if missing:
            shown = ", ".join(map(repr, missing[:10])) + (", …" if len(missing) > 10 else "")
            raise InvalidInput(
                f"What came lacks {len(missing)} of the {len(wanted.components)} columns of numbers: {shown}.",
                field=missing[0],
            )
        return [(table.schema[name], table.columns[name]) for name in layout.components]
    matrix = _matrix(table, layout, first_row)
    if wanted.vector is not None:
        return [_vector(matrix, wanted, wanted.vector)]
    numeric = (ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=Storage.FLOAT) for name in wanted.components)
    return list(zip(numeric, unpacked(_of_length(matrix, wanted)), strict=True))


def _vector(matrix: Any, wanted: Layout, column: ColumnSchema) -> tuple[ColumnSchema, Column]:
    from scipy.sparse import csr_matrix

    if wanted.grows and matrix.shape[1] > wanted.dim:
        column = replace(column, dim=matrix.shape[1])
    else:
        matrix = _of_length(matrix, wanted)
    if isinstance(matrix, np.ndarray) == wanted.is_sparse:
        matrix = csr_matrix(matrix) if wanted.is_sparse else matrix.toarray()
    return column, Vectors(matrix)


def _matrix(table: Dataset, layout: Layout, first_row: int) -> Any:
    """(n_rows, dim) float32: the vectors, or the components packed."""
    if layout.vector is not None:
        column = table.columns[layout.vector.name]
        if not isinstance(column, Vectors):
            raise TypeError(f"Vectors are needed here, got {type(column).__name__}.")
        return column.matrix
    return packed(table, layout.components, first_row=first_row)


def unpacked(matrix: Any) -> list[Numbers]:
    """The components of vectors, each as a column of numbers."""
    dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return [Numbers(np.ascontiguousarray(dense[:, place], np.float64)) for place in range(dense.shape[1])]


def packed(table: Dataset, names: Sequence[str], *, first_row: int = 1) -> NDArray[np.float32]:
    """The numbers in some columns as vectors, (n_rows, dim) float32.

    first_row  what messages call the table's first row
    Raises InvalidInput where a number is missing.
    """
    matrix = np.empty((table.n_rows, len(names)), np.float32)
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
        for place, name in enumerate(names):
            matrix[:, place] = _values(table.columns[name])
    is_good = np.isfinite(matrix)
    if not is_good.all():
        row, place = np.argwhere(~is_good)[0].tolist()
        name = names[place]
        is_missing = np.isnan(_values(table.columns[name])[row])
        raise InvalidInput(
            f"Row {first_row + row}, column {name!r}: "
            f"{'the number is missing' if is_missing else 'the number is beyond float32'}, "
            "and a vector needs each of its numbers. Fill it in, or leave the row out.",
            field=name,
        )
    return matrix


def _values(column: Column) -> NDArray[np.float64]:
    if not isinstance(column, Numbers):
        raise TypeError(f"Numbers are needed here, got {type(column).__name__}.")
    return column.values


def check_dim(said: int | None, layout: Layout, *, n_came: int) -> None:
    """Raises InvalidInput where the sender says that vectors have another length than those of the collection.

    n_came  how long those are that came: no longer than that, where the collection leaves open how long its own are
    """
    dim = n_came if layout.grows else layout.dim
    if said is not None and (dim > said if layout.grows else dim != said):
        which = "that came" if layout.grows else "of the collection"
        raise InvalidInput(
            f"The vectors {which} have {dim:,} numbers, and the dimension is said to be {said:,}. Correct it, or "
            "leave it out.",
            field="dim",
        )


def lengthened(matrix: Any, dim: int) -> Any:
    """The sparse vectors with so many components; those that they do not say are 0."""
    from scipy.sparse import csr_matrix

    return csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], dim))


def _of_length(matrix: Any, wanted: Layout) -> Any:
    """The vectors with as many components as are wanted. Sparse ones may say fewer, since the others are 0."""
    from scipy.sparse import csr_matrix

    dim = matrix.shape[1]
    if dim == wanted.dim:
        return matrix
    is_sparse = not isinstance(matrix, np.ndarray)
    if is_sparse or wanted.is_sparse:
        matrix = matrix if is_sparse else csr_matrix(matrix)
        highest = int(matrix.indices.max(initial=-1))
        if highest < wanted.dim:
            return lengthened(matrix, wanted.dim)
        raise InvalidInput(
            f"A vector has component {highest} (counted from 0), and the collection's have {wanted.dim:,}.",
            field="dim",
        )
    raise InvalidInput(
        f"The rows have {dim:,} numbers each, and the vectors of the collection {wanted.dim:,}. "
        "Name the columns that are attributes, or send rows of the same length.",
        field="dim",
    )


def check_length(storage: Storage, dim: int) -> None:
    """Raises InvalidInput for vectors that are longer than any may be."""
    most = LARGEST_INDEX + 1 if storage is Storage.SPARSE else MOST_COMPONENTS
    if not 1 <= dim <= most:
        raise InvalidInput(
            f"{'Sparse' if storage is Storage.SPARSE else 'Dense'} vectors have 1 to {most:,} components, not {dim:,}.",
            field="dim",
        )

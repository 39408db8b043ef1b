"""What a model reads, found in data of another layout: by name where names fit, by position where numbers are bare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from athanor.engine.tables.dataset import Column, Dataset, Vectors
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import InvalidInput
from athanor.services.collections.layout import ID, is_number, lengthened, packed, unpacked, vector_schema, with_texts

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInputs:
    """The columns of a model's training, as later data are fitted to them.

    features     in the order of training
    target       the column of its labels
    others       further columns of the training table: no components, whatever they hold
    spelled      columns that the cells of a file are read as: features, labels, and others of words
    first_index  what the indices of libsvm files count from, 0 or 1; None: from 0 where that occurs
    """

    features: Schema
    target: str
    others: tuple[str, ...]
    spelled: tuple[ColumnSchema, ...]
    first_index: int | None = None

    @classmethod
    def of(cls, features: Schema, task: Task, trained: Schema, *, first_index: int | None = None) -> ModelInputs:
        """Of a model that learned `task` from a table of the schema `trained`."""
        used = {*features.names, task.target}
        return cls(
            features=trained.select(features.names),
            target=task.target,
            others=tuple(name for name in trained.names if name not in used),
            spelled=tuple(
                column
                for column in trained.columns
                if not column.storage.is_vector and (column.name in used or column.storage is Storage.STRING)
            ),
            first_index=first_index,
        )

    @property
    def vectors(self) -> tuple[ColumnSchema, ...]:
        return tuple(column for column in self.features.columns if column.storage.is_vector)

    @property
    def components(self) -> tuple[str, ...]:
        """Its columns of numbers, where no column holds vectors."""
        if self.vectors:
            return ()
        return tuple(column.name for column in self.features.columns if is_number(column))

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that are found by name, in any layout."""
        numbers = {*self.components, *(column.name for column in self.vectors)}
        return tuple(name for name in self.features.names if name not in numbers)

    @property
    def dim(self) -> int:
        return sum(column.dim or 0 for column in self.vectors) or len(self.components)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Where a model's inputs stand in some data.

    numbers     columns that hold its vectors or components, in the order of training
    is_by_name  they are called as they were at training
    attributes  columns that are called as they were
    target      whether the labels are there
    """

    numbers: tuple[str, ...]
    is_by_name: bool
    attributes: tuple[str, ...]
    has_target: bool


def match_columns(
    found: Schema, inputs: ModelInputs, *, has_names: bool = True, id_column: str | None = None
) -> Matching:
    """Where the inputs stand in data of the schema `found`. Raises InvalidInput naming what is missing.

    has_names  the names of columns were given by the owner: numbers of named columns are then found by name alone
    id_column  of the data, which is no component
    """
    missing = [name for name in inputs.attributes if not _has_cells(found, name)]
    if missing:
        raise _missing(missing, "attribute")
    numbers, is_by_name = _numbers_in(found, inputs, has_names=has_names, id_column=id_column)
    return Matching(
        numbers=numbers,
        is_by_name=is_by_name,
        attributes=inputs.attributes,
        has_target=_has_cells(found, inputs.target),
    )


def needed(matching: Matching, inputs: ModelInputs) -> tuple[str, ...]:
    """The columns of the data that are read."""
    target = (inputs.target,) if matching.has_target else ()
    return tuple(dict.fromkeys((*matching.numbers, *matching.attributes, *target)))


def fit(table: Dataset, matching: Matching, inputs: ModelInputs) -> Dataset:
    """The model's features, and its target where it is there. Raises InvalidInput where the numbers do not fit."""
    columns: dict[str, Column] = {}
    schemas: list[ColumnSchema] = []

    def put(schema: ColumnSchema, column: Column) -> None:
        columns[schema.name] = column
        schemas.append(schema)

    if matching.is_by_name:
        for name in matching.numbers:
            if table.schema[name].storage.is_vector:
                _check_dim(table.schema[name], inputs.features[name])
            put(table.schema[name], table[name])
    elif matching.numbers:
        for schema, column in _moved(table, matching.numbers, inputs):
            put(schema, column)
    worded = [name for name in matching.attributes if inputs.features[name].storage is Storage.STRING]
    attributes = with_texts(table.select(matching.attributes), worded)
    for name in matching.attributes:
        put(attributes.schema[name], attributes[name])
    if matching.has_target:
        put(table.schema[inputs.target], table[inputs.target])
    return Dataset(Schema(tuple(schemas)), columns, table.n_rows)


def fitted(table: Dataset, inputs: ModelInputs, *, has_names: bool = True) -> Dataset:
    """What the model reads of a table. Raises InvalidInput like `match_columns` and `fit`."""
    return fit(table, match_columns(table.schema, inputs, has_names=has_names), inputs)


def _has_cells(found: Schema, name: str) -> bool:
    return name in found and not found[name].storage.is_vector


def _numbers_in(
    found: Schema, inputs: ModelInputs, *, has_names: bool, id_column: str | None
) -> tuple[tuple[str, ...], bool]:
    """The columns of the data that hold the model's numbers, and whether they are the ones of its training."""
    names = (*(column.name for column in inputs.vectors), *inputs.components)
    missing = [
        name
        for name in names
        if name not in found or found[name].storage.is_vector != inputs.features[name].storage.is_vector
    ]
    if not missing:
        return names, True
    vector = next((column.name for column in found.columns if column.storage.is_vector), None)
    if vector is not None and len(inputs.vectors) <= 1:
        return (vector,), False
    if (inputs.components and has_names) or len(inputs.vectors) > 1:
        raise _missing(missing, "column")
    taken = {ID, id_column, inputs.target, *inputs.attributes, *inputs.others}
    bare = tuple(column.name for column in found.columns if is_number(column) and column.name not in taken)
    return bare, False


def _moved(table: Dataset, names: Sequence[str], inputs: ModelInputs) -> list[tuple[ColumnSchema, Column]]:
    """The numbers in columns `names`, one vector or one number each, as columns of the training."""
    vectors = table[names[0]]
    if isinstance(vectors, Vectors):
        found = table.schema[names[0]]
        if inputs.vectors:
            _check_dim(found, inputs.vectors[0])
            return [(replace(found, name=inputs.vectors[0].name), vectors)]
        _check_dim(found, vector_schema(Storage.DENSE, inputs.dim, is_fixed=True))
        matrix = lengthened(vectors.matrix, inputs.dim) if vectors.is_sparse else vectors.matrix
        return [
            (inputs.features[name], column) for name, column in zip(inputs.components, unpacked(matrix), strict=True)
        ]
    if len(names) != inputs.dim:
        raise _wrong_dim(len(names), inputs.dim)
    if not inputs.vectors:
        return [
            (replace(inputs.features[name], storage=table.schema[given].storage, spelling=""), table[given])
            for name, given in zip(inputs.components, names, strict=True)
        ]
    return [(replace(inputs.vectors[0], storage=Storage.DENSE), Vectors(packed(table, names)))]


def _check_dim(found: ColumnSchema, wanted: ColumnSchema) -> None:
    """Raises InvalidInput where vectors are not of the model's length.

    Sparse ones whose length nobody said may be shorter, since the components behind are 0; and longer, where nobody
    said how long those of the model are: what training did not see says nothing.
    """
    n_found, dim = found.dim or 0, wanted.dim or 0
    if n_found == dim:
        return
    says_length = found.storage is Storage.DENSE or (found.is_given and wanted.is_given)
    takes_longer = wanted.storage is Storage.SPARSE and not wanted.is_given
    if says_length or (n_found > dim and not takes_longer):
        raise _wrong_dim(n_found, dim)


def _wrong_dim(n_found: int, dim: int) -> InvalidInput:
    return InvalidInput(
        f"The model takes {dim:,} numbers a row; the dimension of the data is {n_found:,}.", field="dim"
    )


def _missing(names: Sequence[str], what: str) -> InvalidInput:
    shown = ", ".join(repr(name)[:80] for name in names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    several = f"{len(names)} {what}s are" if len(names) > 1 else f"The {what} is"
    return InvalidInput(f"{several} missing in the data that the model was trained with: {shown}. Add them.")

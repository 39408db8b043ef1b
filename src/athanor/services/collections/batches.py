"""Batches: vectors that come with a request, checked and made a table of a collection's layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from athanor.engine.tables import cells
from athanor.engine.tables.dataset import Column, Dataset, Vectors, Words
from athanor.engine.tables.schema import Schema, Storage
from athanor.errors import InvalidInput, TooLarge
from athanor.services.collections.layout import (
    ID,
    LARGEST_INDEX,
    VECTOR,
    Layout,
    as_layout,
    attribute_schema,
    id_schema,
    layout_of,
    vector_schema,
)

MOST_ATTRIBUTES = 1_000  # names in a collection
LONGEST_ID, LONGEST_NAME = 1_000, 200  # characters
LARGEST_DENSE = 2**30  # bytes of a sparse batch that a collection of dense vectors takes

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,15}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorBatch:
    """Rows that come with a request.

    ids         one text a row, each once; None: they are numbered
    matrix      (n_rows, dim) float32: a numpy array, or a scipy CSR matrix
    attributes  one mapping a row, values as texts; a name that is not there is missing in the row
    """

    ids: Sequence[str] | None = None
    matrix: Any
    attributes: Sequence[Mapping[str, str]] | None = None

    @property
    def n_rows(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def is_sparse(self) -> bool:
        return not isinstance(self.matrix, np.ndarray)


def check_batch(batch: VectorBatch) -> None:
    """Raises InvalidInput, naming the row, for what no collection takes."""
    if not batch.n_rows:
        raise InvalidInput("No rows came. Send at least one vector.", field="data")
    for field, given in (("ids", batch.ids), ("attributes", batch.attributes)):
        if given is not None and len(given) != batch.n_rows:
            raise InvalidInput(
                f"{len(given):,} {field} came, and {batch.n_rows:,} vectors. Send one a vector.",
                field=field,
            )
    _check_matrix(batch.matrix)
    if batch.ids is not None:
        check_ids(batch.ids)


def check_ids(ids: Sequence[str]) -> None:
    """Raises InvalidInput for an id that is empty, too long, or that another row has."""
    for row, id_ in enumerate(ids, start=1):
        if not id_ or len(id_) > LONGEST_ID or "\0" in id_:
            raise InvalidInput(
                f"Row {row}: an id is a text of 1 to {LONGEST_ID:,} characters without NUL, got {id_[:60]!r}.",
                field="ids",
            )
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        row = next(row for row, id_ in enumerate(ids, start=1) if id_ in seen or seen.add(id_))  # type: ignore[func-returns-value]
        raise InvalidInput(
            f"Row {row} has the id {ids[row - 1][:60]!r}, as a row before it has. Every row needs an id of its own.",
            field="ids",
        )


def check_whole(ids: Sequence[str]) -> None:
    """Raises InvalidInput for an id that is no whole number, as spelled in a column of such."""
    for row, id_ in enumerate(ids, start=1):
        if not _WHOLE(id_) or abs(int(id_)) > cells.LARGEST_INTEGER:
            raise InvalidInput(
                f"Row {row}: the ids of this collection are whole numbers, got {id_[:60]!r}.", field="ids"
            )


def check_attribute_names(names: Sequence[str], layout: Layout, *, field: str = "attributes") -> None:
    """Raises InvalidInput for a new name that no column can have, or that the collection uses for something else."""
    fresh = set(names).difference(layout.attributes)
    taken = {layout.id_column, ID, VECTOR, *layout.components, layout.vector.name if layout.vector else None}
    for name in sorted(fresh):
        is_taken = name in taken
        if is_taken or not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
            reason = (
                "the collection has a column of that name for something else."
                if is_taken
                else f"a name is a text of 1 to {LONGEST_NAME} characters without NUL."
            )
            raise InvalidInput(f"An attribute cannot be named {name[:60]!r} here: {reason}", field=field)
    n_all = len(fresh) + len(layout.attributes)
    if fresh and n_all > MOST_ATTRIBUTES:
        raise InvalidInput(
            f"The collection would have {n_all:,} attributes; {MOST_ATTRIBUTES:,} are allowed.", field=field
        )


def table_of(batch: VectorBatch, ids: Sequence[str] | None, layout: Layout) -> Dataset:
    """The batch as a table of the layout: ids where the layout has them, numbers, and the attributes that came.

    ids  those of the batch, or those that were made for it
    """
    if not layout.is_sparse and batch.is_sparse and 4 * batch.n_rows * layout.dim > LARGEST_DENSE:
        raise TooLarge(
            f"{batch.n_rows:,} rows of {layout.dim:,} numbers are too many at a time for a collection of dense "
            f"vectors. Send at most {max(LARGEST_DENSE // (4 * layout.dim), 1):,} at a time."
        )
    came = bare_table(batch)
    check_attribute_names(tuple(dict.fromkeys(chain.from_iterable(batch.attributes or ()))), layout)
    own = layout_of(came.schema, None)
    if ids is not None and layout.id_column is not None:
        name = layout.id_column
        words = Words(np.arange(len(ids), dtype=np.int32), tuple(ids))
        came = Dataset(Schema((id_schema(name), *came.schema.columns)), {name: words, **came.columns}, came.n_rows)
        own = replace(own, id_column=name)
    return as_layout(came, own, layout)


def bare_table(batch: VectorBatch) -> Dataset:
    """The numbers and attributes of the batch as a table. One called as the vectors are is left out."""
    storage = Storage.SPARSE if batch.is_sparse else Storage.DENSE
    vector = vector_schema(storage, int(batch.matrix.shape[1]), is_fixed=False)
    found = {name: column for name, column in attribute_columns(batch.attributes or ()).items() if name != VECTOR}
    columns: dict[str, Column] = {VECTOR: Vectors(_canonical(batch.matrix)), **found}
    return Dataset(Schema((vector, *map(attribute_schema, found))), columns, batch.n_rows)


def attribute_columns(rows: Sequence[Mapping[str, str]]) -> dict[str, Column]:
    """The attributes of rows by their names, in the order in which these first come.

    Texts stay as they are ("NA" may be a region); an empty one is missing.
    Raises InvalidInput where there are more names than a collection may have.
    """
    names = dict.fromkeys(chain.from_iterable(rows))
    if len(names) > MOST_ATTRIBUTES:
        raise InvalidInput(
            f"The rows have {len(names):,} different attributes; a collection may have {MOST_ATTRIBUTES:,}. "
            "Put what is a value into the value, not into the name.",
            field="attributes",
        )
    return {name: Words.of([row.get(name) or None for row in rows]) for name in names}


def _canonical(matrix: Any) -> Any:
    """The vectors; of sparse ones a component that came more than once stands once."""
    if not isinstance(matrix, np.ndarray) and not matrix.has_canonical_format:
        matrix = matrix.copy()  # nobody's matrix is changed here
        matrix.sum_duplicates()
    return matrix


def _check_matrix(matrix: Any) -> None:
    is_sparse = not isinstance(matrix, np.ndarray)
    values = matrix.data if is_sparse else matrix
    if not np.isfinite(values).all():
        if is_sparse:
            row = int(np.searchsorted(matrix.indptr, np.flatnonzero(~np.isfinite(values))[0], side="right"))
        else:
            row = int(np.argwhere(~np.isfinite(values))[0][0]) + 1
        raise InvalidInput(
            f"Row {row} has a number that is missing, infinite or beyond float32. Vectors hold finite numbers.",
            field="data",
        )
    if is_sparse and matrix.nnz and not 0 <= int(matrix.indices.min()) <= int(matrix.indices.max()) <= LARGEST_INDEX:
        raise InvalidInput(f"The index of a component is from 0 to {LARGEST_INDEX:,}.", field="data")

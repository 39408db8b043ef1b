"""Single rows of collections: looked up, changed and taken away by their ids; and labels for all rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import Segment, StoredDataset
from athanor.core.names import check_name
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.engine.tables import cells
from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.services.collections.batches import check_ids
from athanor.services.collections.changes import Labels, Values, attribute_column, with_rows, with_values, with_vectors
from athanor.services.collections.components import check_components
from athanor.services.collections.finding import find_collection
from athanor.services.collections.layout import Layout, layout_of
from athanor.services.collections.one_column import LARGEST_BYTES, read_column
from athanor.services.datasets import Datasets
from athanor.services.rows import row_ids
from athanor.services.rows.arrivals import Arrivals
from athanor.services.rows.contents import Part
from athanor.services.rows.ingest_jobs import Inserted, record_ingest
from athanor.services.rows.named_rows import in_order, rows_named
from athanor.services.rows.reading import looking_again, reading
from athanor.services.rows.rewriting import Rewriting, turn
from athanor.services.versions import DatasetView, newest_view, segments_of

if TYPE_CHECKING:
    import polars as pl

    from athanor.services.aliases import Naming

MOST_IDS = 1_000  # that are looked up at once
MOST_NUMBERS = 4_000_000  # in the vectors that are looked up at once


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVector:
    """A row of a collection.

    data        its numbers, None where one is missing; of a sparse vector those that it has, by index
    attributes  as texts; one that is missing is not there
    """

    id: str
    data: Sequence[float | None] | Mapping[int, float]
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A collection as it was when it was looked at."""

    view: DatasetView
    segments: Sequence[Segment]

    @property
    def schema(self) -> Schema:
        return self.view.version.schema

    @property
    def layout(self) -> Layout:
        return layout_of(self.schema, self.view.dataset.id_column)

    @property
    def id_column(self) -> str:
        """Raises InvalidInput where the rows have no ids."""
        if self.view.dataset.id_column is None:
            raise InvalidInput(
                f"The rows of {self.view.dataset.handle!r} have no ids, so that none can be named: it was not made "
                "as a collection. Upload it as one to have single rows of it.",
                field="ids",
            )
        return self.view.dataset.id_column


class CollectionRows:
    """What can be done with the rows of a collection."""

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], arrivals: Arrivals) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals
        self._datasets = Datasets(records, blobs, now, arrivals)
        self._rewriting = Rewriting(records, blobs, now, arrivals)

    def fetch(self, actor: Actor, project: str, name: str, ids: Sequence[str]) -> Sequence[StoredVector]:
        """The rows of these ids, at most 1,000, in their order. Raises NotFound naming the first that is not there."""
        actor.need(Scope.DATA_READ)
        if len(ids) > MOST_IDS:
            raise InvalidInput(
                f"{len(ids):,} ids came; {MOST_IDS:,} rows are given at once. Ask several times.", field="ids"
            )

        def look() -> Sequence[StoredVector]:
            found = self._look(actor, project, name)
            _check_numbers(len(ids), found.layout)
            return _stored(self._rows(found, ids), ids, found)

        return looking_again(look)

    def remove(self, actor: Actor, project: str, name: str, ids: Sequence[str]) -> int:
        """Take away the rows of these ids; how many there were. Ids that are not there are no error."""
        actor.need(Scope.DATA_WRITE)
        return self._datasets.delete_rows(actor, self._look(actor, project, name).view.dataset.id, ids)

    def update(
        self,
        actor: Actor,
        project: str,
        name: str,
        ids: Sequence[str],
        *,
        matrix: Any = None,
        attributes: Sequence[Values] | None = None,
    ) -> int:
        """Give rows that are there other vectors, other values of some attributes, or both; how many rows.

        All of them or none; every row keeps its place.

        matrix      (n_ids, dim) as in a batch; None: the vectors stay
        attributes  one mapping an id; a name that is not in it stays as it is, None takes the value away
        Raises NotFound naming the first id that is not there, Conflict where others keep changing the same rows.
        """
        actor.need(Scope.DATA_WRITE)
        if not ids:
            raise InvalidInput("No ids came. Name at least one row.", field="ids")
        check_ids(ids)
        hashes = np.sort(row_ids.hashes_of(ids))

        def recorded(transaction: Transaction, dataset: StoredDataset) -> int:
            entry = audited(actor, "dataset.update_rows", dataset.id, now=self._now(), n_rows=str(len(ids)))
            transaction.audit.add(entry)
            return len(ids)

        def attempt() -> int:
            found = self._look(actor, project, name)
            rows, schema = self._rows(found, ids), found.schema
            if matrix is not None:
                check_components(matrix, found.view.dataset.labels)
                rows, schema = with_vectors(rows, schema, found.layout, ids, matrix)
            if attributes is not None:
                rows, schema = with_values(rows, schema, found.layout, attributes)

            def change(part: Part) -> pl.DataFrame | None:
                if not row_ids.may_have(part.segment, hashes, self._blobs):
                    return None
                return with_rows(part.scan(schema).collect(), rows, found.id_column)

            return self._rewriting.rewrite(found.view, found.segments, change, schema, hashes=hashes, also=recorded)

        with turn(self._look(actor, project, name).view.dataset.id):
            return looking_again(attempt)

    def attach(
        self,
        actor: Actor,
        project: str,
        name: str,
        path: Path,
        *,
        attribute: str,
        format: str,  # noqa: A002
        filename: str,
        naming: Naming,
        has_header: bool = True,
    ) -> Inserted:
        """Give all rows, in their order, the texts of a file's only column: an attribute, in place of one of this name.

        Raises InvalidInput where the file has not as many rows as the collection, Conflict where others keep changing
        the collection meanwhile.
        """
        from athanor.engine.tables.inference import infer

        actor.need(Scope.DATA_WRITE)
        attribute = check_name(attribute, field="attribute_name")
        started_at = self._now()
        first = self._look(actor, project, name)
        _check_labels(first, attribute)
        with self._arrivals.plain(path, filename=filename, largest=LARGEST_BYTES) as file:
            texts = read_column(file, file_format=format, has_header=has_header, filename=filename).alias(attribute)
        column = infer(texts.to_frame()).columns[0]

        def recorded(transaction: Transaction, dataset: StoredDataset) -> Inserted:
            now = self._now()
            transaction.audit.add(audited(actor, "dataset.attach", dataset.id, now=now, column=attribute))
            return record_ingest(
                transaction, actor, dataset, n_rows=len(texts), naming=naming, started_at=started_at, now=now
            )

        def attempt() -> Inserted:
            found = self._look(actor, project, name)
            _check_labels(found, attribute, n_rows=len(texts))
            labels = Labels(column, texts, found.schema)
            return self._rewriting.rewrite(found.view, found.segments, labels.put, labels.schema, also=recorded)

        with turn(first.view.dataset.id):
            return looking_again(attempt)

    def _look(self, actor: Actor, project: str, name: str) -> _Found:
        with self._records.look(actor.organization_id) as transaction:
            view = newest_view(transaction, find_collection(transaction, actor, project, name))
            return _Found(view=view, segments=segments_of(transaction, view.version))

    def _rows(self, found: _Found, ids: Sequence[str]) -> pl.DataFrame:
        """Raises NotFound naming the first id that is not there."""
        with reading(found.segments, self._blobs):
            rows = rows_named(ids, found.segments, self._blobs, found.schema, found.id_column)
        return in_order(rows, ids, found.id_column)


def _check_numbers(n_rows: int, layout: Layout) -> None:
    if not layout.is_sparse and n_rows > 1 and n_rows * layout.dim > MOST_NUMBERS:
        raise InvalidInput(
            f"{n_rows:,} vectors of {layout.dim:,} numbers are more than are given at once. "
            f"Ask for at most {max(MOST_NUMBERS // layout.dim, 1):,}.",
            field="ids",
        )


def _check_labels(found: _Found, attribute: str, *, n_rows: int | None = None) -> None:
    """Raises InvalidInput where the rows cannot have the attribute, or are not `n_rows`."""
    n_present = found.view.version.n_rows
    _ = attribute_column(attribute, found.schema, found.layout)
    if not n_present:
        raise InvalidInput(
            f"The collection {found.view.dataset.handle!r} is empty: there is no row to give a value to. "
            "Insert its vectors first."
        )
    if n_rows is not None and n_rows != n_present:
        raise InvalidInput(
            f"The collection has {n_present:,} rows, so expected {n_present:,} values; came {n_rows:,}. "
            "Send one a row, in the order in which the rows came; say NA where one is missing.",
            field="file",
        )


def _stored(rows: pl.DataFrame, ids: Sequence[str], found: _Found) -> list[StoredVector]:
    layout = found.layout
    data: list[Any] = [()] * rows.height
    if layout.is_sparse and layout.vector is not None:
        vectors = rows.get_column(layout.vector.name).struct
        parts = (vectors.field("indices").to_list(), vectors.field("values").to_list())
        data = [dict(zip(*entries, strict=True)) for entries in zip(*parts, strict=True)]
    elif layout.vector is not None:
        data = rows.get_column(layout.vector.name).to_list()
    elif layout.components:
        data = list(zip(*(rows.get_column(name).to_list() for name in layout.components), strict=True))
    texts = {name: [cells.text(cell) for cell in rows.get_column(name).to_list()] for name in layout.attributes}
    return [
        StoredVector(
            id=id_,
            data=data[place],
            attributes={name: text for name, cells in texts.items() if (text := cells[place]) is not None},
        )
        for place, id_ in enumerate(ids)
    ]

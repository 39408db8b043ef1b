"""Single rows of collections: looked up, changed and taken away by their ids; and labels for all rows at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, Segment, SegmentKind
from athanor.core.ids import new_id
from athanor.core.names import check_name
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.engine.schema import ColumnSchema, Schema
from athanor.errors import Conflict, InvalidInput
from athanor.services.collections.batches import check_ids
from athanor.services.collections.changes import Values, attribute_column, with_values, with_vectors
from athanor.services.collections.finding import find_collection
from athanor.services.collections.layout import Layout, layout_of
from athanor.services.collections.one_column import read_column
from athanor.services.datasets import Datasets
from athanor.services.rows import row_ids
from athanor.services.rows.arrivals import Arrivals, Keeping
from athanor.services.rows.contents import content
from athanor.services.rows.growing import MERGED, Growing
from athanor.services.rows.ingest_jobs import Inserted, record_ingest
from athanor.services.rows.named_rows import in_order, rows_named
from athanor.services.rows.rewriting import put_in_place, with_column
from athanor.services.versions import DatasetView, move_on, newest_version, newest_view, segments_of

if TYPE_CHECKING:
    import polars as pl

    from athanor.services.aliases import Naming

log = logging.getLogger(__name__)

MOST_IDS = 1_000  # that are looked up at once
MOST_NUMBERS = 4_000_000  # in the vectors that are looked up at once
_TRIES = 10  # against others who change the same rows meanwhile


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
                field="string_ids",
            )
        return self.view.dataset.id_column


class VectorRows:
    """What can be done with the rows of a collection."""

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], arrivals: Arrivals) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals
        self._datasets = Datasets(records, blobs, now, arrivals)
        self._growing = Growing(records, blobs, now, arrivals)

    def fetch(self, actor: Actor, project: str, name: str, ids: Sequence[str]) -> Sequence[StoredVector]:
        """The rows of these ids, at most 1,000, in their order. Raises NotFound naming the first that is not there."""
        actor.need(Scope.DATA_READ)
        if len(ids) > MOST_IDS:
            raise InvalidInput(
                f"{len(ids):,} ids came; {MOST_IDS:,} rows are given at once. Ask several times.", field="string_ids"
            )
        for is_last in (False, True):
            found = self._look(actor, project, name)
            _check_numbers(len(ids), found.layout)
            try:
                rows = rows_named(ids, found.segments, self._blobs, found.schema, found.id_column)
                break
            except MERGED:
                if is_last:
                    raise
        return _stored(in_order(rows, ids, found.id_column), ids, found)

    def remove(self, actor: Actor, project: str, name: str, ids: Sequence[str]) -> int:
        """Take away the rows of these ids; how many there were. Ids that are not there are no error."""
        actor.need(Scope.DATA_WRITE)
        found = self._look(actor, project, name)
        _ = found.id_column
        return self._datasets.delete_rows(actor, found.view.dataset.id, ids)

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

        All of them or none; they stand behind the others then.

        matrix      (n_ids, dim) as in a batch; None: the vectors stay
        attributes  one mapping an id; a name that is not in it stays as it is, None takes the value away
        Raises NotFound naming the first id that is not there, Conflict where others keep changing the same rows.
        """
        actor.need(Scope.DATA_WRITE)
        if not ids:
            raise InvalidInput("No ids came. Name at least one row.", field="string_ids")
        check_ids(ids)
        for _ in range(_TRIES):
            found = self._look(actor, project, name)
            try:
                rows = rows_named(ids, found.segments, self._blobs, found.schema, found.id_column)
            except MERGED:
                if self._is_there(actor, found):
                    raise
                continue
            rows, schema = in_order(rows, ids, found.id_column), found.schema
            if matrix is not None:
                rows, schema = with_vectors(rows, schema, found.layout, ids, matrix)
            if attributes is not None:
                rows, schema = with_values(rows, schema, found.layout, attributes)
            if self._exchange(actor, found, ids, rows, schema):
                return len(ids)
        raise _changing(name)

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
        from athanor.engine.inference import infer

        actor.need(Scope.DATA_WRITE)
        attribute = check_name(attribute, field="attribute_name")
        started_at = self._now()
        _check_labels(self._look(actor, project, name), attribute)
        texts = read_column(path, file_format=format, has_header=has_header, filename=filename).alias(attribute)
        column = infer(texts.to_frame()).columns[0]
        for _ in range(_TRIES):
            found = self._look(actor, project, name)
            _check_labels(found, attribute, n_rows=len(texts))
            inserted = self._rewrite(actor, found, column, texts, naming=naming, started_at=started_at)
            if inserted is not None:
                return inserted
        raise _changing(name)

    def _exchange(self, actor: Actor, found: _Found, ids: Sequence[str], rows: pl.DataFrame, schema: Schema) -> bool:
        """Put the rows in the place of those of the same ids. False where these were changed since they were found."""
        import polars as pl

        from athanor.engine.segments import write_segment

        dataset_id, now = found.view.dataset.id, self._now()
        old_ids = pl.DataFrame({found.id_column: pl.Series(ids, dtype=pl.String)})
        hashes = row_ids.hashes_of(ids)
        whose = actor.organization_id
        with self._arrivals.folder() as folder, Keeping(self._records, self._blobs, whose) as keeping:
            kept = []
            for kind, frame in ((SegmentKind.TOMBSTONES, old_ids), (SegmentKind.ROWS, rows)):
                segment_id = new_id()
                file = write_segment(frame, folder / f"{kind.value}.parquet")
                kept.append(
                    Segment(
                        id=segment_id,
                        organization_id=whose,
                        dataset_id=dataset_id,
                        position=0,
                        kind=kind,
                        n_rows=len(ids),
                        size_bytes=file.size_bytes,
                        blob=keeping.put(segment_id, "segments/{}.parquet", file.path),
                        ids_blob=keeping.put(segment_id, "ids/{}.npy", row_ids.as_file(hashes)),
                        source_sha256="",
                        created_at=now,
                    )
                )
            with self._records.change(whose) as transaction:
                transaction.datasets.get(dataset_id, lock=True)
                newest = newest_version(transaction, dataset_id)
                if self._is_changed(transaction, found, newest, np.sort(hashes)):
                    return False
                for place, segment in enumerate(kept):
                    transaction.segments.add(replace(segment, position=newest.end + place))
                n_segments = newest.n_segments + len(kept)
                version = move_on(transaction, newest, now=now, n_segments=n_segments, schema=schema)
                transaction.audit.add(audited(actor, "dataset.update_rows", dataset_id, now=now, n_rows=str(len(ids))))
        self._growing.compact(version)
        return True

    def _rewrite(
        self,
        actor: Actor,
        found: _Found,
        column: ColumnSchema,
        texts: pl.Series,
        *,
        naming: Naming,
        started_at: datetime,
    ) -> Inserted | None:
        """Write all rows anew with the texts as this column. None where the collection changed meanwhile."""
        whose, now = actor.organization_id, self._now()
        with self._arrivals.folder() as folder, Keeping(self._records, self._blobs, whose) as keeping:
            try:
                rewritten = with_column(
                    content(found.segments, found.view.dataset.id_column),
                    found.schema,
                    column,
                    texts,
                    blobs=self._blobs,
                    keeping=keeping,
                    folder=folder,
                    now=now,
                )
            except MERGED:
                if self._is_there(actor, found):
                    raise
                return None
            with self._records.change(whose) as transaction:
                dataset = transaction.datasets.get(found.view.dataset.id, lock=True)
                newest = newest_version(transaction, dataset.id)
                if newest.schema != found.schema or segments_of(transaction, newest) != found.segments:
                    return None
                gone = put_in_place(transaction, newest, rewritten, now=now)
                transaction.audit.add(audited(actor, "dataset.attach", dataset.id, now=now, column=column.name))
                inserted = record_ingest(
                    transaction, actor, dataset, n_rows=len(texts), naming=naming, started_at=started_at, now=now
                )
        for key in gone:
            self._blobs.delete(key)
        return inserted

    def _look(self, actor: Actor, project: str, name: str) -> _Found:
        with self._records.look(actor.organization_id) as transaction:
            view = newest_view(transaction, find_collection(transaction, actor, project, name))
            return _Found(view=view, segments=segments_of(transaction, view.version))

    def _is_changed(
        self, transaction: Transaction, found: _Found, newest: DatasetVersion, hashes: row_ids.Hashes
    ) -> bool:
        """Whether the rows that were found may be others by now, or their columns."""
        if newest.schema != found.schema or newest.first_segment != found.view.version.first_segment:
            return True
        seen = {segment.id for segment in found.segments}
        fresh = [segment for segment in segments_of(transaction, newest) if segment.id not in seen]
        return any(row_ids.may_have(segment, hashes, self._blobs) for segment in fresh)

    def _is_there(self, actor: Actor, found: _Found) -> bool:
        """Whether the segments that were found are there still, so that nobody else is the reason of an error."""
        with self._records.look(actor.organization_id) as transaction:
            present = newest_view(transaction, transaction.datasets.get(found.view.dataset.id))
            return segments_of(transaction, present.version) == found.segments


def _check_numbers(n_rows: int, layout: Layout) -> None:
    if not layout.is_sparse and n_rows > 1 and n_rows * layout.dim > MOST_NUMBERS:
        raise InvalidInput(
            f"{n_rows:,} vectors of {layout.dim:,} numbers are more than are given at once. "
            f"Ask for at most {max(MOST_NUMBERS // layout.dim, 1):,}.",
            field="string_ids",
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
            field="file_data",
        )


def _changing(name: str) -> Conflict:
    return Conflict(f"Others keep changing the collection {name!r}. Ask again when they are through.")


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
    texts = {name: _texts(rows.get_column(name)) for name in layout.attributes}
    return [
        StoredVector(
            id=id_,
            data=data[place],
            attributes={name: text for name, cells in texts.items() if (text := cells[place]) is not None},
        )
        for place, id_ in enumerate(ids)
    ]


def _texts(cells: pl.Series) -> list[str | None]:
    return [None if cell is None else _text(cell) for cell in cells.to_list()]


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat()
    return str(cell).lower() if isinstance(cell, bool) else str(cell)

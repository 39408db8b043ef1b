"""Collections of vectors: datasets whose rows have an id, a vector and attributes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import Segment, StoredDataset
from athanor.core.ports import BlobStore, Records
from athanor.engine.tables.schema import Storage
from athanor.errors import Conflict, InvalidInput
from athanor.services.collections.batches import VectorBatch, check_batch, check_whole, table_of
from athanor.services.collections.components import check_components
from athanor.services.collections.files import UploadHow, batch_in, check_how, known_columns, options_of
from athanor.services.collections.finding import (
    EXISTS,
    CollectionView,
    add_collection,
    find_collection,
    new_collection,
    no_collection,
    vectors_schema,
)
from athanor.services.collections.layout import ID, as_stored, check_dim, layout_of
from athanor.services.collections.shaping import Shaping
from athanor.services.projects import find_project
from athanor.services.references import clear, remove_dataset, runs_on
from athanor.services.rows.arrivals import Arrival, Arrivals
from athanor.services.rows.generated_ids import reserve_ids
from athanor.services.rows.growing import Growing
from athanor.services.rows.ingest_jobs import Inserted, record_ingest
from athanor.services.versions import DatasetView, newest_version, newest_view, newest_views, segments_of

if TYPE_CHECKING:
    from uuid import UUID

    from athanor.core.project import Project
    from athanor.services.aliases import Naming

log = logging.getLogger(__name__)

__all__ = ["CollectionView", "Collections", "Inserted", "UploadHow", "VectorBatch"]

FIRST_INDEX = "first_index"  # label of a collection: what the indices of its libsvm files count from


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Where rows are to go, and what their job is to be called."""

    project: str
    name: str
    naming: Naming
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where rows go: a collection as it is now, or a project in which none of the name is yet."""

    project: Project
    view: DatasetView | None = None
    segments: Sequence[Segment] = ()


class Collections:
    """What can be done with collections. One is named by its project and its own name."""

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        now: Callable[[], datetime],
        arrivals: Arrivals,
        runs_folder: Path,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals
        self._runs_folder = runs_folder
        self._growing = Growing(records, blobs, now, arrivals)

    def create(
        self,
        actor: Actor,
        project: str,
        name: str,
        *,
        storage: Storage,
        dim: int | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> CollectionView:
        """A collection without rows. Raises Conflict (`collection-exists`) where the project has one of this name.

        dim  components of its vectors; sparse ones whose number is not said have as many as the highest index needs
        """
        actor.need(Scope.DATA_WRITE)
        schema = vectors_schema(storage, dim)
        with self._records.change(actor.organization_id) as transaction:
            home = find_project(transaction, actor, project)
            made = new_collection(actor, home, name, schema, labels=labels, now=self._now())
            add_collection(transaction, actor, project, made)
        return CollectionView.of(made.dataset, made.version)

    def get(self, actor: Actor, project: str, name: str) -> CollectionView:
        """The collection as it is now. Raises NotFound."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            dataset = find_collection(transaction, actor, project, name)
            return CollectionView.of(dataset, newest_version(transaction, dataset.id))

    def list(self, actor: Actor, project: str) -> tuple[CollectionView, ...]:
        """All collections of the project, oldest first."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            home = find_project(transaction, actor, project)
            found = newest_views(transaction, transaction.datasets.find({"project_id": home.id}).items)
        return tuple(CollectionView.of(view.dataset, view.version) for view in found)

    def insert(
        self,
        actor: Actor,
        project: str,
        name: str,
        batch: VectorBatch,
        *,
        naming: Naming,
        storage: Storage | None = None,
        dim: int | None = None,
    ) -> Inserted:
        """Put the batch behind the rows of the collection: all of it or nothing.

        Attributes that the collection lacks become its own, missing in the rows before.

        storage  a collection that is not there is made, with such vectors
        dim      how many numbers its vectors have, or those of the one that is there; None: as came
        Raises InvalidInput naming the row, Conflict (`row-id-taken`) for an id that is there already.
        """
        actor.need(Scope.DATA_WRITE)
        check_batch(batch)
        asked = _Asked(project=project, name=name, naming=naming, started_at=self._now())
        return _again(lambda: self._insert(actor, asked, batch, storage, dim))

    def upload(self, actor: Actor, project: str, name: str, path: Path, how: UploadHow, *, naming: Naming) -> Inserted:
        """Put the rows of the file at `path` behind those of the collection, which is made where it is not there.

        All of them or none: a row that cannot be read is refused with all others. The same bytes may come again. The
        caller owns the file. Raises what `insert` raises, naming row and column.
        """
        actor.need(Scope.DATA_WRITE)
        check_how(how)
        batch = batch_in(self._arrivals, path, how)
        if batch is not None:
            storage = how.storage or (Storage.SPARSE if batch.is_sparse else Storage.DENSE)
            return self.insert(actor, project, name, batch, naming=naming, storage=storage, dim=how.dim)
        asked = _Asked(project=project, name=name, naming=naming, started_at=self._now())
        return _again(lambda: self._upload(actor, asked, path, how))

    def delete(self, actor: Actor, project: str, name: str) -> None:
        """Remove the collection with all that was made from it: versions, runs, models, jobs and their names."""
        actor.need(Scope.DATA_WRITE)
        with self._records.change(actor.organization_id) as transaction:
            found = find_collection(transaction, actor, project, name)
            dataset = transaction.datasets.get(found.id, lock=True)
            if runs_on(transaction, dataset.id):
                actor.need(Scope.RUNS_WRITE)
            now = self._now()
            gone = remove_dataset(transaction, dataset.id, now=now)
            transaction.audit.add(audited(actor, "dataset.delete", dataset.id, now=now, name=dataset.name))
        clear(gone, self._blobs, self._runs_folder)
        log.info("collection deleted", extra={"dataset_id": str(dataset.id)})

    def _insert(
        self, actor: Actor, asked: _Asked, batch: VectorBatch, storage: Storage | None, dim: int | None
    ) -> Inserted:
        place = self._place(actor, asked)
        n_came = int(batch.matrix.shape[1])
        if place.view is not None:
            layout = layout_of(place.view.version.schema, place.view.dataset.id_column)
            check_dim(dim, layout, n_came=n_came)
            check_components(batch.matrix, place.view.dataset.labels)
            view, ids = place.view, self._ids(actor, place.view, batch)
        elif storage is not None:
            length = dim if dim is not None or storage is Storage.SPARSE else n_came
            schema = vectors_schema(storage, length)
            n_made = 0 if batch.ids is not None else batch.n_rows
            view = new_collection(actor, place.project, asked.name, schema, n_ids_made=n_made, now=asked.started_at)
            ids = _numbered(batch.n_rows) if batch.ids is None else batch.ids
        else:
            raise no_collection(asked.name, asked.project)
        id_column = view.dataset.id_column
        table = as_stored(table_of(batch, ids, layout_of(view.version.schema, id_column)), view.version.schema)
        with self._arrivals.of_table(table, actor=actor, id_column=id_column) as arrival:
            return self._grow(actor, asked, place, view, arrival)

    def _upload(self, actor: Actor, asked: _Asked, path: Path, how: UploadHow) -> Inserted:
        place = self._place(actor, asked)
        there = place.view
        schema = None if there is None else there.version.schema
        id_column = None if there is None else there.dataset.id_column
        shaping = Shaping(
            how=how,
            schema=schema,
            id_column=id_column,
            first_index=None if there is None else _first_index(there.dataset),
            labels={} if there is None else there.dataset.labels,
            make_ids=_numbered if there is None else partial(self._reserved, actor, there.dataset.id),
        )
        with self._arrivals.of_file(
            path,
            filename=how.filename,
            options=options_of(how, None if schema is None else layout_of(schema, id_column).dim),
            sha256="",
            actor=actor,
            schema=known_columns(how, schema, id_column),
            id_column=id_column if there is not None else how.id_column or ID,
            reshape=shaping,
        ) as arrival:
            view = there or new_collection(
                actor,
                place.project,
                asked.name,
                arrival.schema,
                id_column=how.id_column or ID,
                file_format=how.format,
                n_ids_made=shaping.n_made,
                now=asked.started_at,
            )
            return self._grow(actor, asked, place, view, arrival, first_index=shaping.first_index)

    def _grow(
        self,
        actor: Actor,
        asked: _Asked,
        place: _Place,
        view: DatasetView,
        arrival: Arrival,
        *,
        first_index: int | None = None,
    ) -> Inserted:
        """Record the rows, the job that brought them and its name, and the collection where it is new."""
        coming = self._growing.coming(view, place.segments, arrival)
        with self._records.change(actor.organization_id) as transaction:
            if place.view is None:
                add_collection(transaction, actor, asked.project, view)
            grown = self._growing.append_in(transaction, actor, coming)
            dataset = grown.dataset
            if first_index is not None:
                dataset = _counting_from(dataset, first_index)
                transaction.datasets.put(dataset)
            inserted = record_ingest(
                transaction,
                actor,
                dataset,
                n_rows=arrival.n_rows,
                naming=asked.naming,
                started_at=asked.started_at,
                now=self._now(),
            )
        self._growing.compact(grown.version)
        return inserted

    def _place(self, actor: Actor, asked: _Asked) -> _Place:
        with self._records.look(actor.organization_id) as transaction:
            home = find_project(transaction, actor, asked.project)
            found = transaction.datasets.first({"project_id": home.id, "handle": asked.name})
            if found is None:
                return _Place(project=home)
            view = newest_view(transaction, found)
            return _Place(project=home, view=view, segments=segments_of(transaction, view.version))

    def _ids(self, actor: Actor, view: DatasetView, batch: VectorBatch) -> Sequence[str] | None:
        """The ids of a batch for a collection that is there; None where its rows have none."""
        id_column = view.dataset.id_column
        if id_column is None:
            if batch.ids is not None:
                raise InvalidInput(
                    f"The rows of {view.dataset.handle!r} have no ids, as it was not made as a collection. Send none.",
                    field="ids",
                )
            return None
        if batch.ids is None:
            return self._reserved(actor, view.dataset.id, batch.n_rows)
        if view.version.schema[id_column].storage is Storage.INTEGER:
            check_whole(batch.ids)
        return batch.ids

    def _reserved(self, actor: Actor, dataset_id: UUID, n_rows: int) -> Sequence[str]:
        live = partial(self._growing.live_now, actor, dataset_id)
        return reserve_ids(self._records, actor, dataset_id, n_rows, live=live)


def _again(attempt: Callable[[], Inserted]) -> Inserted:
    """Once more, where somebody else made the collection while its first rows came."""
    try:
        return attempt()
    except Conflict as error:
        if error.code != EXISTS:
            raise
    return attempt()


def _numbered(n_rows: int) -> Sequence[str]:
    return [str(number) for number in range(n_rows)]


def _first_index(dataset: StoredDataset) -> int | None:
    return int(dataset.labels[FIRST_INDEX]) if FIRST_INDEX in dataset.labels else None


def _counting_from(dataset: StoredDataset, first_index: int) -> StoredDataset:
    """The collection, its libsvm files counting so. Raises Conflict where another first file came meanwhile."""
    known = _first_index(dataset)
    if known is not None and known != first_index:
        raise Conflict(
            f"The indices of the collection count from {known}, as another file of it says that came at the same "
            f"time, and those of this file from {first_index}. Send it again."
        )
    return replace(dataset, labels={**dataset.labels, FIRST_INDEX: str(first_index)})

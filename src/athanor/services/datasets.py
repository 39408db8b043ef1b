"""Datasets that are there already: more rows, fewer rows, a new version, a look, a download, an end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, Segment, SegmentKind
from athanor.core.ids import new_id
from athanor.core.names import check_name
from athanor.core.ports import BlobStore, Records
from athanor.errors import Conflict, InvalidInput
from athanor.services.references import clear_blobs, remove_dataset, runs_on
from athanor.services.rows import row_ids, row_pages
from athanor.services.rows.appending import came_already, check_columns, check_rows
from athanor.services.rows.arrivals import Arrivals, fingerprint
from athanor.services.rows.contents import content_of
from athanor.services.rows.growing import Growing
from athanor.services.rows.keeping import Keeping
from athanor.services.rows.reading import looking_again, reading
from athanor.services.rows.row_pages import MEDIA_TYPES, Download, RowsPage
from athanor.services.versions import (
    DatasetView,
    is_frozen,
    is_made_of,
    move_on,
    newest_version,
    newest_view,
    profile_job,
    segments_of,
    version_numbered,
)

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions

log = logging.getLogger(__name__)

MOST_ROWS = 1_000  # of a page


class Datasets:
    """What can be done with datasets once they are there."""

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], arrivals: Arrivals) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals
        self._growing = Growing(records, blobs, now, arrivals)

    def append(
        self, actor: Actor, dataset_id: UUID, path: Path, *, filename: str, options: ReaderOptions | None = None
    ) -> DatasetView:
        """The dataset with the rows of the file at `path` behind its own; all of them or none.

        The file is read as the dataset's columns say: one that it lacks is missing in its rows, one that the dataset
        lacks is refused. Bytes that were appended before give the present version. The caller owns the file.
        Raises InvalidInput naming row and column, Conflict (`row-id-taken`) for an id that is there already.
        """
        actor.need(Scope.DATA_WRITE)
        view, segments = self._growing.present(actor, dataset_id)
        sha256 = fingerprint(path, options)
        if came_already(segments, sha256):
            return view
        schema = view.version.schema
        with self._arrivals.of_file(
            path,
            filename=filename,
            options=options,
            sha256=sha256,
            actor=actor,
            schema=schema,
            id_column=view.dataset.id_column,
        ) as arrival:
            check_columns(arrival.schema, schema)
            return self._growing.grow(actor, view, segments, arrival)

    def append_rows(self, actor: Actor, dataset_id: UUID, rows: Sequence[Mapping[str, Any]]) -> DatasetView:
        """The dataset with these rows (column name → value) behind its own, as `append` does."""
        from athanor.engine.tables.rows import rows_to_dataset

        actor.need(Scope.DATA_WRITE)
        if not rows:
            raise InvalidInput("No rows came. Send at least one object with a value for each column.", field="rows")
        view, segments = self._growing.present(actor, dataset_id)
        schema = view.version.schema
        check_rows(rows, schema, view.dataset.id_column)
        table = rows_to_dataset(rows, schema)
        with self._arrivals.of_table(table, actor=actor, id_column=view.dataset.id_column) as arrival:
            return self._growing.grow(actor, view, segments, arrival)

    def delete_rows(self, actor: Actor, dataset_id: UUID, ids: Sequence[str]) -> int:
        """Take away the rows of these ids; how many there were. Ids that are not there are no error."""
        import polars as pl

        actor.need(Scope.DATA_WRITE)
        wanted = sorted({str(id_) for id_ in ids})

        def look() -> tuple[str, Sequence[Segment], list[str]]:
            view, segments = self._growing.present(actor, dataset_id)
            id_column = view.dataset.id_column
            if id_column is None:
                raise InvalidInput(
                    "The rows of this dataset have no ids, so that none can be named. Say `id_column` when you make "
                    "one.",
                    field="ids",
                )
            return id_column, segments, sorted(self._growing.live(wanted, segments, id_column))

        id_column, segments, live = looking_again(look)
        if not live:
            return 0
        now = self._now()
        with self._arrivals.folder() as folder, Keeping(self._records, self._blobs, actor.organization_id) as keeping:
            frame, hashes = pl.DataFrame({id_column: live}), row_ids.hashes_of(live)
            kind = SegmentKind.TOMBSTONES
            tombstones = keeping.segment(dataset_id, frame, folder, hashes=hashes, now=now, kind=kind)
            with self._records.change(actor.organization_id) as transaction:
                transaction.datasets.get(dataset_id, lock=True)
                newest = newest_version(transaction, dataset_id)
                present = segments_of(transaction, newest)
                if present != segments and set(live) != self._growing.live(live, present, id_column):
                    raise Conflict("Some of the rows were deleted by somebody else meanwhile. Ask again.")
                transaction.segments.add(replace(tombstones, position=newest.end))
                n_rows = newest.n_rows - len(live)
                version = move_on(transaction, newest, now=now, n_segments=newest.n_segments + 1, n_rows=n_rows)
                transaction.audit.add(audited(actor, "dataset.delete_rows", dataset_id, now=now, n_rows=str(len(live))))
        self._growing.compact(version)
        return len(live)

    def new_version(
        self, actor: Actor, dataset_id: UUID, path: Path, *, filename: str, options: ReaderOptions | None = None
    ) -> DatasetView:
        """The dataset with the file's rows in the place of its own, as its next version; columns may differ.

        The bytes that the newest version was made of give that version.
        """
        actor.need(Scope.DATA_WRITE)
        view, segments = self._growing.present(actor, dataset_id)
        sha256 = fingerprint(path, options)
        if is_made_of(segments, sha256):
            return view
        with (
            self._arrivals.of_file(
                path,
                filename=filename,
                options=options,
                sha256=sha256,
                actor=actor,
                id_column=view.dataset.id_column,
            ) as arrival,
            self._records.change(actor.organization_id) as transaction,
        ):
            now = self._now()
            dataset = transaction.datasets.get(dataset_id, lock=True)
            newest = newest_version(transaction, dataset_id)
            if is_made_of(segments_of(transaction, newest), sha256):
                return DatasetView(dataset=dataset, version=newest)
            version = DatasetVersion(
                id=new_id(),
                organization_id=actor.organization_id,
                dataset_id=dataset_id,
                number=newest.number + 1,
                first_segment=newest.end,
                n_segments=len(arrival.kept),
                n_rows=arrival.n_rows,
                schema=arrival.schema,
                warnings=arrival.warnings,
                created_at=now,
                n_rejected=arrival.n_rejected,
            )
            dataset = replace(dataset, format=arrival.format, size_bytes=arrival.size_bytes)
            arrival.record(transaction, dataset_id, position=newest.end, actor=actor, now=now)
            transaction.versions.add(version)
            transaction.datasets.put(dataset)
            transaction.jobs.add(profile_job(version, dataset.project_id, now=now))
            transaction.audit.add(
                audited(actor, "dataset.new_version", dataset_id, now=now, number=str(version.number))
            )
        return DatasetView(dataset=dataset, version=version, sample_profile=arrival.sample_profile)

    def versions(self, actor: Actor, dataset_id: UUID) -> Sequence[DatasetVersion]:
        """All versions, oldest first."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            transaction.datasets.get(dataset_id)
            return transaction.versions.find({"dataset_id": dataset_id}, sort="number").items

    def rows(
        self,
        actor: Actor,
        dataset_id: UUID,
        *,
        version: int | None = None,
        offset: int = 0,
        limit: int = 100,
        columns: Sequence[str] | None = None,
    ) -> RowsPage:
        """At most 1,000 rows of a version (None: the newest), and 1,000,000 cells."""
        actor.need(Scope.DATA_READ)
        if offset < 0 or not 0 <= limit <= MOST_ROWS:
            raise InvalidInput(f"`offset` must be at least 0 and `limit` from 0 to {MOST_ROWS}.", field="limit")

        def look() -> RowsPage:
            with self._records.look(actor.organization_id) as transaction:
                transaction.datasets.get(dataset_id)
                found = version_numbered(transaction, dataset_id, version)
                held = content_of(transaction, found)
            names = found.schema.names if columns is None else tuple(dict.fromkeys(columns))
            schema = found.schema.select(names, field="columns")
            with reading(held.segments, self._blobs):
                taken = row_pages.page(held, self._blobs, schema, offset=offset, limit=limit)
            return RowsPage(version=found, columns=schema.names, rows=taken, offset=offset, total=found.n_rows)

        return looking_again(look)

    def download(
        self, actor: Actor, dataset_id: UUID, *, version: int | None = None, file_format: str = "csv"
    ) -> Download:
        """A version as one file, "csv" or "parquet". Reading it gives the same table, and so does asking again."""
        actor.need(Scope.DATA_READ)
        if file_format not in MEDIA_TYPES:
            raise InvalidInput(
                f"`format` must be {' or '.join(map(repr, MEDIA_TYPES))}, got {file_format!r}.", field="format"
            )
        with self._records.change(actor.organization_id) as transaction:
            dataset = transaction.datasets.get(dataset_id, lock=True)
            found = version_numbered(transaction, dataset_id, version)
            if not is_frozen(transaction, found):
                transaction.versions.put(replace(found, is_pinned=True))
            held = content_of(transaction, found)
        name = f"{dataset.handle}-v{found.number}"
        folder = self._arrivals.folder()
        return row_pages.as_file(held, self._blobs, found.schema, name=name, file_format=file_format, folder=folder)

    def rejects(self, actor: Actor, dataset_id: UUID, *, version: int | None = None) -> Iterator[bytes]:
        """The rows of the version's files that could not be read, as CSV: line, reason, text."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            transaction.datasets.get(dataset_id)
            segments = segments_of(transaction, version_numbered(transaction, dataset_id, version))
        return row_pages.rejects(segments, self._blobs)

    def change(
        self, actor: Actor, dataset_id: UUID, *, name: str | None = None, labels: Mapping[str, str] | None = None
    ) -> DatasetView:
        """The dataset under another name (its handle stays), with these labels in the place of its own, or both."""
        actor.need(Scope.DATA_WRITE)
        fields: dict[str, Any] = {} if name is None else {"name": check_name(name)}
        if labels is not None:
            fields["labels"] = dict(labels)
        with self._records.change(actor.organization_id) as transaction:
            dataset = replace(transaction.datasets.get(dataset_id, lock=True), **fields)
            transaction.datasets.put(dataset)
            entry = audited(actor, "dataset.change", dataset_id, now=self._now(), changed=", ".join(fields))
            transaction.audit.add(entry)
            return newest_view(transaction, dataset)

    def delete(self, actor: Actor, dataset_id: UUID) -> None:
        """Remove the dataset, all versions. Raises Conflict while a run was made from it or is validated on it."""
        actor.need(Scope.DATA_WRITE)
        with self._records.change(actor.organization_id) as transaction:
            dataset = transaction.datasets.get(dataset_id, lock=True)
            runs = runs_on(transaction, dataset_id)
            if runs:
                more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
                use = "made from" if runs[0].dataset_id == dataset_id else "validated on"
                raise Conflict(
                    f"The run {runs[0].name!r}{more} was {use} this dataset. Delete its runs first.",
                    code="dataset-in-use",
                )
            now = self._now()
            gone = remove_dataset(transaction, dataset_id, now=now)
            transaction.audit.add(audited(actor, "dataset.delete", dataset_id, now=now, name=dataset.name))
        clear_blobs(gone.blobs, self._blobs)
        log.info("dataset deleted", extra={"dataset_id": str(dataset_id)})

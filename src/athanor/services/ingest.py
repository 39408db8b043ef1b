"""Ingest: a file that came becomes a dataset with a first version."""

from __future__ import annotations

import filecmp
import hashlib
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, Origin, Segment, StoredDataset, Upload
from athanor.core.ids import new_id
from athanor.core.job import LANES, Job, JobKind
from athanor.core.names import check_name, handle_for
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.errors import Conflict, NotFound, TooLarge
from athanor.services.projects import default_project

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions, Table

log = logging.getLogger(__name__)

UPLOAD_LASTS = timedelta(hours=1)
# A file is in memory while it is read; more than two at a time wait, whoever sends them.
_READING = threading.BoundedSemaphore(2)
SERVER_PATH = "server_path"  # label of a dataset that was read from a path of this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetView:
    """A dataset and its newest version."""

    dataset: StoredDataset
    version: DatasetVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """A file as read, its segment kept."""

    table: Table
    sha256: str
    size_bytes: int
    segment_id: UUID
    blob: str


class Ingest:
    """Takes files in, and shows what is there.

    server_paths  folders of this machine below which a dataset may be named by its path
    max_columns   a table with more is refused
    """

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        now: Callable[[], datetime],
        scratch: Path,
        *,
        server_paths: Sequence[Path] = (),
        max_columns: int = 50_000,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._scratch = scratch
        self._server_paths = tuple(server_paths)
        self._max_columns = max_columns

    def receive(
        self,
        path: Path,
        *,
        filename: str,
        name: str | None,
        actor: Actor,
        upload_id: UUID | None = None,
        origin: Origin | None = None,
        options: ReaderOptions | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> DatasetView:
        """The dataset that the file at `path` holds. The caller owns the file and removes it.

        name       None: made from the file's name
        upload_id  the leave under which the file came; the dataset takes this id, so that whoever was given the leave
                   can name the dataset beforehand
        """
        actor.need(Scope.DATA_WRITE)
        shown_name = check_name(name if name is not None else _stem(filename))
        if upload_id is not None:
            with self._records.look(actor.organization_id) as transaction:
                self._check_open(transaction.uploads.get(upload_id))
        with (
            self._arrived(path, filename, actor, options) as arrival,
            self._records.change(actor.organization_id) as transaction,
        ):
            return self._record(
                transaction,
                arrival,
                name=shown_name,
                actor=actor,
                upload_id=upload_id,
                origin=origin,
                labels=labels or {},
            )

    def from_server_path(self, actor: Actor, path: str) -> DatasetView:
        """The dataset in a file below one of the configured folders. The same bytes at the same path are read once."""
        actor.need(Scope.DATA_WRITE)
        found = self._below_a_root(path)
        sha256 = _fingerprint(found, None)
        with self._records.look(actor.organization_id) as transaction:
            for segment in transaction.segments.find({"source_sha256": sha256}, descending=True).items:
                view = _view(transaction, transaction.datasets.get(segment.dataset_id))
                if view.dataset.labels.get(SERVER_PATH) == str(found):
                    return view
        return self.receive(found, filename=found.name, name=None, actor=actor, labels={SERVER_PATH: str(found)})

    def open_upload(self, actor: Actor, filename: str) -> Upload:
        """Leave to put one file, within the hour."""
        actor.need(Scope.DATA_WRITE)
        now = self._now()
        upload = Upload(
            id=new_id(),
            organization_id=actor.organization_id,
            user_id=actor.user_id,
            filename=check_name(filename, field="filename"),
            created_at=now,
            expires_at=now + UPLOAD_LASTS,
        )
        with self._records.change(actor.organization_id) as transaction:
            transaction.uploads.add(upload)
            transaction.audit.add(audited(actor, "upload.open", upload.id, now=now))
        return upload

    def upload(self, actor: Actor, upload_id: UUID) -> Upload:
        """A leave that still holds. Raises NotFound, or Conflict when it was used or is too old."""
        actor.need(Scope.DATA_WRITE)
        with self._records.look(actor.organization_id) as transaction:
            upload = transaction.uploads.get(upload_id)
        self._check_open(upload)
        return upload

    def list(self, actor: Actor) -> tuple[DatasetView, ...]:
        """All datasets of the organization, newest first."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            datasets = transaction.datasets.find(descending=True).items
            newest: dict[UUID, DatasetVersion] = {}
            for version in transaction.versions.find(sort="number").items:
                newest[version.dataset_id] = version
        return tuple(DatasetView(dataset=dataset, version=newest[dataset.id]) for dataset in datasets)

    def get(self, actor: Actor, dataset_id: UUID) -> DatasetView:
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            return _view(transaction, transaction.datasets.get(dataset_id))

    def profile(self, actor: Actor, dataset_id: UUID) -> Mapping[str, Any] | None:
        """What is known of every column of the newest version; None while its job is still at work."""
        import json

        view = self.get(actor, dataset_id)
        if view.version.profile_blob is None:
            return None
        with self._blobs.open(view.version.profile_blob) as file:
            profile: Mapping[str, Any] = json.load(file)
        return profile

    @contextmanager
    def _arrived(self, path: Path, filename: str, actor: Actor, options: ReaderOptions | None) -> Iterator[_Arrival]:
        """The file, read, with its segment among the blobs; the blob goes again when the block raises.

        Bytes that came before under the same options share the segment, provided that they are still read as the same
        rows: a newer reader may know better.
        """
        from athanor.engine.frames import write_segment
        from athanor.engine.readers import ReaderOptions, read

        with _READING:
            table = read(path, filename=filename, options=options or ReaderOptions())
        if len(table.schema.columns) > self._max_columns:
            raise TooLarge(
                f"The file has {len(table.schema.columns)} columns; {self._max_columns} are allowed. "
                "Send many numbers of one kind as one vector column of a Parquet file."
            )
        sha256 = _fingerprint(path, options)
        with tempfile.TemporaryDirectory(prefix="segment-", dir=self._scratch) as scratch:
            written = Path(scratch) / "segment.parquet"
            write_segment(table, written)
            segment_id = new_id()
            shared = self._same_blob(written, sha256, actor)
            blob = shared or f"segments/{segment_id}.parquet"
            if shared is None:
                with written.open("rb") as file:
                    self._blobs.put(blob, file)
        arrival = _Arrival(
            table=table,
            sha256=sha256,
            size_bytes=path.stat().st_size,
            segment_id=segment_id,
            blob=blob,
        )
        with ExitStack() as undo:
            if shared is None:
                undo.callback(self._remove_unrecorded, arrival, actor)
            yield arrival
            undo.pop_all()

    def _remove_unrecorded(self, arrival: _Arrival, actor: Actor) -> None:
        """Remove the blob, unless its record was kept although something was raised behind it."""
        with self._records.look(actor.organization_id) as transaction:
            is_recorded = bool(transaction.segments.find({"id": arrival.segment_id}, limit=1).items)
        if not is_recorded:
            self._blobs.delete(arrival.blob)

    def _same_blob(self, written: Path, sha256: str, actor: Actor) -> str | None:
        """The blob of another segment of the organization with the very same rows."""
        with self._records.look(actor.organization_id) as transaction:
            candidates = transaction.segments.find({"source_sha256": sha256}, descending=True, limit=1).items
        for segment in candidates:
            try:
                if filecmp.cmp(written, self._blobs.local(segment.blob), shallow=False):
                    return segment.blob
            except (NotFound, FileNotFoundError):  # went while we looked
                continue
        return None

    def _record(
        self,
        transaction: Transaction,
        arrival: _Arrival,
        *,
        name: str,
        actor: Actor,
        upload_id: UUID | None,
        origin: Origin | None,
        labels: Mapping[str, str],
    ) -> DatasetView:
        """Dataset, segment, version, the job that profiles it, the used leave and the audit entry, together."""
        now, table = self._now(), arrival.table
        organization_id = actor.organization_id
        project = default_project(transaction, lock=True)
        if upload_id is not None:
            upload = transaction.uploads.get(upload_id, lock=True)
            self._check_open(upload)
            transaction.uploads.put(replace(upload, dataset_id=upload_id))
        dataset = StoredDataset(
            id=upload_id or new_id(),
            organization_id=organization_id,
            project_id=project.id,
            name=name,
            handle=handle_for(
                name,
                is_taken=lambda handle: bool(
                    transaction.datasets.find({"project_id": project.id, "handle": handle}, limit=1).items
                ),
            ),
            format=table.format,
            size_bytes=arrival.size_bytes,
            owner_id=actor.user_id,
            created_at=now,
            labels=labels,
            origin=origin,
        )
        segment = Segment(
            id=arrival.segment_id,
            organization_id=organization_id,
            dataset_id=dataset.id,
            position=0,
            n_rows=table.frame.height,
            blob=arrival.blob,
            source_sha256=arrival.sha256,
            created_at=now,
        )
        version = DatasetVersion(
            id=new_id(),
            organization_id=organization_id,
            dataset_id=dataset.id,
            number=1,
            n_segments=1,
            n_rows=table.frame.height,
            schema=table.schema,
            warnings=table.warnings,
            created_at=now,
        )
        job = Job(
            id=new_id(),
            organization_id=organization_id,
            project_id=project.id,
            kind=JobKind.PROFILE,
            lane=LANES[JobKind.PROFILE],
            subject_id=version.id,
            created_at=now,
            updated_at=now,
        )
        transaction.datasets.add(dataset)
        transaction.segments.add(segment)
        transaction.versions.add(version)
        transaction.jobs.add(job)
        transaction.audit.add(audited(actor, "dataset.create", dataset.id, now=now, name=name))
        log.info("dataset created", extra={"dataset_id": str(dataset.id), "n_rows": version.n_rows})
        return DatasetView(dataset=dataset, version=version)

    def _check_open(self, upload: Upload) -> None:
        if upload.dataset_id is not None:
            raise Conflict("The file for this upload came already. Open another upload for another file.")
        if self._now() >= upload.expires_at:
            raise Conflict(f"This upload ended at {upload.expires_at:%Y-%m-%d %H:%M:%S} UTC. Open another one.")

    def _below_a_root(self, path: str) -> Path:
        """The file, links followed. Raises NotFound alike for what is outside and for what is not there."""
        for root in self._server_paths:
            try:
                home = root.resolve(strict=True)
                found = (home / path).resolve(strict=True)
            except (OSError, ValueError, RuntimeError):  # not there, no permission, a NUL in the path, a ring of links
                continue
            if found.is_relative_to(home) and found.is_file():
                return found
        raise NotFound(f"No dataset with the id {path[:200]!r}, and no file of that path that this server may read.")


def _view(transaction: Transaction, dataset: StoredDataset) -> DatasetView:
    newest = transaction.versions.find({"dataset_id": dataset.id}, sort="number", descending=True, limit=1).items
    return DatasetView(dataset=dataset, version=newest[0])


def _stem(filename: str) -> str:
    """`sales.2024.csv.gz` → `sales.2024`."""
    plain = filename.replace("\\", "/").rsplit("/", 1)[-1]
    plain = plain.removesuffix(".gz")
    stem = plain.rpartition(".")[0] or plain
    return stem.strip()[:200] or "dataset"


def _fingerprint(path: Path, options: ReaderOptions | None) -> str:
    """SHA-256 of the file's bytes, and of the reader options where they are not the usual ones."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    if options is not None:
        digest.update(repr(options).encode())
    return digest.hexdigest()

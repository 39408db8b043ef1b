"""Ingest: a file that came becomes a dataset with a first version."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, Origin, StoredDataset, Upload
from athanor.core.ids import new_id
from athanor.core.job import Job, JobState
from athanor.core.names import check_name, handle_for
from athanor.core.ports import BlobStore, Page, Records, Transaction
from athanor.engine.readers.containers import without_ending
from athanor.errors import Conflict, NotFound
from athanor.services.projects import default_project
from athanor.services.rows.arrivals import Arrival, Arrivals, fingerprint
from athanor.services.versions import DatasetView, is_made_of, newest_view, profile_job, segments_of, version_numbered

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions

log = logging.getLogger(__name__)

UPLOAD_LASTS = timedelta(hours=1)
SERVER_PATH = "server_path"  # label of a dataset that was read from a path of this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """The profile of a dataset's version, or how far the job is that makes it."""

    dataset: StoredDataset
    version: DatasetVersion
    state: JobState
    error: str | None = None
    profile: Mapping[str, Any] | None = None


class Ingest:
    """Takes files in, and shows what is there.

    arrivals      how rows are taken in
    server_paths  folders of this machine below which a dataset may be named by its path
    """

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        now: Callable[[], datetime],
        arrivals: Arrivals,
        *,
        server_paths: Sequence[Path] = (),
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals
        self._server_paths = tuple(server_paths)

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
        id_column: str | None = None,
    ) -> DatasetView:
        """The dataset that the file at `path` holds. The caller owns the file and removes it.

        name       None: made from the file's name
        upload_id  the leave under which the file came; the dataset takes this id, so that whoever was given the leave
                   can name the dataset beforehand
        id_column  names the rows, each once: rows can then be deleted, and none comes twice
        """
        actor.need(Scope.DATA_WRITE)
        shown_name = check_name(name if name is not None else _stem(filename))
        if upload_id is not None:
            with self._records.look(actor.organization_id) as transaction:
                self._check_open(transaction.uploads.get(upload_id))
        with (
            self._arrivals.of_file(
                path,
                filename=filename,
                options=options,
                sha256=fingerprint(path, options),
                actor=actor,
                id_column=id_column,
            ) as arrival,
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
                id_column=id_column,
            )

    def from_server_path(self, actor: Actor, path: str) -> DatasetView:
        """The dataset in a file below one of the configured folders. The same bytes at the same path are read once."""
        actor.need(Scope.DATA_WRITE)
        found = self._below_a_root(path)
        sha256 = fingerprint(found, None)
        with self._records.look(actor.organization_id) as transaction:
            for segment in transaction.segments.find({"source_sha256": sha256}, descending=True).items:
                view = newest_view(transaction, transaction.datasets.get(segment.dataset_id))
                is_whole = is_made_of(segments_of(transaction, view.version), sha256)
                if is_whole and view.dataset.labels.get(SERVER_PATH) == str(found):
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

    def find(
        self, actor: Actor, *, search: str | None = None, limit: int | None = None, offset: int = 0
    ) -> Page[DatasetView]:
        """Datasets with `search` in their name, or all of them, newest first."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            page = transaction.datasets.find(
                search=None if search is None else (search, ("name",)), descending=True, limit=limit, offset=offset
            )
            return Page([newest_view(transaction, dataset) for dataset in page.items], page.total)

    def get(self, actor: Actor, dataset_id: UUID, *, version: int | None = None) -> DatasetView:
        """The dataset and the version of that number; None: the newest."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            dataset = transaction.datasets.get(dataset_id)
            return DatasetView(dataset=dataset, version=version_numbered(transaction, dataset_id, version))

    def profile(self, actor: Actor, dataset_id: UUID, *, version: int | None = None) -> ProfileView:
        """What is known of every column of a version (None: the newest).

        A version that came of an append is profiled when it is first asked for; one whose profile failed, again where
        its rows are others since.
        """
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            dataset = transaction.datasets.get(dataset_id)
            found = version_numbered(transaction, dataset_id, version)
            job = _profile_job_of(transaction, found)
        if found.profile_blob is not None:
            with self._blobs.open(found.profile_blob) as file:
                return ProfileView(dataset=dataset, version=found, state=JobState.SUCCEEDED, profile=json.load(file))
        if job is None:
            with self._records.change(actor.organization_id) as transaction:
                transaction.datasets.get(dataset_id, lock=True)
                job = _profile_job_of(transaction, found)  # somebody else may have asked meanwhile
                if job is None:
                    job = profile_job(found, dataset.project_id, now=self._now())
                    transaction.jobs.add(job)
        return ProfileView(dataset=dataset, version=found, state=job.state, error=job.error)

    def _record(
        self,
        transaction: Transaction,
        arrival: Arrival,
        *,
        name: str,
        actor: Actor,
        upload_id: UUID | None,
        origin: Origin | None,
        labels: Mapping[str, str],
        id_column: str | None,
    ) -> DatasetView:
        """Dataset, segments, version, the job that profiles it, the used leave and the audit entry, together."""
        now = self._now()
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
                is_taken=lambda handle: (
                    transaction.datasets.first({"project_id": project.id, "handle": handle}) is not None
                ),
            ),
            format=arrival.format,
            size_bytes=arrival.size_bytes,
            owner_id=actor.user_id,
            created_at=now,
            labels=labels,
            origin=origin,
            id_column=id_column,
        )
        version = DatasetVersion(
            id=new_id(),
            organization_id=organization_id,
            dataset_id=dataset.id,
            number=1,
            n_segments=len(arrival.kept),
            n_rows=arrival.n_rows,
            schema=arrival.schema,
            warnings=arrival.warnings,
            created_at=now,
            n_rejected=arrival.n_rejected,
        )
        transaction.datasets.add(dataset)
        arrival.record(transaction, dataset.id, position=0, actor=actor, now=now)
        transaction.versions.add(version)
        transaction.jobs.add(profile_job(version, project.id, now=now))
        transaction.audit.add(audited(actor, "dataset.create", dataset.id, now=now, name=name))
        log.info("dataset created", extra={"dataset_id": str(dataset.id), "n_rows": version.n_rows})
        return DatasetView(dataset=dataset, version=version, sample_profile=arrival.sample_profile)

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


def _profile_job_of(transaction: Transaction, version: DatasetVersion) -> Job | None:
    """The version's last job; None where there is none, or where it came to nothing with other rows than these."""
    job = transaction.jobs.first({"subject_id": version.id}, descending=True)
    if job is not None and job.state in {JobState.FAILED, JobState.STOPPED}:
        began = job.started_at or job.created_at
        if any(segment.created_at > began for segment in segments_of(transaction, version)):
            return None
    return job


def _stem(filename: str) -> str:
    """`sales.2024.csv.gz` → `sales.2024`."""
    plain = filename.replace("\\", "/").rsplit("/", 1)[-1]
    plain = without_ending(plain)
    stem = plain.rpartition(".")[0] or plain
    return stem.strip()[:200] or "dataset"

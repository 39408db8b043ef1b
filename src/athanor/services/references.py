"""What goes with a run, a dataset or a project, and the sweep of what no record refers to any more."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from athanor.core.dataset import Segment
from athanor.core.job import Job, JobState, advance
from athanor.core.ports import EVERYONE, BlobStore, Records, Transaction
from athanor.core.project import Project
from athanor.core.run import Run
from athanor.errors import Unavailable
from athanor.services.job_ends import end_job

T = TypeVar("T")

log = logging.getLogger(__name__)

# A blob comes before its record. One that is older than this has been forgotten.
FORGOTTEN_AFTER = timedelta(days=1)
_AT_ONCE = 500  # keys in a query
_SWEPT = ("segments", "ids", "rejects", "profiles")  # the last id in a key is of the time that the blob was made
_FOLDERS = ("models", "registered")  # a folder of blobs each, named by the id of what it is
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def unreferred(transaction: Transaction, removed: Iterable[Segment]) -> list[str]:
    """The blobs of segments whose records were removed, less those that another segment shares."""
    keys = {key for segment in removed for key in (segment.blob, segment.ids_blob, segment.rejects_blob) if key}
    return sorted(keys - _referred(transaction, sorted(keys)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What is left on disk of removed records: to be cleared once their removal is kept."""

    blobs: tuple[str, ...] = ()
    runs: tuple[UUID, ...] = ()

    def __add__(self, other: Gone) -> Gone:
        return Gone(blobs=self.blobs + other.blobs, runs=self.runs + other.runs)


def remove_run(transaction: Transaction, run: Run, *, keeps_jobs: bool = False) -> Gone:
    """Remove the run's record with its models and jobs. One that trains has lost its lease and ends.

    keeps_jobs  jobs that somebody has a name for stay, without their events, until their dataset goes
    """
    jobs = transaction.jobs.find({"subject_id": run.id}).items
    named = _named(transaction, [job.id for job in jobs]) if keeps_jobs else set()
    for job_id in named:
        transaction.events.remove(job_id)
    _remove_jobs(transaction, [job for job in jobs if job.id not in named])
    models = transaction.models.find({"run_id": run.id}).items
    for model in models:
        transaction.models.remove(model.id)
    transaction.runs.remove(run.id)
    return Gone(blobs=tuple(model.artifact for model in models if model.artifact is not None), runs=(run.id,))


def remove_dataset(transaction: Transaction, dataset_id: UUID, *, now: datetime) -> Gone:
    """Remove the dataset's record with all that stand under it, the runs that were made from it, jobs and their names.

    Runs of other datasets that were to be validated on it, and are not trained yet, end as failed and say why.
    """
    gone = Gone()
    for run in runs_on(transaction, dataset_id):
        if run.dataset_id == dataset_id:
            gone += remove_run(transaction, run)
            continue
        job = transaction.jobs.get(run.job_id, lock=True)
        if not job.is_final:
            error = "The dataset that the model was to be validated on was deleted before the training was finished."
            end_job(transaction, advance(job, JobState.FAILED, now=now, error=error))
    versions = transaction.versions.find({"dataset_id": dataset_id}).items
    segments = transaction.segments.find({"dataset_id": dataset_id}).items
    _remove_jobs(transaction, transaction.jobs.find({"dataset_id": dataset_id}).items)
    for version in versions:
        transaction.versions.remove(version.id)
    for segment in segments:
        transaction.segments.remove(segment.id)
    transaction.datasets.remove(dataset_id)
    profiles = [version.profile_blob for version in versions if version.profile_blob is not None]
    return gone + Gone(blobs=(*unreferred(transaction, segments), *profiles))


def runs_on(transaction: Transaction, dataset_id: UUID) -> list[Run]:
    """The runs that were made from the dataset, and behind them those of others that are validated on it."""
    made = transaction.runs.find({"dataset_id": dataset_id}).items
    versions = [version.id for version in transaction.versions.find({"dataset_id": dataset_id}).items]
    validated = (transaction.runs.find({"validation_version_id": some}).items for some in _portions(versions))
    return [*made, *(run for some in validated for run in some if run.dataset_id != dataset_id)]


def remove_project(transaction: Transaction, project: Project, *, now: datetime) -> Gone:
    """Remove the project's record with all that stands in it."""
    gone = Gone()
    for dataset in transaction.datasets.find({"project_id": project.id}).items:
        gone += remove_dataset(transaction, dataset.id, now=now)
    for run in transaction.runs.find({"project_id": project.id}).items:  # their dataset went before
        gone += remove_run(transaction, run)
    _remove_jobs(transaction, transaction.jobs.find({"project_id": project.id}).items)
    transaction.projects.remove(project.id)
    return gone


def clear(gone: Gone, blobs: BlobStore, runs_folder: Path) -> None:
    """Remove from disk what belonged to removed records. What stays behind is found by the sweep."""
    clear_blobs(gone.blobs, blobs)
    for run_id in gone.runs:
        shutil.rmtree(runs_folder / str(run_id), ignore_errors=True)


def clear_blobs(keys: Iterable[str], blobs: BlobStore) -> None:
    """Remove the blobs that no record refers to any more. What stays behind is found by the sweep."""
    for key in keys:
        try:
            blobs.delete(key)
        except Unavailable as error:  # the records are gone: to whoever asked, it is done
            log.warning("blob not removed", extra={"key": key, "error": str(error)})


def sweep(records: Records, blobs: BlobStore, *, now: datetime) -> int:
    """Remove the blobs that no record refers to, more than a day after they were made; how many."""
    stored = {key: _whole(key) for prefix in (*_SWEPT, *_FOLDERS) for key in blobs.keys(prefix)}
    old = sorted({key for key in stored.values() if now - _made_at(key) > FORGOTTEN_AFTER})
    with records.look(EVERYONE) as transaction:
        forgotten = sorted(set(old) - _referred(transaction, old))
    for key in forgotten:
        blobs.delete(key)
    if forgotten:
        log.info("forgotten blobs removed", extra={"n_blobs": len(forgotten)})
    return len(forgotten)


def sweep_runs(records: Records, runs_folder: Path) -> int:
    """Remove the folders of runs that no record refers to; how many. A run's record comes before its folder."""
    there = {UUID(path.name): path for path in runs_folder.iterdir() if _ID.fullmatch(path.name)}
    known: set[UUID] = set()
    with records.look(EVERYONE) as transaction:
        for some in _portions(sorted(there)):
            known |= {run.id for run in transaction.runs.find({"id": some}).items}
    forgotten = there.keys() - known
    for run_id in forgotten:
        shutil.rmtree(there[run_id], ignore_errors=True)
    if forgotten:
        log.info("forgotten runs removed", extra={"n_runs": len(forgotten)})
    return len(forgotten)


def _remove_jobs(transaction: Transaction, jobs: Sequence[Job]) -> None:
    """Remove the jobs with their events and names. Whoever works on one has lost its lease and ends."""
    for some in _portions([job.id for job in jobs]):
        for alias in transaction.aliases.find({"object_id": some}).items:
            transaction.aliases.remove(alias.id)
    for job in jobs:
        transaction.events.remove(job.id)
        transaction.jobs.remove(job.id)


def _named(transaction: Transaction, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the nouns that somebody has a name for."""
    return {alias.object_id for some in _portions(ids) for alias in transaction.aliases.find({"object_id": some}).items}


def _referred(transaction: Transaction, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that a record refers to."""
    found: set[str | None] = set()
    for some in _portions(keys):
        for field in ("blob", "ids_blob", "rejects_blob"):
            found |= {getattr(segment, field) for segment in transaction.segments.find({field: some}).items}
        found |= {version.profile_blob for version in transaction.versions.find({"profile_blob": some}).items}
    for some in _portions([key for key in keys if key.startswith("models/")]):
        found |= {model.artifact for model in transaction.models.find({"artifact": some}).items}
    for some in _portions([key for key in keys if key.startswith("registered/")]):
        found |= {version.artifact for version in transaction.model_versions.find({"artifact": some}).items}
    return {key for key in found if key is not None}


def _portions(several: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(several), _AT_ONCE):
        yield tuple(several[start : start + _AT_ONCE])


def _whole(key: str) -> str:
    """The key that a record would have: of a model, its folder's."""
    prefix, _, rest = key.partition("/")
    return f"{prefix}/{rest.partition('/')[0]}" if prefix in _FOLDERS else key


def _made_at(key: str) -> datetime:
    """When the blob was made, as its UUIDv7 says; the end of time where its key has none."""
    ids = _ID.findall(key)
    if not ids:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.fromtimestamp((UUID(ids[-1]).int >> 80) / 1000, UTC)

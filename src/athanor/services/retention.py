"""How long the checkpoints of runs are kept, and what of job and run folders goes when it is time."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from athanor.core.job import Job
from athanor.core.ports import EVERYONE, Records
from athanor.core.run import Run
from athanor.engine.disk import size_of

log = logging.getLogger(__name__)

_GONE = ".gone"  # a folder that is being removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What an operator gives checkpoints.

    days   after the end of the run's newest job
    quota  bytes of all runs together; None: no quota
    """

    days: float = 7.0
    quota: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The checkpoints of one run. `ended_at` is None while a job of the run is under way."""

    run_id: UUID
    folder: Path
    size_bytes: int
    ended_at: datetime | None


def remove_old_checkpoints(records: Records, runs_folder: Path, retention: Retention, *, now: datetime) -> list[UUID]:
    """Remove the checkpoints of runs that ended too long ago, and beyond the quota of those that ended first; whose.

    A run that is under way keeps what it has, and its bytes count.
    """
    for left in runs_folder.glob(f"*{_GONE}"):  # by somebody who was killed
        shutil.rmtree(left, ignore_errors=True)
    kept = sorted(
        (one for one in _kept(records, runs_folder) if one.ended_at is not None),
        key=lambda one: (one.ended_at or now, one.run_id),
    )
    oldest = now - timedelta(days=retention.days)
    old = [one for one in kept if one.ended_at is not None and one.ended_at <= oldest]
    if retention.quota is not None:
        size = size_of(runs_folder) - sum(one.size_bytes for one in old)
        for one in kept[len(old) :]:
            if size <= retention.quota:
                break
            old.append(one)
            size -= one.size_bytes
    removed = [one.run_id for one in old if _remove(records, one)]
    if removed:
        log.info("old checkpoints removed", extra={"n_runs": len(removed)})
    return removed


def _kept(records: Records, runs_folder: Path) -> list[_Kept]:
    found: list[_Kept] = []
    for folder in sorted(runs_folder.iterdir()):
        try:
            run_id = UUID(folder.name)
        except ValueError:
            continue
        with records.look(EVERYONE) as transaction:
            run = transaction.runs.first({"id": run_id})
            jobs = transaction.jobs.find({"subject_id": run_id}).items
        if run is not None:  # what no record refers to is somebody else's to remove
            found.append(_Kept(run_id=run_id, folder=folder, size_bytes=size_of(folder), ended_at=_ended_at(run, jobs)))
    return found


def _ended_at(run: Run, jobs: Sequence[Job]) -> datetime | None:
    if not all(job.is_final for job in jobs):
        return None
    return max((job.finished_at or job.updated_at for job in jobs), default=run.created_at)


def _remove(records: Records, kept: _Kept) -> bool:
    """Take the folder away, unless the run was continued a moment ago. Removing what is in it takes its time."""
    gone = kept.folder.with_name(kept.folder.name + _GONE)
    with records.change(EVERYONE) as transaction:
        if not transaction.runs.find({"id": kept.run_id}, limit=1, lock=True).items:
            return False  # deleted, or in the hands of somebody who continues it
        jobs = transaction.jobs.find({"subject_id": kept.run_id}).items
        if not all(job.is_final for job in jobs):
            return False
        try:
            kept.folder.rename(gone)
        except FileNotFoundError:
            return False
        except OSError as error:  # what was begun to be removed earlier cannot be, and stands in its way
            log.warning("checkpoints not removed", extra={"run_id": str(kept.run_id), "error": str(error)})
            return False
    shutil.rmtree(gone, ignore_errors=True)
    return True

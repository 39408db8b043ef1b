"""What a worker clears away now and then: old checkpoints, locks of jobs that are over, blobs that nobody refers to."""

from __future__ import annotations

import logging
from uuid import UUID

from athanor.errors import Unavailable
from athanor.services.references import sweep
from athanor.services.retention import finished_jobs, remove_old_checkpoints
from athanor.worker.workplace import Workplace, remove_lock

log = logging.getLogger(__name__)

TIDY_S = 3600.0  # between two rounds; the first is at the worker's start


def tidy(place: Workplace) -> None:
    """One round. What cannot be done now is left to the next one."""
    try:
        remove_old_checkpoints(place.records, place.folder / "runs", place.retention, now=place.now())
        remove_locks(place)
        sweep(place.records, place.blobs, now=place.now())
    except Unavailable as error:
        log.warning("not all was cleared away", extra={"error": str(error)})


def remove_locks(place: Workplace) -> int:
    """Remove the lock files of jobs that are over; how many. One that is held stays: its job has lost its lease."""
    there = {UUID(path.stem): path for path in (place.folder / "jobs").glob("*.lock")}
    over = finished_jobs(place.records, sorted(there))
    return sum(remove_lock(there[job_id]) for job_id in over)

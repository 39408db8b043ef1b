"""What a worker clears away now and then: old checkpoints, locks of jobs that are over, blobs that nobody refers to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from athanor.errors import Unavailable
from athanor.services.references import sweep
from athanor.services.retention import remove_old_checkpoints
from athanor.worker.workplace import Workplace, remove_lock

log = logging.getLogger(__name__)

TIDY_S = 3600.0  # between two rounds; the first is at the worker's start


def tidy(place: Workplace) -> None:
    """One round. What cannot be done now is left to the next one, and keeps nothing else from being done."""
    for clear in CLEAR:
        try:
            clear(place)
        except (Unavailable, OSError) as error:
            log.warning("not all was cleared away", extra={"step": clear.__name__, "error": str(error)})


def remove_checkpoints(place: Workplace) -> None:
    """Remove those that are too old, or too many."""
    remove_old_checkpoints(place.records, place.folder / "runs", place.retention, now=place.now())


def remove_locks(place: Workplace) -> None:
    """Remove the lock files of jobs that are over. One that is held stays: its job has lost its lease."""
    there = {job_id: path for path in (place.folder / "jobs").glob("*.lock") if (job_id := _job_id(path)) is not None}
    for job_id in place.execution.finished(sorted(there)):
        remove_lock(there[job_id])


def remove_blobs(place: Workplace) -> None:
    """Remove those that nobody refers to."""
    sweep(place.records, place.blobs, now=place.now())


CLEAR: tuple[Callable[[Workplace], None], ...] = (remove_checkpoints, remove_locks, remove_blobs)


def _job_id(path: Path) -> UUID | None:
    """The job whose lock it is; None: the file is somebody else's."""
    try:
        return UUID(path.stem)
    except ValueError:
        return None

"""What a worker works with: the ports, the data folder, and how much of the machine a job may take."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from athanor.core.job import Lane
from athanor.core.ports import BlobStore, Records
from athanor.errors import Conflict
from athanor.services.execution import Execution
from athanor.services.retention import Retention

_LOCK_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Handed to every process of a worker.

    folder         the data folder: `runs/`, `jobs/` and `worker.lock` stand in it
    slots          jobs at a time, by lane
    cores_per_job  pool processes of a train job that does not say how many it wants
    memory_limit   bytes that one job's processes may use together; None: 80 % of what is free when it starts
    retention      how long checkpoints are kept
    """

    records: Records
    blobs: BlobStore
    folder: Path
    slots: dict[Lane, int]
    cores_per_job: int
    memory_limit: int | None
    retention: Retention
    now: Callable[[], datetime]

    @property
    def execution(self) -> Execution:
        return Execution(self.records, self.now)

    def run_folder(self, run_id: UUID) -> Path:
        return self.folder / "runs" / str(run_id)

    def job_lock(self, job_id: UUID) -> Path:
        return self.folder / "jobs" / f"{job_id}.lock"


def take_lock(path: Path, *, what: str, wait_s: float = 0.0) -> int:
    """Hold the lock file until this process and all it forks are gone.

    Raises Conflict where someone still has it after `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + wait_s
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            if time.monotonic() >= until:
                raise Conflict(f"{what} is at work already ({path} is locked).") from error
            time.sleep(_LOCK_POLL_S)
        else:
            if _is_at(path, handle):
                return handle
            os.close(handle)  # it was removed between the two lines: nobody else would find this one locked


def remove_lock(path: Path) -> bool:
    """Remove a lock file that nobody holds; whether it is gone."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        if _is_at(path, handle):
            path.unlink()
        return True
    finally:
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    """Whether the open file is the one that stands at the path."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)

"""The worker: claims jobs, lane by lane, and forks a supervisor for each.

It has imported the learners and started no thread, so that a fork is safe and a job starts at once.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field

from athanor.core.job import Job
from athanor.engine.fitting.learners import import_learners
from athanor.engine.parent import die_with_parent
from athanor.errors import NotFound, Unavailable
from athanor.services.execution import LeaseLost
from athanor.worker.supervise import count_checkpoints, supervise
from athanor.worker.tidy import TIDY_S, tidy
from athanor.worker.workplace import Workplace, is_locked, take_lock

log = logging.getLogger(__name__)

LOOK_S = 0.2  # between two looks at the queue
RECOVER_S = 1.0  # between two looks for jobs whose processes are gone
LEAVE_S = 8.0  # supervisors that were asked to leave are killed after this


@dataclass(slots=True)
class Worker:
    """One claimer of a data folder. `run` returns when the process was asked to end."""

    place: Workplace
    _jobs: dict[int, Job] = field(default_factory=dict)  # by supervisor
    _tidier: int = 0  # the process that clears away, while there is one
    _tidied_at: float = -TIDY_S
    _leaving: bool = False
    _lock: int = -1

    def run(self) -> None:
        """Raises Conflict where another worker has the data folder."""
        self._lock = take_lock(self.place.folder / "worker.lock", what="Another worker")
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGINT, self._leave)
        import_learners()
        log.info("worker ready", extra={"pid": os.getpid()})
        looked_for_lost = 0.0
        while not self._leaving:
            someone_left = self._reap()
            self._tidy()
            try:
                if someone_left or time.monotonic() - looked_for_lost >= RECOVER_S:
                    looked_for_lost = time.monotonic()
                    self._recover()
                is_busy = self._claim()
            except Unavailable as error:  # the jobs at work must not end because the store is busy
                log.warning("records not reached", extra={"error": str(error)})
                is_busy = False
            if not is_busy:
                time.sleep(LOOK_S)
        self._send_off()

    def _claim(self) -> bool:
        """Take a job for a free slot; whether there was one."""
        for lane, slots in self.place.slots.items():
            busy = sum(job.lane is lane for job in self._jobs.values())
            if busy < slots and (job := self.place.execution.claim(lane)) is not None:
                self._start(job)
                return True
        return False

    def _start(self, job: Job) -> None:
        log.info("job started", extra={"job_id": str(job.id), "kind": job.kind.value, "attempt": job.attempt})
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._jobs[pid] = job
            return
        status = 1
        try:
            os.close(self._lock)  # the job must not hold the worker's place
            os.setsid()  # one process group per job
            die_with_parent(parent)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervise(job.id, self.place, lambda: job)
            status = 0
        except BaseException:
            # The outermost frame of the job: the worker sees the exit status and puts the job back.
            log.exception("supervisor broke", extra={"job_id": str(job.id)})
        finally:
            os._exit(status)

    def _tidy(self) -> None:
        """Clear away what is old, now and then, in a process of its own: it may take long, and jobs do not wait."""
        now = time.monotonic()
        if self._tidier or now - self._tidied_at < TIDY_S:
            return
        self._tidied_at = now
        parent = os.getpid()
        self._tidier = os.fork()
        if self._tidier:
            return
        status = 1
        try:
            os.close(self._lock)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            die_with_parent(parent)
            tidy(self.place)
            status = 0
        except BaseException:
            # The outermost frame of this process: what was left lies there until the next round.
            log.exception("clearing away broke")
        finally:
            os._exit(status)

    def _reap(self) -> bool:
        """Take note of supervisors that ended; whether there was one."""
        before = len(self._jobs)
        for pid in list(self._jobs):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                job = self._jobs.pop(pid)
                log.info("job left", extra={"job_id": str(job.id), "status": os.waitstatus_to_exitcode(status)})
                self._forget(job)
        if self._tidier and os.waitpid(self._tidier, os.WNOHANG)[0]:
            self._tidier = 0
        return len(self._jobs) < before

    def _forget(self, job: Job) -> None:
        """Remove the folder of a run that was deleted while it trained: its trainer wrote on for a moment."""
        if not job.trains:
            return
        try:
            self.place.execution.run_of(job)
        except NotFound:
            shutil.rmtree(self.place.run_folder(job.subject_id), ignore_errors=True)
        except Unavailable as error:  # the next start sweeps
            log.warning("records not reached", extra={"error": str(error)})

    def _recover(self) -> None:
        """Put jobs back whose processes are all gone. The lock file knows: no lease has to run out for it."""
        mine = {job.id for job in self._jobs.values()}
        for job in self.place.execution.running():
            if job.id in mine or is_locked(self.place.job_lock(job.id)):
                continue
            try:
                lost = self.place.execution.lose(job, checkpoints=count_checkpoints(self.place, job))
            except LeaseLost:
                continue  # it ended between the two looks
            log.warning("job lost", extra={"job_id": str(job.id), "state": lost.state.value})

    def _send_off(self) -> None:
        """Ask supervisors to give their jobs back; end those that do not."""
        if self._tidier:
            os.kill(self._tidier, signal.SIGKILL)  # the next worker goes on with it
        for pid in self._jobs:
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + LEAVE_S
        while self._jobs and time.monotonic() < until:
            self._reap()
            time.sleep(0.05)
        for pid in self._jobs:
            os.kill(pid, signal.SIGKILL)
        log.info("worker left")

    def _leave(self, *_: object) -> None:
        self._leaving = True

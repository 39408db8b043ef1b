"""One job's supervisor: holds the lease, keeps time and memory, hears what people ask, ends the job."""

from __future__ import annotations

import json
import logging
import math
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from uuid import UUID

from athanor.core.job import HEARTBEAT_S, Job, Request
from athanor.engine import memory
from athanor.engine.fitting.checkpoint import FolderCheckpoints, n_finished
from athanor.engine.parent import die_with_parent
from athanor.errors import AthanorError, Unavailable
from athanor.services.execution import LeaseLost
from athanor.worker.models import run_models
from athanor.worker.run import FINISH_SIGNAL, RUNNERS, Assignment
from athanor.worker.workplace import Workplace, take_lock

log = logging.getLogger(__name__)

LOOK_S = 0.25  # requests and memory are looked at 4 times a second
WRAP_UP_S = 0.4  # of the limit, for storing the result once the trainer is done
SLACK_S = 0.5  # after its deadline the trainer is ended and the best so far is the result
LEAST_S = 2.0  # a resumed job has at least this long to finish from its checkpoints
OVER_MEMORY_S = 2.0  # the pool gives memory back on its own; beyond this the supervisor ends the run
LOCK_WAIT_S = 5.0
REFUSED = 3  # exit status of a trainer that says why in words


def supervise(job_id: UUID, place: Workplace, take: Callable[[], Job]) -> None:
    """Work on the job that `take` takes, until it is ended, given back or lost. In a process that has one thread.

    The lock comes first: a job that runs and whose lock is free has lost its processes.
    """
    # The processes of an attempt that was lost may need a moment to be gone.
    lock = take_lock(place.job_lock(job_id), what=f"Job {job_id}", wait_s=LOCK_WAIT_S)
    try:
        _Supervisor(take(), place).run()
    except LeaseLost:
        log.warning("lease lost", extra={"job_id": str(job_id)})
    finally:
        os.close(lock)


@dataclass(slots=True)
class _Supervisor:
    job: Job
    place: Workplace
    started: float = field(default_factory=time.monotonic)
    peak_memory: int = 0
    trainer: int = 0
    leaving: bool = False  # the worker goes away and takes this process with it
    over_memory_since: float | None = None
    limit_s: float = math.inf
    memory_limit: int = 0

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._leave)
        execution = self.place.execution
        if self.job.trains:
            plan = execution.run_of(self.job).plan
            self.limit_s = math.inf if plan.time_limit_s is None else max(plan.time_limit_s - self.job.spent_s, LEAST_S)
            self.memory_limit = plan.memory_limit or 0
        self.memory_limit = self.memory_limit or self.place.memory_limit or int(0.8 * memory.available())
        reader = self._start_trainer()
        try:
            status, asked = self._watch()
        except BaseException:
            self._kill()  # whoever has the job now must not share it with this trainer
            raise
        with os.fdopen(reader) as said:
            self._end(status, asked, said.read())

    def _start_trainer(self) -> int:
        assignment = Assignment(
            job=self.job,
            deadline=self.started + self.limit_s - WRAP_UP_S,
            memory_limit=int(0.95 * self.memory_limit),  # the rest is this process' own
        )
        # A trainer that does not listen yet would die of the signal: it waits until the trainer unblocks it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {FINISH_SIGNAL})
        reader, writer = os.pipe()
        parent = os.getpid()
        self.trainer = os.fork()
        if self.trainer == 0:
            os.close(reader)
            die_with_parent(parent)
            _be_trainer(assignment, self.place, writer)
        os.close(writer)
        return reader

    def _watch(self) -> tuple[int, Request | str | None]:
        """Wait for the trainer's end; its exit status, and why it was ended where it was this process that did."""
        held_at = self.started
        finishing = False
        while True:
            pid, status = os.waitpid(self.trainer, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status), None
            now = time.monotonic()
            if self.leaving:
                return self._kill(), "leaving"
            if now > self.started + self.limit_s + SLACK_S:
                return self._kill(), "time"
            if self._is_over_memory(now):
                return self._kill(), "memory"
            request = self._request()
            if request is Request.STOP:
                return self._kill(), request
            if request is Request.FINISH and not finishing:
                finishing = True
                os.kill(self.trainer, FINISH_SIGNAL)
            if now - held_at >= HEARTBEAT_S and self._hold():
                held_at = now
            self._wait(LOOK_S)

    def _request(self) -> Request | None:
        try:
            return self.place.execution.request(self.job)
        except Unavailable as error:  # a busy store is no reason to end what goes well
            log.warning("records not reached", extra={"job_id": str(self.job.id), "error": str(error)})
            return None

    def _hold(self) -> bool:
        try:
            self.place.execution.hold(self.job, spent_s=self._spent_s(), peak_memory=self.peak_memory)
        except Unavailable as error:
            log.warning("lease not renewed", extra={"job_id": str(self.job.id), "error": str(error)})
            return False
        return True

    def _wait(self, seconds: float) -> None:
        """Sleep until the trainer ends or the time is over."""
        handle = os.pidfd_open(self.trainer)
        try:
            select.select([handle], [], [], seconds)
        finally:
            os.close(handle)

    def _is_over_memory(self, now: float) -> bool:
        used = sum(memory.pss(pid) for pid in [os.getpid(), *memory.descendants(os.getpid())])
        self.peak_memory = max(self.peak_memory, used)
        if used <= self.memory_limit:
            self.over_memory_since = None
            return False
        self.over_memory_since = self.over_memory_since or now
        return now - self.over_memory_since > OVER_MEMORY_S

    def _kill(self) -> int:
        """End the trainer; what is below it dies with it."""
        with suppress(ProcessLookupError):
            os.kill(self.trainer, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.trainer, 0)[1])

    def _leave(self, *_: object) -> None:
        self.leaving = True

    def _spent_s(self) -> float:
        return self.job.spent_s + time.monotonic() - self.started

    def _end(self, status: int, why: Request | str | None, said: str) -> None:
        execution = self.place.execution
        if why is Request.STOP:
            execution.stop(self.job)
        elif why == "leaving":
            execution.give_back(self.job, spent_s=self._spent_s())
            return
        elif status == 0 or why in {"time", "memory"}:
            self._succeed(why, said)
        elif status == REFUSED:
            execution.fail(self.job, json.loads(said)["error"])
        else:
            log.error("trainer lost", extra={"job_id": str(self.job.id), "status": status})
            execution.hold(self.job, spent_s=self._spent_s(), peak_memory=self.peak_memory)
            lost = execution.lose(self.job, checkpoints=count_checkpoints(self.place, self.job))
            if not lost.is_final:
                return
        self._clean()

    def _succeed(self, why: Request | str | None, said: str) -> None:
        """Store what the trainer left, and end the job with it in one step."""
        execution = self.place.execution
        if not self.job.trains and why is not None:
            execution.fail(self.job, self._why_nothing(why))
            return
        if not self.job.trains:
            execution.succeed(self.job, spent_s=self._spent_s(), peak_memory=self.peak_memory)
            return
        folder = FolderCheckpoints(self.place.run_folder(self.job.subject_id)).incumbent()
        if folder is None:
            execution.fail(self.job, self._why_nothing(why))
            return
        former = execution.models_of(self.job)
        models = run_models(self.job, folder, self.place, former=former)
        artifact = models[0].artifact if models else None
        if artifact is None:
            execution.fail(
                self.job, "The metric is not defined on the rows validated so far. Give more time to the run."
            )
            return
        reason = f"{why} limit" if why is not None else json.loads(said)["reason"] if said else None
        with ExitStack() as undo:
            if artifact not in {model.artifact for model in former}:
                undo.callback(self.place.blobs.delete, artifact)
                self.place.blobs.put_folder(artifact, folder)
            if execution.succeed(
                self.job, models, reason=reason, spent_s=self._spent_s(), peak_memory=self.peak_memory
            ):
                undo.pop_all()

    def _clean(self) -> None:
        """Remove what can be made again: the table that pool processes mapped."""
        if self.job.trains:
            shutil.rmtree(self.place.run_folder(self.job.subject_id) / "scratch", ignore_errors=True)

    def _why_nothing(self, why: Request | str | None) -> str:
        if why == "memory":
            used, cap = self.peak_memory / 2**20, self.memory_limit / 2**20
            return f"The run needs about {used:,.0f} MB, the cap is {cap:,.0f} MB. Raise the cap, or give fewer rows."
        return "The time limit ended before the first model was finished. Give more time, or fewer rows."


def count_checkpoints(place: Workplace, job: Job) -> int:
    """Folds of the job's run that are finished."""
    return n_finished(place.run_folder(job.subject_id)) if job.trains else 0


def _be_trainer(given: Assignment, place: Workplace, writer: int) -> None:
    """Work, then end this process: 0 done, REFUSED with the reason in words, anything else lost."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        reason = RUNNERS[given.job.kind](given, place)
        if reason is not None:
            os.write(writer, json.dumps({"reason": reason}).encode())
    except Unavailable:
        log.exception("trainer gives up", extra={"job_id": str(given.job.id)})
        os._exit(1)  # not the job's fault: it is put back
    except AthanorError as error:
        os.write(writer, json.dumps({"error": str(error)}).encode())
        os._exit(REFUSED)
    except LeaseLost:
        os._exit(1)
    except BaseException:
        # The outermost frame of the job: a forked copy must not unwind into the worker's loop.
        log.exception("job broke", extra={"job_id": str(given.job.id)})
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def run_job(job_id: UUID, place: Workplace) -> None:
    """Claim one job by its id and work on it here. Raises Conflict unless it waits. What external executors start."""
    supervise(job_id, place, lambda: place.execution.claim_by_id(job_id))

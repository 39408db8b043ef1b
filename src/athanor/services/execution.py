"""What executors do with jobs: take, hold, tell, end. Every step is guarded by the lease's token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from athanor.core.event import DETAILS, MAX_EVENTS, REPLACED, EventKind
from athanor.core.job import Job, JobState, Lane, Request, advance, heartbeat, lose_worker
from athanor.core.model import Model
from athanor.core.ports import EVERYONE, Records, Transaction
from athanor.core.run import Run
from athanor.engine.tables.schema import Schema
from athanor.errors import Conflict
from athanor.services.job_ends import end_job
from athanor.services.rows.contents import Content, content_of

_AT_ONCE = 500  # ids in a query

Told = tuple[datetime, EventKind, Mapping[str, Any]]


class LeaseLost(Exception):
    """Somebody else has the job now, or it was ended: whoever holds this token must stop writing."""


class Execution:
    """The life of jobs as executors see it. Jobs of every organization pass through here."""

    def __init__(self, records: Records, now: Callable[[], datetime], *, executor: str = "local") -> None:
        self._records = records
        self._now = now
        self._executor = executor

    def claim(self, lane: Lane) -> Job | None:
        """Take the job of the lane that has waited longest; None where none waits."""
        where = {"state": JobState.QUEUED, "lane": lane, "executor": self._executor}
        with self._records.look(EVERYONE) as transaction:  # most looks find nothing: they need not lock the store
            if transaction.jobs.first(where) is None:
                return None
        with self._records.change(EVERYONE) as transaction:
            waiting = transaction.jobs.first(where, lock=True)
            return None if waiting is None else self._take(transaction, waiting)

    def claim_by_id(self, job_id: UUID) -> Job:
        """Take this job. Raises Conflict unless it waits for this executor."""
        with self._records.change(EVERYONE) as transaction:
            job = transaction.jobs.get(job_id, lock=True)
            if job.executor != self._executor:
                raise Conflict(f"Job {job_id} waits for the executor {job.executor!r}, not for {self._executor!r}.")
            return self._take(transaction, job)

    def running(self) -> Sequence[Job]:
        """The jobs that this executor's processes should be working on."""
        with self._records.look(EVERYONE) as transaction:
            return transaction.jobs.find({"state": JobState.RUNNING, "executor": self._executor}).items

    def finished(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of the jobs that are over, or are not there any more."""
        at_work: set[UUID] = set()
        for start in range(0, len(ids), _AT_ONCE):
            with self._records.look(EVERYONE) as transaction:
                found = transaction.jobs.find({"id": tuple(ids[start : start + _AT_ONCE])}).items
            at_work |= {job.id for job in found if not job.is_final}
        return set(ids) - at_work

    def request(self, job: Job) -> Request | None:
        """What a person asks of a running job. Raises LeaseLost."""
        with self._records.look(EVERYONE) as transaction:
            return _held(transaction, job, lock=False).request

    def hold(self, job: Job, *, spent_s: float, peak_memory: int) -> None:
        """Keep the lease. Raises LeaseLost."""
        with self._records.change(EVERYONE) as transaction:
            held = _held(transaction, job)
            transaction.jobs.put(heartbeat(held, now=self._now(), spent_s=spent_s, peak_memory=peak_memory))

    def tell(self, job: Job, events: Sequence[Told], *, progress: float | None = None) -> None:
        """Keep what the job tells. Raises LeaseLost."""
        with self._records.change(EVERYONE) as transaction:
            held = _held(transaction, job)
            _keep(transaction, job.id, _thinned(transaction, job.id, events))
            if progress is not None and progress > held.progress:
                transaction.jobs.put(replace(held, progress=progress, updated_at=self._now()))

    def resolve(self, job: Job, *, problem: str, metric: str) -> None:
        """Say what the run's task left open, once it is known, for all who look at the run. Raises LeaseLost."""
        with self._records.change(EVERYONE) as transaction:
            run = transaction.runs.get(_held(transaction, job).subject_id, lock=True)
            transaction.runs.put(replace(run, task=replace(run.task, problem=problem, metric=metric)))

    def succeed(
        self,
        job: Job,
        models: Iterable[Model] = (),
        *,
        reason: str | None = None,
        spent_s: float = 0.0,
        peak_memory: int = 0,
    ) -> bool:
        """End the job and write its result, in one step. False where a person asked to stop it: then it is discarded.

        models  take the place of those that the job's run has
        reason  why it ended, in words

        Raises LeaseLost.
        """
        with self._records.change(EVERYONE) as transaction:
            held = heartbeat(_held(transaction, job), now=self._now(), spent_s=spent_s, peak_memory=peak_memory)
            if held.request is Request.STOP:
                self._stop(transaction, held)
                return False
            if held.trains:
                for former in transaction.models.find({"run_id": held.subject_id}).items:
                    transaction.models.remove(former.id)
            for model in models:
                transaction.models.add(model)
            end_job(transaction, replace(advance(held, JobState.SUCCEEDED, now=self._now()), reason=reason))
            return True

    def fail(self, job: Job, error: str) -> None:
        """End the job with a message for its owner; stopped, where a person asked for that. Raises LeaseLost."""
        with self._records.change(EVERYONE) as transaction:
            held = _held(transaction, job)
            if held.request is Request.STOP:
                self._stop(transaction, held)
                return
            end_job(transaction, advance(held, JobState.FAILED, now=self._now(), error=error))
            transaction.events.append(job.id, [_line(self._now(), "error", f"AutoML job failed - {error}")])

    def stop(self, job: Job) -> None:
        """End the job because a person asked for it. Raises LeaseLost."""
        with self._records.change(EVERYONE) as transaction:
            self._stop(transaction, _held(transaction, job))

    def give_back(self, job: Job, *, spent_s: float) -> None:
        """Put a running job back into the queue: this executor is going away, the job did nothing wrong.

        One that a person asked to stop is stopped. Raises LeaseLost.
        """
        with self._records.change(EVERYONE) as transaction:
            held = replace(_held(transaction, job), spent_s=spent_s)
            if held.request is Request.STOP:
                self._stop(transaction, held)
            else:
                transaction.jobs.put(advance(held, JobState.QUEUED, now=self._now()))

    def lose(self, job: Job, *, checkpoints: int) -> Job:
        """The job's processes are gone: queue it again, or fail it when it gets nowhere. Raises LeaseLost."""
        with self._records.change(EVERYONE) as transaction:
            lost = lose_worker(_held(transaction, job), now=self._now(), checkpoints=checkpoints)
            end_job(transaction, lost)
            message = (
                f"The job's processes ended unexpectedly; it is {lost.state.value} with {checkpoints} finished folds"
            )
            transaction.events.append(job.id, [_line(self._now(), "warning", message)])
            return lost

    def run_of(self, job: Job) -> Run:
        """The run that a train job trains. Its plan is the job's own where the job has one."""
        with self._records.look(EVERYONE) as transaction:
            run = transaction.runs.get(job.subject_id)
            return run if job.plan is None else replace(run, plan=job.plan)

    def models_of(self, job: Job) -> Sequence[Model]:
        """The models that the job's run has, best first."""
        with self._records.look(EVERYONE) as transaction:
            return transaction.models.find({"run_id": job.subject_id}, sort="rank").items

    def table_of(self, run: Run) -> tuple[Content, Schema]:
        """The run's dataset version: what to read of it, and its schema."""
        return self._table(run.version_id)

    def validation_of(self, run: Run) -> tuple[Content, Schema] | None:
        """The dataset version that the run's model is scored on, like `table_of`; None where it is out-of-fold."""
        return None if run.validation_version_id is None else self._table(run.validation_version_id)

    def _table(self, version_id: UUID) -> tuple[Content, Schema]:
        with self._records.look(EVERYONE) as transaction:
            version = transaction.versions.get(version_id)
            return content_of(transaction, version), version.schema

    def _stop(self, transaction: Transaction, held: Job) -> None:
        end_job(transaction, advance(held, JobState.STOPPED, now=self._now()))
        transaction.events.append(held.id, [_line(self._now(), "info", "AutoML job stopped")])

    def _take(self, transaction: Transaction, job: Job) -> Job:
        taken = advance(job, JobState.RUNNING, now=self._now())
        transaction.jobs.put(taken)
        return taken


def _held(transaction: Transaction, job: Job, *, lock: bool = True) -> Job:
    """The job as it stands, if the caller's lease still holds."""
    found = transaction.jobs.find({"id": job.id}, limit=1, lock=lock).items
    if not found or found[0].token is None or found[0].token != job.token:
        raise LeaseLost(f"The lease of job {job.id} does not hold any more.")
    return found[0]


def _thinned(transaction: Transaction, job_id: UUID, events: Sequence[Told]) -> Sequence[Told]:
    """The events that have room: those that others replace never take any, and details only while there is some."""
    last = {kind: place for place, (_, kind, _) in enumerate(events)}
    lasting = [told for place, told in enumerate(events) if told[1] not in REPLACED or last[told[1]] == place]
    newest = transaction.events.last(job_id, kinds=EventKind, limit=1)
    if not newest or newest[0].seq + len(lasting) <= MAX_EVENTS:  # there are no more events than numbers
        return lasting
    if transaction.events.count(job_id) + len(lasting) <= MAX_EVENTS:
        return lasting
    return [told for told in lasting if told[1] not in DETAILS]


def _keep(transaction: Transaction, job_id: UUID, events: Sequence[Told]) -> None:
    """Append the events, and forget those that they replace."""
    transaction.events.append(job_id, events)
    for kind in sorted({kind for _, kind, _ in events} & REPLACED):
        transaction.events.keep_newest(job_id, kind)


def _line(at: datetime, level: str, message: str) -> Told:
    return at, EventKind.LINE, {"level": level, "message": message}

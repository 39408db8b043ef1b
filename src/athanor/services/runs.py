"""Runs: looking at them, hearing what they tell, stopping and finishing them early, deleting them."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.event import EventKind, JobEvent
from athanor.core.job import TRAINING, Job, JobState, Request, advance
from athanor.core.model import Model
from athanor.core.ports import BlobStore, Page, Records, Transaction
from athanor.core.run import Run
from athanor.engine.events import LeaderboardRow, Progressed
from athanor.engine.plan import Plan
from athanor.errors import Conflict, InvalidInput, NotFound
from athanor.services.job_ends import end_job
from athanor.services.references import clear, remove_run

log = logging.getLogger(__name__)

RUN_SORTS = frozenset({"created_at", "name"})  # fields of the run itself
JOB_SORTS = frozenset({"updated_at", "started_at", "finished_at", "state", "progress"})  # fields of its job
STOP_WAIT_S = 5.0  # the supervisor ends a job's processes within this time
_POLL_S = 0.1
_FEW = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run, the newest job that trains it, and what came of it so far."""

    run: Run
    job: Job
    models: tuple[Model, ...] = ()  # best first
    registered_id: UUID | None = None  # the registered model that it was deployed as
    job_name: str | None = None  # of its job, in the answer to its start where a dialect named it, and nowhere else

    @property
    def state(self) -> JobState:
        """A run is in the state that its job is in."""
        return self.job.state

    @property
    def plan(self) -> Plan:
        """How hard its job tries."""
        return self.job.plan or self.run.plan

    @property
    def best(self) -> Model:
        """Raises Conflict where the run has no model. One that is continued has those that it had before."""
        if not self.models:
            raise Conflict(
                f"The model {self.run.name!r} is not trained: its job is {self.state.value}.", code="job-not-completed"
            )
        return self.models[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a job of a run told, and the job as it was then. Numbers of events are the job's own."""

    job: Job
    events: tuple[JobEvent, ...]


class Runs:
    """What can be done with runs once they are started.

    runs_folder  where the checkpoints stand, one folder a run
    sleep        how `stop` waits between looks
    """

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        now: Callable[[], datetime],
        runs_folder: Path,
        *,
        wait_s: float = STOP_WAIT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._runs_folder = runs_folder
        self._wait_s = wait_s
        self._sleep = sleep

    def get(self, actor: Actor, run_id: UUID) -> RunView:
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            return view_of(transaction, run_id)

    def of_dataset(self, actor: Actor, dataset_id: UUID) -> tuple[RunView, ...]:
        """The runs that were made from the dataset, oldest first."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            return self._views(transaction, transaction.runs.find({"dataset_id": dataset_id}).items)

    def find(
        self,
        actor: Actor,
        *,
        states: Collection[JobState] | None = None,
        search: str | None = None,
        sort: str = "created_at",
        descending: bool = True,
        limit: int | None = 20,
        offset: int = 0,
    ) -> Page[RunView]:
        """Runs in one of `states` with `search` in their name or description, in the order of a field of run or job."""
        actor.need(Scope.RUNS_READ)
        if sort not in RUN_SORTS | JOB_SORTS:
            known = ", ".join(sorted(RUN_SORTS | JOB_SORTS))
            raise InvalidInput(f"Runs cannot be sorted by {sort!r}. Known: {known}.", field="sort")
        with self._records.look(actor.organization_id) as transaction:
            wanted = (search, ("name", "description")) if search else None
            if states is None and sort in RUN_SORTS:
                page = transaction.runs.find(
                    search=wanted, sort=sort, descending=descending, limit=limit, offset=offset
                )
                return Page(self._views(transaction, page.items), page.total)
            found = _joined(transaction, states, wanted, sort=sort, descending=descending)
            end = None if limit is None else offset + limit
            return Page(self._views(transaction, found[offset:end]), len(found))

    def counts(self, actor: Actor) -> Mapping[JobState, int]:
        """How many runs are in each state; every state is there."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            # Runs are counted: some have several jobs, and jobs of runs that were discarded stay for a while.
            jobs = {run.job_id for run in transaction.runs.find().items}
            found = Counter(job.state for job in transaction.jobs.find(_training(None)).items if job.id in jobs)
            return {state: found[state] for state in JobState}

    def stop(self, actor: Actor, run_id: UUID) -> RunView:
        """End the run and discard it. One that waits is stopped at once; one that trains, within seconds.

        One that was continued keeps what it had before, and has succeeded as it had then. The state is the one after at
        most `wait_s`. Raises Conflict where the run ended by itself.
        """
        actor.need(Scope.RUNS_WRITE)
        job = self._ask_to_stop(actor, run_id)
        if job.state is JobState.RUNNING and self._state_after_waiting(actor, job) is JobState.QUEUED:
            self._ask_to_stop(actor, run_id)  # the executor went away and gave it back
        with self._records.look(actor.organization_id) as transaction:
            return view_of(transaction, run_id)

    def finish(self, actor: Actor, run_id: UUID) -> RunView:
        """Ask a running run to end now with the best it has. Raises Conflict where it waits or is being stopped."""
        actor.need(Scope.RUNS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id)
            job = transaction.jobs.get(run.job_id, lock=True)
            if job.state is not JobState.SUCCEEDED and job.request is not Request.FINISH:
                if job.state is not JobState.RUNNING:
                    raise Conflict(
                        f"The run is {job.state.value}; only one that is running can be finished.",
                        code="job-not-running",
                    )
                if job.request is Request.STOP:
                    raise Conflict("The run is being stopped; it cannot be finished any more.", code="job-not-running")
                transaction.jobs.put(replace(job, request=Request.FINISH, updated_at=now))
                transaction.audit.add(audited(actor, "run.finish", run.id, now=now))
            return view_of(transaction, run_id)

    def delete(self, actor: Actor, run_id: UUID) -> None:
        """Remove the run, its jobs, models, events and checkpoints. Registered versions of its models stay."""
        actor.need(Scope.RUNS_WRITE)
        with self._records.change(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id, lock=True)
            for job in transaction.jobs.find({"subject_id": run.id}).items:
                if transaction.jobs.get(job.id, lock=True).state is JobState.RUNNING:
                    raise Conflict("The run is running. Stop it first, then delete it.", code="job-running")
            gone = remove_run(transaction, run)
            transaction.audit.add(audited(actor, "run.delete", run.id, now=self._now(), name=run.name))
        clear(gone, self._blobs, self._runs_folder)
        log.info("run deleted", extra={"run_id": str(run.id)})

    def discard(self, actor: Actor, run_id: UUID) -> None:
        """Remove the run whatever it does, with models, events and checkpoints; its handle is free at once.

        What trains it has lost its lease and ends within seconds. The job stays, ended, for those who have its name.
        """
        actor.need(Scope.RUNS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id, lock=True)
            for job in transaction.jobs.find({"subject_id": run.id}).items:
                held = transaction.jobs.get(job.id, lock=True)
                if not held.is_final:
                    error = "The model was deleted before its training was finished."
                    transaction.jobs.put(advance(held, JobState.STOPPED, now=now, error=error))
            gone = remove_run(transaction, run, keeps_jobs=True)
            transaction.audit.add(audited(actor, "run.discard", run.id, now=now, name=run.name))
        clear(gone, self._blobs, self._runs_folder)
        log.info("run discarded", extra={"run_id": str(run.id)})

    def lines(
        self,
        actor: Actor,
        run_id: UUID,
        last: int = 100,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[JobEvent]:
        """The last log lines, strictly after `since` and before `until` where given, oldest first."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id)
            return transaction.events.last(run.job_id, kinds=[EventKind.LINE], limit=last, since=since, until=until)

    def leaderboard(self, actor: Actor, run_id: UUID) -> tuple[LeaderboardRow, ...]:
        """The leaderboard as last told, while the run trains or afterwards; empty before the first trial."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            job = transaction.jobs.get(transaction.runs.get(run_id).job_id)
            told = transaction.events.last(job.id, kinds=[EventKind.LEADERBOARD])
            if not told and job.follows is not None:  # it goes on, and has not said anything yet
                told = transaction.events.last(job.follows, kinds=[EventKind.LEADERBOARD])
        return tuple(
            LeaderboardRow(**{field.name: row.get(field.name) for field in fields(LeaderboardRow)})
            for event in told
            for row in event.payload["rows"]
        )

    def progress(self, actor: Actor, run_id: UUID) -> Progressed | None:
        """How far the run said it is; None before its first word."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id)
            told = transaction.events.last(run.job_id, kinds=[EventKind.PROGRESS])
        known = [field.name for field in fields(Progressed)]
        for event in told:
            return Progressed(**{name: event.payload[name] for name in known if name in event.payload})
        return None

    def jobs(self, actor: Actor, run_id: UUID) -> tuple[Job, ...]:
        """The jobs that trained or continued the run, oldest first."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            return tuple(transaction.jobs.find({"subject_id": transaction.runs.get(run_id).id}).items)

    def told(
        self, actor: Actor, run_id: UUID, *, job_id: UUID | None = None, after: int = 0, limit: int = 1000
    ) -> Told:
        """Everything that a job of the run told behind event number `after`, oldest first, and the job at that moment.

        job_id  None: the run's newest job
        """
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id)
            job = transaction.jobs.get(job_id or run.job_id)
            if job.subject_id != run.id:
                raise NotFound(f"The run {run_id} has no job with id {job_id}.")
            return Told(job=job, events=tuple(transaction.events.after(job.id, after, limit=limit)))

    def _ask_to_stop(self, actor: Actor, run_id: UUID) -> Job:
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id)
            job = transaction.jobs.get(run.job_id, lock=True)
            asked = _asked_to_stop(job, now)
            if asked is not job:
                end_job(transaction, asked)
                transaction.audit.add(audited(actor, "run.stop", run.id, now=now))
                if asked.is_final:  # nobody else will say so
                    told = {"level": "info", "message": "AutoML job stopped"}
                    transaction.events.append(job.id, [(now, EventKind.LINE, told)])
            return asked

    def _state_after_waiting(self, actor: Actor, job: Job) -> JobState:
        """Look again until the job has left the hands of the executor that holds it, or the time is up."""
        state = job.state
        for _ in range(round(self._wait_s / _POLL_S)):
            self._sleep(_POLL_S)
            with self._records.look(actor.organization_id) as transaction:
                state = transaction.jobs.get(job.id).state
            if state is not JobState.RUNNING:
                break
        return state

    def _views(self, transaction: Transaction, runs: Sequence[Run]) -> tuple[RunView, ...]:
        """The runs with what stands around them, in three queries for all of them."""
        ids = tuple(run.id for run in runs)
        if not ids:
            return ()
        jobs = {job.id: job for job in transaction.jobs.find({"id": tuple(run.job_id for run in runs)}).items}
        models: dict[UUID, list[Model]] = {}
        for model in transaction.models.find({"run_id": ids}, sort="rank").items:
            models.setdefault(model.run_id, []).append(model)
        versions = transaction.model_versions.find({"run_id": ids}).items
        registered = {version.run_id: version.registered_id for version in versions}
        return tuple(
            RunView(
                run=run,
                job=jobs[run.job_id],
                models=tuple(models.get(run.id, ())),
                registered_id=registered.get(run.id),
            )
            for run in runs
        )


def view_of(transaction: Transaction, run_id: UUID) -> RunView:
    """The run with its job and models. Raises NotFound."""
    run = transaction.runs.get(run_id)
    version = transaction.model_versions.first({"run_id": run.id}, descending=True)
    return RunView(
        run=run,
        job=transaction.jobs.get(run.job_id),
        models=tuple(transaction.models.find({"run_id": run.id}, sort="rank").items),
        registered_id=None if version is None else version.registered_id,
    )


def _joined(
    transaction: Transaction,
    states: Iterable[JobState] | None,
    search: tuple[str, Sequence[str]] | None,
    *,
    sort: str,
    descending: bool,
) -> list[Run]:
    """Runs by what stands in their jobs.

    A query asks one collection, so jobs are read first, then their runs, and joined here: linear in the organization's
    runs, which are thousands at most (5,000 take half a second).
    """
    order = sort if sort in JOB_SORTS else "created_at"
    jobs = transaction.jobs.find(_training(states), sort=order, descending=descending).items
    ids = {job.id for job in jobs}
    where = {"job_id": ids} if len(ids) <= _FEW else None  # a query with more names than that is no faster
    if sort in JOB_SORTS:
        runs = {run.job_id: run for run in transaction.runs.find(where, search=search).items}
        return [runs[job.id] for job in jobs if job.id in runs]
    found = transaction.runs.find(where, search=search, sort=sort, descending=descending).items
    return [run for run in found if run.job_id in ids]


def _training(states: Iterable[JobState] | None) -> dict[str, object]:
    kind: dict[str, object] = {"kind": tuple(TRAINING)}
    return kind if states is None else kind | {"state": tuple(states)}


def _asked_to_stop(job: Job, now: datetime) -> Job:
    """The job with the wish to stop it: granted at once where nobody holds it. The very same job if nothing changes."""
    if job.state is JobState.STOPPED:
        return job
    if job.is_final:
        raise Conflict(f"The run has ended ({job.state.value}) and cannot be stopped any more.", code="job-finished")
    is_held = job.state is JobState.RUNNING and job.lease_until is not None and now < job.lease_until
    if not is_held:  # it waits, or the executor that had it has not been heard of for longer than its lease
        return advance(job, JobState.STOPPED, now=now)
    return job if job.request is Request.STOP else replace(job, request=Request.STOP, updated_at=now)

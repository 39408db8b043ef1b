"""The life of a job: its states, the one table of steps between them, and what each step sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from athanor.core.ids import new_id
from athanor.engine.plan import Plan
from athanor.errors import Conflict


class JobState(StrEnum):
    READY = "ready"  # stored, waiting for a manual trigger
    QUEUED = "queued"  # waiting for an executor
    RUNNING = "running"  # an executor has it
    SUCCEEDED = "succeeded"  # the result is stored
    FAILED = "failed"  # ended with a message for the user
    STOPPED = "stopped"  # ended by a person


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.READY: frozenset({JobState.QUEUED, JobState.STOPPED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.STOPPED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED, JobState.QUEUED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.STOPPED: frozenset({JobState.QUEUED}),
}
FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED})


class Lane(StrEnum):
    """Queues that do not wait for each other."""

    LIGHT = "light"
    TRAIN = "train"


class JobKind(StrEnum):
    TRAIN = "train"
    CONTINUE = "continue"  # more time or more trials for a run whose training has ended
    PROFILE = "profile"
    INGEST = "ingest"  # rows that came: done in the request that brought them, so that it is born finished


LANES: Mapping[JobKind, Lane] = {
    JobKind.TRAIN: Lane.TRAIN,
    JobKind.CONTINUE: Lane.TRAIN,
    JobKind.PROFILE: Lane.LIGHT,
    JobKind.INGEST: Lane.LIGHT,
}
TRAINING = frozenset({JobKind.TRAIN, JobKind.CONTINUE})  # what a run is trained by


class Request(StrEnum):
    """What a person asks of a running job. The supervisor looks for it 4 times a second."""

    STOP = "stop"  # end, discard
    FINISH = "finish"  # end with the best so far


LEASE = timedelta(seconds=30)
HEARTBEAT_S = 5.0
MAX_FRUITLESS_ATTEMPTS = 3  # attempts in a row that brought no new checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work for an executor.

    subject_id  the run that it trains, which may be gone; the dataset version that it profiles; the dataset that its
                rows came to
    dataset_id  whose rows it works on: it goes with it
    plan        how hard it tries, where its run does not say so: a job that continues one has limits of its own
    follows     of a job that continues a run: the one that made the models which the run has
    """

    id: UUID
    organization_id: UUID
    project_id: UUID
    kind: JobKind
    lane: Lane
    subject_id: UUID
    dataset_id: UUID
    created_at: datetime
    updated_at: datetime
    state: JobState = JobState.QUEUED
    executor: str = "local"
    attempt: int = 0  # how often an executor took it
    fruitless: int = 0  # attempts in a row without a new checkpoint
    checkpoints: int = 0  # finished folds when its worker was last lost, or it was made
    spent_s: float = 0.0  # running time of all attempts so far, as of the last heartbeat
    token: UUID | None = None  # of the lease; None: nobody has it
    lease_until: datetime | None = None
    request: Request | None = None
    started_at: datetime | None = None  # of the first attempt
    finished_at: datetime | None = None
    error: str | None = None
    reason: str | None = None  # why it ended where all went well: "time limit"
    plan: Plan | None = None
    follows: UUID | None = None
    peak_memory: int = 0  # bytes, summed over the job's processes
    progress: float = 0.0  # 0 to 1
    result: Mapping[str, int] = field(default_factory=dict)  # what came of it in numbers: {"n_rows": 1000}

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def trains(self) -> bool:
        return self.kind in TRAINING


def advance(job: Job, to: JobState, *, now: datetime, error: str | None = None) -> Job:
    """The same job in state `to`. Raises Conflict where the table has no such step."""
    if to not in TRANSITIONS[job.state]:
        raise Conflict(f"Job {job.id} is {job.state.value} and cannot become {to.value}.")
    changed = replace(job, state=to, updated_at=now, error=error)
    if to is JobState.RUNNING:
        return replace(
            changed,
            token=new_id(),
            lease_until=now + LEASE,
            attempt=job.attempt + 1,
            started_at=job.started_at or now,
            finished_at=None,
        )
    released = replace(changed, token=None, lease_until=None)
    if to is JobState.QUEUED:
        return (
            released
            if job.state is JobState.RUNNING
            else replace(released, request=None, finished_at=None, fruitless=0)
        )
    return replace(released, finished_at=now, progress=1.0 if to is JobState.SUCCEEDED else job.progress)


def heartbeat(job: Job, *, now: datetime, spent_s: float, peak_memory: int) -> Job:
    """The job with its lease held for another while."""
    return replace(
        job,
        lease_until=now + LEASE,
        updated_at=now,
        spent_s=spent_s,
        peak_memory=max(peak_memory, job.peak_memory),
    )


def lose_worker(job: Job, *, now: datetime, checkpoints: int) -> Job:
    """What becomes of a running job whose processes are gone.

    It is queued again; stopped, when that was asked for; failed, when as many attempts in a row as are allowed brought
    no finished fold. `checkpoints` counts the folds that are finished now: an attempt is fruitless when they are no
    more than at the loss before.
    """
    if job.request is Request.STOP:
        return advance(job, JobState.STOPPED, now=now)
    fruitless = 0 if checkpoints > job.checkpoints else job.fruitless + 1
    counted = replace(job, fruitless=fruitless, checkpoints=checkpoints)
    if fruitless >= MAX_FRUITLESS_ATTEMPTS:
        error = (
            f"The job's processes died {fruitless} times in a row without finishing another fold. "
            "The log of the worker says how; less memory per process or fewer cores may help."
        )
        return advance(counted, JobState.FAILED, now=now, error=error)
    return advance(counted, JobState.QUEUED, now=now)

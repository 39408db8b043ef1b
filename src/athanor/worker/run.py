"""One job's work, in a process of its own: what the trainer does."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from athanor.core.job import Job, JobKind
from athanor.core.run import Run
from athanor.engine import memory
from athanor.engine.budget import Budget
from athanor.engine.events import Warned
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.tables.dataset import Dataset
from athanor.engine.tables.schema import Schema
from athanor.services.profile import make_profile
from athanor.worker.tell import Teller
from athanor.worker.workplace import Workplace

FINISH_SIGNAL = signal.SIGUSR1  # the supervisor's way to say: finish now, with the best so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A job that was taken, with its limits.

    deadline      point of the monotonic clock by which the trainer is to be done; infinite where there is none
    memory_limit  bytes that the trainer and all below it may use together
    """

    job: Job
    deadline: float
    memory_limit: int


def train(given: Assignment, place: Workplace) -> str:
    """Train the job's run from its checkpoints on, until the deadline; why it ended."""
    from athanor.engine.learn import learn
    from athanor.engine.processes.pool import LocalPool

    budget = Budget(given.deadline)
    signal.signal(FINISH_SIGNAL, lambda *_: budget.finish())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {FINISH_SIGNAL})  # one that came before now is heard now
    run = place.execution.run_of(given.job)
    cores = min(run.plan.cores or place.cores_per_job, memory.cores())
    pool = LocalPool(cores, memory_limit=given.memory_limit)  # before anything below starts a thread
    try:
        from athanor.engine.fitting.training_table import read_for

        content, schema = place.execution.table_of(run)
        paths, deleted = content.files(place.blobs)
        checkpoints = FolderCheckpoints(place.run_folder(run.id))
        dataset, shortened = read_for(
            run.task,
            paths,
            schema,
            memory_limit=given.memory_limit,
            seed=run.plan.seed,
            without=deleted,
            folder=checkpoints.scratch("rows"),
        )
        validation, validation_shortened = _validation(run, schema, given, place)
        teller = Teller(place.execution, given.job, place.now)
        for message in (shortened, validation_shortened):
            if message is not None:
                teller(Warned(message=message))
        try:
            result = learn(
                dataset,
                run.task,
                run.plan,
                validation=validation,
                budget=budget,
                pool=pool,
                checkpoints=checkpoints,
                tell=teller,
                continues=given.job.kind is JobKind.CONTINUE,
            )
            return result.reason
        finally:
            teller.flush()  # what was told before a failure says how it came to it
    finally:
        pool.close()


def _validation(run: Run, learned: Schema, given: Assignment, place: Workplace) -> tuple[Dataset | None, str | None]:
    """The rows that the run's model is scored on (None: there are none), and in words why they are not all there."""
    found = place.execution.validation_of(run)
    if found is None:
        return None, None
    from athanor.engine.fitting.training_table import read_validation_for

    content, schema = found
    paths, deleted = content.files(place.blobs)
    return read_validation_for(
        run.task, learned, paths, schema, memory_limit=given.memory_limit, seed=run.plan.seed, without=deleted
    )


def profile(given: Assignment, place: Workplace) -> None:
    """Make the profile of the job's dataset version."""
    make_profile(place.records, place.blobs, given.job.subject_id)


# What trainers do, by kind of job; where one gives a text, that is why it ended.
RUNNERS: Mapping[JobKind, Callable[[Assignment, Workplace], str | None]] = {
    JobKind.TRAIN: train,
    JobKind.CONTINUE: train,
    JobKind.PROFILE: profile,
}

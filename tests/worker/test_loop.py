"""The worker: who is claimed when, what is recovered, and a real one that trains, stops, leaves and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from athanor.core.ids import new_id
from athanor.core.job import Job, JobKind, JobState, Lane, Request
from athanor.core.ports import EVERYONE
from athanor.engine.memory import descendants
from athanor.engine.plan import Plan
from athanor.engine.scores import MeasuredOn, read_scores
from athanor.engine.task import Task
from athanor.errors import Conflict, Unavailable
from athanor.services.execution import LeaseLost
from athanor.worker import loop as working
from athanor.worker.loop import Worker
from athanor.worker.workplace import is_locked, take_lock

QUEUED, RUNNING, STOPPED, SUCCEEDED = JobState.QUEUED, JobState.RUNNING, JobState.STOPPED, JobState.SUCCEEDED


def a_job(lane=Lane.TRAIN, **fields):
    at = datetime(2030, 1, 1, tzinfo=UTC)
    kind = JobKind.TRAIN if lane is Lane.TRAIN else JobKind.PROFILE
    ids = {name: new_id() for name in ("id", "organization_id", "project_id", "subject_id", "dataset_id")}
    return Job(**ids, kind=kind, lane=lane, created_at=at, updated_at=at, state=RUNNING, **fields)


class Queue:
    """An execution with jobs that wait, by lane, and jobs that run."""

    def __init__(self, *, running=(), **waiting):
        self.waiting = {Lane(lane): [a_job(Lane(lane)) for _ in range(n)] for lane, n in waiting.items()}
        self.is_running = list(running)
        self.lost = []

    def claim(self, lane):
        jobs = self.waiting.get(lane)
        return jobs.pop(0) if jobs else None

    def running(self):
        return self.is_running

    def lose(self, job, *, checkpoints):
        self.lost.append((job.id, checkpoints))
        return replace(job, state=QUEUED)


@pytest.fixture
def worker(yard, tmp_path, monkeypatch):
    """A worker that starts nothing and takes note of what it would."""
    started = []

    def start(self, job):
        started.append(job.lane)
        self._jobs[-len(started)] = job

    monkeypatch.setattr(Worker, "_start", start)

    def at(execution, **slots):
        place = replace(yard.place, folder=tmp_path, slots={Lane(lane): n for lane, n in slots.items()})
        monkeypatch.setattr(type(place), "execution", execution)
        return Worker(place)

    at.started = started
    return at


def claim_all(worker):
    while worker._claim():
        pass


def test_each_lane_has_as_many_jobs_at_a_time_as_slots(worker):
    claim_all(worker(Queue(light=5, train=5), light=2, train=1))
    assert Counter(worker.started) == {Lane.LIGHT: 2, Lane.TRAIN: 1}


def test_a_full_lane_does_not_hold_the_other_one_up(worker):
    claim_all(worker(Queue(light=1, train=9), train=1, light=2))
    assert Counter(worker.started) == {Lane.TRAIN: 1, Lane.LIGHT: 1}


def test_a_slot_is_free_again_when_its_job_has_left(worker):
    made = worker(Queue(train=2), train=1)
    claim_all(made)
    made._jobs.clear()
    claim_all(made)
    assert worker.started == [Lane.TRAIN] * 2


def test_jobs_whose_processes_are_gone_are_put_back_and_others_are_left_alone(worker, tmp_path):
    mine, somebodys, gone, never_started = (a_job() for _ in range(4))
    queue = Queue(running=[mine, somebodys, gone, never_started])
    made = worker(queue, train=1)
    made._jobs[7] = mine
    held = take_lock(made.place.job_lock(somebodys.id), what="Job")
    os.close(take_lock(made.place.job_lock(gone.id), what="Job"))
    made._recover()
    os.close(held)
    assert queue.lost == [(gone.id, 0), (never_started.id, 0)]


def test_a_job_that_ended_between_two_looks_is_no_trouble(worker):
    class Ended(Queue):
        def lose(self, job, *, checkpoints):
            raise LeaseLost

    worker(Ended(running=[a_job(), a_job()]), train=1)._recover()


def test_a_store_that_is_busy_does_not_end_the_worker_nor_what_it_works_on(worker, tmp_path, monkeypatch):
    class Busy(Queue):
        looks = 0

        def claim(self, lane):
            self.looks += 1
            if self.looks <= 3:
                raise Unavailable("The records cannot be reached now.")
            made._leave()
            return super().claim(lane)

        def running(self):
            raise_once, self.is_running = self.is_running, []
            if raise_once:
                raise Unavailable("The records cannot be reached now.")
            return []

    monkeypatch.setattr(working, "LOOK_S", 0.0)
    monkeypatch.setattr(working, "import_learners", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(Worker, "_reap", lambda _: False)
    monkeypatch.setattr(Worker, "_send_off", lambda _: None)
    made = worker(Busy(train=1, running=[a_job()]), train=1)
    made.run()
    os.close(made._lock)
    assert worker.started == [Lane.TRAIN]


def test_a_data_folder_has_one_worker(yard, tmp_path):
    place = replace(yard.place, folder=tmp_path)
    held = take_lock(tmp_path / "worker.lock", what="Worker")
    with pytest.raises(Conflict, match="Another worker is at work already"):
        Worker(place).run()
    os.close(held)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_folder_of_a_run_that_went_while_it_trained_goes_when_its_job_has_left(yard, is_there):
    job = yard.a_run()
    if not is_there:
        yard.platform.services.runs.discard(yard.actor, job.subject_id)
    yard.run_folder(job).mkdir(parents=True)
    Worker(yard.place)._forget(job)
    assert yard.run_folder(job).exists() is is_there


def test_where_the_records_cannot_be_asked_a_folder_stays(worker, tmp_path):
    class Busy(Queue):
        def run_of(self, job):
            raise Unavailable("busy")

    made, job = worker(Busy(), train=1), a_job()
    made.place.run_folder(job.subject_id).mkdir(parents=True)
    made._forget(job)
    assert made.place.run_folder(job.subject_id).exists()


# --- a real one -------------------------------------------------------------------------------------------------------

PROGRAM = (
    "import sys; from pathlib import Path; from athanor.app import work; from athanor.settings import load_settings; "
    "work(load_settings(data_folder=Path(sys.argv[1]), port=0))"
)


class RealWorker:
    def __init__(self, yard, log):
        self.log = log
        with log.open("ab") as output:
            command = [sys.executable, "-c", PROGRAM, str(yard.folder)]
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        yard.wait_for(lambda: "worker ready" in log.read_text(), f"the worker (see {log})")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def real(shared_yard, tmp_path_factory):
    """A worker of the data folder, for all tests that do not end it."""
    made = RealWorker(shared_yard, tmp_path_factory.mktemp("log") / "worker.log")
    yield made
    made.end()


LONG = {"time_limit_s": 600.0, "max_trials": None, "preset": "best_quality"}


def test_a_job_is_trained_from_the_upload_to_its_models(yard, real):
    job = yard.a_run()
    done = yard.wait_for_state(job, SUCCEEDED, JobState.FAILED)
    assert (done.state, done.error) == (SUCCEEDED, None), real.log.read_text()
    assert (done.attempt, done.progress) == (1, 1.0)
    models = yard.models(job)
    assert {model.family for model in models} >= {"linear", "lightgbm"}
    lines = yard.lines(job)
    assert lines[0] == "AutoML job started - problem type: binary"
    assert "schedule complete" in lines[-1]
    assert yard.execution.run_of(job).task.problem == "binary"
    folds = (yard.run_folder(job) / "fits.log").read_text().splitlines()
    assert len(folds) == len(set(folds)) == 7  # three folds of two trials, and the best one on all rows
    yard.wait_for(lambda: not is_locked(yard.place.job_lock(job.id)), "the end of all processes of the job")


def validated(yard, tmp_path, text):
    """A run whose models are scored on the rows of another dataset."""
    path = tmp_path / "validation.csv"
    path.write_text(text)
    services = yard.platform.services
    other = services.ingest.receive(path, filename=path.name, name=None, actor=yard.actor).dataset.id
    plan = Plan(time_limit_s=None, max_trials=2, preset="medium_quality", cores=1)
    task = Task(target="churned")
    return services.train.start(
        yard.actor, dataset_id=yard.dataset, name="churn", task=task, plan=plan, validation_id=other
    ).job


def test_a_model_is_scored_on_the_rows_of_the_validation_dataset(yard, real, tmp_path):
    """Its columns stand in another order there, and one that training did not see is among them."""
    rows = (f"x,basic,{row * 5 % 31},{'yes' if row * 5 % 31 > 15 else 'no'}\n" for row in range(40))
    job = validated(yard, tmp_path, "more,plan,usage,churned\n" + "".join(rows))
    done = yard.wait_for_state(job, SUCCEEDED, JobState.FAILED)
    assert (done.state, done.error) == (SUCCEEDED, None)
    served, *others = yard.models(job)
    kept = read_scores(yard.place.blobs.local(served.artifact))
    assert (kept.measured_on, kept.n_rows, kept.by_metric) == (MeasuredOn.VALIDATION, 40, served.scores)
    assert served.scores["accuracy"] > 0.9
    assert all(not model.scores for model in others)


def test_validation_rows_that_cannot_be_scored_fail_the_job_in_words(yard, real, tmp_path):
    job = validated(yard, tmp_path, "plan,usage,churned\n" + "basic,much,yes\nbasic,little,no\n" * 10)
    failed = yard.wait_for_state(job, SUCCEEDED, JobState.FAILED)
    assert (failed.state, yard.models(job)) == (JobState.FAILED, [])
    assert "column 'usage': expected a number" in failed.error


def test_a_task_that_cannot_be_learned_fails_with_its_words(yard, real):
    """What the table turns out to be is found when it is read."""
    job = yard.a_run(target="usage", problem="binary")
    failed = yard.wait_for_state(job, SUCCEEDED, JobState.FAILED)
    assert failed.state is JobState.FAILED
    assert "'usage' has 31 distinct values; a binary problem has two" in failed.error


def test_a_real_training_is_stopped_within_five_seconds_and_nobody_is_left_of_it(yard, real):
    job = yard.a_run(**LONG)
    yard.wait_for((yard.run_folder(job) / "incumbent").exists, "a model")
    asked = time.monotonic()
    yard.ask(job, Request.STOP)
    stopped = yard.wait_for_state(job, STOPPED, SUCCEEDED)
    assert time.monotonic() - asked < 5.0
    assert stopped.state is STOPPED
    yard.wait_for(lambda: not is_locked(yard.place.job_lock(job.id)), "all processes of the job to be gone")
    yard.wait_for(lambda: not descendants(real.process.pid), "the worker to be alone")


def vanish(yard, job, how):
    """The record of a run that trains goes."""
    services, project = yard.platform.services, "gone with its runs"
    if how == "discard":
        services.runs.discard(yard.actor, job.subject_id)
        return
    made = services.projects.create(yard.actor, project)
    with yard.platform.records.change(EVERYONE) as transaction:
        run = transaction.runs.get(job.subject_id)
        transaction.runs.put(replace(run, project_id=made.id))
    services.projects.delete(yard.actor, project)


@pytest.mark.parametrize("how", ["discard", "delete its project"])
def test_a_real_training_whose_record_vanishes_ends_and_leaves_nothing(yard, real, how):
    job = yard.a_run(**LONG)
    yard.wait_for((yard.run_folder(job) / "incumbent").exists, "a model")
    blobs = set(yard.platform.blobs.keys())
    vanish(yard, job, how)
    yard.wait_for(lambda: not is_locked(yard.place.job_lock(job.id)), "all processes of the job to be gone")
    yard.wait_for(lambda: not descendants(real.process.pid), "the worker to be alone")
    yard.wait_for(lambda: not yard.run_folder(job).exists(), "what was written last to be removed")
    assert job.id not in {one.id for one in yard.all_jobs()}
    assert (yard.models(job), set(yard.platform.blobs.keys())) == ([], blobs)
    after = yard.a_run()  # and the worker goes on
    assert yard.wait_for_state(after, SUCCEEDED, JobState.FAILED).state is SUCCEEDED
    assert not yard.run_folder(job).exists()


def test_a_real_training_that_is_to_finish_now_ends_with_the_best_so_far(yard, real):
    job = yard.a_run(**LONG)
    yard.wait_for((yard.run_folder(job) / "incumbent").exists, "a model")
    yard.ask(job, Request.FINISH)
    done = yard.wait_for_state(job, SUCCEEDED, JobState.FAILED)
    assert (done.state, done.error) == (SUCCEEDED, None)
    assert yard.models(job)
    assert "finish requested" in yard.lines(job)[-1]


def test_a_worker_that_leaves_gives_its_job_back_and_the_next_one_goes_on_from_there(yard, tmp_path, real):
    real.end()
    first = RealWorker(yard, tmp_path / "first.log")
    job = yard.a_run(**LONG)
    yard.wait_for((yard.run_folder(job) / "incumbent").exists, "a model")
    assert first.end() == 0
    waiting = yard.job(job)
    assert (waiting.state, waiting.attempt, waiting.fruitless) == (QUEUED, 1, 0)
    assert waiting.spent_s > 0
    before = set((yard.run_folder(job) / "fits.log").read_text().splitlines())
    second = RealWorker(yard, tmp_path / "second.log")
    yard.wait_for_state(job, RUNNING)
    yard.ask(job, Request.FINISH)
    done = yard.wait_for_state(job, SUCCEEDED, JobState.FAILED)
    assert (done.state, done.attempt) == (SUCCEEDED, 2)
    after = (yard.run_folder(job) / "fits.log").read_text().splitlines()
    assert before <= set(after)
    assert len(after) == len(set(after))
    assert second.end() == 0

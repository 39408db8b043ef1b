"""One job's supervisor: what it makes of everything that a trainer, a person or a worker can do.

Supervisors and trainers are real processes, forked as a worker does; what trainers do here is scripted.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from athanor.core.job import MAX_FRUITLESS_ATTEMPTS, JobKind, JobState, Lane, Request
from athanor.engine import memory
from athanor.engine.leaderboard import read_leaderboard, write_leaderboard
from athanor.engine.scores import MeasuredOn, read_scores
from athanor.engine.serving.model_files import read_head, write_head
from athanor.errors import Conflict, Impossible, Unavailable
from athanor.services.execution import Execution
from athanor.services.references import sweep
from athanor.worker import supervise as supervising
from athanor.worker.run import FINISH_SIGNAL, RUNNERS
from athanor.worker.supervise import run_job, supervise
from athanor.worker.workplace import is_locked

QUEUED, STOPPED, FAILED, SUCCEEDED = JobState.QUEUED, JobState.STOPPED, JobState.FAILED, JobState.SUCCEEDED


def forever(given, place):
    while True:
        signal.pause()


def at_once(given, place):
    """A trainer that ends without a word."""


@pytest.fixture
def trainer(monkeypatch):
    """Says what trainers do, whatever the kind of job."""

    def do(act):
        for kind in JobKind:
            monkeypatch.setitem(RUNNERS, kind, act)

    return do


def supervised(yard, job, place=None):
    """A supervisor at work on a job that was taken."""
    return yard.fork(lambda: supervise(job.id, place or yard.place, lambda: job))


def a_taken_job(yard, **plan):
    yard.a_run(**plan)
    return yard.execution.claim(Lane.TRAIN)


def ended(yard, job, place=None):
    """The job once its supervisor has ended in peace."""
    assert supervised(yard, job, place).wait() == 0
    return yard.job(job)


def is_up(yard, job):
    """Whether the supervisor is at work: it has a trainer, and says so by its lock."""
    return is_locked(yard.place.job_lock(job.id))


# --- a trainer that ends ----------------------------------------------------------------------------------------------


def test_a_job_whose_trainer_found_a_model_succeeds_with_it(yard, trainer, leave_model):
    trainer(leave_model)
    job = ended(yard, a_taken_job(yard))
    assert (job.state, job.error, job.progress) == (SUCCEEDED, None, 1.0)
    assert job.spent_s > 0
    models = yard.models(job)
    assert [model.rank for model in models] == list(range(1, len(models) + 1))
    assert {model.family for model in models} >= {"linear", "lightgbm"}
    assert [model.artifact is not None for model in models] == [True] + [False] * (len(models) - 1)
    assert read_head(yard.place.blobs.local(models[0].artifact))["score"] == models[0].score
    assert {"accuracy", "roc_auc", "f1_macro"} <= set(models[0].scores)
    scores = read_scores(yard.place.blobs.local(models[0].artifact))
    assert models[0].scores == scores.by_metric
    assert (models[0].scored_on, models[0].n_scored) == (MeasuredOn.OUT_OF_FOLD, scores.n_rows)
    assert scores.n_rows > 0
    assert [(dict(model.scores), model.scored_on, model.n_scored) for model in models[1:]] == [({}, None, 0)] * (
        len(models) - 1
    )


def test_a_model_that_was_made_before_there_were_scores_has_none(yard, trainer, leave_model):
    def leave_unscored(given, place):
        leave_model(given, place)
        for scores in place.run_folder(given.job.subject_id).glob("incumbents/*/scores.json"):
            scores.unlink()

    trainer(leave_unscored)
    job = ended(yard, a_taken_job(yard))
    best = yard.models(job)[0]
    assert (job.state, best.scores, best.scored_on) == (SUCCEEDED, {}, None)


def a_taken_continuation(yard, job, **limits):
    """The run of a job that has ended goes on: the job that does it, taken."""
    limits = limits or {"time_limit_s": 60.0}
    view = yard.platform.services.train.continue_(yard.actor, job.subject_id, **limits)
    return yard.execution.claim_by_id(view.job.id)


def a_run_with_models(yard, trainer, leave_model):
    trainer(leave_model)
    return ended(yard, a_taken_job(yard))


def test_a_run_that_goes_on_and_finds_nothing_better_keeps_its_models_to_the_bit(yard, trainer, leave_model):
    before = yard.models(a_run_with_models(yard, trainer, leave_model))
    trainer(at_once)
    job = ended(yard, a_taken_continuation(yard, yard.all_jobs()[-1]))
    assert (job.kind, job.state) == (JobKind.CONTINUE, SUCCEEDED)
    assert yard.models(job) == before


def test_a_run_that_goes_on_and_finds_something_better_serves_that_and_its_trials_keep_their_ids(
    yard, trainer, leave_model
):
    first = a_run_with_models(yard, trainer, leave_model)
    before = yard.models(first)

    def leave_better(given, place):
        """As if the folds weighed otherwise."""
        folder = place.run_folder(given.job.subject_id) / "incumbent"
        head = read_head(folder)
        files = head.pop("files")
        write_head(folder, {**head, "score": 0.99}, files)

    trainer(leave_better)
    job = ended(yard, a_taken_continuation(yard, first))
    after = yard.models(job)
    assert job.state is SUCCEEDED
    assert after[0].id != before[0].id
    assert read_head(yard.place.blobs.local(after[0].artifact))["score"] == 0.99
    assert [(model.id, model.name) for model in after[1:]] == [(model.id, model.name) for model in before[1:]]


def a_continuation_that_serves(yard, trainer, first, row):
    """One after which the row that stood in this place stands on top, and the one that was served below it."""

    def leave_another(given, place):
        folder = place.run_folder(given.job.subject_id) / "incumbent"
        head = read_head(folder)
        files = head.pop("files")
        write_head(folder, {**head, "score": 0.99}, files)
        rows = [each for each in read_leaderboard(folder) if each.rank is not None]
        rows.insert(0, rows.pop(row))
        write_leaderboard(folder, [replace(each, rank=place) for place, each in enumerate(rows, 1)])

    trainer(leave_another)
    job = ended(yard, a_taken_continuation(yard, first))
    assert job.state is SUCCEEDED
    return yard.models(job)


def test_a_model_that_was_served_and_is_behind_now_keeps_its_files_and_the_sweep_leaves_them(
    yard, trainer, leave_model
):
    first = a_run_with_models(yard, trainer, leave_model)
    before = yard.models(first)
    after = a_continuation_that_serves(yard, trainer, first, 1)
    assert (after[0].name, after[1].name) == (before[1].name, before[0].name)
    assert after[0].artifact not in {None, before[0].artifact}
    assert after[1] == replace(before[0], rank=2)
    sweep(yard.place.records, yard.place.blobs, now=yard.place.now() + timedelta(days=2))
    for model in after[:2]:
        assert read_head(yard.place.blobs.local(model.artifact))


@pytest.mark.parametrize("left", ["nothing", "something else"])
def test_a_run_that_goes_on_and_whose_files_are_gone_gets_new_ones(yard, trainer, leave_model, left):
    first = a_run_with_models(yard, trainer, leave_model)
    before = yard.models(first)
    yard.place.blobs.delete(before[0].artifact)
    if left != "nothing":
        yard.place.blobs.put(f"{before[0].artifact}/model.json", [b"{}"])
    trainer(at_once)
    job = ended(yard, a_taken_continuation(yard, first))
    after = yard.models(job)
    assert job.state is SUCCEEDED
    assert after[0].artifact != before[0].artifact
    assert read_head(yard.place.blobs.local(after[0].artifact))["score"] == before[0].score


def test_a_run_that_goes_on_in_vain_keeps_its_models_and_nothing_is_left_among_the_blobs(yard, trainer, leave_model):
    first = a_run_with_models(yard, trainer, leave_model)
    before, blobs = yard.models(first), set(yard.place.blobs.keys())

    def refuse(given, place):
        raise Impossible("no")

    trainer(refuse)
    job = ended(yard, a_taken_continuation(yard, first))
    assert (job.state, job.error) == (FAILED, "no")
    assert (yard.models(job), set(yard.place.blobs.keys())) == (before, blobs)
    assert yard.platform.services.runs.get(yard.actor, job.subject_id).job == yard.job(first)


def test_a_continuation_is_charged_for_its_own_attempts_against_its_own_limit(yard, trainer, leave_model):
    first = a_run_with_models(yard, trainer, leave_model)
    yard.put(replace(yard.job(first), spent_s=3600.0))

    def check(given, place):
        left_s = given.deadline - time.monotonic()
        raise Impossible(f"{70.0 - supervising.WRAP_UP_S - left_s:.0f}")

    trainer(check)
    job = yard.put(replace(a_taken_continuation(yard, first, time_limit_s=100.0), spent_s=30.0))
    assert ended(yard, job).error == "0"


def test_a_continuation_whose_trainers_die_again_and_again_fails_whatever_was_there_before(yard, trainer, leave_model):
    first = a_run_with_models(yard, trainer, leave_model)
    trainer(lambda *_: os._exit(1))
    job = a_taken_continuation(yard, first)
    for _ in range(MAX_FRUITLESS_ATTEMPTS - 1):
        assert ended(yard, job).state is QUEUED
        job = yard.execution.claim_by_id(job.id)
    assert ended(yard, job).state is FAILED
    assert yard.platform.services.runs.get(yard.actor, job.subject_id).state is SUCCEEDED


def test_why_a_job_ended_is_kept_with_it(yard, trainer, leave_model):
    def end_with_words(given, place):
        leave_model(given, place)
        return "schedule complete"

    trainer(end_with_words)
    assert ended(yard, a_taken_job(yard)).reason == "schedule complete"


def test_a_job_whose_trainer_found_nothing_fails_in_words(yard, trainer):
    trainer(at_once)
    job = ended(yard, a_taken_job(yard))
    assert (job.state, yard.models(job)) == (FAILED, [])
    assert "before the first model was finished" in job.error


def test_a_job_whose_trainer_refuses_fails_with_its_words(yard, trainer):
    def refuse(given, place):
        raise Impossible("The target column 'naïve' has no values.")

    trainer(refuse)
    job = ended(yard, a_taken_job(yard))
    assert (job.state, job.error) == (FAILED, "The target column 'naïve' has no values.")
    assert yard.lines(job)[-1] == "AutoML job failed - The target column 'naïve' has no values."


def test_a_job_whose_model_has_no_score_fails_in_words(yard, trainer, leave_model):
    def leave_unscored(given, place):
        leave_model(given, place)
        for board in place.run_folder(given.job.subject_id).glob("incumbents/*/leaderboard.json"):
            board.write_text("[]")

    trainer(leave_unscored)
    job = ended(yard, a_taken_job(yard))
    assert (job.state, yard.models(job)) == (FAILED, [])
    assert "metric is not defined" in job.error


@pytest.mark.parametrize("how", ["raises", "is killed", "exits"])
def test_a_job_whose_trainer_dies_waits_again(yard, trainer, how):
    def die(given, place):
        if how == "raises":
            raise ZeroDivisionError
        if how == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)

    trainer(die)
    job = ended(yard, a_taken_job(yard))
    assert (job.state, job.fruitless, job.token) == (QUEUED, 1, None)
    assert "ended unexpectedly" in yard.lines(job)[-1]


def test_a_job_whose_trainers_die_again_and_again_fails(yard, trainer):
    trainer(lambda *_: os._exit(1))
    job = a_taken_job(yard)
    for _ in range(MAX_FRUITLESS_ATTEMPTS - 1):
        assert ended(yard, job).state is QUEUED
        job = yard.execution.claim_by_id(job.id)
    job = ended(yard, job)
    assert job.state is FAILED
    assert "died 3 times in a row" in job.error


def test_a_trainer_that_dies_after_a_new_fold_has_not_been_in_vain(yard, trainer, leave_model):
    def die_late(given, place):
        leave_model(given, place)
        os._exit(1)

    trainer(die_late)
    job = ended(yard, a_taken_job(yard))
    assert (job.state, job.fruitless, job.checkpoints) == (QUEUED, 0, 7)


def test_a_profile_job_succeeds_without_a_model(yard, trainer):
    trainer(at_once)
    yard.a_profile()
    job = ended(yard, yard.execution.claim(Lane.LIGHT))
    assert (job.kind, job.state) == (JobKind.PROFILE, SUCCEEDED)


def leave_table(given, place):
    """What pools leave in the run's folder: it can be made again."""
    table = place.run_folder(given.job.subject_id) / "scratch" / "table"
    table.mkdir(parents=True)
    (table / "size.npy").write_bytes(bytes(100))


@pytest.mark.parametrize("how", ["with a model", "with nothing", "with a refusal", "dead again"])
def test_when_a_job_has_ended_its_table_is_gone_and_its_checkpoints_stay(yard, trainer, leave_model, how):
    def end(given, place):
        leave_table(given, place)
        if how == "with a model":
            leave_model(given, place)
        if how == "with a refusal":
            raise Impossible("no")
        if how == "dead again":
            os._exit(1)

    trainer(end)
    job = a_taken_job(yard)
    job = yard.put(replace(job, fruitless=MAX_FRUITLESS_ATTEMPTS - 1))
    assert ended(yard, job).state is (SUCCEEDED if how == "with a model" else FAILED)
    assert not (yard.run_folder(job) / "scratch").exists()
    assert (yard.run_folder(job) / "incumbent").exists() == (how == "with a model")


# --- a person ---------------------------------------------------------------------------------------------------------


def test_a_job_is_stopped_within_five_seconds_and_nothing_is_kept_of_it(yard, trainer, leave_model):
    def train_on(given, place):
        leave_table(given, place)
        leave_model(given, place)
        forever(given, place)

    trainer(train_on)
    job = a_taken_job(yard)
    child = supervised(yard, job)
    yard.wait_for((yard.run_folder(job) / "incumbent").exists, "a model")
    asked = time.monotonic()
    yard.ask(job, Request.STOP)
    assert child.wait() == 0
    assert time.monotonic() - asked < 5.0
    assert (yard.job(job).state, yard.models(job)) == (STOPPED, [])
    assert yard.lines(job) == ["AutoML job stopped"]
    assert not (yard.run_folder(job) / "scratch").exists()


def test_a_result_that_comes_when_a_person_has_asked_to_stop_leaves_nothing_behind(yard, trainer, leave_model):
    def ask_and_end(given, place):
        yard.ask(given.job, Request.STOP)
        leave_model(given, place)

    trainer(ask_and_end)
    models = yard.place.blobs.local("models")
    before = set(models.iterdir()) if models.exists() else set()
    job = ended(yard, a_taken_job(yard))
    assert (job.state, yard.models(job)) == (STOPPED, [])
    assert (set(models.iterdir()) if models.exists() else set()) == before


def test_finishing_now_asks_the_trainer_who_ends_with_the_best_so_far(yard, trainer, leave_model):
    def finish_when_asked(given, place):
        signal.signal(FINISH_SIGNAL, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {FINISH_SIGNAL})
        leave_model(given, place)
        (place.run_folder(given.job.subject_id) / "ready").touch()
        signal.sigwait({FINISH_SIGNAL})

    trainer(finish_when_asked)
    job = a_taken_job(yard)
    child = supervised(yard, job)
    yard.wait_for((yard.run_folder(job) / "ready").exists, "the trainer")
    yard.ask(job, Request.FINISH)
    assert child.wait() == 0
    assert yard.job(job).state is SUCCEEDED
    assert yard.models(job)


def test_the_wish_to_finish_is_not_lost_on_a_trainer_that_does_not_listen_yet(yard, trainer, leave_model):
    """The default answer to the signal is death: a trainer that has just been forked must be safe from it."""

    def listen_late(given, place):
        while FINISH_SIGNAL not in signal.sigpending():
            time.sleep(0.001)
        heard = []
        signal.signal(FINISH_SIGNAL, lambda *_: heard.append(1))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {FINISH_SIGNAL})
        assert heard
        leave_model(given, place)

    trainer(listen_late)
    job = a_taken_job(yard)
    yard.ask(job, Request.FINISH)
    assert ended(yard, job).state is SUCCEEDED


# --- the worker goes away -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("request_", "state"), [(None, QUEUED), (Request.FINISH, QUEUED), (Request.STOP, STOPPED)])
def test_a_supervisor_that_is_asked_to_leave_gives_its_job_back(yard, trainer, request_, state, monkeypatch):
    """One that was asked to stop at the same moment is stopped."""
    leave_then_ask = []

    def leave(given, place):
        os.kill(os.getppid(), signal.SIGTERM)
        forever(given, place)

    trainer(leave)
    job = a_taken_job(yard)
    watch = supervising._Supervisor._watch

    def ask_late(self):
        status, why = watch(self)
        leave_then_ask.append(why)
        if request_:
            yard.ask(job, request_)
        return status, why

    monkeypatch.setattr(supervising._Supervisor, "_watch", ask_late)
    found = ended(yard, job)
    assert (found.state, found.fruitless, found.token) == (state, 0, None)
    assert found.spent_s > 0


def test_a_supervisor_that_is_killed_takes_the_trainer_along_and_its_lock_is_free(yard, trainer):
    trainer(forever)
    job = a_taken_job(yard)
    child = supervised(yard, job)
    yard.wait_for(lambda: is_up(yard, job), "the supervisor")
    child.tell(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    yard.wait_for(lambda: not is_up(yard, job), "the trainer to follow")


# --- the lease --------------------------------------------------------------------------------------------------------


def test_a_supervisor_whose_lease_is_lost_ends_its_trainer_and_writes_nothing(yard, trainer):
    trainer(forever)
    job = a_taken_job(yard)
    child = supervised(yard, job)
    yard.wait_for(lambda: is_up(yard, job), "the supervisor")
    yard.execution.lose(job, checkpoints=0)
    successor = yard.execution.claim_by_id(job.id)
    assert child.wait() == 0
    assert yard.job(job) == successor
    assert not is_up(yard, job)


def test_while_it_works_the_lease_is_kept(yard, trainer, monkeypatch):
    monkeypatch.setattr(supervising, "HEARTBEAT_S", 0.0)
    trainer(forever)
    job = a_taken_job(yard)
    child = supervised(yard, job)
    held = yard.wait_for(lambda: (found := yard.job(job)).lease_until > job.lease_until and found, "a heartbeat")
    assert held.spent_s > 0
    assert held.peak_memory > 2**20
    yard.ask(job, Request.STOP)
    child.wait()


def test_a_store_that_is_busy_ends_no_job_that_goes_well(yard, trainer, leave_model, monkeypatch):
    monkeypatch.setattr(supervising, "HEARTBEAT_S", 0.0)
    monkeypatch.setattr(supervising, "LOOK_S", 0.001)
    looks = []

    def refuse(*_, **__):
        looks.append(1)
        if len(looks) > 5:
            (yard.run_folder(job) / "enough").touch()
        raise Unavailable("The records cannot be reached now.")

    def train_until_enough(given, place):
        leave_model(given, place)
        while not (place.run_folder(given.job.subject_id) / "enough").exists():
            time.sleep(0.001)

    monkeypatch.setattr(Execution, "request", refuse)
    monkeypatch.setattr(Execution, "hold", refuse)
    trainer(train_until_enough)
    job = a_taken_job(yard)
    assert ended(yard, job).state is SUCCEEDED


def test_a_trainer_that_cannot_reach_the_records_is_no_failure_of_the_job(yard, trainer):
    def give_up(given, place):
        raise Unavailable("The records cannot be reached now.")

    trainer(give_up)
    assert ended(yard, a_taken_job(yard)).state is QUEUED


def test_two_supervisors_never_work_on_one_job(yard, trainer, monkeypatch):
    monkeypatch.setattr(supervising, "LOCK_WAIT_S", 0.0)
    trainer(forever)
    job = a_taken_job(yard)
    child = supervised(yard, job)
    yard.wait_for(lambda: is_up(yard, job), "the supervisor")
    with pytest.raises(Conflict, match="is at work already"):
        supervise(job.id, yard.place, lambda: job)
    yard.ask(job, Request.STOP)
    assert child.wait() == 0


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def short_limits(monkeypatch):
    for name in ("LEAST_S", "SLACK_S", "OVER_MEMORY_S", "LOOK_S"):
        monkeypatch.setattr(supervising, name, 0.05)


def test_a_trainer_that_does_not_keep_its_time_is_ended_and_the_best_so_far_is_the_result(
    yard, trainer, leave_model, short_limits
):
    def train_on(given, place):
        leave_model(given, place)
        forever(given, place)

    trainer(train_on)
    job = ended(yard, a_taken_job(yard, time_limit_s=2.0))
    assert job.state is SUCCEEDED
    assert yard.models(job)
    assert job.spent_s >= 2.0


def test_a_job_is_charged_for_its_earlier_attempts(yard, trainer, short_limits):
    """An hour was allowed and is spent: the last seconds are for finishing from the checkpoints."""
    trainer(forever)
    job = a_taken_job(yard, time_limit_s=3600.0)
    job = yard.put(replace(job, spent_s=3599.99))
    asked = time.monotonic()
    found = ended(yard, job)
    assert time.monotonic() - asked < 60
    assert found.state is FAILED
    assert "before the first model was finished" in found.error


def test_the_trainer_hears_of_a_deadline_before_its_end(yard, trainer):
    def check(given, place):
        left_s = given.deadline - time.monotonic()
        raise Impossible(f"{40.0 - supervising.WRAP_UP_S - left_s:.0f} {given.memory_limit}")

    trainer(check)
    job = a_taken_job(yard, time_limit_s=100.0, memory_limit=200 * 2**20)
    yard.put(replace(job, spent_s=60.0))
    assert ended(yard, replace(job, spent_s=60.0)).error == f"0 {190 * 2**20}"


def test_without_a_limit_there_is_no_deadline(yard, trainer):
    def check(given, place):
        raise Impossible(f"{given.deadline}")

    trainer(check)
    assert ended(yard, a_taken_job(yard)).error == "inf"


def test_over_its_memory_the_run_ends_with_the_best_so_far(yard, trainer, leave_model, short_limits, monkeypatch):
    def train_on(given, place):
        leave_model(given, place)
        forever(given, place)

    trainer(train_on)
    job = a_taken_job(yard, memory_limit=200 * 2**20)
    model = yard.run_folder(job) / "incumbent"
    monkeypatch.setattr(memory, "pss", lambda _: (150 if model.exists() else 1) * 2**20)
    found = ended(yard, job)
    assert found.state is SUCCEEDED
    assert found.peak_memory == 300 * 2**20  # of the supervisor and the trainer


@pytest.mark.parametrize("lane", list(Lane))
def test_over_its_memory_and_without_a_result_a_job_fails_in_words(yard, trainer, short_limits, lane):
    trainer(forever)
    if lane is Lane.TRAIN:
        yard.a_run()
    else:
        yard.a_profile()
    job = ended(yard, yard.execution.claim(lane), replace(yard.place, memory_limit=2**20))
    assert job.state is FAILED
    assert "the cap is 1 MB" in job.error


# --- by id ------------------------------------------------------------------------------------------------------------


def test_a_job_can_be_worked_on_by_its_id(yard, trainer):
    trainer(at_once)
    job = yard.a_run()
    assert yard.fork(lambda: run_job(job.id, yard.place)).wait() == 0
    assert (yard.job(job).state, yard.job(job).attempt) == (FAILED, 1)


def test_a_job_that_does_not_wait_is_not_worked_on(yard, trainer):
    job = a_taken_job(yard)
    with pytest.raises(Conflict, match="is running and cannot become running"):
        run_job(job.id, yard.place)
    assert not is_up(yard, job)
    assert yard.job(job) == job

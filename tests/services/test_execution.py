"""The life of jobs as executors see it: taken by one, held by a token, told, and ended once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import LEASE, MAX_FRUITLESS_ATTEMPTS, Job, JobKind, JobState, Lane, Request
from athanor.core.model import Model
from athanor.core.ports import EVERYONE
from athanor.errors import Conflict, NotFound
from athanor.services import execution as executing
from athanor.services.execution import Execution, LeaseLost

LINE, PROGRESS, BOARD = EventKind.LINE, EventKind.PROGRESS, EventKind.LEADERBOARD


@pytest.fixture
def execution(world):
    return Execution(world.records, world.clock)


@pytest.fixture
def empty(world, execution):
    """Uploads queue profile jobs: here the queue is empty, and one dataset is there to train on."""
    view = world.a_dataset()
    while execution.claim(Lane.LIGHT):
        pass
    return view


@pytest.fixture
def dataset(world, empty):
    for job in world.all_of("jobs"):
        put(world, replace(job, state=JobState.SUCCEEDED, token=None, lease_until=None))
    return empty


@pytest.fixture
def taken(world, execution, dataset):
    """A train job that this executor has."""
    world.a_run("churn", dataset)
    return execution.claim(Lane.TRAIN)


def put(world, job):
    with world.records.change(EVERYONE) as transaction:
        transaction.jobs.put(job)
    return job


def now_is(world, job) -> Job:
    with world.records.look(EVERYONE) as transaction:
        return transaction.jobs.get(job.id)


def ask(world, job, request):
    put(world, replace(now_is(world, job), request=request))


def told(world, job, kinds=EventKind):
    with world.records.look(EVERYONE) as transaction:
        return transaction.events.after(job.id, kinds=kinds)


def lines(world, job):
    return [event.payload["message"] for event in told(world, job, [LINE])]


def a_model(job, rank=1):
    return Model(
        id=new_id(), organization_id=job.organization_id, run_id=job.subject_id, name=f"Model {rank}", family="linear",
        metric="rmse", score=0.5, rank=rank, fit_s=1.0, predict_s=0.1, created_at=job.created_at,
    )  # fmt: skip


# --- taking ---------------------------------------------------------------------------------------------------------


def test_the_job_that_has_waited_longest_is_taken_first(world, execution, dataset):
    views = [(world.a_run(name, dataset), world.clock.pass_(seconds=1))[0] for name in ("first", "second", "third")]
    assert [execution.claim(Lane.TRAIN).id for _ in views] == [view.job.id for view in views]
    assert execution.claim(Lane.TRAIN) is None


def test_a_job_that_is_taken_is_leased(world, execution, dataset):
    view = world.a_run("churn", dataset)
    world.clock.pass_(minutes=5)
    job = execution.claim(Lane.TRAIN)
    assert job == now_is(world, view.job)
    assert (job.state, job.attempt, job.started_at) == (JobState.RUNNING, 1, world.clock())
    assert job.lease_until == world.clock() + LEASE
    assert job.token is not None


def test_a_job_is_taken_once(execution, taken):
    assert execution.claim(Lane.TRAIN) is None
    with pytest.raises(Conflict, match="is running and cannot become running"):
        execution.claim_by_id(taken.id)


def test_lanes_do_not_wait_for_each_other(world, execution):
    view = world.a_run()
    assert execution.claim(Lane.TRAIN).id == view.job.id  # the profile job of the upload has waited longer
    light = execution.claim(Lane.LIGHT)
    assert (light.kind, light.lane) == (JobKind.PROFILE, Lane.LIGHT)


def test_a_job_of_another_executor_is_left_to_it(world, execution, dataset):
    view = world.a_run("churn", dataset)
    put(world, replace(view.job, executor="ray"))
    assert execution.claim(Lane.TRAIN) is None
    with pytest.raises(Conflict, match="waits for the executor 'ray', not for 'local'"):
        execution.claim_by_id(view.job.id)
    assert Execution(world.records, world.clock, executor="ray").claim(Lane.TRAIN).id == view.job.id


def test_where_nothing_waits_the_store_is_not_locked(world, execution, monkeypatch):
    def lock(_):
        raise AssertionError("It was about to change the records.")

    monkeypatch.setattr(world.records, "change", lock)
    assert execution.claim(Lane.TRAIN) is None


def test_of_two_who_saw_the_same_job_the_second_gets_none(world, execution, dataset):
    """Somebody else takes it between the look and the change."""
    world.a_run("churn", dataset)
    look = world.records.look
    other = Execution(world.records, world.clock)
    winner = []

    def overtaken(whose):
        world.records.look = look
        seen = look(whose)
        with seen as transaction:
            found = transaction.jobs.first({"state": JobState.QUEUED})
            assert found is not None
        winner.append(other.claim(Lane.TRAIN))
        return _Seen(found)

    world.records.look = overtaken
    assert execution.claim(Lane.TRAIN) is None
    assert winner[0] is not None


class _Seen:
    """A transaction that shows what was there a moment ago."""

    def __init__(self, found):
        self.jobs = self
        self.first = lambda *_, **__: found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_a_job_can_be_taken_by_its_id(world, execution, dataset):
    view = world.a_run("churn", dataset)
    assert execution.claim_by_id(view.job.id).state is JobState.RUNNING
    with pytest.raises(NotFound):
        execution.claim_by_id(new_id())


def test_running_jobs_are_those_of_this_executor(world, execution, taken):
    other = put(world, replace(now_is(world, world.a_run("other").job), state=JobState.RUNNING, executor="ray"))
    assert [job.id for job in execution.running()] == [taken.id]
    assert other.id != taken.id


# --- the token --------------------------------------------------------------------------------------------------------

WRITES = {
    "request": lambda execution, job: execution.request(job),
    "hold": lambda execution, job: execution.hold(job, spent_s=1.0, peak_memory=1),
    "tell": lambda execution, job: execution.tell(job, [(job.created_at, LINE, {})], progress=0.5),
    "resolve": lambda execution, job: execution.resolve(job, problem="binary", metric="f1"),
    "succeed": lambda execution, job: execution.succeed(job, [a_model(job)]),
    "fail": lambda execution, job: execution.fail(job, "no"),
    "stop": lambda execution, job: execution.stop(job),
    "give back": lambda execution, job: execution.give_back(job, spent_s=1.0),
    "lose": lambda execution, job: execution.lose(job, checkpoints=1),
}


def everything(world):
    return [world.all_of(name) for name in ("jobs", "runs", "models")]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_whoever_lost_the_lease_writes_nothing(world, execution, taken, write):
    execution.lose(taken, checkpoints=0)
    successor = execution.claim(Lane.TRAIN)
    assert successor.id == taken.id
    before, events = everything(world), told(world, taken)
    with pytest.raises(LeaseLost):
        write(execution, taken)
    assert everything(world) == before
    assert told(world, taken) == events
    write(execution, successor)  # who has it may


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_job_that_has_ended_is_not_written_to(execution, taken, write):
    execution.succeed(taken)
    with pytest.raises(LeaseLost):
        write(execution, taken)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_job_that_nobody_has_is_not_written_to(world, execution, dataset, write):
    with pytest.raises(LeaseLost):
        write(execution, world.a_run("churn", dataset).job)


def test_a_job_that_was_deleted_is_lost(world, execution, taken):
    with world.records.change(EVERYONE) as transaction:
        transaction.jobs.remove(taken.id)
    with pytest.raises(LeaseLost):
        execution.hold(taken, spent_s=1.0, peak_memory=0)


# --- holding ----------------------------------------------------------------------------------------------------------


def test_a_heartbeat_keeps_the_lease_and_says_what_was_spent(world, execution, taken):
    world.clock.pass_(seconds=20)
    execution.hold(taken, spent_s=20.5, peak_memory=700)
    execution.hold(taken, spent_s=21.0, peak_memory=500)
    job = now_is(world, taken)
    assert job.lease_until == world.clock() + timedelta(seconds=30)
    assert (job.spent_s, job.peak_memory) == (21.0, 700)


def test_what_a_person_asks_is_heard(world, execution, taken):
    assert execution.request(taken) is None
    ask(world, taken, Request.FINISH)
    assert execution.request(taken) is Request.FINISH


def test_a_heartbeat_does_not_forget_what_a_person_asked(world, execution, taken):
    ask(world, taken, Request.STOP)
    execution.hold(taken, spent_s=1.0, peak_memory=0)
    assert execution.request(taken) is Request.STOP


# --- telling --------------------------------------------------------------------------------------------------------


def test_events_are_numbered_and_kept_in_order(world, execution, taken):
    at = world.clock()
    execution.tell(taken, [(at, LINE, {"message": "one"}), (at, PROGRESS, {"fraction": 0.1})])
    execution.tell(taken, [(at, LINE, {"message": "two"})])
    assert [(event.seq, event.kind) for event in told(world, taken)] == [(1, LINE), (2, PROGRESS), (3, LINE)]
    assert lines(world, taken) == ["one", "two"]


def test_progress_only_rises(world, execution, taken):
    for progress, seen in ((0.2, 0.2), (0.1, 0.2), (None, 0.2), (0.6, 0.6)):
        execution.tell(taken, [], progress=progress)
        assert now_is(world, taken).progress == seen


def test_of_what_says_how_things_stand_the_newest_takes_the_place_of_those_before(world, execution, taken):
    at = world.clock()
    for number in range(3):
        batch = [(at, BOARD, {"rows": [number]}), (at, PROGRESS, {"n": number}), (at, EventKind.OUTLOOK, {"n": number})]
        execution.tell(taken, [*batch, (at, LINE, {"message": str(number)})])
    assert [event.kind for event in told(world, taken)] == [LINE, LINE, BOARD, PROGRESS, EventKind.OUTLOOK, LINE]
    assert [event.payload for event in told(world, taken, [BOARD])] == [{"rows": [2]}]


def test_within_a_batch_the_newest_is_kept_too(world, execution, taken):
    at = world.clock()
    execution.tell(taken, [(at, PROGRESS, {"n": 1}), (at, LINE, {"message": "one"}), (at, PROGRESS, {"n": 2})])
    assert [event.payload for event in told(world, taken)] == [{"message": "one"}, {"n": 2}]


def test_a_reader_who_goes_on_from_the_last_number_misses_nothing_that_is_new(world, execution, taken):
    seen, at = 0, world.clock()
    for number in range(4):
        execution.tell(taken, [(at, PROGRESS, {"n": number})])
        with world.records.look(EVERYONE) as transaction:
            [event] = transaction.events.after(taken.id, seen)
        assert event.payload == {"n": number}
        assert event.seq > seen
        seen = event.seq


def test_a_job_that_told_too_much_tells_no_details_any_more(world, execution, taken, monkeypatch):
    monkeypatch.setattr(executing, "MAX_EVENTS", 5)
    at = world.clock()
    details = [(at, EventKind.FOLD, {}), (at, EventKind.CURVE, {})]
    batch = [(at, LINE, {"message": "hear"}), (at, PROGRESS, {}), *details, (at, BOARD, {"rows": []})]
    execution.tell(taken, batch)
    execution.tell(taken, batch)
    execution.tell(taken, [(at, PROGRESS, {})], progress=0.9)
    kinds = [event.kind for event in told(world, taken)]
    assert sorted(kinds) == sorted([LINE, LINE, PROGRESS, BOARD, EventKind.FOLD, EventKind.CURVE])
    assert now_is(world, taken).progress == 0.9


def test_what_was_replaced_takes_no_room(world, execution, taken, monkeypatch):
    monkeypatch.setattr(executing, "MAX_EVENTS", 5)
    at = world.clock()
    for number in range(20):
        execution.tell(taken, [(at, PROGRESS, {"n": number}), (at, BOARD, {"rows": []})])
    execution.tell(taken, [(at, EventKind.FOLD, {})] * 3)
    assert [event.kind for event in told(world, taken)] == [PROGRESS, BOARD, *[EventKind.FOLD] * 3]
    execution.tell(taken, [(at, EventKind.FOLD, {}), (at, BOARD, {"rows": [1]})])
    assert [event.kind for event in told(world, taken)] == [PROGRESS, *[EventKind.FOLD] * 3, BOARD]


def test_what_the_task_left_open_is_written_into_the_run(world, execution, taken):
    execution.resolve(taken, problem="binary", metric="f1")
    run = execution.run_of(taken)
    assert (run.id, run.task.problem, run.task.metric, run.task.target) == (taken.subject_id, "binary", "f1", "churned")


def test_the_rows_that_a_model_is_scored_on_are_those_of_the_runs_validation_version(world, execution, taken):
    run = execution.run_of(taken)
    assert execution.validation_of(run) is None
    content, schema = execution.validation_of(replace(run, validation_version_id=run.version_id))
    assert (content, schema) == execution.table_of(run)


# --- ending -----------------------------------------------------------------------------------------------------------


def test_a_job_succeeds_together_with_its_models(world, execution, taken):
    world.clock.pass_(minutes=1)
    execution.succeed(taken, [a_model(taken, 1), a_model(taken, 2)], spent_s=60.0, peak_memory=9)
    job = now_is(world, taken)
    assert (job.state, job.finished_at, job.progress) == (JobState.SUCCEEDED, world.clock(), 1.0)
    assert (job.spent_s, job.peak_memory, job.token, job.lease_until) == (60.0, 9, None, None)
    assert [model.rank for model in world.all_of("models")] == [1, 2]


def test_where_a_model_cannot_be_stored_the_job_has_not_succeeded(world, execution, taken):
    model = a_model(taken)
    with pytest.raises(Conflict):
        execution.succeed(taken, [model, model])
    assert now_is(world, taken).state is JobState.RUNNING
    assert world.all_of("models") == []


def test_a_job_fails_with_words_for_its_owner(world, execution, taken):
    execution.fail(taken, "The target has no values.")
    job = now_is(world, taken)
    assert (job.state, job.error, job.token) == (JobState.FAILED, "The target has no values.", None)
    assert lines(world, taken) == ["AutoML job failed - The target has no values."]


def test_a_job_that_a_person_stopped_says_so(world, execution, taken):
    execution.stop(taken)
    assert (now_is(world, taken).state, now_is(world, taken).token) == (JobState.STOPPED, None)
    assert lines(world, taken) == ["AutoML job stopped"]


def test_a_result_that_comes_after_a_person_asked_to_stop_is_discarded(world, execution, taken):
    ask(world, taken, Request.STOP)
    assert execution.succeed(taken, [a_model(taken)]) is False
    assert (now_is(world, taken).state, world.all_of("models")) == (JobState.STOPPED, [])


def test_a_failure_that_comes_after_a_person_asked_to_stop_is_a_stop(world, execution, taken):
    ask(world, taken, Request.STOP)
    execution.fail(taken, "no")
    assert (now_is(world, taken).state, now_is(world, taken).error) == (JobState.STOPPED, None)


def test_a_job_that_is_given_back_waits_again_and_has_done_nothing_wrong(world, execution, taken):
    execution.give_back(taken, spent_s=12.0)
    job = now_is(world, taken)
    assert (job.state, job.spent_s, job.fruitless, job.token) == (JobState.QUEUED, 12.0, 0, None)
    again = execution.claim(Lane.TRAIN)
    assert (again.id, again.attempt, again.spent_s, again.started_at) == (taken.id, 2, 12.0, taken.started_at)


def test_a_job_that_was_asked_to_stop_is_stopped_when_it_is_given_back(world, execution, taken):
    ask(world, taken, Request.STOP)
    execution.give_back(taken, spent_s=12.0)
    job = now_is(world, taken)
    assert (job.state, job.spent_s, job.finished_at) == (JobState.STOPPED, 12.0, world.clock())
    assert lines(world, taken) == ["AutoML job stopped"]
    assert execution.claim(Lane.TRAIN) is None


def test_the_wish_to_finish_outlives_the_executor_that_went_away(world, execution, taken):
    ask(world, taken, Request.FINISH)
    execution.give_back(taken, spent_s=12.0)
    assert execution.claim(Lane.TRAIN).request is Request.FINISH


def test_a_job_whose_processes_are_gone_waits_again_and_says_so(world, execution, taken):
    lost = execution.lose(taken, checkpoints=3)
    assert lost == now_is(world, taken)
    assert (lost.state, lost.fruitless, lost.checkpoints) == (JobState.QUEUED, 0, 3)
    assert lines(world, taken) == ["The job's processes ended unexpectedly; it is queued with 3 finished folds"]


def test_a_lost_job_that_was_asked_to_stop_is_stopped(world, execution, taken):
    ask(world, taken, Request.STOP)
    assert execution.lose(taken, checkpoints=3).state is JobState.STOPPED


def test_a_job_that_is_lost_again_and_again_without_a_new_fold_fails(world, execution, taken):
    job = taken
    states = []
    for _ in range(MAX_FRUITLESS_ATTEMPTS):
        states.append(execution.lose(job, checkpoints=0).state)
        job = execution.claim(Lane.TRAIN)
    assert states == [JobState.QUEUED] * (MAX_FRUITLESS_ATTEMPTS - 1) + [JobState.FAILED]
    assert job is None
    assert "died 3 times in a row" in now_is(world, taken).error


def test_a_job_that_gets_on_may_be_lost_any_number_of_times(execution, taken):
    job = taken
    for checkpoints in range(1, 8):
        assert execution.lose(job, checkpoints=checkpoints).state is JobState.QUEUED
        job = execution.claim(Lane.TRAIN)


# --- what a job works on ----------------------------------------------------------------------------------------------


def test_a_train_job_s_table_is_the_version_it_was_started_on(world, execution, taken):
    content, schema = execution.table_of(execution.run_of(taken))
    assert schema.names == ("age", "plan", "spend", "churned")
    paths, deleted = content.files(world.blobs)
    assert ([path.is_file() for path in paths], deleted) == ([True], None)


def test_a_job_is_over_when_it_has_ended_or_is_gone(world, execution):
    done, waits = world.a_finished_run("done"), world.a_run("waits")
    gone = new_id()
    assert execution.finished([done.job.id, waits.job.id, gone]) == {done.job.id, gone}
    put(world, replace(waits.job, state=JobState.RUNNING))
    assert execution.finished([waits.job.id]) == set()


def test_more_jobs_than_a_query_takes_are_looked_at_in_portions(world, execution, monkeypatch):
    monkeypatch.setattr(executing, "_AT_ONCE", 2)
    waits, gone = world.a_run("waits").job.id, [new_id() for _ in range(4)]
    assert execution.finished([*gone[:2], waits, *gone[2:]]) == set(gone)

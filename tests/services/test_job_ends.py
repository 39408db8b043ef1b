"""A run that is continued: what it is while that lasts, and what it is again where nothing came of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import MAX_FRUITLESS_ATTEMPTS, JobState, Lane, Request
from athanor.core.model import Model
from athanor.core.ports import EVERYONE
from athanor.services.execution import Execution
from athanor.services.references import remove_dataset


@pytest.fixture
def execution(world):
    return Execution(world.records, world.clock)


@pytest.fixture
def continued(world):
    """A run that has succeeded and is continued: its job waits."""
    return world.a_continued_run()


@pytest.fixture
def taken(execution, continued):
    """The job that continues the run, in an executor's hands."""
    return execution.claim_by_id(continued.job.id)


def a_model(job, name="Ensemble", rank=1):
    return Model(
        id=new_id(), organization_id=job.organization_id, run_id=job.subject_id, name=name, family="linear",
        metric="accuracy", score=0.95, rank=rank, fit_s=1.0, predict_s=0.1, created_at=job.created_at,
    )  # fmt: skip


def now_is(world, job):
    return world.runs.get(world.actor, job.subject_id)


def test_a_run_that_is_continued_is_in_the_state_of_the_job_that_does_it(world, execution, continued):
    assert continued.state is JobState.QUEUED
    job = execution.claim(Lane.TRAIN)
    assert (job.id, now_is(world, job).state) == (continued.job.id, JobState.RUNNING)


def test_it_keeps_its_models_meanwhile(world, continued, taken):
    view = now_is(world, taken)
    assert [model.name for model in view.models] == ["Ensemble", "LightGBM"]
    assert view.best == continued.best
    assert world.deploy.best(world.actor, view.run.id).version.model_id == view.best.id


def test_what_came_of_it_takes_the_place_of_its_models(world, execution, taken):
    better = [a_model(taken), a_model(taken, "Linear", rank=2)]
    assert execution.succeed(taken, better, reason="time limit")
    view = now_is(world, taken)
    assert view.models == tuple(better)
    assert (view.state, view.job.id, view.job.reason) == (JobState.SUCCEEDED, taken.id, "time limit")


def ways_to_end_in_vain():
    def dies(execution, job):
        for _ in range(MAX_FRUITLESS_ATTEMPTS - 1):
            execution.lose(job, checkpoints=3)
            job = execution.claim_by_id(job.id)
        execution.lose(job, checkpoints=3)

    return {
        "fails": lambda execution, job: execution.fail(job, "no"),
        "is stopped": lambda execution, job: execution.stop(job),
        "dies again and again": dies,
    }


@pytest.mark.parametrize("way", ways_to_end_in_vain().values(), ids=ways_to_end_in_vain())
def test_one_that_is_continued_in_vain_has_succeeded_as_before(world, execution, taken, way):
    before = now_is(world, taken)
    way(execution, taken)
    view = now_is(world, taken)
    assert (view.state, view.job.id, view.job.error) == (JobState.SUCCEEDED, taken.follows, None)
    assert view.models == before.models
    assert [job.id for job in world.runs.jobs(world.actor, view.run.id)] == [taken.follows, taken.id]


def test_an_attempt_that_is_lost_is_no_end(world, execution, taken):
    execution.lose(taken, checkpoints=4)
    view = now_is(world, taken)
    assert (view.state, view.job.id, view.job.fruitless) == (JobState.QUEUED, taken.id, 0)


def test_folds_that_were_there_before_it_began_are_no_excuse_for_attempts_that_bring_none(world, execution, taken):
    execution.lose(taken, checkpoints=3)
    assert now_is(world, taken).job.fruitless == 1


def test_one_that_waits_to_be_continued_can_be_stopped_and_is_as_before(world, continued):
    view = world.runs.stop(world.actor, continued.run.id)
    assert (view.state, view.job.id) == (JobState.SUCCEEDED, continued.job.follows)
    assert world.runs.jobs(world.actor, view.run.id)[-1].state is JobState.STOPPED


def test_a_stop_that_comes_with_the_result_discards_the_result(world, execution, taken):
    with world.records.change(EVERYONE) as transaction:
        transaction.jobs.put(replace(transaction.jobs.get(taken.id), request=Request.STOP))
    before = now_is(world, taken).models
    assert not execution.succeed(taken, [a_model(taken)])
    assert (now_is(world, taken).models, now_is(world, taken).state) == (before, JobState.SUCCEEDED)


def test_a_run_without_models_that_is_continued_in_vain_says_why(world, execution):
    view = world.a_run()
    world.put_in_state(view, JobState.RUNNING, JobState.FAILED, error="too little time")
    world.leave_folds(view)
    again = world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    assert again.job.follows is None
    execution.fail(execution.claim_by_id(again.job.id), "still too little")
    found = world.runs.get(world.actor, view.run.id)
    assert (found.state, found.job.error) == (JobState.FAILED, "still too little")


def test_runs_are_found_and_counted_by_the_state_that_they_are_in(world, execution, taken):
    def found(state):
        return [view.run.id for view in world.runs.find(world.actor, states=[state]).items]

    assert (found(JobState.RUNNING), found(JobState.SUCCEEDED)) == ([taken.subject_id], [])
    assert world.runs.counts(world.actor)[JobState.RUNNING] == 1
    execution.fail(taken, "no")
    assert (found(JobState.FAILED), found(JobState.SUCCEEDED)) == ([], [taken.subject_id])
    counts = world.runs.counts(world.actor)
    assert (counts[JobState.FAILED], counts[JobState.SUCCEEDED], sum(counts.values())) == (0, 1, 1)


def test_until_it_tells_of_one_its_leaderboard_is_the_one_that_it_had(world):
    view = world.a_finished_run()
    row = {"rank": 1, "name": "Ensemble", "family": "ensemble", "score": 0.9, "folds": 5, "n_folds": 5}
    rows = [{**row, "fit_s": 1.0, "predict_s": 0.1, "trial": "ensemble"}]
    world.tell(view, (EventKind.LEADERBOARD, {"rows": rows}))
    world.leave_folds(view)
    continued = world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    assert [row.score for row in world.runs.leaderboard(world.actor, view.run.id)] == [0.9]
    world.tell(continued, (EventKind.LEADERBOARD, {"rows": [{**rows[0], "score": 0.95}]}))
    assert [row.score for row in world.runs.leaderboard(world.actor, view.run.id)] == [0.95]


def test_one_whose_validation_dataset_goes_meanwhile_is_as_before(world):
    scored = world.a_dataset(name="scored")
    view = world.a_run(validation_id=scored.dataset.id)
    world.put_in_state(view, JobState.RUNNING, JobState.SUCCEEDED)
    with world.records.change(EVERYONE) as transaction:
        transaction.models.add(a_model(view.job))
    world.leave_folds(view)
    continued = world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    with world.records.change(EVERYONE) as transaction:
        remove_dataset(transaction, scored.dataset.id, now=world.clock())
    found = world.runs.get(world.actor, view.run.id)
    assert (found.state, found.job.id) == (JobState.SUCCEEDED, continued.job.follows)

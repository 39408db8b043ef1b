from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from athanor.core.ids import new_id
from athanor.core.job import (
    FINAL,
    LANES,
    LEASE,
    MAX_FRUITLESS_ATTEMPTS,
    TRAINING,
    TRANSITIONS,
    Job,
    JobKind,
    JobState,
    Lane,
    Request,
    advance,
    heartbeat,
    lose_worker,
)
from athanor.errors import Conflict

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def a_job(state: JobState = JobState.QUEUED, **more) -> Job:
    given = {
        "id": new_id(),
        "organization_id": new_id(),
        "project_id": new_id(),
        "kind": JobKind.TRAIN,
        "lane": Lane.TRAIN,
        "subject_id": new_id(),
        "dataset_id": new_id(),
        "created_at": NOW,
        "updated_at": NOW,
        "state": state,
    }
    return Job(**given | more)


def a_running_job(**more) -> Job:
    return replace(advance(a_job(), JobState.RUNNING, now=NOW), **more)


def lost_after(job: Job, checkpoints: int) -> Job:
    """The job after an attempt that ended with so many finished folds in all and the loss of its worker."""
    running = job if job.state is JobState.RUNNING else advance(job, JobState.RUNNING, now=NOW)
    held = heartbeat(running, now=NOW, spent_s=1.0, peak_memory=1)
    return lose_worker(held, now=LATER, checkpoints=checkpoints)


def test_the_table_says_for_every_state_where_it_leads():
    assert set(TRANSITIONS) == set(JobState)


def test_every_kind_of_job_has_a_lane():
    assert set(LANES) == set(JobKind)


def test_what_trains_a_run_waits_in_the_lane_of_trainings():
    assert {kind for kind in JobKind if a_job(kind=kind).trains} == {JobKind.TRAIN, JobKind.CONTINUE}
    assert all(LANES[kind] is Lane.TRAIN for kind in TRAINING)


def test_only_an_explicit_trigger_leads_on_from_a_final_state():
    for state in FINAL:
        assert TRANSITIONS[state] <= {JobState.QUEUED}
    assert not TRANSITIONS[JobState.SUCCEEDED]


@pytest.mark.parametrize(("start", "to"), list(product(JobState, JobState)))
def test_a_job_takes_the_steps_of_the_table_and_no_other(start, to):
    job = a_job(start)
    if to in TRANSITIONS[start]:
        assert advance(job, to, now=LATER).state is to
    else:
        with pytest.raises(Conflict, match=f"is {start.value} and cannot become {to.value}"):
            advance(job, to, now=LATER)


def test_a_running_job_has_a_lease_and_a_token():
    running = advance(a_job(), JobState.RUNNING, now=NOW)
    assert running.token is not None
    assert running.lease_until == NOW + LEASE
    assert (running.attempt, running.started_at) == (1, NOW)


def test_every_attempt_has_a_token_of_its_own():
    first = advance(a_job(), JobState.RUNNING, now=NOW)
    second = advance(advance(first, JobState.QUEUED, now=NOW), JobState.RUNNING, now=LATER)
    assert second.token != first.token
    assert (second.attempt, second.started_at) == (2, NOW), "the start is the first attempt's"


@pytest.mark.parametrize("to", [JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED, JobState.QUEUED])
def test_a_job_that_runs_no_more_is_in_nobodys_hands(to):
    ended = advance(a_running_job(), to, now=LATER)
    assert (ended.token, ended.lease_until) == (None, None)


@pytest.mark.parametrize("to", sorted(FINAL))
def test_an_ended_job_says_when(to):
    assert advance(a_running_job(), to, now=LATER).finished_at == LATER


def test_success_is_full_progress_and_a_stop_keeps_what_was_reached():
    job = a_running_job(progress=0.4)
    assert advance(job, JobState.SUCCEEDED, now=LATER).progress == 1.0
    assert advance(job, JobState.STOPPED, now=LATER).progress == 0.4


def test_a_failed_job_that_is_triggered_again_begins_with_a_clean_sheet():
    failed = advance(a_running_job(fruitless=2, request=Request.FINISH), JobState.FAILED, now=NOW, error="broken")
    again = advance(failed, JobState.QUEUED, now=LATER)
    assert (again.error, again.request, again.finished_at, again.fruitless) == (None, None, None, 0)


def test_a_heartbeat_holds_the_lease_and_keeps_the_highest_memory():
    job = a_running_job()
    first = heartbeat(job, now=NOW + timedelta(seconds=5), spent_s=5.0, peak_memory=300)
    second = heartbeat(first, now=NOW + timedelta(seconds=10), spent_s=10.0, peak_memory=200)
    assert second.lease_until == NOW + timedelta(seconds=10) + LEASE
    assert (second.spent_s, second.peak_memory, second.token) == (10.0, 300, job.token)


def test_a_job_that_lost_its_worker_is_queued_again_and_keeps_what_it_spent():
    lost = lost_after(a_job(), checkpoints=0)
    assert (lost.state, lost.spent_s, lost.token) == (JobState.QUEUED, 1.0, None)


def test_a_job_fails_in_words_when_as_many_attempts_as_allowed_brought_nothing():
    job = a_job()
    for _ in range(MAX_FRUITLESS_ATTEMPTS - 1):
        job = lost_after(job, checkpoints=0)
        assert job.state is JobState.QUEUED
    job = lost_after(job, checkpoints=0)
    assert job.state is JobState.FAILED
    assert f"died {MAX_FRUITLESS_ATTEMPTS} times in a row" in (job.error or "")


def test_attempts_that_each_bring_a_fold_may_go_on_without_end():
    job = a_job()
    for finished in range(1, 20):
        job = lost_after(job, checkpoints=finished)
        assert (job.state, job.fruitless) == (JobState.QUEUED, 0)


def test_old_folds_are_no_excuse_for_attempts_that_bring_none():
    job = lost_after(a_job(), checkpoints=7)
    for _ in range(MAX_FRUITLESS_ATTEMPTS):
        assert job.state is JobState.QUEUED
        job = lost_after(job, checkpoints=7)
    assert job.state is JobState.FAILED


def test_folds_that_were_there_when_the_job_was_made_are_no_excuse_either():
    assert lost_after(a_job(checkpoints=7), checkpoints=7).fruitless == 1
    assert lost_after(a_job(checkpoints=7), checkpoints=8).fruitless == 0


def test_one_fold_forgives_the_attempts_before_it():
    job = lost_after(lost_after(a_job(), checkpoints=0), checkpoints=0)
    job = lost_after(job, checkpoints=1)
    assert job.fruitless == 0


def test_a_job_that_was_asked_to_stop_is_not_queued_again_when_its_worker_is_lost():
    lost = lost_after(a_running_job(request=Request.STOP), checkpoints=0)
    assert (lost.state, lost.finished_at) == (JobState.STOPPED, LATER)


def test_a_job_that_was_asked_to_finish_still_is_when_its_worker_is_lost():
    lost = lost_after(a_running_job(request=Request.FINISH), checkpoints=3)
    assert (lost.state, lost.request) == (JobState.QUEUED, Request.FINISH)

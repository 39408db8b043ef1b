"""Where folds are fitted: in this process, or in processes that may be killed without a fold being lost."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from athanor.engine import memory
from athanor.engine.budget import Budget
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.crossfit import FoldFit, fewer_rows
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.importance.worth import FILE, read_worth
from athanor.engine.learn import learn
from athanor.engine.plan import Plan
from athanor.engine.processes import nursery
from athanor.engine.processes.pool import LATE, OUT_OF_MEMORY, InlinePool, LocalPool
from athanor.engine.task import Task
from athanor.errors import Impossible, Unavailable
from support.processes import have_ended

PLAN = Plan(preset="medium_quality", seed=2)  # 3 folds
PATIENCE_S = 60.0


def an_order(trial="t", fold=0, *, steps=20, **more):
    return FoldFit(**{"trial": trial, "family": "linear", "options": {"steps": steps}, "fold": fold, "seed": 7} | more)


def impossible(trial="odd"):
    """An order that LightGBM refuses in words."""
    return FoldFit(trial=trial, family="lightgbm", options={"rounds": 1, "learning_rate": -1.0}, fold=0, seed=1)


@pytest.fixture
def given(make_table):
    return make_training_set(make_table(90), Task(target="target"), PLAN)


@pytest.fixture
def store(tmp_path):
    return FolderCheckpoints(tmp_path / "run")


# --- in this process ------------------------------------------------------------------------------------------------


@pytest.fixture
def inline(given, store):
    pool = InlinePool()
    pool.open(given, store)
    return pool


def test_a_fit_in_this_process_is_told_once(inline, store):
    inline.submit(an_order())
    (outcome,) = inline.wait(0.0)
    assert outcome.record == store.finished()[0]
    assert (outcome.lost, outcome.failed) == (None, None)
    assert inline.wait(0.0) == inline.abandon() == []


def test_a_fit_that_cannot_be_comes_back_with_the_reason(inline):
    inline.submit(impossible())
    (outcome,) = inline.wait(0.0)
    assert outcome.record is None
    assert outcome.failed.startswith("LightGBM cannot be fitted")


def test_a_pool_fits_nothing_before_it_was_told_what_of():
    with pytest.raises(RuntimeError, match=r"open\(\) comes before submit"):
        InlinePool().submit(an_order())
    with pytest.raises(RuntimeError, match=r"open\(\) comes before measure"):
        InlinePool().measure(Path("model"), seed=0, clock=Budget())


# --- in processes of their own ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processes():
    """One pool for all tests: its nursery takes seconds to be born. Nobody is left when it is closed."""
    pool = LocalPool(2, memory_limit=2**50)
    yield pool
    below = [pool._nursery_pid, *memory.descendants(pool._nursery_pid)]
    pool.close()
    assert have_ended(below)


@pytest.fixture
def pool(processes, given, store):
    processes.memory_limit = 2**50
    processes.open(given, store)
    yield processes
    processes.abandon()


def all_of(pool, n):
    """The next `n` outcomes, by trial."""
    outcomes, until = [], time.monotonic() + PATIENCE_S
    while len(outcomes) < n:
        assert time.monotonic() < until, outcomes
        outcomes += pool.wait(1.0)
    assert len(outcomes) == n
    return {outcome.order.trial: outcome for outcome in outcomes}


def born(pool, n=1):
    """Pool processes that have fitted something, and wait."""
    for number in range(n):
        pool.submit(an_order(f"warm-up {number}"))
    all_of(pool, n)
    return [process.pid for process in pool._processes]


def held(pool, *trials):
    """Fits under way in processes that stand still: whatever becomes of them does not depend on how fast they are."""
    pids = born(pool, len(trials))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for trial in trials:
        pool.submit(an_order(trial))
    return pids


def test_folds_are_fitted_side_by_side_and_kept_as_in_this_process(pool, store, given, tmp_path):
    for trial in ("a", "b"):
        pool.submit(an_order(trial, steps=30))
    found = all_of(pool, 2)
    assert len(pool._processes) == 2
    inline = InlinePool()
    other = FolderCheckpoints(tmp_path / "inline")
    inline.open(given, other)
    inline.submit(an_order("a", steps=30))
    (expected,) = inline.wait(0.0)
    assert found["a"].record.files == expected.record.files
    assert found["a"].record.score == expected.record.score
    assert np.array_equal(store.out_of_fold("a", 0), other.out_of_fold("a", 0))


def test_a_process_is_used_again(pool):
    (first,) = born(pool)
    pool.submit(an_order("next"))
    all_of(pool, 1)
    assert [process.pid for process in pool._processes] == [first]


def test_the_reason_of_a_fit_that_cannot_be_comes_from_the_process(pool):
    pool.submit(impossible())
    assert all_of(pool, 1)["odd"].failed.startswith("LightGBM cannot be fitted")
    pool.submit(an_order())
    assert all_of(pool, 1)["t"].record is not None


def test_a_killed_process_is_told_with_its_signal_and_replaced(pool, store):
    (pid,) = held(pool, "victim")
    os.kill(pid, signal.SIGKILL)
    outcome = all_of(pool, 1)["victim"]
    assert (outcome.record, outcome.failed, outcome.lost) == (None, None, "signal 9")
    pool.submit(outcome.order)
    assert all_of(pool, 1)["victim"].record == next(found for found in store.finished() if found.trial == "victim")


def test_a_process_that_was_killed_while_nothing_was_asked_of_it_is_found_out_by_the_next_order(pool):
    (pid,) = born(pool)
    os.kill(pid, signal.SIGKILL)
    pool.submit(an_order())
    assert all_of(pool, 1)["t"].lost == "signal 9"
    pool.submit(an_order())
    assert all_of(pool, 1)["t"].record is not None


def test_a_dead_nursery_is_revived_and_what_died_with_it_is_told(pool):
    """One fit is under way in a process of the dead nursery when the next order makes a new one."""
    dead = pool._nursery_pid
    held(pool, "orphan")
    os.kill(dead, signal.SIGKILL)
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)  # it is dead, and left for the pool to reap
    pool.submit(an_order("next"))
    found = all_of(pool, 2)
    assert found["orphan"].lost == "the nursery died"
    assert found["next"].record is not None
    assert pool._nursery_pid != dead


def test_when_the_nursery_dies_with_nobody_new_asked_for_its_processes_are_told(pool):
    dead = pool._nursery_pid
    held(pool, "a", "b")
    os.kill(dead, signal.SIGKILL)
    found = all_of(pool, 2)
    assert [found[trial].lost for trial in "ab"] == ["the nursery died"] * 2
    for trial in "ab":
        pool.submit(found[trial].order)
    assert all(outcome.record for outcome in all_of(pool, 2).values())


def test_a_fit_in_a_hurry_returns_what_it_has(pool, given, store):
    pool.hurry()
    pool.submit(an_order())
    assert all_of(pool, 1)["t"].record.truncated
    pool.open(given, store)
    pool.submit(an_order("calm"))
    assert not all_of(pool, 1)["calm"].record.truncated


def test_fits_that_are_abandoned_come_back_late_and_the_pool_goes_on(pool):
    pids = held(pool, "a", "b")
    late = pool.abandon()
    assert sorted((outcome.order.trial, outcome.lost) for outcome in late) == [("a", LATE), ("b", LATE)]
    assert pool.abandon() == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    pool.submit(an_order("next"))
    assert all_of(pool, 1)["next"].record is not None


def test_nothing_comes_where_nothing_has_ended(pool):
    held(pool, "slow")
    assert pool.wait(0.01) == []


def test_over_the_memory_limit_the_largest_fit_is_ended(pool, monkeypatch):
    small, large = held(pool, "small", "large")
    sizes = {small: 300, large: 500, pool._nursery_pid: 9000}
    monkeypatch.setattr(memory, "pss", lambda pid: sizes.get(pid, 100))
    pool.memory_limit = 9899
    (outcome,) = all_of(pool, 1).values()
    assert (outcome.order.trial, outcome.lost) == ("large", OUT_OF_MEMORY)
    assert [process.pid for process in pool._processes] == [small]
    assert pool.peak_memory >= 9900


def test_at_the_memory_limit_nobody_is_ended(pool, monkeypatch):
    held(pool, "fit")
    monkeypatch.setattr(memory, "pss", lambda _: 100)
    pool.memory_limit = 310  # this process, the nursery and one more have 300
    pool._watched_at = 0.0
    assert pool.wait(0.0) == []


def test_a_fit_that_ran_out_of_memory_can_be_done_with_fewer_rows(pool):
    held(pool, "greedy")
    pool.memory_limit = 1
    outcome = all_of(pool, 1)["greedy"]
    assert outcome.lost == OUT_OF_MEMORY
    pool.memory_limit = 2**50
    pool.submit(fewer_rows(outcome.order, 60))
    assert all_of(pool, 1)["greedy"].record is not None


def test_a_table_that_is_more_than_the_limit_alone_is_refused_before_the_first_fit(pool, given, store):
    pool.memory_limit = 2**20
    with pytest.raises(Impossible, match="before the first fit, with 2 fits at a time; the cap is 1 MB"):
        pool.open(given, store)


def test_fits_have_the_room_that_table_and_parents_leave_below_the_limit(processes, given, store):
    processes.memory_limit = 2**33
    processes.open(given, store)
    whole = processes.room
    processes.memory_limit = 2**33 - 2**30
    processes.open(given, store)
    assert 0 < whole < 2**33
    assert whole - processes.room == pytest.approx(0.97 * 2**30, rel=0.05)


@pytest.mark.parametrize("memory_of_fit", [-nursery._RESERVED, None])
def test_a_fit_gets_no_more_memory_than_it_may_use(pool, make_table, tmp_path, memory_of_fit):
    """Whatever a library does: the system gives its process no more."""
    large = make_training_set(make_table(20_000), Task(target="target"), PLAN)
    pool.open(large, FolderCheckpoints(tmp_path / "large"))
    pool.submit(an_order(memory=memory_of_fit, room=None))
    outcome = all_of(pool, 1)["t"]
    assert outcome.lost == (None if memory_of_fit is None else OUT_OF_MEMORY)


def test_some_of_the_fits_under_way_can_be_ended(pool):
    held(pool, "a", "b")
    assert [(late.order.trial, late.lost) for late in pool.abandon({"b", "c"})] == [("b", LATE)]
    assert [late.order.trial for late in pool.abandon()] == ["a"]


@pytest.mark.parametrize("status", [1, 71, -signal.SIGABRT])
def test_a_process_that_gets_no_memory_ends_in_many_ways_and_all_are_told_alike(pool, status, monkeypatch):
    held(pool, "fit")
    encoded = -status if status < 0 else status << 8
    monkeypatch.setattr(pool, "_ask", lambda _: {"status": encoded})
    (process,) = pool._processes
    pid = process.pid
    assert pool._lose(process, None).lost == OUT_OF_MEMORY
    monkeypatch.undo()
    assert pool._ask({"end": pid})


def test_a_new_table_ends_the_processes_of_the_one_before(pool, make_table, tmp_path):
    before = born(pool, 2)
    other = make_training_set(make_table(60, problem="regression"), Task(target="target"), PLAN)
    store = FolderCheckpoints(tmp_path / "other")
    pool.open(other, store)
    for pid in before:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    pool.submit(an_order())
    assert all_of(pool, 1)["t"].record is not None
    assert len(store.out_of_fold("t", 0)) == 20


def test_a_local_pool_wants_a_folder_of_this_machine(processes, given):
    with pytest.raises(TypeError, match="checkpoints in a folder"):
        processes.open(given, object())


def test_a_whole_run_survives_a_process_that_is_killed_in_it(pool, make_table, tmp_path):
    """Under a trial budget the end is the same, to the bit, as where nobody was killed."""
    table, plan = make_table(90), Plan(time_limit_s=None, max_trials=2, preset="medium_quality", seed=3)
    task = Task(target="target")
    killed = []

    def tell(_):
        if pool._processes and len(killed) < 2:
            killed.append(pool._processes[-1].pid)
            os.kill(killed[-1], signal.SIGKILL)

    store = FolderCheckpoints(tmp_path / "killed")
    disturbed = learn(table, task, plan, pool=pool, checkpoints=store, tell=tell)
    calm = learn(table, task, plan, pool=InlinePool())
    assert len(killed) == 2
    assert len([record for record in store.finished() if record.fold < 3]) == 6
    assert disturbed.score == calm.score
    assert np.array_equal(disturbed.predictor.predict(table).probabilities, calm.predictor.predict(table).probabilities)


# --- what columns are worth -----------------------------------------------------------------------------------------------


@pytest.fixture
def finished(given, store, make_table):
    """A run that is over, and the folder of its model."""
    learn(
        make_table(90),
        Task(target="target"),
        replace(PLAN, max_trials=1, time_limit_s=None),
        checkpoints=store,
        pool=InlinePool(),
    )
    return store.incumbent()


def test_it_is_measured_in_a_process_as_in_this_one(finished, pool, inline):
    assert pool.measure(finished, seed=3, clock=Budget.of(PATIENCE_S)) is None
    apart = read_worth(finished)
    (finished / FILE).unlink()
    assert inline.measure(finished, seed=3, clock=Budget.of(PATIENCE_S)) is None
    assert read_worth(finished) == apart
    pool.submit(an_order())  # the process goes on to fit
    assert all_of(pool, 1)["t"].record is not None


@pytest.fixture
def signalled(pool, monkeypatch):
    """Says by which signal whoever is born next is met; gives the pids."""
    pids, new_process = [], pool._new_process

    def arrange(number):
        def born_and_signalled():
            process = new_process()
            os.kill(process.pid, number)
            pids.append(process.pid)
            return process

        monkeypatch.setattr(pool, "_new_process", born_and_signalled)
        return pids

    return arrange


def test_who_measures_is_ended_when_the_time_is_spent(finished, pool, signalled):
    pids = signalled(signal.SIGSTOP)
    assert pool.measure(finished, seed=3, clock=Budget.of(0.5)) == "there was not enough time"
    assert have_ended(pids)
    assert read_worth(finished) is None


def test_who_asks_to_finish_meanwhile_hears_nothing_of_it(finished, pool, signalled):
    pids, clock = signalled(signal.SIGSTOP), Budget.of(PATIENCE_S)
    clock.finish()
    assert pool.measure(finished, seed=3, clock=clock) is None
    assert have_ended(pids)
    assert read_worth(finished) is None


def test_when_its_process_dies_the_model_stays_without_it(finished, pool, signalled):
    signalled(signal.SIGKILL)
    assert pool.measure(finished, seed=3, clock=Budget.of(PATIENCE_S)) == "its process ended (signal 9)"
    assert read_worth(finished) is None


def test_over_the_memory_limit_its_process_is_ended(finished, pool, signalled):
    pids = signalled(signal.SIGSTOP)
    pool.memory_limit = 1
    assert pool.measure(finished, seed=3, clock=Budget.of(PATIENCE_S)) == "memory ran out"
    assert have_ended(pids)


def test_idle_processes_are_ended_first_whose_matrices_take_room(finished, pool):
    idle = born(pool, 2)
    assert pool.measure(finished, seed=3, clock=Budget.of(PATIENCE_S)) is None
    assert have_ended(idle)


def test_where_no_process_can_be_started_the_run_goes_on(finished, pool, monkeypatch):
    def refused():
        raise Unavailable("The process that starts pool processes died twice")

    monkeypatch.setattr(pool, "_new_process", refused)
    why_not = pool.measure(finished, seed=3, clock=Budget.of(PATIENCE_S))
    assert why_not == "no process could be started for it (The process that starts pool processes died twice)"

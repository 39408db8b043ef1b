"""Fits whose processes are lost: tried alone, with fewer rows, the same again, and at some time no more."""

from __future__ import annotations

import pytest

from athanor.engine.fitting.crossfit import FoldFit
from athanor.engine.processes.pool import NEEDS_ROOM, OUT_OF_MEMORY
from athanor.engine.race.retries import TRIES, Retries


def a_fit(trial="a", fold=0, **changes):
    return FoldFit(**{"trial": trial, "family": "linear", "options": {}, "fold": fold, "seed": 0} | changes)


class Told:
    """Retries of a race with two fits side by side, and what it says."""

    def __init__(self, workers=2):
        self.warnings = []
        self.retries = Retries(workers, self.warnings.append)

    def again(self, order, lost):
        return self.retries.again(order, lost, label="Linear", place="fold 1 of 3", n_rows=1000)


@pytest.fixture
def told():
    return Told()


def test_as_many_fits_start_as_there_are_workers(told):
    assert told.retries.has_place(a_fit("a"), [])
    assert told.retries.has_place(a_fit("a"), [a_fit("b")])
    assert not told.retries.has_place(a_fit("a"), [a_fit("b"), a_fit("c")])


def test_the_fits_that_run_side_by_side_share_the_memory(told):
    order = told.retries.with_room(a_fit(), 1000)
    assert (order.memory, order.room) == (500, 1000)


def test_where_nobody_watches_the_memory_a_fit_has_no_bound(told):
    assert told.retries.with_room(a_fit(), None) == a_fit()


@pytest.mark.parametrize("lost", [NEEDS_ROOM, OUT_OF_MEMORY])
def test_a_fit_that_lacked_memory_gets_all_of_it_and_runs_alone(told, lost):
    again = told.again(a_fit(), lost)
    assert again == a_fit()
    assert told.retries.with_room(again, 1000).memory == 1000
    assert not told.retries.has_place(again, [a_fit("b")])
    assert not told.retries.has_place(a_fit("b"), [again])
    assert told.retries.has_place(again, [])
    assert told.warnings == ["Linear needs most of the memory: nothing else is fitted beside it."]


def test_one_that_lacks_it_even_alone_gets_half_of_the_rows_and_so_do_its_other_folds(told):
    told.again(a_fit(), OUT_OF_MEMORY)
    assert told.again(a_fit(), OUT_OF_MEMORY).max_rows == 500
    assert told.retries.max_rows == {"a": 500}
    assert told.warnings[-1] == "Linear: memory is at its limit; trying with half of the rows."


def test_a_fit_that_died_of_something_else_is_tried_the_same_again(told):
    assert told.again(a_fit(), "killed by SIGKILL") == a_fit()
    assert told.warnings == ["Linear: the process of fold 1 of 3 ended (killed by SIGKILL); trying again."]
    assert told.retries.has_place(a_fit(), [a_fit("b")])


def test_but_alone_where_its_memory_was_bounded(told):
    told.again(a_fit(memory=500), "ended with status 1")
    assert not told.retries.has_place(a_fit(), [a_fit("b")])


def test_a_fold_that_is_lost_time_and_again_is_not_tried_once_more(told):
    tries = [told.again(a_fit(), "killed by SIGKILL") for _ in range(TRIES)]
    assert tries == [a_fit()] * (TRIES - 1) + [None]
    assert told.again(a_fit(fold=1), "killed by SIGKILL") == a_fit(fold=1)

"""The running clock: what is left, and when it is over."""

from __future__ import annotations

import math
import time

from athanor.engine.budget import Budget


def test_without_a_limit_the_time_never_ends():
    budget = Budget.of(None)
    assert not budget.is_timed
    assert budget.left_s() == math.inf
    assert not budget.spent()


def test_what_is_left_runs_down_to_the_deadline():
    at = [100.0]
    budget = Budget(110.0, lambda: at[0])
    assert budget.is_timed
    assert budget.left_s() == 10.0
    at[0] = 110.0
    assert budget.spent()
    at[0] = 113.0
    assert budget.left_s() == -3.0


def test_the_time_counts_from_when_the_run_was_asked_for():
    started = time.monotonic() - 50
    assert Budget.of(60, started=started).deadline == started + 60


def test_finishing_leaves_no_time_whatever_the_limit():
    for budget in (Budget.of(None), Budget.of(3600)):
        budget.finish()
        assert budget.finishing
        assert budget.left_s() == 0.0
        assert budget.spent()


def test_time_that_is_kept_back_is_there_again_afterwards():
    budget = Budget(110.0, lambda: 100.0)
    with budget.kept_back(4.0):
        assert budget.left_s() == 6.0
    assert budget.left_s() == 10.0

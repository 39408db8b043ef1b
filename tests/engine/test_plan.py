"""Plans: what no training can be asked for."""

from __future__ import annotations

import pytest

from athanor.engine.plan import Plan
from athanor.errors import InvalidInput


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("time_limit_s", {"time_limit_s": None}),
        ("time_limit_s", {"time_limit_s": 0.0}),
        ("time_limit_s", {"time_limit_s": float("nan")}),
        ("time_limit_s", {"time_limit_s": float("inf")}),
        ("max_trials", {"max_trials": 0}),
        ("memory_limit", {"memory_limit": 64 * 2**20 - 1}),
        ("cores", {"cores": 0}),
        ("seed", {"seed": -1}),
        ("preset", {"preset": "best"}),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_the_field_is_named(field, given):
    with pytest.raises(InvalidInput) as caught:
        Plan(**given)
    assert caught.value.field == field


def test_the_smallest_plan_is_one():
    Plan(time_limit_s=None, max_trials=1, memory_limit=64 * 2**20, cores=1, seed=0)

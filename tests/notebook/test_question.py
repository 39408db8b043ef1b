"""Limits and names in the ways people write them."""

import pytest

from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput
from athanor.notebook.question import distribution_of, names_of, plan_of, seconds, size_bytes, types_of


def a_plan(**changed):
    wanted = {
        "time_limit": 60,
        "preset": "fast",
        "memory_limit": None,
        "cores": None,
        "max_trials": None,
        "seed": 0,
        "excluded_families": (),
    }
    return plan_of(**{**wanted, **changed})


@pytest.mark.parametrize(("written", "found"), [(90, 90), (1.5, 1.5), ("5m", 300), ("1h30m", 5400), (None, None)])
def test_a_time_is_seconds_or_text(written, found):
    assert seconds(written) == found


@pytest.mark.parametrize(("written", "found"), [(10**9, 10**9), ("2GB", 2**31), (None, None)])
def test_a_size_is_bytes_or_text(written, found):
    assert size_bytes(written) == found


@pytest.mark.parametrize(("ask", "wrong"), [(seconds, "soon"), (seconds, True), (size_bytes, "much"), (size_bytes, [])])
def test_what_is_neither_is_refused_with_an_example(ask, wrong):
    with pytest.raises(InvalidInput, match=r"5m|10m|2GB"):
        ask(wrong)


def test_limits_become_a_plan():
    plan = a_plan(time_limit="2m", memory_limit="1GB", cores=2, max_trials=3, seed=7, excluded_families="linear")
    assert (plan.time_limit_s, plan.memory_limit, plan.cores, plan.max_trials, plan.seed, plan.excluded_families) == (
        *(120, 2**30, 2, 3, 7),
        ("linear",),
    )


def test_without_processes_of_its_own_a_plan_has_no_number_of_them():
    assert a_plan(cores=0).cores is None


def test_a_family_is_left_out_by_any_of_its_names_and_one_that_does_not_exist_is_refused():
    assert a_plan(excluded_families=["RF", "Light GBM"]).excluded_families == ("random_forest", "lightgbm")
    with pytest.raises(InvalidInput, match=r"Known: .*lightgbm"):
        a_plan(excluded_families=["lightgbn"])


def test_types_are_given_by_their_names():
    assert types_of({"zip": "categorical"}) == {"zip": "categorical"}
    assert types_of(None) == {}
    with pytest.raises(InvalidInput, match="No column type 'category', given for 'zip'"):
        types_of({"zip": "category"})


def test_a_distribution_is_given_by_its_name_and_parameter():
    assert distribution_of("quantile:0.9") == TargetDistribution(name="quantile", parameter=0.9)
    assert distribution_of(None) is None


def test_one_name_may_stand_alone():
    assert names_of("age") == ("age",)
    assert names_of(["age", 3]) == ("age", "3")
    assert names_of(None) is None

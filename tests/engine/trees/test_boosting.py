"""What all boosted trees have in common."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.family import FitInput
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.trees.boosting import (
    MOST_TREES,
    errors_as_ours,
    is_enough,
    rounds_and_rate,
    small_input,
    trees_in_all,
)
from athanor.errors import Impossible

every_library = pytest.mark.parametrize("family", ["catboost", "lightgbm", "xgboost"])


def given(n_rows=80, n_features=3, **changes):
    X = np.random.default_rng(3).normal(size=(n_rows, n_features)).astype(np.float32)
    truth = Truth(y=X[:, 0].astype(float))
    parts = {"X": X, "truth": truth, "X_stop": X, "truth_stop": truth, "watch": lambda step: False}
    problem, metric = PROBLEMS["regression"], METRICS["rmse"]
    return FitInput(problem=problem, metric=metric, categorical=(), seed=0, **(parts | changes))


class LibraryError(Exception):
    """As a library has one."""


def test_rounds_that_make_no_more_trees_than_may_be_are_fitted_as_asked_for():
    assert rounds_and_rate({"rounds": 2000, "learning_rate": 0.05}, 3) == (2000, 0.05)


def test_fewer_rounds_than_asked_for_go_faster_by_the_root():
    rounds, rate = rounds_and_rate({"rounds": 2000, "learning_rate": 0.05}, 12)
    assert rounds == MOST_TREES // 12 == 500
    assert rate == pytest.approx(0.1)


def test_with_a_thousand_classes_there_are_still_some_rounds():
    assert rounds_and_rate({"rounds": 2000, "learning_rate": 0.05}, 1000)[0] == 30
    assert trees_in_all(2000, 1000) == 30_000


def test_a_fit_goes_on_for_30_rounds_and_a_tenth_of_those_that_are_done():
    assert [is_enough(done, best) for done, best in ((31, 1), (33, 1), (35, 1), (400, 330), (400, 329))] == [
        *(False, False, True),
        *(False, True),
    ]


def test_a_small_step_has_few_rows_and_few_features_for_each_tree():
    part, options = small_input(given(1500, 1000), {"rounds": 9, "depth": 6, "share": 0.8}, {"depth": 2}, "share")
    assert part.X.shape == (1000, 1000)
    assert options == {"rounds": 9, "depth": 2, "share": 0.5}
    assert small_input(given(), {"share": 0.8}, {}, "share")[1] == {"share": 0.8}


def test_what_a_library_refuses_is_impossible():
    with pytest.raises(Impossible, match="Trees cannot be fitted to these rows: no label"), _as_ours():
        raise LibraryError("no label")


@pytest.mark.parametrize("words", ["std::bad_alloc", "Out of Memory"])
def test_a_library_that_gets_no_memory_is_not_refusing_the_rows(words):
    with pytest.raises(MemoryError), _as_ours():
        raise LibraryError(words)


def test_other_errors_are_left_as_they_are():
    with pytest.raises(OSError, match="disk is full"), _as_ours():
        raise OSError("disk is full")


@every_library
@pytest.mark.parametrize("at", [0, 1, 5, 25])  # CatBoost's second fit begins after 20 rounds
def test_an_error_of_the_watch_is_no_word_about_the_rows(family, at):
    """Not even where it is the library's own, or comes while the library has the word."""
    error = _error_of(family)("of a snapshot")

    def watch(step):
        if step.n == at:
            raise error
        return False

    with pytest.raises(type(error), match="of a snapshot") as caught:
        FAMILIES[family].fit(given(watch=watch), {"rounds": 40, "learning_rate": 0.1})
    assert caught.value is error


@pytest.mark.parametrize(
    ("family", "option"),
    [("catboost", {"l2_leaf_reg": -5.0}), ("lightgbm", {"bagging_fraction": 5.0}), ("xgboost", {"subsample": 5.0})],
)
def test_what_the_library_will_not_fit_is_impossible(family, option):
    with pytest.raises(Impossible, match=f"{FAMILIES[family].label} cannot be fitted to these rows"):
        FAMILIES[family].fit(given(), {"rounds": 5, "learning_rate": 0.1, **option})


def _as_ours():
    return errors_as_ours("Trees", LibraryError)


def _error_of(family):
    import lightgbm
    import xgboost

    # What CatBoost's own fits raise cannot come from a snapshot: its models are kept as LightGBM's text.
    return {"xgboost": xgboost.core.XGBoostError}.get(family, lightgbm.basic.LightGBMError)

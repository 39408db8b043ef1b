"""What is particular to boosted trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES, FitInput
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS

LIGHTGBM = FAMILIES["lightgbm"]
RNG = np.random.default_rng(1)
X = RNG.normal(size=(600, 4)).astype(np.float32)
SIGNAL = X[:, 0] * X[:, 1] + 0.5 * RNG.normal(size=600)


def given(problem="regression", y=SIGNAL, classes=(), **changes):
    found = PROBLEMS[problem]
    truth = Truth(y=np.asarray(y, float), classes=classes)
    rows = np.arange(600)
    parts = {
        "problem": found,
        "metric": METRICS[found.default_metric],
        "X": X[:400],
        "truth": truth.take(rows[:400]),
        "X_stop": X[400:],
        "truth_stop": truth.take(rows[400:]),
        "categorical": (),
        "seed": 0,
        "watch": lambda step: False,
    }
    return FitInput(**(parts | changes))


def test_the_first_entry_is_quick_on_any_number_of_rows():
    first = LIGHTGBM.portfolio()[0]
    assert first["rounds"] <= 50
    assert first["max_rows"] <= 10_000


def test_trees_after_the_best_round_are_cut_off():
    steps = []
    model = LIGHTGBM.fit(
        given(watch=lambda step: bool(steps.append(step))), {"rounds": 1000, "learning_rate": 0.3, "num_leaves": 31}
    )
    n_trees = model.booster.num_trees()
    assert n_trees + 30 < steps[-1].n + 10 < 1000
    assert n_trees >= 1
    assert min(steps[2:], key=lambda step: step.loss).n == n_trees  # two before the first round


def declined(most_s, steps):
    """A watch that has no time for a longer first round."""

    def watch(step):
        steps.append(step)
        return step.n == 0 and step.next_s > most_s

    return watch


WIDE = RNG.normal(size=(600, 3000)).astype(np.float32)


def test_where_there_is_no_time_for_a_round_a_smaller_one_is_offered_and_fitted():
    steps = []
    options = {"rounds": 20, "learning_rate": 0.1, "num_leaves": 31}
    part = given(y=WIDE[:, 0], X=WIDE[:400], X_stop=WIDE[400:], watch=declined(0.25, steps))
    model = LIGHTGBM.fit(part, options)
    whole, small = (step.next_s for step in steps[:2])
    assert whole > 2 * small > 0.0
    assert model.booster.num_trees() > 1
    assert "[num_leaves: 4]" in model.text
    assert "[num_leaves: 31]" in LIGHTGBM.fit(replace(part, watch=lambda step: False), options).text


def test_where_there_is_no_time_for_any_round_all_rows_get_one_answer():
    steps = []
    part = given("multiclass", y=SIGNAL > 0.5, classes=("a", "b", "c"), watch=declined(-1.0, steps))
    model = LIGHTGBM.fit(part, {"rounds": 20, "learning_rate": 0.1})
    assert all(step.n == 0 for step in steps)
    answers = part.problem.predictions(model.margins(X), part.truth.classes).probabilities
    shares = np.bincount(part.truth.y.astype(int), minlength=3) / 400
    np.testing.assert_allclose(answers, np.tile(shares, (600, 1)), atol=0.01)


def test_a_fit_that_gets_no_memory_is_not_one_that_is_impossible(monkeypatch):
    import lightgbm

    def refuse(*_, **__):
        raise lightgbm.basic.LightGBMError("std::bad_alloc")

    monkeypatch.setattr(lightgbm, "Booster", refuse)
    with pytest.raises(MemoryError):
        LIGHTGBM.fit(given(), {"rounds": 2, "learning_rate": 0.1})


def test_a_category_is_split_by_its_levels_and_not_by_its_codes():
    codes = RNG.permutation(600) % 20
    y = np.isin(codes, [1, 4, 6, 7, 12, 15, 19]) * 1.0
    X_codes = codes[:, None].astype(np.float32)
    options = {"rounds": 1, "learning_rate": 1.0, "num_leaves": 2, "cat_l2": 0.0, "cat_smooth": 0.0}
    errors = []
    for categorical in ((), (0,)):
        part = given(y=y, X=X_codes[:400], X_stop=X_codes[400:], categorical=categorical)
        errors.append(float(np.abs(LIGHTGBM.fit(part, options).margins(X_codes[400:])[:, 0] - y[400:]).mean()))
    assert errors[1] < 0.01 < errors[0]


def test_mae_is_fitted_by_absolute_errors():
    """One row in ten is far off: the mean runs after it, the median does not."""
    y = np.where(np.arange(600) % 10 == 0, 1000.0, 0.001 * np.arange(600))
    options = {"rounds": 20, "learning_rate": 0.1, "num_leaves": 4}
    by_metric = {
        metric: np.median(LIGHTGBM.fit(given(y=y, metric=METRICS[metric]), options).margins(X[400:]))
        for metric in ("rmse", "mae")
    }
    assert by_metric["mae"] < 5.0 < by_metric["rmse"]


def test_many_classes_bring_fewer_rounds_of_larger_steps(monkeypatch):
    from athanor.engine.models import lightgbm as module

    monkeypatch.setattr(module, "_MOST_TREES", 150)
    monkeypatch.setattr(module, "_LEAST_ROUNDS", 2)
    y = np.digitize(SIGNAL, [-1.0, -0.5, 0.0, 0.5])
    part = given("multiclass", y=y, classes=tuple("abcde"))
    model = LIGHTGBM.fit(part, {"rounds": 300, "learning_rate": 0.001, "num_leaves": 4})
    assert model.booster.num_trees() == 150
    assert "[learning_rate: 0.00316" in model.text


@pytest.mark.parametrize("word", ["/", "pickle"])
def test_the_saved_text_names_no_place(word):
    model = LIGHTGBM.fit(given(), {"rounds": 2, "learning_rate": 0.1})
    assert word not in model.text

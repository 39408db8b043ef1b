"""What is particular to boosted trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from athanor.engine.family import FitInput
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import TargetDistribution
from athanor.engine.trees import boosting

LIGHTGBM = FAMILIES["lightgbm"]
RNG = np.random.default_rng(1)
X = RNG.normal(size=(600, 4)).astype(np.float32)
SIGNAL = X[:, 0] * X[:, 1] + 0.5 * RNG.normal(size=600)


def n_trees_of(model):
    return model.text.count("\nTree=")


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
    n_trees = n_trees_of(model)
    assert n_trees + 30 < steps[-1].n + 10 < 1000
    assert n_trees >= 1
    assert min(steps[2:], key=lambda step: step.loss).n == n_trees  # two before the first round


def test_a_fitted_model_has_been_read_when_it_is_asked_for_rows(monkeypatch):
    """What a row takes is measured by the first ones."""
    import lightgbm

    model = LIGHTGBM.fit(given(), {"rounds": 2, "learning_rate": 0.1})
    monkeypatch.delattr(lightgbm, "Booster")
    assert model.margins(X).shape == (600, 1)


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
    assert n_trees_of(model) > 1
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
    monkeypatch.setattr(boosting, "MOST_TREES", 150)
    monkeypatch.setattr(boosting, "LEAST_ROUNDS", 2)
    y = np.digitize(SIGNAL, [-1.0, -0.5, 0.0, 0.5])
    part = given("multiclass", y=y, classes=tuple("abcde"))
    model = LIGHTGBM.fit(part, {"rounds": 300, "learning_rate": 0.001, "num_leaves": 4})
    assert n_trees_of(model) == 150
    assert "[learning_rate: 0.00316" in model.text


@pytest.mark.parametrize("word", ["/", "pickle"])
def test_the_saved_text_names_no_place(word):
    model = LIGHTGBM.fit(given(), {"rounds": 2, "learning_rate": 0.1})
    assert word not in model.text


def by(distribution, y, **changes):
    options = {"rounds": 200, "learning_rate": 0.1, "num_leaves": 4}
    part = given(y=y, distribution=TargetDistribution.parse(distribution), **changes)
    return LIGHTGBM.fit(part, options)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_quantile_has_its_share_of_the_rows_below_it(level):
    y = 1000.0 + 50.0 * (X[:, 0] + np.random.default_rng(2).exponential(size=600))
    below = y[400:] < by(f"quantile:{level}", y).margins(X[400:])[:, 0]
    assert below.mean() == pytest.approx(level, abs=0.1)


def test_values_that_lie_far_off_do_not_draw_huber_after_them():
    y = X[:, 0] + np.where(np.arange(600) % 50 == 0, 1e7, 0.0)
    errors = {name: np.abs(by(name, y).margins(X[400:])[:, 0] - X[400:, 0]).mean() for name in ("huber", "gaussian")}
    assert errors["huber"] < 0.5
    assert errors["gaussian"] > 1e3


def test_a_huber_fit_that_ends_before_its_first_round_answers_the_median():
    y = np.where(np.arange(600) % 50 == 0, 1e7, 3.0 + np.arange(600) % 2)
    model = by("huber", y, watch=lambda step: True)
    assert np.median(y[:400]) == pytest.approx(model.margins(X)[0, 0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("laplace", ["objective: regression_l1", "metric: l1"]),
        ("huber:0.8", ["objective: huber", "metric: huber", "alpha: 1"]),
        ("quantile:0.25", ["objective: quantile", "metric: quantile", "alpha: 0.25"]),
        ("poisson", ["objective: poisson", "metric: poisson"]),
        ("gamma", ["objective: gamma", "metric: gamma"]),
        ("tweedie:1.2", ["objective: tweedie", "metric: tweedie", "tweedie_variance_power: 1.2"]),
    ],
)
def test_a_distribution_is_fitted_and_stopped_by_its_own_loss_whatever_the_metric(text, words):
    model = by(text, np.exp(SIGNAL), metric=METRICS["mape"])
    assert [word for word in words if f"[{word}]" not in model.text] == []


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_unit_of_a_positive_mean_makes_no_difference(name, unit):
    y = np.exp(SIGNAL)
    margins = by(name, unit * y).margins(X[400:])
    np.testing.assert_allclose(margins / unit, by(name, y).margins(X[400:]), rtol=1e-3)
    assert np.corrcoef(np.log(margins[:, 0]), SIGNAL[400:])[0, 1] > 0.6


@pytest.mark.parametrize("name", ["poisson", "tweedie"])
def test_counts_that_are_mostly_zero_are_learned(name):
    y = np.where(X[:, 0] > 1.0, 5.0, 0.0)
    margins = by(name, y).margins(X[400:])[:, 0]
    assert margins[X[400:, 0] > 1.1].min() > 2.0
    assert 0.0 < margins[X[400:, 0] < 0.9].max() < 1.0

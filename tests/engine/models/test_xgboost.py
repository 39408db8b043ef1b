"""What is particular to XGBoost: its trees are said in another library's text."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.family import FitInput
from athanor.engine.family.starts import start_of
from athanor.engine.family.target import target_of
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.models.xgboost import _Fit
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import DISTRIBUTIONS, TargetDistribution
from athanor.engine.trees import boosting
from athanor.engine.trees.from_xgboost import trees_of
from athanor.engine.trees.text import booster_text

XGBOOST = FAMILIES["xgboost"]
RNG = np.random.default_rng(1)
LARGEST = np.finfo(np.float32).max
N, N_FIT = 1200, 900


def a_matrix():
    """Numbers with holes, zeros and the largest ones there are; categories of 40 and of 3 codes, with holes."""
    X = RNG.normal(size=(N, 6)).astype(np.float32)
    X[RNG.random((N, 6)) < 0.1] = np.nan
    X[:, 1] = RNG.integers(0, 40, N)
    X[RNG.random(N) < 0.1, 1] = np.nan
    X[:, 2] = RNG.integers(0, 3, N)
    X[:, 3] = RNG.choice([-LARGEST, -1e-30, 0.0, 1e-30, LARGEST, np.nan], N)
    X[:, 4] = np.where(RNG.random(N) < 0.5, 0.0, np.round(X[:, 4]))
    return X


X = a_matrix()
SIGNAL = np.nan_to_num(X[:, 0]) + np.sin(7 * np.nan_to_num(X[:, 1])) + X[:, 2] + (X[:, 3] > 1) + np.isnan(X[:, 3])
SIGNAL = SIGNAL + 0.2 * RNG.normal(size=N)
TARGETS = {
    "regression": (SIGNAL, ()),
    "binary": (SIGNAL > 1.0, ("no", "yes")),
    "multiclass": (np.digitize(SIGNAL, [0.0, 1.0, 2.0]), tuple("abcd")),
}


def n_trees_of(model):
    return model.text.count("\nTree=")


def given(problem="regression", **changes):
    found = PROBLEMS[problem]
    y, classes = TARGETS[problem]
    truth = Truth(y=np.asarray(y, float), classes=classes)
    rows = np.arange(N)
    parts = {
        "problem": found,
        "metric": METRICS[found.default_metric],
        "X": X[:N_FIT],
        "truth": truth.take(rows[:N_FIT]),
        "X_stop": X[N_FIT:],
        "truth_stop": truth.take(rows[N_FIT:]),
        "categorical": (1, 2),
        "seed": 0,
        "watch": lambda step: False,
    }
    return FitInput(**(parts | changes))


@pytest.mark.parametrize("entry", range(len(XGBOOST.portfolio())))
@pytest.mark.parametrize("problem", sorted(TARGETS))
def test_every_row_lands_in_the_leaf_that_xgboost_sends_it_to(problem, entry):
    import lightgbm
    import xgboost

    part = given(problem)
    target = target_of(part)
    fit = _Fit(part, XGBOOST.portfolio()[entry], target)
    base = start_of(part, target)
    train = fit.matrix(part.X, target.encode(part.truth), base)
    booster = xgboost.Booster(fit.params(), [train])
    for number in range(15):
        booster.update(train, number)
    trees = trees_of(booster, most=15 * target.n_outputs, base=base, n_codes=fit.n_codes())
    ours = lightgbm.Booster(model_str=booster_text(trees, n_outputs=target.n_outputs, n_features=6))
    others = fit.matrix(part.X_stop, target.encode(part.truth_stop), base)
    for rows, theirs in ((part.X, train), (part.X_stop, others)):
        found = ours.predict(rows, pred_leaf=True).reshape(len(rows), -1)
        expected = booster.predict(theirs, pred_leaf=True).reshape(len(rows), -1)
        for here, there in zip(found.T, expected.T, strict=True):
            pairs = set(zip(here.tolist(), there.tolist(), strict=True))
            assert len(pairs) == len({leaf for leaf, _ in pairs}) == len({leaf for _, leaf in pairs}) > 1
        raw = booster.predict(theirs, output_margin=True)
        np.testing.assert_allclose(np.reshape(ours.predict(rows, raw_score=True), raw.shape), raw, rtol=1e-5, atol=1e-6)


def test_a_code_that_no_row_had_goes_the_way_of_missing_cells():
    part = given()
    rows = X[N_FIT:][:2].copy()
    rows[0, 1], rows[1, 1] = np.nan, 999.0
    rows[1, [0, 2, 3, 4, 5]] = rows[0, [0, 2, 3, 4, 5]]
    first, second = XGBOOST.fit(part, XGBOOST.portfolio()[0]).margins(rows)
    assert first == second


def test_trees_after_the_best_round_are_cut_off():
    steps = []
    model = XGBOOST.fit(
        given(watch=lambda step: bool(steps.append(step))), {"rounds": 1000, "learning_rate": 0.3, "max_depth": 6}
    )
    n_trees = n_trees_of(model)
    assert n_trees + 30 < steps[-1].n + 10 < 1000
    assert min(steps[2:], key=lambda step: step.loss).n == n_trees  # two before the first round


def test_many_classes_bring_fewer_rounds(monkeypatch):
    monkeypatch.setattr(boosting, "MOST_TREES", 120)
    monkeypatch.setattr(boosting, "LEAST_ROUNDS", 2)
    model = XGBOOST.fit(given("multiclass"), {"rounds": 300, "learning_rate": 0.001, "max_depth": 2})
    assert n_trees_of(model) == 120


def test_where_there_is_no_time_for_a_round_a_smaller_one_is_offered_and_fitted():
    wide = RNG.normal(size=(600, 3000)).astype(np.float32)
    truth = Truth(y=wide[:, 0].astype(float))
    rows = np.arange(600)
    steps = []

    def watch(step):
        steps.append(step)
        return step.n == 0 and step.next_s > 0.25

    part = given(
        X=wide[:400],
        truth=truth.take(rows[:400]),
        X_stop=wide[400:],
        truth_stop=truth.take(rows[400:]),
        categorical=(),
        watch=watch,
    )
    model = XGBOOST.fit(part, {"rounds": 5, "learning_rate": 0.1, "max_depth": 6})
    whole, small = (step.next_s for step in steps[:2])
    assert whole > 2 * small > 0.0
    assert steps[-1].n == 5
    assert model.text.count("num_leaves=4\n") >= 1
    assert "num_leaves=5\n" not in model.text


@pytest.mark.parametrize("name", sorted(XGBOOST.distributions))
def test_each_distribution_is_fitted_by_its_own_loss(name):
    """Values are skewed: their mean, their median and a low quantile lie far apart, and each is found."""
    assert name in DISTRIBUTIONS
    rng, rows = np.random.default_rng(2), np.arange(4000)
    shift = rng.random(4000) < 0.5
    truth = Truth(y=np.exp(0.8 * rng.normal(size=4000) + shift))
    asked = TargetDistribution(name=name, parameter={"quantile": 0.1, "huber": 0.5}.get(name))
    changes = {"X": shift[:3000, None].astype(np.float32), "X_stop": shift[3000:, None].astype(np.float32)}
    changes |= {"truth": truth.take(rows[:3000]), "truth_stop": truth.take(rows[3000:]), "categorical": ()}
    model = XGBOOST.fit(given(**changes, distribution=asked), {"rounds": 60, "learning_rate": 0.3, "max_depth": 1})
    found, y = model.margins(shift[:, None].astype(np.float32))[:, 0], truth.y
    middles = {"laplace": np.median, "huber": None, "quantile": lambda values: np.quantile(values, 0.1)}
    middle = middles.get(name, np.mean)
    for side in (shift, ~shift):
        if middle is None:  # between the median and the mean
            assert 0.9 * np.median(y[side]) < found[side].mean() < 1.1 * y[side].mean()
        else:
            assert found[side].mean() == pytest.approx(middle(y[side]), rel=0.12)


def test_pruned_nodes_leave_no_trace():
    model = XGBOOST.fit(given(), {"rounds": 20, "learning_rate": 0.3, "max_depth": 6, "gamma": 20.0})
    assert np.isfinite(model.margins(X)).all()
    assert np.corrcoef(model.margins(X)[:, 0], SIGNAL)[0, 1] > 0.5


def test_a_fit_that_gets_no_memory_is_not_one_that_is_impossible(monkeypatch):
    import xgboost

    def refuse(*_, **__):
        raise xgboost.core.XGBoostError("std::bad_alloc")

    monkeypatch.setattr(xgboost, "Booster", refuse)
    with pytest.raises(MemoryError):
        XGBOOST.fit(given(), {"rounds": 2, "learning_rate": 0.1})

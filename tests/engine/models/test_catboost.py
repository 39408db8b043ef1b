"""What is particular to CatBoost: its symmetric trees and statistics of categories are said in another library's text."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.family import FitInput
from athanor.engine.family.target import target_of
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES, is_installed
from athanor.engine.models import catboost as module
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import DISTRIBUTIONS, TargetDistribution
from athanor.engine.trees.from_catboost import trees_of
from athanor.engine.trees.text import booster_text

CATBOOST = FAMILIES["catboost"]
pytestmark = pytest.mark.skipif(not is_installed(CATBOOST), reason="catboost comes with an extra")
RNG = np.random.default_rng(1)
LARGEST = np.finfo(np.float32).max
N, N_FIT = 1200, 900
ROUNDS = 12


def a_matrix():
    """Numbers with holes, zeros and the largest ones there are; categories of 60 and of 3 codes, with holes."""
    X = RNG.normal(size=(N, 6)).astype(np.float32)
    X[RNG.random((N, 6)) < 0.1] = np.nan
    X[:, 1] = RNG.integers(0, 60, N)
    X[RNG.random(N) < 0.1, 1] = np.nan
    X[:, 2] = RNG.integers(0, 3, N)
    X[:, 3] = RNG.choice([-LARGEST, -1e-30, 0.0, 1e-30, LARGEST, np.nan], N)
    X[:, 4] = np.where(RNG.random(N) < 0.5, 0.0, np.round(X[:, 4]))
    return X


X = a_matrix()
OF_CODE = RNG.normal(size=60)
SIGNAL = np.nan_to_num(X[:, 0]) + OF_CODE[np.nan_to_num(X[:, 1]).astype(int)] + X[:, 2] + (X[:, 3] > 1)
SIGNAL = SIGNAL + 2.0 * np.isnan(X[:, 1]) + 0.2 * RNG.normal(size=N)
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


@pytest.mark.parametrize("entry", range(len(CATBOOST.portfolio())))
@pytest.mark.parametrize("problem", sorted(TARGETS))
def test_every_row_gets_the_answer_that_catboost_gives(problem, entry, monkeypatch):
    """Tree by tree: each of its leaves holds the same rows."""
    import lightgbm

    seen = {}

    def spy(model, **how):
        seen.update(model=model, **how)
        return trees_of(model, **how)

    monkeypatch.setattr(module, "trees_of", spy)
    part = given(problem)
    target = target_of(part)
    CATBOOST.fit(part, {**CATBOOST.portfolio()[entry], "rounds": ROUNDS})
    model, base = seen["model"], seen["base"]
    trees = trees_of(model, **{name: seen[name] for name in ("base", "columns", "pool")}, most=ROUNDS)
    ours = lightgbm.Booster(model_str=booster_text(trees, n_outputs=target.n_outputs, n_features=6))
    assert any(tree.categories for tree in trees)
    theirs = model.predict(seen["pool"](X), prediction_type="RawFormulaVal").reshape(N, -1) + base
    np.testing.assert_allclose(ours.predict(X, raw_score=True).reshape(N, -1), theirs, rtol=1e-9, atol=1e-12)
    expected = model.calc_leaf_indexes(seen["pool"](X))
    found = ours.predict(X, pred_leaf=True).reshape(N, -1)[:, :: target.n_outputs]
    for here, there in zip(found.T, expected.T, strict=True):
        # Leaves of one answer that lie side by side are one leaf of ours, so each of theirs goes into one of ours.
        assert len(set(zip(here.tolist(), there.tolist(), strict=True))) == len(set(there.tolist()))


def test_a_code_that_no_row_had_goes_the_way_of_missing_cells():
    rows = X[N_FIT:][:2].copy()
    rows[1] = rows[0]
    rows[:, 1] = np.nan, 999.0
    first, second = CATBOOST.fit(given(), {**CATBOOST.portfolio()[0], "rounds": 20}).margins(rows)
    assert first == second


def test_levels_of_a_category_are_told_apart_by_how_they_did():
    model = CATBOOST.fit(given(), {"rounds": 200, "learning_rate": 0.2, "depth": 4})
    assert np.corrcoef(model.margins(X[N_FIT:])[:, 0], SIGNAL[N_FIT:])[0, 1] > 0.9
    assert np.argmax(model.importance(6)) in {0, 1}


def test_a_first_model_stands_in_until_the_second_one_is_better():
    losses, on_the_way = [], []

    def watch(step):
        losses.append(step.loss)
        if step.n in {10, 30}:  # within the first model's 20 rounds, and after them
            on_the_way.append(step.model())
        return step.n == 40

    model = CATBOOST.fit(given(watch=watch), {"rounds": 500, "learning_rate": 0.001, "depth": 4})
    constant, first = on_the_way
    assert np.ptp(constant.margins(X)) == 0.0 < np.ptp(first.margins(X))
    assert model.text == first.text, "40 small steps are worse than 20 large ones"
    known = [loss for loss in losses if loss is not None]
    assert known == sorted(known, reverse=True), "what is told is how good the best model so far is"


def test_trees_after_the_best_round_are_cut_off():
    steps = []
    model = CATBOOST.fit(
        given(watch=lambda step: bool(steps.append(step))), {"rounds": 1000, "learning_rate": 0.5, "depth": 6}
    )
    assert 1 <= n_trees_of(model) < steps[-1].n - 30 < 900


@pytest.mark.parametrize("name", sorted(CATBOOST.distributions))
def test_each_distribution_is_fitted_by_its_own_loss(name):
    """Values are skewed: their mean, their median and a low quantile lie far apart, and each is found."""
    assert name in DISTRIBUTIONS
    rng, rows = np.random.default_rng(2), np.arange(4000)
    shift = rng.random(4000) < 0.5
    truth = Truth(y=np.exp(0.8 * rng.normal(size=4000) + shift))
    asked = TargetDistribution(name=name, parameter={"quantile": 0.1, "huber": 0.5}.get(name))
    changes = {"X": shift[:3000, None].astype(np.float32), "X_stop": shift[3000:, None].astype(np.float32)}
    changes |= {"truth": truth.take(rows[:3000]), "truth_stop": truth.take(rows[3000:]), "categorical": ()}
    model = CATBOOST.fit(given(**changes, distribution=asked), {"rounds": 60, "learning_rate": 0.3, "depth": 1})
    found, y = model.margins(shift[:, None].astype(np.float32))[:, 0], truth.y
    middles = {"laplace": np.median, "huber": None, "quantile": lambda values: np.quantile(values, 0.1)}
    middle = middles.get(name, np.mean)
    for side in (shift, ~shift):
        if middle is None:  # between the median and the mean
            assert 0.9 * np.median(y[side]) < found[side].mean() < 1.1 * y[side].mean()
        else:
            assert found[side].mean() == pytest.approx(middle(y[side]), rel=0.12)


def test_a_table_of_categories_alone_can_be_learned():
    part = given(X=X[:N_FIT, 1:3], X_stop=X[N_FIT:, 1:3], categorical=(0, 1))
    model = CATBOOST.fit(part, {"rounds": 100, "learning_rate": 0.2, "depth": 4})
    assert np.corrcoef(model.margins(X[N_FIT:, 1:3])[:, 0], SIGNAL[N_FIT:])[0, 1] > 0.5


def test_rows_that_are_all_alike_leave_nothing_to_fit():
    part = given(X=np.ones((N_FIT, 2), np.float32), X_stop=np.ones((N - N_FIT, 2), np.float32), categorical=())
    model = CATBOOST.fit(part, {"rounds": 10, "learning_rate": 0.1, "depth": 4})
    assert np.ptp(model.margins(part.X)) == 0.0


def test_nothing_is_left_on_the_disk_beside_a_fit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CATBOOST.fit(given(), {"rounds": 5, "learning_rate": 0.1, "depth": 2})
    assert not list(tmp_path.iterdir())


def test_a_fit_that_gets_no_memory_is_not_one_that_is_impossible(monkeypatch):
    import catboost

    def refuse(*_, **__):
        raise catboost.CatBoostError("bad allocation: out of memory")

    monkeypatch.setattr(catboost, "CatBoost", refuse)
    with pytest.raises(MemoryError):
        CATBOOST.fit(given(), {"rounds": 2, "learning_rate": 0.1})

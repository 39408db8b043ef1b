"""Linear models find what scikit-learn finds."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)

from athanor.engine.family import FitInput
from athanor.engine.linear import path as module
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import TargetDistribution

RNG = np.random.default_rng(1)
X = RNG.normal(size=(400, 6)).astype(np.float32)
SIGNAL = X @ RNG.normal(size=6) + RNG.normal(size=400)


def fitted(problem, truth, X_given=X, *, changes=None, options=MappingProxyType({"steps": 300})):
    found = PROBLEMS[problem]
    given = {
        "problem": found,
        "metric": METRICS[found.default_metric],
        "X": X_given[:300],
        "truth": truth.take(np.arange(300)),
        "X_stop": X_given[300:],
        "truth_stop": truth.take(np.arange(300, 400)),
        "categorical": (),
        "seed": 0,
        "watch": lambda step: False,
    }
    return FAMILIES["linear"].fit(FitInput(**(given | (changes or {}))), options)


@pytest.fixture
def one_penalty(monkeypatch):
    monkeypatch.setattr(module, "_PENALTIES", (0.01,))


@pytest.mark.parametrize("weight", [None, RNG.random(400)], ids=["equal", "weighted"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_ridge_is_scikit_learns(one_penalty, weight, make):
    truth = Truth(y=50.0 + 7.0 * SIGNAL, weight=weight)
    own = np.ones(300) if weight is None else weight[:300]
    expected = Ridge(alpha=0.01 * own.sum()).fit(X[:300], truth.y[:300], sample_weight=own).predict(X[300:])
    found = fitted("regression", truth, make(X)).margins(make(X[300:]))[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("weight", [None, RNG.random(400)], ids=["equal", "weighted"])
@pytest.mark.parametrize("problem", ["binary", "multiclass"])
def test_logistic_regression_is_scikit_learns(one_penalty, weight, problem):
    y = np.digitize(SIGNAL, [0.0] if problem == "binary" else [-1.0, 1.0])
    truth = Truth(y=y.astype(float), classes=("a", "b", "c")[: y.max() + 1], weight=weight)
    own = np.ones(300) if weight is None else weight[:300]
    reference = LogisticRegression(C=1 / (0.01 * own.sum()), tol=1e-8, max_iter=1000)
    expected = reference.fit(X[:300], y[:300], sample_weight=own).predict_proba(X[300:])
    answers = PROBLEMS[problem].predictions(fitted(problem, truth).margins(X[300:]), truth.classes)
    np.testing.assert_allclose(answers.probabilities, expected, atol=2e-3)


@pytest.fixture
def one_share(monkeypatch):
    monkeypatch.setattr(module, "_SHARES", (0.05,))


SPARSE_SIGNAL = np.concatenate((X, np.random.default_rng(8).normal(size=(400, 30)).astype(np.float32)), axis=1)
ELASTIC = FAMILIES["linear"].portfolio()[1] | {"steps": 1000}


def strength(slopes):
    """The penalty of the one share, from the slopes of the loss where all weights are 0."""
    return 0.05 * np.abs(slopes).max() / ELASTIC["l1_share"]


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_an_elastic_net_is_scikit_learns(one_share, make):
    truth = Truth(y=50.0 + 7.0 * SIGNAL)
    found = fitted("regression", truth, make(SPARSE_SIGNAL), options=ELASTIC)
    rows, values = SPARSE_SIGNAL[:300], truth.y[:300]
    scaled = (values - values.mean()) / values.std()
    penalty = strength(rows.T @ scaled / 300)
    expected = ElasticNet(alpha=penalty, l1_ratio=ELASTIC["l1_share"], tol=1e-4).fit(rows, scaled)
    np.testing.assert_allclose(found.weights[:-1, 0], expected.coef_, atol=2e-4)
    assert ((found.weights[:-1, 0] == 0.0) == (expected.coef_ == 0.0)).all()
    assert 5 < np.count_nonzero(expected.coef_ == 0.0) < 36


@pytest.mark.parametrize("problem", ["binary", "multiclass"])
def test_an_elastic_net_of_classes_is_scikit_learns(one_share, problem):
    y = np.digitize(SIGNAL, [0.0] if problem == "binary" else [-1.0, 1.0])
    truth = Truth(y=y.astype(float), classes=("a", "b", "c")[: y.max() + 1])
    found = fitted(problem, truth, SPARSE_SIGNAL, options=ELASTIC)
    rows, codes = SPARSE_SIGNAL[:300], y[:300]
    labels = (codes[:, None] == np.arange(y.max() + 1)).astype(float)
    penalty = strength(rows.T @ (labels - labels.mean(axis=0)) / 300)
    reference = LogisticRegression(
        C=1 / (300 * penalty), l1_ratio=ELASTIC["l1_share"], solver="saga", tol=1e-7, max_iter=10_000
    )
    expected = reference.fit(rows, codes).coef_.T
    np.testing.assert_allclose(found.weights[:-1], expected, atol=3e-3)
    assert (found.weights[:-1] == 0.0).any()


@pytest.mark.parametrize(
    ("distribution", "reference"),
    [
        ("poisson", PoissonRegressor),
        ("gamma", GammaRegressor),
        ("tweedie:1.5", lambda **given: TweedieRegressor(power=1.5, link="log", **given)),
    ],
)
def test_means_on_a_logarithmic_scale_are_scikit_learns(one_penalty, distribution, reference):
    rng = np.random.default_rng(6)
    y = rng.gamma(2.0, np.exp(1.0 + 0.3 * SIGNAL)) + 1e-6
    if distribution != "gamma":
        y = np.floor(y)
    scale = y[:300].mean()  # a penalty is worth more the smaller the target is
    expected = reference(alpha=0.01, tol=1e-8, max_iter=1000).fit(X[:300], y[:300] / scale)
    changes = {"distribution": TargetDistribution.parse(distribution)}
    found = fitted("regression", Truth(y=y), changes=changes).margins(X[300:])[:, 0]
    np.testing.assert_allclose(found, scale * expected.predict(X[300:]), rtol=0.01)


@pytest.mark.parametrize("how", ["mae", "laplace"])
def test_absolute_errors_are_fitted_by_the_median(how):
    """A few wild targets move the mean, and not the median."""
    y = SIGNAL.copy()
    y[::10] += 1000.0
    truth = Truth(y=y)
    changes = {"metric": METRICS["mae"]} if how == "mae" else {"distribution": TargetDistribution(name="laplace")}
    robust = fitted("regression", truth, changes=changes).margins(X[300:])[:, 0]
    assert abs(np.median(robust - SIGNAL[300:])) < 10.0
    assert np.median(fitted("regression", truth).margins(X[300:])[:, 0] - SIGNAL[300:]) > 50.0


def test_features_that_say_nothing_get_no_weight(monkeypatch):
    monkeypatch.setattr(module, "_SHARES", (0.3,))
    found = fitted("regression", Truth(y=SIGNAL), SPARSE_SIGNAL, options=ELASTIC)
    assert found.weights[:-1].any()
    assert (found.importance(36)[6:] == 0.0).all()


def test_the_penalty_is_chosen_on_the_validation_rows():
    """Without any signal, the strongest penalty is the best."""
    truth = Truth(y=np.random.default_rng(2).normal(size=400))
    noise = np.random.default_rng(3).normal(size=(400, 200)).astype(np.float32)
    found = fitted("regression", truth, noise)
    assert np.abs(found.weights[:-1]).max() < 0.1


def test_without_usable_validation_rows_the_training_rows_decide():
    truth = Truth(y=np.digitize(SIGNAL, [-1.0, 1.0]).astype(float), classes=("a", "b", "c"))
    rows = np.flatnonzero(truth.y[:300] < 2)
    others = 300 + np.flatnonzero(truth.y[300:] == 2)
    changes = {"X": X[rows], "truth": truth.take(rows), "X_stop": X[others], "truth_stop": truth.take(others)}
    found = fitted("multiclass", truth, changes=changes)
    assert np.isfinite(found.margins(X)).all()
    assert found.weights[:-1].any()

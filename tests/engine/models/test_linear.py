"""Linear models find what scikit-learn finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES, FitInput
from athanor.engine.models import linear as module
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS

RNG = np.random.default_rng(1)
X = RNG.normal(size=(400, 6)).astype(np.float32)
SIGNAL = X @ RNG.normal(size=6) + RNG.normal(size=400)


def fitted(problem, truth, X_given=X, *, changes=None):
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
    return FAMILIES["linear"].fit(FitInput(**(given | (changes or {}))), {"steps": 300})


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

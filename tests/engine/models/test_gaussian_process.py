"""Gaussian processes find what scikit-learn's find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from athanor.engine.family import FitInput
from athanor.engine.gaussian.classes import ClassRows, Mode
from athanor.engine.gaussian.evidence import Evidence
from athanor.engine.gaussian.fit import MOST_FEATURES
from athanor.engine.gaussian.kernel import matern, squared_distances
from athanor.engine.linear.losses import logistic, softmax
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS

RNG = np.random.default_rng(1)
X = RNG.normal(size=(150, 4)).astype(np.float32)
SIGNAL = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * RNG.normal(size=150)
FAMILY = FAMILIES["gaussian_process"]


def fitted(problem, truth, X_given=X, *, n_fit=120, watch=lambda step: False):
    found = PROBLEMS[problem]
    fit, stop = np.arange(n_fit), np.arange(n_fit, len(truth.y))
    given = FitInput(
        problem=found,
        metric=METRICS[found.default_metric],
        X=X_given[fit],
        truth=truth.take(fit),
        X_stop=X_given[stop],
        truth_stop=truth.take(stop),
        categorical=(),
        seed=0,
        watch=watch,
    )
    return FAMILY.fit(given, FAMILY.portfolio()[0])


def test_the_kernel_is_scikit_learns():
    rows, others = X[:20].astype(float), X[20:50].astype(float)
    expected = Matern(length_scale=1.0, nu=2.5)(rows, others)
    np.testing.assert_allclose(matern(squared_distances(rows, others)), expected, rtol=1e-12)


@pytest.mark.parametrize("has_ways", [True, False], ids=["a length for each", "one length"])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_gradient_of_the_evidence_is_its_derivative(has_ways, n_outputs):
    rng = np.random.default_rng(3)
    values = np.stack([np.sin(X[:40, 0] + shift) for shift in range(n_outputs)], axis=1)
    evidence = Evidence(X[:40].astype(float), values, 1.0 / rng.uniform(0.5, 2.0, 40), has_ways)
    point = evidence.start + 0.1 * rng.normal(size=len(evidence.start))
    steps = 1e-6 * np.eye(len(point))
    expected = [(evidence(point + step)[0] - evidence(point - step)[0]) / 2e-6 for step in steps]
    np.testing.assert_allclose(evidence(point)[1], expected, atol=1e-7)


def test_a_quantity_is_predicted_as_scikit_learn_does_by_the_same_kernel():
    """All rows that are given count, those to stop by as well."""
    truth = Truth(y=1000.0 + 30.0 * SIGNAL)
    model = fitted("regression", truth)
    asked = RNG.normal(size=(50, 4)).astype(np.float32)
    found = model.margins(asked)[:, 0]
    kernel = ConstantKernel(1.0) * Matern(model.process.lengths, nu=2.5) + WhiteKernel(0.01)
    reference = GaussianProcessRegressor(kernel, optimizer=None)
    scaled = (truth.y - truth.y[:120].mean()) / truth.y[:120].std()
    # Amplitude and noise are not kept by the model: found again, with its length scales.
    best = max(
        (
            reference.set_params(kernel__k1__k1__constant_value=amplitude, kernel__k2__noise_level=noise).fit(X, scaled)
            for amplitude in np.exp(np.linspace(-1.0, 4.0, 11))
            for noise in np.exp(np.linspace(-7.0, -2.0, 11))
        ),
        key=lambda fit: fit.log_marginal_likelihood_value_,
    )
    assert np.corrcoef(found, best.predict(asked))[0, 1] > 0.99


def test_a_feature_that_says_nothing_gets_a_great_length():
    lengths = fitted("regression", Truth(y=np.sin(2 * X[:, 0]))).process.lengths
    assert lengths[1:].min() > 2.0 * lengths[0]


def test_smooth_functions_are_found_from_a_hundred_rows():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(400, 3)).astype(np.float32)
    y = np.sin(2 * rows[:, 0]) + rows[:, 1] * rows[:, 2]
    model = fitted("regression", Truth(y=y[:150]), rows[:150])
    error = model.margins(rows[150:])[:, 0] - y[150:]
    assert np.sqrt(np.mean(np.square(error))) < 0.3 * y[150:].std()


@pytest.mark.parametrize("loss", [logistic, softmax], ids=["two classes", "three"])
def test_at_the_mode_the_kernel_holds_the_outputs_where_the_classes_pull_them(loss):
    """There the weight of each row in the outputs is by how much its class is not yet believed."""
    kernel = matern(squared_distances(X[:60].astype(float), X[:60].astype(float))) + 1e-6 * np.eye(60)
    n_outputs = 1 if loss is logistic else 3
    y = np.digitize(SIGNAL[:60], [0.0] if n_outputs == 1 else [-0.7, 0.7]).astype(float)
    weight = RNG.uniform(0.5, 1.5, 60)
    rows = ClassRows(np.linalg.cholesky(kernel), y, weight, loss)
    start = Mode(np.zeros((60, n_outputs)), np.zeros(n_outputs))
    mode, is_stopped = rows.mode(2.0, start, steps=1000, watch=lambda make: False)
    slopes = loss(kernel @ mode.alpha + mode.intercept, y)[1] * weight[:, None]
    np.testing.assert_allclose(mode.alpha, -4.0 * slopes, atol=0.02)
    assert not is_stopped


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_that_no_line_parts_are_told_apart(n_classes):
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(500, 2)).astype(np.float32)
    far = np.square(rows).sum(axis=1)
    y = np.digitize(far, np.quantile(far, np.arange(1, n_classes) / n_classes)).astype(float)
    problem = "binary" if n_classes == 2 else "multiclass"
    model = fitted(problem, Truth(y=y[:300], classes=tuple(range(n_classes))), rows[:300], n_fit=260)
    answers = PROBLEMS[problem].predictions(model.margins(rows[300:]), tuple(range(n_classes)))
    assert np.mean(answers.probabilities.argmax(axis=1) == y[300:]) > 0.85


def test_without_rows_to_stop_by_classes_are_learned_all_the_same():
    truth = Truth(y=(SIGNAL > 0.0).astype(float), classes=("no", "yes"))
    margins = fitted("binary", truth, n_fit=150).margins(X)
    assert np.mean((margins[:, 0] > 0.0) == (SIGNAL > 0.0)) > 0.9


def test_of_a_wide_matrix_the_most_telling_features_are_looked_at():
    wide = np.concatenate((RNG.normal(size=(150, 300)).astype(np.float32), X[:, :1]), axis=1)
    model = fitted("regression", Truth(y=2.0 * X[:, 0].astype(float)), wide)
    assert len(model.process.places) == MOST_FEATURES
    assert model.importance(301).argmax() == 300


def test_sparse_rows_are_answered_as_dense_ones_are():
    """Texts make the matrix a sparse one."""
    truth = Truth(y=SIGNAL)
    holed = np.where(np.abs(X) < 0.5, np.float32(0.0), X)
    dense, thin = fitted("regression", truth, holed), fitted("regression", truth, sparse.csr_matrix(holed))
    assert np.array_equal(thin.margins(sparse.csr_matrix(holed)), thin.margins(holed))
    np.testing.assert_allclose(thin.margins(holed), dense.margins(holed), rtol=1e-6)


def test_a_row_that_occurs_many_times_does_no_harm():
    rows, y = np.repeat(X[:30], 5, axis=0), np.repeat(SIGNAL[:30], 5)
    margins = fitted("regression", Truth(y=y), rows).margins(X[:30])[:, 0]
    np.testing.assert_allclose(margins, SIGNAL[:30], atol=0.3)


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_the_processes_of_all_folds_give_the_bits_that_each_gives_alone(problem):
    """Though some have more rows, or more features, than others."""
    y = (SIGNAL > 0.0).astype(float) if problem == "binary" else SIGNAL
    classes = ("no", "yes") if problem == "binary" else ()
    places = [np.array([0, 1, 2, 3]), np.array([3, 0]), np.array([2, 1, 0])]
    models = [
        fitted(problem, Truth(y=y[:n_rows], classes=classes), X[:n_rows, place], n_fit=n_rows - 10)
        for n_rows, place in zip((150, 131, 64), places, strict=True)
    ]
    bag = FAMILY.bag(models, places)
    for n_rows in (1, 3, 40):
        for model, place, found in zip(models, places, bag.margins(X[:n_rows]), strict=True):
            assert found.tobytes() == model.margins(X[:n_rows, place]).tobytes()


def test_weights_may_be_far_apart():
    """A row has at most the whole weight: enough noise is left even for equal rows."""
    rows, y = np.repeat(X[:60], 2, axis=0), np.repeat(SIGNAL[:60], 2)
    weight = np.where(np.arange(120) < 4, 1.0, 1e-25)
    margins = fitted("regression", Truth(y=y, weight=weight), rows, n_fit=110).margins(rows)
    assert np.isfinite(margins).all()
    np.testing.assert_allclose(margins[:4, 0], SIGNAL[[0, 0, 1, 1]], atol=0.3)


def test_no_more_than_small_tables_are_its_field():
    assert FAMILY.most_rows == 1500

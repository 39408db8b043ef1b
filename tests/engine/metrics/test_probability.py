"""Probability metrics agree with scikit-learn, and say what they are where it does not."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from athanor.engine.metrics import METRICS
from athanor.engine.metrics.probability import average_precision, log_loss, roc_auc
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import PROBLEMS


@st.composite
def scored(draw):
    """Flags, scores (with ties), and weights or none."""
    n_rows = draw(st.integers(2, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    is_positive = rng.random(n_rows) < draw(st.floats(0.05, 0.95))
    assume(0 < is_positive.sum() < n_rows)
    score = is_positive + rng.normal(size=n_rows)
    if draw(st.booleans()):
        score = np.round(score)
    weight = rng.random(n_rows) + 0.01 if draw(st.booleans()) else None
    return is_positive, score, weight


@given(scored())
def test_roc_auc_is_scikit_learns(case):
    is_positive, score, weight = case
    expected = sk.roc_auc_score(is_positive, score, sample_weight=weight)
    assert roc_auc(is_positive, score, weight) == pytest.approx(expected, abs=1e-12)


@given(scored())
def test_average_precision_is_scikit_learns(case):
    is_positive, score, weight = case
    expected = sk.average_precision_score(is_positive, score, sample_weight=weight)
    assert average_precision(is_positive, score, weight) == pytest.approx(expected, abs=1e-12)


@given(st.integers(2, 5), st.integers(1, 50), st.integers(0, 2**32 - 1), st.booleans())
def test_log_loss_is_scikit_learns(n_classes, n_rows, seed, has_weight):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), n_rows)
    y_true = rng.integers(0, n_classes, n_rows)
    weight = rng.random(n_rows) + 0.01 if has_weight else None
    expected = sk.log_loss(y_true, probabilities, sample_weight=weight, labels=np.arange(n_classes))
    assert log_loss(y_true, probabilities, weight) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [None, "weights"])
def test_more_classes_are_averaged_one_against_the_rest(weight):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200)
    weight = None if weight is None else rng.random(200)
    truth = Truth(y=y.astype(float), classes=("a", "b", "c", "d"), weight=weight)
    answers = PROBLEMS["multiclass"].predictions(np.eye(4)[y] + rng.normal(size=(200, 4)), truth.classes)
    probabilities = answers.probabilities
    expected = sk.roc_auc_score(y, probabilities, multi_class="ovr", average="macro", sample_weight=weight)
    assert METRICS["roc_auc"].score(truth, answers) == pytest.approx(expected)
    expected = sk.average_precision_score(np.eye(4)[y], probabilities, average="macro", sample_weight=weight)
    assert METRICS["average_precision"].score(truth, answers) == pytest.approx(expected)


def test_a_class_without_rows_is_left_out_of_the_mean():
    truth = Truth(y=np.array([0.0, 0.0, 1.0, 1.0]), classes=("a", "b", "never"))
    answers = PROBLEMS["multiclass"].predictions(
        np.array([[2.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 2, 0]]), truth.classes
    )
    assert METRICS["roc_auc"].score(truth, answers) == 1.0


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("weight", [None, np.ones(3)])
def test_roc_auc_of_one_class_is_undefined(flag, weight):
    assert math.isnan(roc_auc(np.full(3, flag), np.array([0.1, 0.2, 0.3]), weight))


def test_average_precision_without_a_positive_row_is_undefined():
    assert math.isnan(average_precision(np.zeros(3, bool), np.array([0.1, 0.2, 0.3])))


def test_a_probability_of_zero_for_what_happened_costs_much_but_not_infinity():
    assert 30 < log_loss(np.array([1]), np.array([[1.0, 0.0]])) < 40


def test_roc_auc_of_20_000_rows_takes_a_few_milliseconds():
    """It is asked thousands of times while an ensemble is chosen. A generous bound: this is no stopwatch."""
    rng = np.random.default_rng(0)
    is_positive, score = rng.random(20_000) < 0.3, rng.random(20_000)
    started = time.process_time()
    for _ in range(20):
        roc_auc(is_positive, score)
    assert (time.process_time() - started) / 20 < 0.01


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_roc_auc_of_rows_of_one_class_is_undefined_whatever_the_number_of_classes(classes):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(classes)), 5)
    truth = Truth(y=np.ones(5), classes=classes)
    assert math.isnan(METRICS["roc_auc"].score(truth, Predictions(classes=classes, probabilities=probabilities)))


def test_a_label_that_the_model_does_not_know_has_the_probability_zero():
    known, answers = ("a", "b", "c"), np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.4, 0.3, 0.3]])
    truth = Truth(y=np.array([0.0, 1.0, 2.0, 3.0]), classes=(*known, "d"))
    with_zeros = np.column_stack([answers, np.zeros(4)])
    given = Predictions(classes=known, probabilities=answers)
    assert METRICS["roc_auc"].score(truth, given) == pytest.approx(
        sk.roc_auc_score(np.eye(4), with_zeros, average="macro")
    )
    assert METRICS["log_loss"].score(truth, given) == pytest.approx(sk.log_loss([0, 1, 2, 3], with_zeros))


def test_of_two_classes_a_label_that_the_model_does_not_know_ranks_among_the_negative_rows():
    answers = Predictions(classes=("no", "yes"), probabilities=np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]))
    truth = Truth(y=np.array([0.0, 1.0, 2.0]), classes=("no", "yes", "perhaps"))
    assert METRICS["roc_auc"].score(truth, answers) == 0.5

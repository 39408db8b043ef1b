"""Label metrics agree with scikit-learn, and say what they are where it is a convention."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from athanor.engine.metrics import METRICS
from athanor.engine.metrics.classification import (
    accuracy,
    balanced_accuracy,
    f1,
    f1_macro,
    f1_micro,
    mcc,
    precision,
    precision_macro,
    precision_micro,
    recall,
    recall_macro,
    recall_micro,
)
from athanor.engine.predictions import Predictions, Truth


@st.composite
def labels(draw):
    """True and predicted codes, the number of classes, and weights or none."""
    n_classes = draw(st.integers(2, 5))
    n_rows = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y_true = rng.integers(0, n_classes, n_rows)
    y_pred = np.where(rng.random(n_rows) < draw(st.floats(0, 1)), y_true, rng.integers(0, n_classes, n_rows))
    weight = rng.random(n_rows) + 0.01 if draw(st.booleans()) else None
    return y_true, y_pred, n_classes, weight


@given(labels())
def test_accuracy_is_scikit_learns(case):
    y_true, y_pred, _, weight = case
    assert accuracy(y_true, y_pred, weight) == pytest.approx(sk.accuracy_score(y_true, y_pred, sample_weight=weight))


@given(labels())
def test_balanced_accuracy_is_scikit_learns(case):
    y_true, y_pred, n_classes, weight = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.balanced_accuracy_score(y_true, y_pred, sample_weight=weight)
    assert balanced_accuracy(y_true, y_pred, n_classes, weight) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(precision, sk.precision_score), (recall, sk.recall_score), (f1, sk.f1_score)]
)
@given(case=labels())
def test_precision_recall_and_f1_are_scikit_learns(ours, theirs, case):
    """Of the last class where there are two, and the mean over classes where there are more."""
    y_true, y_pred, n_classes, weight = case
    average = "macro" if n_classes > 2 else "binary"
    assume(average == "macro" or (y_true + y_pred).any())
    expected = theirs(y_true, y_pred, average=average, sample_weight=weight, zero_division=0.0)
    assert ours(y_true, y_pred, n_classes, weight) == pytest.approx(expected)


MEANS = [
    (precision_macro, sk.precision_score, "macro"),
    (precision_micro, sk.precision_score, "micro"),
    (recall_macro, sk.recall_score, "macro"),
    (recall_micro, sk.recall_score, "micro"),
    (f1_macro, sk.f1_score, "macro"),
    (f1_micro, sk.f1_score, "micro"),
]


@pytest.mark.parametrize(("ours", "theirs", "average"), MEANS)
@given(case=labels())
def test_means_over_the_classes_are_scikit_learns(ours, theirs, average, case):
    y_true, y_pred, n_classes, weight = case
    expected = theirs(y_true, y_pred, average=average, sample_weight=weight, zero_division=0.0)
    assert ours(y_true, y_pred, n_classes, weight) == pytest.approx(expected)


ODD = {
    "a class that is never predicted": ([0, 1, 2, 2, 0], [0, 1, 1, 0, 0]),
    "a class that is predicted and never true": ([0, 1, 1, 0, 0], [0, 1, 2, 2, 0]),
    "a class of training that nowhere occurs": ([0, 2, 2, 0], [0, 2, 0, 0]),
    "one class only": ([1, 1, 1], [1, 1, 1]),
    "all wrong": ([0, 1, 2], [1, 2, 0]),
}


@pytest.mark.parametrize(("ours", "theirs", "average"), MEANS)
@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("has_weight", [False, True])
def test_means_are_scikit_learns_where_classes_are_absent(ours, theirs, average, case, has_weight):
    y_true, y_pred = map(np.array, ODD[case])
    weight = np.arange(1.0, len(y_true) + 1) if has_weight else None
    expected = theirs(y_true, y_pred, average=average, sample_weight=weight, zero_division=0.0)
    assert ours(y_true, y_pred, 3, weight) == pytest.approx(expected)


@given(labels())
def test_where_a_row_has_one_label_the_micro_means_are_the_accuracy(case):
    y_true, y_pred, n_classes, weight = case
    for metric in (precision_micro, recall_micro, f1_micro):
        assert metric(y_true, y_pred, n_classes, weight) == pytest.approx(accuracy(y_true, y_pred, weight))


@pytest.mark.parametrize("metric", [ours for ours, _, _ in MEANS])
def test_means_without_a_row_are_undefined(metric):
    assert math.isnan(metric(np.zeros(0, np.int64), np.zeros(0, np.int64), 3))


@given(labels())
def test_mcc_is_scikit_learns(case):
    y_true, y_pred, n_classes, weight = case
    assume(len(set(y_true.tolist())) > 1)
    expected = sk.matthews_corrcoef(y_true, y_pred, sample_weight=weight)
    assert mcc(y_true, y_pred, n_classes, weight) == pytest.approx(expected, abs=1e-9)


def test_mcc_of_rows_of_one_class_is_undefined():
    assert math.isnan(mcc(np.array([1, 1, 1]), np.array([0, 1, 1]), 2))


def test_mcc_of_predictions_that_are_all_alike_is_zero():
    assert mcc(np.array([0, 1, 1]), np.array([1, 1, 1]), 2) == 0.0


@pytest.mark.parametrize("metric", [precision, recall, f1])
def test_rates_of_a_positive_class_that_nowhere_occurs_are_undefined(metric):
    assert math.isnan(metric(np.array([0, 0]), np.array([0, 0]), 2))


def test_precision_is_zero_where_nothing_is_said_to_be_positive():
    assert precision(np.array([0, 1]), np.array([0, 0]), 2) == 0.0


def test_f1_of_two_classes_looks_at_the_last_one_and_f1_macro_at_both():
    truth = Truth(y=np.array([0.0, 0.0, 0.0, 1.0]), classes=("no", "yes"))
    answers = Predictions(classes=truth.classes, codes=np.array([0, 0, 1, 1]))
    assert METRICS["f1"].score(truth, answers) == pytest.approx(2 / 3)
    assert METRICS["f1_macro"].score(truth, answers) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_a_label_that_the_model_does_not_know_is_negative_where_one_class_is_looked_at():
    truth = Truth(y=np.array([0.0, 1.0, 1.0, 2.0, 2.0]), classes=("no", "yes", "perhaps"))
    answers = Predictions(classes=("no", "yes"), codes=np.array([0, 1, 0, 1, 0]))
    negative = [0, 1, 1, 0, 0]
    assert METRICS["precision"].score(truth, answers) == pytest.approx(sk.precision_score(negative, [0, 1, 0, 1, 0]))
    assert METRICS["recall"].score(truth, answers) == pytest.approx(sk.recall_score(negative, [0, 1, 0, 1, 0]))
    assert METRICS["f1"].score(truth, answers) == pytest.approx(sk.f1_score(negative, [0, 1, 0, 1, 0]))


def test_a_label_that_the_model_does_not_know_is_wrong_in_every_other_metric():
    truth = Truth(y=np.array([0.0, 1.0, 1.0, 2.0, 2.0]), classes=("no", "yes", "perhaps"))
    answers = Predictions(classes=("no", "yes"), codes=np.array([0, 1, 0, 1, 0]))
    assert METRICS["accuracy"].score(truth, answers) == pytest.approx(0.4)
    expected = sk.recall_score(truth.y, answers.codes, average="macro", zero_division=0.0)
    assert METRICS["recall_macro"].score(truth, answers) == pytest.approx(expected)
    assert METRICS["balanced_accuracy"].score(truth, answers) == pytest.approx(expected)

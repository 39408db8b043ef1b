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
from athanor.engine.metrics.classification import accuracy, balanced_accuracy, f1, f1_macro, mcc, precision, recall
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


@given(labels())
def test_f1_macro_is_scikit_learns(case):
    y_true, y_pred, n_classes, weight = case
    expected = sk.f1_score(y_true, y_pred, average="macro", sample_weight=weight, zero_division=0.0)
    assert f1_macro(y_true, y_pred, n_classes, weight) == pytest.approx(expected)


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

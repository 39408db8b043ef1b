"""Regression metrics agree with scikit-learn, and say what they are where it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from athanor.engine.metrics.regression import mae, mape, mse, r2, rmse, rmsle


@st.composite
def quantities(draw):
    """Positive targets, predictions, and weights or none."""
    n_rows = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y_true = np.exp(rng.normal(size=n_rows)) * 10.0 ** draw(st.integers(-6, 9))
    y_pred = y_true * np.exp(0.3 * rng.normal(size=n_rows))
    return y_true, y_pred, rng.random(n_rows) + 0.01 if draw(st.booleans()) else None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (mse, sk.mean_squared_error),
        (rmse, sk.root_mean_squared_error),
        (mae, sk.mean_absolute_error),
        (r2, sk.r2_score),
        (mape, sk.mean_absolute_percentage_error),
        (rmsle, sk.root_mean_squared_log_error),
    ],
)
@given(case=quantities())
def test_a_regression_metric_is_scikit_learns(ours, theirs, case):
    y_true, y_pred, weight = case
    assert ours(y_true, y_pred, weight) == pytest.approx(theirs(y_true, y_pred, sample_weight=weight), rel=1e-9)


def test_r2_of_a_constant_target_is_undefined():
    assert math.isnan(r2(np.full(3, 0.1), np.array([0.1, 0.2, 0.3])))


def test_mape_leaves_out_rows_whose_target_is_zero():
    assert mape(np.array([0.0, 10.0]), np.array([5.0, 11.0]), np.array([9.0, 1.0])) == pytest.approx(0.1)
    assert math.isnan(mape(np.zeros(2), np.ones(2)))


def test_rmsle_counts_negative_predictions_as_zero():
    assert rmsle(np.array([0.0]), np.array([-5.0])) == 0.0


def test_rmsle_of_a_negative_target_is_undefined():
    assert math.isnan(rmsle(np.array([1.0, -0.5]), np.array([1.0, 1.0])))

"""Metrics of predicted quantities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput

Floats = NDArray[np.float64]
Weight = Floats | None

_UNDEFINED = float("nan")


def mse(y_true: Floats, y_pred: Floats, weight: Weight = None) -> float:
    """Mean squared error. Lower is better; 0 is perfect.

    y_true  (n_rows,) observed target, in the target's own unit
    y_pred  (n_rows,) predicted target, same unit
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    In the square of the target's unit. NaN without rows, or with weights that are all 0.
    """
    return _mean(np.square(y_true - y_pred), weight)


def rmse(y_true: Floats, y_pred: Floats, weight: Weight = None) -> float:
    """Root of the mean squared error. Lower is better; 0 is perfect.

    y_true  (n_rows,) observed target, in the target's own unit
    y_pred  (n_rows,) predicted target, same unit
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    In the target's unit. NaN without rows, or with weights that are all 0.
    """
    return float(np.sqrt(mse(y_true, y_pred, weight)))


def mae(y_true: Floats, y_pred: Floats, weight: Weight = None) -> float:
    """Mean absolute error. Lower is better; 0 is perfect.

    y_true  (n_rows,) observed target, in the target's own unit
    y_pred  (n_rows,) predicted target, same unit
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    In the target's unit. NaN without rows, or with weights that are all 0.
    """
    return _mean(np.abs(y_true - y_pred), weight)


def r2(y_true: Floats, y_pred: Floats, weight: Weight = None) -> float:
    """Share of the target's variance that is explained. Higher is better; 1 is perfect, 0 predicts the mean.

    y_true  (n_rows,) observed target
    y_pred  (n_rows,) predicted target, same unit
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    NaN where the observed target is the same in all rows.
    """
    center = _mean(y_true, weight)
    variance = _mean(np.square(y_true - center), weight)
    # A constant's variance is 0 up to rounding.
    if not variance > (1e-14 * abs(center)) ** 2:
        return _UNDEFINED
    return 1.0 - mse(y_true, y_pred, weight) / variance


def mape(y_true: Floats, y_pred: Floats, weight: Weight = None) -> float:
    """Mean absolute error as a share of the observed target: 0.1 is 10 %. Lower is better; 0 is perfect.

    y_true  (n_rows,) observed target
    y_pred  (n_rows,) predicted target, same unit
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    Rows with an observed 0 have no relative error and are left out. NaN where no other row is there.
    """
    known = y_true != 0.0
    if not known.all():
        y_true, y_pred = y_true[known], y_pred[known]
        weight = None if weight is None else weight[known]
    return _mean(np.abs((y_true - y_pred) / y_true), weight)


def rmsle(y_true: Floats, y_pred: Floats, weight: Weight = None) -> float:
    """Root of the mean squared difference of log(1 + target). Lower is better; 0 is perfect.

    y_true  (n_rows,) observed target, at least 0
    y_pred  (n_rows,) predicted target, same unit; below 0 counts as 0
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    NaN where an observed target is negative, or without rows.
    """
    if len(y_true) and float(y_true.min()) < 0.0:
        return _UNDEFINED
    return rmse(np.log1p(y_true), np.log1p(np.maximum(y_pred, 0.0)), weight)


def _mean(values: Floats, weight: Weight) -> float:
    if weight is None:
        return float(values.mean()) if len(values) else _UNDEFINED
    total = float(weight.sum())
    return float((weight * values).sum()) / total if total > 0.0 else _UNDEFINED


def _metric(function: Callable[[Floats, Floats, Weight], float], *, greater_is_better: bool = False) -> Metric:
    def score(truth: Truth, predictions: Predictions) -> float:
        if predictions.values is None:
            raise InvalidInput("This metric compares quantities, and the predictions hold none.")
        return function(truth.y, predictions.values, truth.weight)

    return Metric(
        name=function.__name__,
        greater_is_better=greater_is_better,
        problems=frozenset({"regression"}),
        reads="values",
        score=score,
    )


RMSE = _metric(rmse)
MSE = _metric(mse)
MAE = _metric(mae)
R2 = _metric(r2, greater_is_better=True)
MAPE = _metric(mape)
RMSLE = _metric(rmsle)

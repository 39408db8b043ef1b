"""Metrics of predicted labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput

Codes = NDArray[np.int64]
Weight = NDArray[np.float64] | None

_UNDEFINED = float("nan")


def confusion(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> NDArray[np.float64]:
    """(n_classes, n_classes) weight of the rows with each true (first axis) and predicted class."""
    pairs = y_true * n_classes + y_pred
    counts = np.bincount(pairs, weights=weight, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes).astype(np.float64)


def accuracy(y_true: Codes, y_pred: Codes, weight: Weight = None) -> float:
    """Share of rows whose label is right. Higher is better; 1 is perfect.

    y_true  (n_rows,) class codes
    y_pred  (n_rows,) class codes
    weight  (n_rows,) non-negative row weights; None weighs rows equally

    NaN without rows, or with weights that are all 0.
    """
    hits = y_true == y_pred
    if weight is None:
        return float(np.count_nonzero(hits)) / len(hits) if len(hits) else _UNDEFINED
    total = float(weight.sum())
    return float(weight[hits].sum()) / total if total > 0.0 else _UNDEFINED


def balanced_accuracy(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Mean over the classes of the share of their rows that is recognised. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are; those without a row in `y_true` are left out of the mean
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    NaN without rows.
    Source: Brodersen et al. (2010), The balanced accuracy and its posterior distribution, ICPR.
    """
    counts = confusion(y_true, y_pred, n_classes, weight)
    rows = counts.sum(axis=1)
    seen = rows > 0.0
    return float((counts.diagonal()[seen] / rows[seen]).mean()) if seen.any() else _UNDEFINED


def precision(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Share of the rows said to be positive that are. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  2: the last class is the positive one; more: the mean over the classes that occur in either array
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    A class that is never predicted counts as 0. NaN where no row is positive in either array.
    """
    return _by_class(y_true, y_pred, n_classes, weight, _precision)


def recall(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Share of the positive rows that are recognised. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  2: the last class is the positive one; more: the mean over the classes that occur in either array
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    A class that is predicted but never true counts as 0. NaN where no row is positive in either array.
    """
    return _by_class(y_true, y_pred, n_classes, weight, _recall)


def f1(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Harmonic mean of precision and recall. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  2: the last class is the positive one; more: the mean over the classes that occur in either array
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    NaN where no row is positive in either array.
    Source: van Rijsbergen (1979), Information Retrieval, chapter 7.
    """
    return _by_class(y_true, y_pred, n_classes, weight, _f1)


def f1_macro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Mean F1 over the classes that occur in either array, also where there are only two. Higher is better.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    NaN without rows.
    """
    return _macro(_f1, *_marginals(y_true, y_pred, n_classes, weight))


def mcc(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Matthews correlation of true and predicted classes, -1 … 1. Higher is better; 0 is chance.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    0 where all rows are predicted alike; NaN where all rows are of one class.
    Source: Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient.
    """
    hits, said, true = _marginals(y_true, y_pred, n_classes, weight)
    total = float(true.sum())
    spread_true, spread_said = total**2 - float(true @ true), total**2 - float(said @ said)
    least = 1e-12 * total**2
    if not spread_true > least:
        return _UNDEFINED
    if not spread_said > least:
        return 0.0
    return float((hits.sum() * total - true @ said) / np.sqrt(spread_true * spread_said))


Counts = NDArray[np.float64]  # (n_classes,) weight of rows
Rate = Callable[[Counts, Counts, Counts], Counts]


def _marginals(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight) -> tuple[Counts, Counts, Counts]:
    """Weight of each class's rows that are right, that are predicted, and that are true."""
    counts = confusion(y_true, y_pred, n_classes, weight)
    return counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)


def _by_class(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight, rate: Rate) -> float:
    hits, said, true = _marginals(y_true, y_pred, n_classes, weight)
    if n_classes > 2:
        return _macro(rate, hits, said, true)
    return float(rate(hits, said, true)[-1]) if said[-1] + true[-1] > 0.0 else _UNDEFINED


def _macro(rate: Rate, hits: Counts, said: Counts, true: Counts) -> float:
    occurring = said + true > 0.0
    return float(rate(hits, said, true)[occurring].mean()) if occurring.any() else _UNDEFINED


def _ratio(part: Counts, whole: Counts) -> Counts:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)


def _precision(hits: Counts, said: Counts, true: Counts) -> Counts:  # noqa: ARG001
    return _ratio(hits, said)


def _recall(hits: Counts, said: Counts, true: Counts) -> Counts:  # noqa: ARG001
    return _ratio(hits, true)


def _f1(hits: Counts, said: Counts, true: Counts) -> Counts:
    return _ratio(2.0 * hits, said + true)


def _codes(truth: Truth, predictions: Predictions) -> tuple[Codes, Codes]:
    if predictions.codes is None:
        raise InvalidInput("This metric compares labels, and the predictions hold none.")
    return truth.y.astype(np.int64), predictions.codes


def _score(function: Callable[[Codes, Codes, int, Weight], float]) -> Callable[[Truth, Predictions], float]:
    def score(truth: Truth, predictions: Predictions) -> float:
        y_true, y_pred = _codes(truth, predictions)
        return function(y_true, y_pred, len(truth.classes), truth.weight)

    return score


def _accuracy_score(truth: Truth, predictions: Predictions) -> float:
    return accuracy(*_codes(truth, predictions), truth.weight)


def _metric(name: str, score: Callable[[Truth, Predictions], float]) -> Metric:
    problems = frozenset({"binary", "multiclass"})
    return Metric(name=name, greater_is_better=True, problems=problems, score=score)


ACCURACY = _metric("accuracy", _accuracy_score)
BALANCED_ACCURACY = _metric("balanced_accuracy", _score(balanced_accuracy))
F1 = _metric("f1", _score(f1))
F1_MACRO = _metric("f1_macro", _score(f1_macro))
PRECISION = _metric("precision", _score(precision))
RECALL = _metric("recall", _score(recall))
MCC = _metric("mcc", _score(mcc))

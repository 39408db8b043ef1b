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
    hits, _, true = _marginals(y_true, y_pred, n_classes, weight)
    seen = true > 0.0
    return float((hits[seen] / true[seen]).mean()) if seen.any() else _UNDEFINED


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


def precision_macro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Mean precision over the classes that occur in either array, also where there are only two. Higher is better.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    A class that is never predicted counts as 0. NaN without rows.
    """
    return _macro(_precision, *_marginals(y_true, y_pred, n_classes, weight))


def recall_macro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Mean recall over the classes that occur in either array, also where there are only two. Higher is better.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    A class that is predicted but never true counts as 0 (in `balanced_accuracy` it does not count). NaN without rows.
    """
    return _macro(_recall, *_marginals(y_true, y_pred, n_classes, weight))


def f1_macro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Mean F1 over the classes that occur in either array, also where there are only two. Higher is better.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    NaN without rows.
    """
    return _macro(_f1, *_marginals(y_true, y_pred, n_classes, weight))


def precision_micro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Share of all predicted labels that are right, whatever their class. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    Every row has one predicted and one true label here, so this is the accuracy. NaN without rows.
    """
    return _micro(_precision, *_marginals(y_true, y_pred, n_classes, weight))


def recall_micro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Share of all true labels that are recognised, whatever their class. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    Every row has one predicted and one true label here, so this is the accuracy. NaN without rows.
    """
    return _micro(_recall, *_marginals(y_true, y_pred, n_classes, weight))


def f1_micro(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight = None) -> float:
    """Harmonic mean of `precision_micro` and `recall_micro`. Higher is better; 1 is perfect.

    y_true     (n_rows,) class codes below `n_classes`
    y_pred     (n_rows,) class codes below `n_classes`
    n_classes  classes there are
    weight     (n_rows,) non-negative row weights; None weighs rows equally

    NaN without rows.
    """
    return _micro(_f1, *_marginals(y_true, y_pred, n_classes, weight))


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

    def weight_of(codes: Codes, weights: Weight) -> Counts:
        return np.bincount(codes, weights=weights, minlength=n_classes).astype(np.float64)

    right = y_true == y_pred
    hits = weight_of(y_true[right], None if weight is None else weight[right])
    return hits, weight_of(y_pred, weight), weight_of(y_true, weight)


def _by_class(y_true: Codes, y_pred: Codes, n_classes: int, weight: Weight, rate: Rate) -> float:
    hits, said, true = _marginals(y_true, y_pred, n_classes, weight)
    if n_classes > 2:
        return _macro(rate, hits, said, true)
    return float(rate(hits, said, true)[-1]) if said[-1] + true[-1] > 0.0 else _UNDEFINED


def _macro(rate: Rate, hits: Counts, said: Counts, true: Counts) -> float:
    occurring = said + true > 0.0
    return float(rate(hits, said, true)[occurring].mean()) if occurring.any() else _UNDEFINED


def _micro(rate: Rate, hits: Counts, said: Counts, true: Counts) -> float:
    """The rate of all classes taken together: counts are added up before they are divided."""
    together = (np.atleast_1d(counts.sum()) for counts in (hits, said, true))
    return float(rate(*together)[0]) if true.any() else _UNDEFINED


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


def _sided(function: Callable[[Codes, Codes, int, Weight], float]) -> Callable[[Truth, Predictions], float]:
    """Of a metric that looks at the positive class where the model knows two: what is not positive is negative."""

    def score(truth: Truth, predictions: Predictions) -> float:
        y_true, y_pred = _codes(truth, predictions)
        if len(predictions.classes) == 2:
            return function((y_true == 1).astype(np.int64), y_pred, 2, truth.weight)
        return function(y_true, y_pred, len(truth.classes), truth.weight)

    return score


def _accuracy_score(truth: Truth, predictions: Predictions) -> float:
    return accuracy(*_codes(truth, predictions), truth.weight)


def _metric(name: str, score: Callable[[Truth, Predictions], float]) -> Metric:
    problems = frozenset({"binary", "multiclass"})
    return Metric(name=name, greater_is_better=True, problems=problems, reads="codes", score=score)


ACCURACY = _metric("accuracy", _accuracy_score)
BALANCED_ACCURACY = _metric("balanced_accuracy", _score(balanced_accuracy))
F1 = _metric("f1", _sided(f1))
F1_MACRO = _metric("f1_macro", _score(f1_macro))
F1_MICRO = _metric("f1_micro", _score(f1_micro))
PRECISION = _metric("precision", _sided(precision))
PRECISION_MACRO = _metric("precision_macro", _score(precision_macro))
PRECISION_MICRO = _metric("precision_micro", _score(precision_micro))
RECALL = _metric("recall", _sided(recall))
RECALL_MACRO = _metric("recall_macro", _score(recall_macro))
RECALL_MICRO = _metric("recall_micro", _score(recall_micro))
MCC = _metric("mcc", _score(mcc))

"""Metrics of predicted probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Weight = Floats | None

_UNDEFINED = float("nan")
_LEAST = float(np.finfo(np.float64).eps)  # probabilities of 0 count as this much, so that one row cannot cost infinity


def roc_auc(is_positive: Flags, score: Floats, weight: Weight = None) -> float:
    """Probability that a positive row scores above a negative one, ties counting half. Higher is better; 0.5 is chance.

    is_positive  (n_rows,) whether the row is of the positive class
    score        (n_rows,) any number that grows with its likelihood
    weight       (n_rows,) non-negative row weights; None weighs rows equally

    NaN where one of the classes has no row (or no weight).
    Source: Hanley & McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143(1).
    """
    if weight is not None:
        return _weighted_roc_auc(is_positive, score, weight)
    # Sorting values is several times faster than sorting positions, and counting above and below is then exact.
    positive, negative = np.sort(score[is_positive]), np.sort(score[~is_positive])
    if not len(positive) or not len(negative):
        return _UNDEFINED
    if len(positive) > len(negative):
        below = (
            np.searchsorted(positive, negative, side="left").sum()
            + np.searchsorted(positive, negative, side="right").sum()
        )
        return 1.0 - float(below) / (2.0 * len(positive) * len(negative))
    above = (
        np.searchsorted(negative, positive, side="left").sum() + np.searchsorted(negative, positive, side="right").sum()
    )
    return float(above) / (2.0 * len(positive) * len(negative))


def average_precision(is_positive: Flags, score: Floats, weight: Weight = None) -> float:
    """Precision, averaged over the recalls that falling thresholds reach. Higher is better; 1 is perfect.

    is_positive  (n_rows,) whether the row is of the positive class
    score        (n_rows,) any number that grows with its likelihood
    weight       (n_rows,) non-negative row weights; None weighs rows equally

    Rows with equal scores pass a threshold together. NaN where no row is positive (or has weight).
    Source: Su, Yuan & Zhu (2015), A relationship between the average precision and the area under the ROC curve.
    """
    order = np.argsort(-score)
    ends = _group_ends(score[order])
    own = is_positive[order].astype(np.float64) if weight is None else (is_positive * weight)[order]
    hits = np.cumsum(own)[ends]
    said = (ends + 1.0) if weight is None else np.cumsum(weight[order])[ends]
    if not len(hits) or not hits[-1] > 0.0:
        return _UNDEFINED
    reached = np.diff(hits, prepend=0.0)
    gained = reached > 0.0  # elsewhere recall stands still (and weights may still add up to 0)
    return float((reached[gained] * hits[gained] / said[gained]).sum() / hits[-1])


def log_loss(y_true: NDArray[np.int64], probabilities: Floats, weight: Weight = None) -> float:
    """Mean of -log(probability given to the true class). Lower is better; 0 is perfect.

    y_true         (n_rows,) class codes; those beyond the columns have the probability 0
    probabilities  (n_rows, n_classes) rows that sum to 1
    weight         (n_rows,) non-negative row weights; None weighs rows equally

    Probabilities are kept 2.2e-16 away from 0 and 1. NaN without rows, or with weights that are all 0.
    Source: Good (1952), Rational decisions, Journal of the Royal Statistical Society B 14(1).
    """
    is_known = y_true < probabilities.shape[1]
    given = np.where(is_known, probabilities[np.arange(len(y_true)), np.where(is_known, y_true, 0)], 0.0)
    losses = -np.log(np.clip(given, _LEAST, 1.0 - _LEAST))
    if weight is None:
        return float(losses.mean()) if len(losses) else _UNDEFINED
    total = float(weight.sum())
    return float((weight * losses).sum()) / total if total > 0.0 else _UNDEFINED


def _weighted_roc_auc(is_positive: Flags, score: Floats, weight: Floats) -> float:
    order = np.argsort(score)
    ends = _group_ends(score[order])
    sorted_weight, sorted_positive = weight[order], is_positive[order]
    positive = np.diff(np.cumsum(np.where(sorted_positive, sorted_weight, 0.0))[ends], prepend=0.0)
    negative_up_to = np.cumsum(np.where(sorted_positive, 0.0, sorted_weight))[ends]
    total_positive = float(positive.sum())
    total_negative = float(negative_up_to[-1]) if len(ends) else 0.0
    if not (total_positive > 0.0 and total_negative > 0.0):
        return _UNDEFINED
    negative_below = np.concatenate(([0.0], negative_up_to[:-1]))
    return float((positive * (negative_below + negative_up_to)).sum()) / (2.0 * total_positive * total_negative)


def _group_ends(ordered: Floats) -> NDArray[np.int64]:
    """The last position of each run of equal values."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.zeros(0, np.int64)


def _probabilities(predictions: Predictions) -> Floats:
    if predictions.probabilities is None:
        raise InvalidInput("This metric judges probabilities, and the predictions hold none.")
    return predictions.probabilities


def _one_against_rest(function: Callable[[Flags, Floats, Weight], float]) -> Callable[[Truth, Predictions], float]:
    """Two classes: the last is positive. More: the mean over each class against the others, where it is defined."""

    def score(truth: Truth, predictions: Predictions) -> float:
        probabilities = _probabilities(predictions)
        codes = range(len(truth.classes)) if probabilities.shape[1] > 2 else (1,)
        values = [function(truth.y == code, _column(probabilities, code), truth.weight) for code in codes]
        defined = [value for value in values if value == value]  # not NaN  # noqa: PLR0124
        return sum(defined) / len(defined) if defined else _UNDEFINED

    return score


def _column(probabilities: Floats, code: int) -> Floats:
    """The probability of a class, 0 for one that the model does not know."""
    return (
        np.ascontiguousarray(probabilities[:, code]) if code < probabilities.shape[1] else np.zeros(len(probabilities))
    )


def _log_loss_score(truth: Truth, predictions: Predictions) -> float:
    return log_loss(truth.y.astype(np.int64), _probabilities(predictions), truth.weight)


def _metric(name: str, score: Callable[[Truth, Predictions], float], *, greater_is_better: bool = True) -> Metric:
    problems = frozenset({"binary", "multiclass"})
    return Metric(name=name, greater_is_better=greater_is_better, problems=problems, reads="probabilities", score=score)


ROC_AUC = _metric("roc_auc", _one_against_rest(roc_auc))
AVERAGE_PRECISION = _metric("average_precision", _one_against_rest(average_precision))
LOG_LOSS = _metric("log_loss", _log_loss_score, greater_is_better=False)

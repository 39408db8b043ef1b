"""The probability from which on the positive class is answered, chosen for metrics that look at labels.

Half is right for the accuracy of true probabilities; F1 of a rare class wants less. A threshold is chosen on answers to
rows that no model saw, and kept only where thresholds that were chosen on some of them make the metric of the others
better, by more than the noise of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.splits import stratified_by_class
from athanor.errors import InvalidInput

HALF = 0.5
FOLDS = 5
COARSE, FINE = 64, 32  # thresholds tried over all rows, then around the best of them: 0.1 ms each
MAX_ROWS = 50_000
LEAST_OF_CLASS = 25  # rows, so that each fold has a few
GROUPS = 30  # of the jackknife

_CLASSES = (0, 1)
_TRUE, _SAID = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 1, 0, 1])  # of the four cells of a confusion table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The positive class is answered where its probability is greater.

    gain   by how much the metric is better than at 0.5, on rows that the threshold was not chosen on
    error  standard error of that
    """

    value: float
    gain: float
    error: float

    def apply(self, answers: Predictions) -> Predictions:
        """The same answers with the labels that the threshold says."""
        return with_threshold(answers, self.value)


def with_threshold(answers: Predictions, value: float) -> Predictions:
    """The same answers, the last of two classes where its probability is greater than `value`."""
    if not 0.0 < value < 1.0:
        raise InvalidInput(f"A threshold is a probability between 0 and 1, got {value}.", field="threshold")
    return replace(answers, codes=(_positive(answers) > value).astype(np.int64))


def fit_threshold(
    answers: Predictions, truth: Truth, metric: Metric, *, seed: int
) -> tuple[Threshold | None, NDArray[np.int64] | None]:
    """The threshold that makes the metric best, and each row's label by one that was chosen without this row.

    Nothing where 0.5 is as good, or the metric does not look at labels.

    answers  out-of-fold, of two classes, for the rows of `truth`

    Nothing either for a metric that one side alone can make perfect, as recall is where all rows are called positive.
    """
    if metric.reads != "codes" or len(answers.classes) != 2 or _is_one_sided(metric):
        return None, None
    rows = np.arange(len(truth.y)) if truth.weight is None else np.flatnonzero(truth.weight > 0.0)
    if len(rows) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_ROWS, replace=False))
    truth, all_chances = truth.take(rows), _positive(answers)
    chances = all_chances[rows]
    if np.bincount(truth.y.astype(np.int64), minlength=2).min() < LEAST_OF_CLASS:
        return None, None
    folds = stratified_by_class(truth.y, FOLDS, seed)
    said = np.empty(len(rows), np.bool_)
    for fold in range(FOLDS):
        others, own = np.flatnonzero(folds != fold), folds == fold
        said[own] = chances[own] > _best(metric, chances[others], truth.take(others))
    gain, error = _gain(metric, truth, said, chances > HALF, seed)
    if not gain > error:
        return None, None
    threshold = Threshold(value=_best(metric, chances, truth), gain=gain, error=error)
    codes = (all_chances > threshold.value).astype(np.int64)
    codes[rows] = said
    return threshold, codes


def _positive(answers: Predictions) -> Floats:
    if answers.probabilities is None or answers.probabilities.shape[1] != 2:
        raise InvalidInput("A threshold belongs to the probability of one of two classes.", field="threshold")
    return answers.probabilities[:, 1]


def _is_one_sided(metric: Metric) -> bool:
    """Whether answers that miss nearly all of one class can be perfect: then the best threshold is a useless one."""
    missing = _utility(metric, np.array([100.0, 0.0, 99.0, 1.0]))
    inventing = _utility(metric, np.array([1.0, 99.0, 0.0, 100.0]))
    perfect = metric.perfect if metric.greater_is_better else -metric.perfect
    return perfect in {missing, inventing}


def _best(metric: Metric, chances: Floats, truth: Truth) -> float:
    """The best of some thresholds between the rows' probabilities: of a few over all rows, then of those around it."""
    order = np.argsort(-chances, kind="stable")
    falling = chances[order]
    weight = np.ones(len(order)) if truth.weight is None else truth.weight[order]
    positive = truth.y[order] == 1.0
    hits, false_alarms = np.cumsum(weight * positive), np.cumsum(weight * ~positive)
    cuts = np.flatnonzero(falling[:-1] > falling[1:])  # the threshold lies behind these rows

    def utility(place: int) -> float:
        false, right = false_alarms[cuts[place]], hits[cuts[place]]
        return _utility(metric, np.array([false_alarms[-1] - false, false, hits[-1] - right, right]))

    if not len(cuts):  # all rows are alike
        return HALF
    first, last, best = 0, len(cuts) - 1, 0
    for n_tried in (COARSE, FINE):
        places = np.unique(np.linspace(first, last, n_tried).round().astype(np.int64)).tolist()
        tried = {place: utility(place) for place in places}
        best = max(tried, key=lambda place: tried[place])
        at = sorted(tried).index(best)
        first, last = sorted(tried)[max(at - 1, 0)], sorted(tried)[min(at + 1, len(tried) - 1)]
    value = (falling[cuts[best]] + falling[cuts[best] + 1]) / 2.0
    return float(np.clip(value, np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg))


def _utility(metric: Metric, counts: Floats) -> float:
    """The metric's utility. Of labels and weights it knows no more than how much weight each pair of them has.

    counts  (4,) weight of true negatives, false positives, false negatives, true positives
    """
    there = counts > 0.0
    truth = Truth(y=_TRUE[there], classes=_CLASSES, weight=counts[there])
    return metric.utility(truth, Predictions(classes=_CLASSES, codes=_SAID[there]))


def _gain(
    metric: Metric, truth: Truth, said: NDArray[np.bool_], before: NDArray[np.bool_], seed: int
) -> tuple[float, float]:
    """By how much the metric is better than before, and the standard error of that by the jackknife."""
    groups = np.random.default_rng(seed).permutation(len(said)) % GROUPS
    tables = [_tables(truth, codes, groups) for codes in (said, before)]
    whole = [table.sum(axis=0) for table in tables]
    gain = _utility(metric, whole[0]) - _utility(metric, whole[1])
    gains = np.array(
        [
            _utility(metric, whole[0] - tables[0][group]) - _utility(metric, whole[1] - tables[1][group])
            for group in range(GROUPS)
        ]
    )
    if not np.isfinite(gain) or not np.isfinite(gains).all():
        return 0.0, 0.0
    return gain, float(np.sqrt(np.square(gains - gains.mean()).sum() * (GROUPS - 1) / GROUPS))


def _tables(truth: Truth, said: NDArray[np.bool_], groups: NDArray[np.int64]) -> Floats:
    """(GROUPS, 4) each group's weights as `_utility` counts them."""
    places = groups * 4 + truth.y.astype(np.int64) * 2 + said
    return np.bincount(places, truth.weight, minlength=4 * GROUPS).astype(np.float64).reshape(GROUPS, 4)

"""How sure a score is: its standard error over the rows that it was measured on, by the jackknife.

The rows are dealt into groups at random, and the metric is taken without each group in turn. That works for every
metric that does not hang on single rows, at the price of thirty scores. It says how far another sample of rows would
have come out, not how far a model of another training would have.

Source: Shao & Wu (1989), A general theory for jackknife variance estimation, Annals of Statistics 17(3).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth

GROUPS = 30
LEAST_ROWS = 2 * GROUPS  # below, the error is little better than a guess
MAX_ROWS, MAX_CELLS, LEAST_SAMPLE = 10_000, 50_000, 2_000  # looked at; the error of all rows follows from that of some
REACH = 2.0452  # errors on each side hold 95 %: Student's t with 29 degrees of freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """What a score may be on other rows.

    error         standard error, in the metric's unit: how far the score of so many rows is from that of all rows
    lower, upper  interval that holds the score on as many other rows in 95 of 100 cases: both scores have that error
    """

    error: float
    lower: float
    upper: float


def uncertainty(metric: Metric, truth: Truth, answers: Predictions, *, score: float, seed: int) -> Uncertainty | None:
    """Of a `score` that was measured on these rows, or on others of their kind, as many of them.

    None where the metric is undefined on some of the groups' complements, or there are too few rows to tell.
    """
    error = standard_error(metric, truth, answers, seed=seed)
    if error is None or not isfinite(score):
        return None
    reach = sqrt(2.0) * error * REACH
    lower, upper = score - reach, score + reach
    if metric.greater_is_better:
        upper = min(upper, max(metric.perfect, score))
    else:
        lower = max(lower, min(metric.perfect, score))
    return Uncertainty(error=error, lower=lower, upper=upper)


def standard_error(metric: Metric, truth: Truth, answers: Predictions, *, seed: int) -> float | None:
    """Of the metric on these rows; None where it is undefined without some group, or there are too few rows to tell."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(truth.y)) if truth.weight is None else np.flatnonzero(truth.weight > 0.0)
    n_rows, most = len(rows), _most(answers)
    if n_rows > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    if len(rows) < LEAST_ROWS:
        return None
    groups = rng.permutation(len(rows)) % GROUPS
    scores = np.array([_score(metric, truth, answers, rows[groups != group]) for group in range(GROUPS)])
    if not np.isfinite(scores).all():
        return None
    spread = float(np.square(scores - scores.mean()).sum()) * (GROUPS - 1) / GROUPS
    return sqrt(spread * len(rows) / n_rows)


def _most(answers: Predictions) -> int:
    width = 1 if answers.probabilities is None else answers.probabilities.shape[1]
    return min(MAX_ROWS, max(MAX_CELLS // width, LEAST_SAMPLE))


def _score(metric: Metric, truth: Truth, answers: Predictions, rows: NDArray[np.int64]) -> float:
    return metric.score(truth.take(rows), answers.take(rows))

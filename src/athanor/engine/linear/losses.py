"""What linear models are fitted by: the loss of each row and its slope, for classes and for quantities.

Where a loss is of a distribution it is the negative log-likelihood, less what does not depend on the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from athanor.engine.family import FitInput
from athanor.engine.family.starts import mean, quantile
from athanor.engine.family.target import Classes, Fittable, Floats, Quantity, Target
from athanor.engine.target_distribution import TargetDistribution

# ((n_rows, n_outputs) outputs, (n_rows,) y) → (loss of each row, its derivative by the outputs)
Loss = Callable[[Floats, Floats], tuple[Floats, Floats]]

# The absolute error is rounded off near 0, so that it has a slope there: in the target's standard deviations.
_ROUNDED = 0.02
_BY_ABSOLUTE_ERROR = frozenset({"mae", "mape"})  # mape: with rows weighted by 1 / |y|


def loss_of(given: FitInput, target: Target) -> Loss:
    """The loss that a fit minimises."""
    if isinstance(target, Classes):
        return logistic if target.n_outputs == 1 else softmax
    asked = given.distribution
    if asked is None:
        return absolute if given.metric.name in _BY_ABSOLUTE_ERROR else squared
    return _OF_DISTRIBUTION[asked.name](asked)


def squared(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    error = outputs[:, 0] - y
    return 0.5 * np.square(error), error[:, None]


def absolute(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Least where the output is the median: sqrt(error² + width²)."""
    error = outputs[:, 0] - y
    size = np.sqrt(np.square(error) + _ROUNDED**2)
    return size, (error / size)[:, None]


def poisson(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Of a mean exp(output); so for `gamma` and `tweedie`."""
    with np.errstate(over="ignore"):  # a step too far is infinitely bad
        mean = np.exp(outputs[:, 0])
    return mean - y * outputs[:, 0], (mean - y)[:, None]


def gamma(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    with np.errstate(over="ignore"):
        ratio = y * np.exp(-outputs[:, 0])
    return ratio + outputs[:, 0], (1.0 - ratio)[:, None]


def tweedie(outputs: Floats, y: Floats, *, power: float) -> tuple[Floats, Floats]:
    """The variance is the mean to the `power`, between 1 and 2. Source: Jørgensen (1987), J. R. Stat. Soc. B 49(2)."""
    with np.errstate(over="ignore", invalid="ignore"):  # 0 * inf: as bad as an infinite loss to who compares it
        observed = y * np.exp((1.0 - power) * outputs[:, 0])
        expected = np.exp((2.0 - power) * outputs[:, 0])
    return observed / (power - 1.0) + expected / (2.0 - power), (expected - observed)[:, None]


def logistic(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    log_odds = outputs[:, 0]
    odds_against = np.exp(-np.abs(log_odds))
    probability = np.where(log_odds >= 0.0, 1.0, odds_against) / (1.0 + odds_against)
    losses = np.log1p(odds_against) + np.maximum(log_odds, 0.0) - y * log_odds
    return losses, (probability - y)[:, None]


def softmax(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    rows, codes = np.arange(len(y)), y.astype(np.int64)
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    slopes = exponentials / total
    slopes[rows, codes] -= 1.0
    return np.log(total[:, 0]) - shifted[rows, codes], slopes


_OF_DISTRIBUTION: Mapping[str, Callable[[TargetDistribution], Loss]] = {
    "gaussian": lambda _: squared,
    "laplace": lambda _: absolute,
    "poisson": lambda _: poisson,
    "gamma": lambda _: gamma,
    "tweedie": lambda asked: partial(tweedie, power=float(asked.parameter or 1.5)),
}


def start_of(loss: Loss, target: Target, fittable: Fittable) -> Floats:
    """(n_outputs,) where a model without features would end, about. The rows have some weight."""
    if isinstance(target, Classes):
        shares = np.bincount(fittable.y.astype(np.int64), fittable.weight, max(target.n_outputs, 2))
        shares = np.maximum(shares / shares.sum(), 1e-9)  # all rows of a class may have no weight
        return np.asarray(np.log(shares if target.n_outputs > 1 else shares[1:] / shares[0]), np.float64)
    if loss is absolute:
        return quantile(fittable, 0.5)
    average = mean(fittable)
    return average if isinstance(target, Quantity) else np.asarray(np.log(average), np.float64)

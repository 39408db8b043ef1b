"""What boosting starts from: the best answer that is the same for all rows, known without any tree."""

from __future__ import annotations

import numpy as np

from athanor.engine.family import FitInput
from athanor.engine.family.target import Fittable, Floats, Target, weighted_quantile
from athanor.engine.target_distribution import TargetDistribution


def start_of(given: FitInput, target: Target) -> Floats:
    """(n_outputs,) log-odds, the logarithms of shares, or what lies in the middle of a quantity, as fitted."""
    fittable = target.encode(given.truth)
    if given.truth.classes:
        return log_shares(fittable, target.n_outputs)
    asked = distribution_of(given)
    if asked.is_positive:
        return np.log(mean(fittable))
    if asked.name == "gaussian":
        return mean(fittable)
    return quantile(fittable, float(asked.parameter or 0.5) if asked.name == "quantile" else 0.5)


def distribution_of(given: FitInput) -> TargetDistribution:
    """The distribution that a quantity is fitted by, where nobody asked for one as the metric says."""
    if given.distribution is not None:
        return given.distribution
    # Relative errors are absolute ones of rows weighted by 1 / |y|.
    return TargetDistribution(name="laplace" if given.metric.name in {"mae", "mape"} else "gaussian")


def log_shares(fittable: Fittable, n_outputs: int) -> Floats:
    """(n_outputs,) of classes: log-odds of the last where there is one output, else the logarithms of their shares."""
    shares = np.bincount(fittable.y.astype(np.int64), fittable.weight, max(n_outputs, 2))
    shares = shares / shares.sum()
    return np.asarray(np.log(shares) if n_outputs > 1 else np.log(shares[1:] / shares[0]), np.float64)


def mean(fittable: Fittable) -> Floats:
    """(1,)"""
    return np.array([np.average(fittable.y, weights=fittable.weight)])


def quantile(fittable: Fittable, level: float) -> Floats:
    """(1,)"""
    return np.array([weighted_quantile(fittable.y, fittable.weight, level)])

"""The target as a family fits it, and the way back from what was fitted to margins.

Classes that no training row has, a quantity's scale, and metrics that are another loss on a changed target are dealt
with here, so that a family sees only clean numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import FitInput
from athanor.engine.predictions import Truth
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import Impossible

FILE = "target.json"
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fittable:
    """Rows of a truth in the numbers to fit.

    rows    positions in the truth that can be used
    y       (len(rows),) value, or code among the classes that the target knows
    weight  (len(rows),) or None
    """

    rows: NDArray[np.int64]
    y: Floats
    weight: Floats | None


class Target(Protocol):
    """What was learned about a target from the training rows."""

    @property
    def n_outputs(self) -> int:
        """Columns that a model has to give; 0 where the margin is the same for all rows."""
        ...

    def encode(self, truth: Truth) -> Fittable: ...

    def decode(self, outputs: Floats) -> Floats:
        """(n_rows, n_outputs) as (n_rows, n_margins), row by row."""
        ...

    def facts(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Classes:
    """Class codes. A class that no training row has gets the probability of something seen once less than never.

    present   codes of the classes in the training rows, ascending
    n_margins 1 (two classes, log-odds of the last) or the number of classes
    n_rows    training rows
    """

    present: tuple[int, ...]
    n_margins: int
    n_rows: int

    @property
    def n_outputs(self) -> int:
        if len(self.present) == 1:
            return 0
        return 1 if self.n_margins == 1 else len(self.present)

    def encode(self, truth: Truth) -> Fittable:
        code_of = np.full(max(len(truth.classes), 2), -1, np.int64)
        code_of[list(self.present)] = np.arange(len(self.present))
        codes = code_of[truth.y.astype(np.int64)]
        rows = np.flatnonzero(codes >= 0)
        return Fittable(rows, codes[rows].astype(np.float64), None if truth.weight is None else truth.weight[rows])

    def decode(self, outputs: Floats) -> Floats:
        if self.n_margins == 1:
            if self.n_outputs:
                return outputs
            certain = np.log(self.n_rows + 1.0)
            return np.full((len(outputs), 1), certain if self.present == (1,) else -certain)
        if len(self.present) == self.n_margins:
            return outputs
        known = np.ascontiguousarray(outputs.T) if self.n_outputs else np.zeros((1, len(outputs)))
        greatest = known.max(axis=0)
        total = np.zeros(len(outputs))
        for row in np.exp(known - greatest):  # class by class: the bits of a row do not depend on its neighbours
            total += row
        margins = np.empty((self.n_margins, len(outputs)))
        margins[:] = greatest + np.log(total) - np.log(self.n_rows + self.n_margins)
        margins[list(self.present)] = known
        return np.ascontiguousarray(margins.T)

    def facts(self) -> dict[str, Any]:
        return {"present": list(self.present), "n_margins": self.n_margins, "n_rows": self.n_rows}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value, centred and scaled: learners hold it in single precision.

    is_log       fit log(1 + value)
    is_relative  weigh rows by 1 / |value| and leave out those with value 0
    """

    center: float
    scale: float
    is_log: bool = False
    is_relative: bool = False

    @property
    def n_outputs(self) -> int:
        return 1 if self.scale > 0.0 else 0

    def encode(self, truth: Truth) -> Fittable:
        rows, weight = np.arange(len(truth.y)), truth.weight
        if self.is_log:
            rows = np.flatnonzero(truth.y > -1.0)
        elif self.is_relative:
            rows = np.flatnonzero(truth.y)
            own = 1.0 if weight is None else weight[rows]
            relative = own / np.abs(truth.y[rows])
            return Fittable(rows, self._scaled(truth.y[rows]), relative / max(float(relative.mean()), 1e-300))
        return Fittable(rows, self._scaled(truth.y[rows]), None if weight is None else weight[rows])

    def decode(self, outputs: Floats) -> Floats:
        if not self.n_outputs:
            outputs = np.zeros((len(outputs), 1))
        values = np.ascontiguousarray(outputs * self.scale + self.center)
        return np.expm1(np.minimum(values, 700.0)) if self.is_log else values

    def facts(self) -> dict[str, Any]:
        return {
            "center": self.center,
            "scale": self.scale,
            "is_log": self.is_log,
            "is_relative": self.is_relative,
        }

    def _scaled(self, values: Floats) -> Floats:
        known = np.log1p(values) if self.is_log else values
        return (known - self.center) / (self.scale or 1.0)


@dataclass(frozen=True, slots=True)
class Positive:
    """A mean above 0, fitted on a logarithmic scale: an output is the logarithm of value / scale.

    Values are divided by the scale and not centred, so that a 0 stays one.

    scale        the mean of the training rows: 1 to a learner
    is_constant  all training rows have one value
    has_zeros    values of 0 can be used; without, they are left out
    """

    scale: float
    is_constant: bool
    has_zeros: bool

    @property
    def n_outputs(self) -> int:
        return 0 if self.is_constant else 1

    def encode(self, truth: Truth) -> Fittable:
        rows = np.flatnonzero(truth.y >= 0.0 if self.has_zeros else truth.y > 0.0)
        return Fittable(rows, truth.y[rows] / self.scale, None if truth.weight is None else truth.weight[rows])

    def decode(self, outputs: Floats) -> Floats:
        """Above 0 and finite, whatever the outputs."""
        if not self.n_outputs:
            outputs = np.zeros((len(outputs), 1))
        most = 700.0 - max(float(np.log(self.scale)), 0.0)
        values = np.exp(np.minimum(np.ascontiguousarray(outputs), most)) * self.scale
        return np.maximum(values, np.finfo(np.float64).tiny)

    def facts(self) -> dict[str, Any]:
        return {"mean": self.scale, "is_constant": self.is_constant, "has_zeros": self.has_zeros}


def target_of(given: FitInput) -> Target:
    """Learn what there is to know about the target of the training rows."""
    truth = given.truth
    n_rows = len(truth.y)
    if not n_rows or (truth.weight is not None and not truth.weight.any()):
        raise Impossible("A model needs at least one training row with a weight above 0.")
    if truth.classes:
        codes = truth.y if truth.weight is None else truth.y[truth.weight > 0.0]
        present = tuple(np.unique(codes).astype(np.int64).tolist())
        return Classes(present, given.problem.n_margins(truth), n_rows)
    if given.distribution is not None:
        return _distributed(truth, given.distribution)
    # Squared error on log(1 + y) is the square of rmsle; absolute error weighted by 1 / |y| is mape.
    is_log = given.metric.name == "rmsle" and float(truth.y.min()) >= 0.0
    is_relative = given.metric.name == "mape" and bool(truth.y.any())
    values = np.log1p(truth.y) if is_log else truth.y
    center, spread = _mean_and_spread(values, truth.weight)
    return Quantity(center, spread, is_log, is_relative)


def _distributed(truth: Truth, distribution: TargetDistribution) -> Target:
    """A quantity as its distribution wants it.

    With errors that count by huber's measure it is centred at the median, and scaled by the size at which an error
    turns absolute, which is 1 to a learner: so many of the values lie no further than that from the median. What is
    left once a model is fitted is smaller, so that fewer errors are absolute then than the parameter says. A learner
    starts from 0: values that lie far off, which it is there for, would draw the mean too far away to come back from.
    """
    if distribution.is_positive:
        may_be_zero = distribution.name != "gamma"
        used = truth.y >= 0.0 if may_be_zero else truth.y > 0.0
        weight = used * 1.0 if truth.weight is None else np.where(used, truth.weight, 0.0)
        if not weight.any():
            raise Impossible(f"The distribution {distribution.name!r} needs a training row with a target above 0.")
        mean = float(np.average(truth.y, weights=weight))
        is_constant = bool(np.ptp(truth.y[weight > 0.0]) <= 1e-12 * mean)
        # Never seen: as if one more row had a 1.
        return Positive(mean or 1.0 / (len(truth.y) + 1.0), is_constant, may_be_zero)
    center, spread = _mean_and_spread(truth.y, truth.weight)
    if distribution.name == "huber" and spread and distribution.parameter is not None:
        center = weighted_quantile(truth.y, truth.weight, 0.5)
        size = weighted_quantile(np.abs(truth.y - center), truth.weight, distribution.parameter)
        spread = size if size > 1e-12 * abs(center) else spread
    return Quantity(center, spread)


def _mean_and_spread(values: Floats, weight: Floats | None) -> tuple[float, float]:
    """Weighted; the spread is 0 where it is nothing beside the mean."""
    center = float(np.average(values, weights=weight))
    spread = float(np.sqrt(np.average(np.square(values - center), weights=weight)))
    return center, spread if spread > 1e-12 * abs(center) else 0.0


def weighted_quantile(values: Floats, weight: Floats | None, level: float) -> float:
    """The least value that rows with this share of the weight do not exceed. There is a value."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
    place = int(np.searchsorted(sums, level * sums[-1]))
    return float(values[order[min(place, len(values) - 1)]])  # a level may be rounded past 1


def save_target(target: Target, folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(target.facts()), encoding="utf-8")


def load_target(folder: Path) -> Target:
    facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
    if "present" in facts:
        return Classes(tuple(facts["present"]), facts["n_margins"], facts["n_rows"])
    if "mean" in facts:
        return Positive(facts["mean"], facts["is_constant"], facts["has_zeros"])
    return Quantity(facts["center"], facts["scale"], facts["is_log"], facts["is_relative"])

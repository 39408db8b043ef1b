"""What nets are fitted to: the loss of each row, and its derivative by the outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.nets.layers import Singles


class Loss(Protocol):
    """outputs (..., n_rows, n_outputs) and y (..., n_rows), of one net or of many."""

    def losses(self, outputs: Singles, y: Singles) -> Singles:
        """(..., n_rows)"""
        ...

    def slopes(self, outputs: Singles, y: Singles) -> Singles:
        """(..., n_rows, n_outputs)"""
        ...


@dataclass(frozen=True, slots=True)
class Logistic:
    """y is 0 or 1."""

    def losses(self, outputs: Singles, y: Singles) -> Singles:
        log_odds = outputs[..., 0]
        return _singles(np.log1p(np.exp(-np.abs(log_odds))) + np.maximum(log_odds, 0.0) - y * log_odds)

    def slopes(self, outputs: Singles, y: Singles) -> Singles:
        probability = 1.0 / (1.0 + np.exp(-np.clip(outputs[..., 0], -40.0, 40.0)))
        return _singles(probability - y)[..., None]


@dataclass(frozen=True, slots=True)
class Softmax:
    """y is a code. Targets are not smoothed: by a tenth, the log loss of four of seven tables rose by 3 % or more."""

    def losses(self, outputs: Singles, y: Singles) -> Singles:
        greatest = outputs.max(axis=-1, keepdims=True)
        total = np.exp(outputs - greatest).sum(axis=-1)
        own = np.take_along_axis(outputs, y.astype(np.int64)[..., None], axis=-1)
        return _singles(np.log(total) + (greatest - own)[..., 0])

    def slopes(self, outputs: Singles, y: Singles) -> Singles:
        slopes = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        slopes /= slopes.sum(axis=-1, keepdims=True)
        own = y.astype(np.int64)[..., None]
        np.put_along_axis(slopes, own, np.take_along_axis(slopes, own, axis=-1) - 1.0, axis=-1)
        return _singles(slopes)


@dataclass(frozen=True, slots=True)
class Squared:
    """The mean."""

    def losses(self, outputs: Singles, y: Singles) -> Singles:
        return _singles(0.5 * np.square(outputs[..., 0] - y))

    def slopes(self, outputs: Singles, y: Singles) -> Singles:
        return outputs - y[..., None]


@dataclass(frozen=True, slots=True)
class Pinball:
    """A quantile; at level 0.5 half the absolute error: the median."""

    level: float = 0.5

    def losses(self, outputs: Singles, y: Singles) -> Singles:
        error = y - outputs[..., 0]
        return _singles(np.maximum(self.level * error, (self.level - 1.0) * error))

    def slopes(self, outputs: Singles, y: Singles) -> Singles:
        error = y[..., None] - outputs
        return _singles(np.where(error > 0.0, -self.level, np.where(error < 0.0, 1.0 - self.level, 0.0)))


@dataclass(frozen=True, slots=True)
class Huber:
    """Squared up to `width`, absolute beyond."""

    width: float

    def losses(self, outputs: Singles, y: Singles) -> Singles:
        size = np.abs(outputs[..., 0] - y)
        inside = np.minimum(size, self.width)
        return _singles(inside * (size - 0.5 * inside))

    def slopes(self, outputs: Singles, y: Singles) -> Singles:
        return _singles(np.clip(outputs - y[..., None], -self.width, self.width))


def _singles(values: NDArray[np.floating[Any]]) -> Singles:
    return np.asarray(values, np.float32)

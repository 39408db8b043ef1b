"""Linear fits along a path of penalties, strong to weak, each from where the one before ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from athanor.engine.family import FitInput, FittedModel, Step
from athanor.engine.family.target import Fittable, Floats, Target
from athanor.engine.linear.lbfgs import Function, Point, descend
from athanor.engine.linear.losses import Loss, loss_of, start_of

# Per row on squared weights. Of an elastic net they are shares of the least penalty under which every weight is 0.
_PENALTIES = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
_SHARES = tuple(10.0 ** (-place / 3) for place in range(1, 13))
_FIRST_PASSES = 3  # over the rows, for a first step: at its start, and at one or two points further on
_FAR = 2  # penalties in a row that the rows to stop by like less: weaker ones are not tried


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to fit or to judge: matrix, target, and weights that add up to 1."""

    X: Any
    X_T: Any
    y: Floats
    share: Floats

    @classmethod
    def of(cls, X: Any, fittable: Fittable) -> Rows:
        weight = np.ones(len(fittable.y)) if fittable.weight is None else fittable.weight
        total = float(weight.sum())
        chosen = X if len(fittable.rows) == X.shape[0] else X[fittable.rows]
        return cls(chosen, chosen.T, fittable.y, weight / total if total > 0.0 else weight)

    @property
    def is_empty(self) -> bool:
        return not self.share.any()

    def outputs(self, weights: Floats) -> Floats:
        products = self.X @ weights[:-1].astype(np.float32)
        return np.asarray(products + weights[-1], np.float64)

    def loss(self, weights: Floats, loss: Loss) -> float:
        losses, _ = loss(self.outputs(weights), self.y)
        return float(self.share @ losses)


@dataclass(slots=True)
class PenaltyPath:
    """A fit under way. Weights are (n_features + 1, n_outputs), the last row is the intercept.

    model  makes a model of weights
    best   the weights that the rows to stop by like best so far
    """

    given: FitInput
    loss: Loss
    train: Rows
    judged: Rows
    model: Callable[[Floats], FittedModel]
    best: Floats
    _best_loss: float = field(default=np.inf, init=False)
    _n_steps: int = field(default=0, init=False)

    @classmethod
    def of(cls, given: FitInput, target: Target, model: Callable[[Floats], FittedModel]) -> PenaltyPath:
        fittable = target.encode(given.truth)
        train = Rows.of(given.X, fittable)
        judged = Rows.of(given.X_stop, target.encode(given.truth_stop))
        loss = loss_of(given, target)
        weights = np.zeros((given.X.shape[1] + 1, target.n_outputs))
        weights[-1] = start_of(loss, target, fittable)
        return cls(given, loss, train, train if judged.is_empty else judged, model, weights)

    def follow(self, *, steps: int, l1_share: float) -> Floats:
        """At most so many steps for each penalty; `l1_share` of it is on the weights' sizes, not on their squares."""
        weights, worse = self.best, 0
        if self.given.watch(Step(n=0, model=self._model, next_s=_FIRST_PASSES * self._pass_s())):
            return self.best
        for penalty in self._penalties(l1_share):
            objective = _objective(self.train, self.loss, weights.shape, (1.0 - l1_share) * penalty)
            reached = descend(
                objective,
                weights.ravel(),
                steps=steps,
                watch=self._step,
                l1=_l1(weights, l1_share * penalty) if l1_share else None,
            )
            weights = reached.point.reshape(weights.shape)
            now = self.judged.loss(weights, self.loss)
            worse = 0 if now < self._best_loss else worse + 1
            self._take(weights, now)
            if reached.is_stopped or worse == _FAR:
                break
            if self.given.watch(Step(n=self._n_steps, model=self._model, loss=now)):
                break
        return self.best

    def _penalties(self, l1_share: float) -> Sequence[float]:
        if not l1_share:
            return _PENALTIES
        _, gradient = _objective(self.train, self.loss, self.best.shape, 0.0)(self.best.ravel())
        most = float(np.abs(gradient.reshape(self.best.shape)[:-1]).max(initial=0.0)) / l1_share
        return [share * most for share in _SHARES]

    def _step(self, point: Point) -> bool:
        self._n_steps += 1

        def model() -> FittedModel:
            weights = point.reshape(self.best.shape)
            return self.model(weights if self.judged.loss(weights, self.loss) < self._best_loss else self.best)

        return self.given.watch(Step(n=self._n_steps, model=model))

    def _model(self) -> FittedModel:
        return self.model(self.best)

    def _take(self, weights: Floats, loss: float) -> None:
        if loss < self._best_loss:
            self.best, self._best_loss = weights, loss

    def _pass_s(self) -> float:
        """Seconds that a look at all rows takes, about."""
        n_rows, n_features = self.train.X.shape
        cells = getattr(self.train.X, "nnz", n_rows * n_features)
        return pass_s(cells, n_rows, self.best.shape[1])


def pass_s(cells: float, n_rows: int, n_outputs: int) -> float:
    """Seconds for the outputs of all rows and the gradient, about."""
    return n_outputs * (cells * 5e-10 + n_rows * 2e-8)


def _objective(rows: Rows, loss: Loss, shape: tuple[int, ...], penalty: float) -> Function:
    """Mean loss + penalty / 2 * |weights|² of flattened weights; the intercept is free."""

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        losses, slopes = loss(rows.outputs(weights), rows.y)
        slopes *= rows.share[:, None]
        gradient = np.empty(shape)
        gradient[:-1] = rows.X_T @ slopes.astype(np.float32)
        gradient[:-1] += penalty * weights[:-1]
        gradient[-1] = slopes.sum(axis=0)
        return float(rows.share @ losses) + 0.5 * penalty * float(np.square(weights[:-1]).sum()), gradient.ravel()

    return objective


def _l1(weights: Floats, price: float) -> Point:
    prices = np.full(weights.shape, price)
    prices[-1] = 0.0
    return prices.ravel()

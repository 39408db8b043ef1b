"""Linear models: ridge, logistic and multinomial regression, their strength chosen on the validation rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.models import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.models.bag import FoldBag
from athanor.engine.models.lbfgs import Function, Point, descend
from athanor.engine.models.target import FILE as TARGET_FILE
from athanor.engine.models.target import Fittable, Floats, Quantity, Target, load_target, save_target, target_of

WEIGHTS_FILE = "weights.npy"
BLOCK = 64  # rows evaluated together

# Penalties per row on squared weights, strong to weak: each fit starts from the one before.
_PENALTIES = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
_FIRST_PASSES = 3  # over the rows, for a first step: at its start, and at one or two points further on


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """weights (n_features + 1, n_outputs) float64, the last row is the intercept."""

    target: Target
    weights: Floats

    def margins(self, X: Any) -> Floats:
        dot = _dense_dot if isinstance(X, np.ndarray) else _sparse_dot
        outputs = dot(X, self.weights[:-1])
        outputs += self.weights[-1]
        return self.target.decode(outputs)

    def importance(self, n_features: int) -> Floats:  # noqa: ARG002 - the weights say how many there are
        """The size of the weights, over all outputs. The features of the view are all of about one size."""
        return np.asarray(np.abs(self.weights[:-1]).sum(axis=1), np.float64)

    def save(self, folder: Path) -> None:
        save_target(self.target, folder)
        np.save(folder / WEIGHTS_FILE, self.weights, allow_pickle=False)


@dataclass(frozen=True, slots=True)
class Linear:
    """Fitted by L-BFGS, asked per step whether to go on."""

    name: str = "linear"
    label: str = "Linear"
    aliases: frozenset[str] = frozenset({"glm", "lr", "logistic regression", "linear regression", "ridge"})
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = True
    view: str = "scaled"
    formats: frozenset[str] = frozenset({WEIGHTS_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("scipy.sparse", "threadpoolctl")
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset({"gaussian"})
    places: tuple[int, ...] = (10,)

    def portfolio(self) -> tuple[Options, ...]:
        return ({"steps": 100},)

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        cells = shape.cells(n_rows, density=0.02)
        passes = 2.0 * float(options["steps"])
        seconds = 0.05 + passes * _pass_s(cells, n_rows, shape.n_margins)
        memory = 60 * n_rows * shape.n_margins + 400 * shape.n_features * shape.n_margins + 10 * 2**20
        return Estimate(memory_bytes=int(memory), seconds=float(seconds))

    def lighter(self, options: Options) -> tuple[Options, ...]:  # noqa: ARG002 - what it needs does not depend on them
        return ()

    def fit(self, given: FitInput, options: Options) -> FittedLinear:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        target = target_of(given)
        if not target.n_outputs:
            return FittedLinear(target, np.zeros((given.X.shape[1] + 1, 0)))
        # One thread, so that sums add up in the same order on every machine and beside every number of workers.
        with threadpool_limits(limits=1, user_api="blas"):
            return FittedLinear(target, _Path.of(given, target).follow(steps=int(options["steps"])))

    def load(self, folder: Path) -> FittedLinear:
        return FittedLinear(load_target(folder), np.load(folder / WEIGHTS_FILE, allow_pickle=False))

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        return FoldBag.of(models, places)


# (outputs, y) → (loss of each row, its derivative by the outputs)
Loss = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to fit or to judge: matrix, target, and weights that add up to 1."""

    X: Any
    X_T: Any
    y: Floats
    share: Floats

    @classmethod
    def of(cls, X: Any, fittable: Fittable) -> _Rows:
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


@dataclass(slots=True)
class _Path:
    """The fits along the penalties, each from where the one before ended.

    best  the weights that the rows to stop by like best so far
    """

    given: FitInput
    target: Target
    train: _Rows
    judged: _Rows
    best: Floats
    _best_loss: float = field(default=np.inf, init=False)
    _n_steps: int = field(default=0, init=False)

    @classmethod
    def of(cls, given: FitInput, target: Target) -> _Path:
        train = _Rows.of(given.X, target.encode(given.truth))
        valid = _Rows.of(given.X_stop, target.encode(given.truth_stop))
        weights = np.zeros((given.X.shape[1] + 1, target.n_outputs))
        weights[-1] = _intercept(train, target)
        return cls(given, target, train, train if valid.is_empty else valid, weights)

    def follow(self, *, steps: int) -> Floats:
        """At most so many steps for each penalty."""
        weights, worse = self.best, 0
        if self.given.watch(Step(n=0, model=self._model, next_s=_FIRST_PASSES * self._pass_s())):
            return self.best
        for penalty in _PENALTIES:
            objective = _objective(self.train, _loss_of(self.target), weights.shape, penalty)
            reached = descend(objective, weights.ravel(), steps=steps, watch=self._step)
            weights = reached.point.reshape(weights.shape)
            now = self._loss(weights)
            worse = 0 if now < self._best_loss else worse + 1
            self._take(weights, now)
            if reached.is_stopped or worse == 2:
                break
            if self.given.watch(Step(n=self._n_steps, model=self._model, loss=now)):
                break
        return self.best

    def _step(self, point: Point) -> bool:
        self._n_steps += 1

        def model() -> FittedLinear:
            weights = point.reshape(self.best.shape)
            return FittedLinear(self.target, weights if self._loss(weights) < self._best_loss else self.best)

        return self.given.watch(Step(n=self._n_steps, model=model))

    def _model(self) -> FittedLinear:
        return FittedLinear(self.target, self.best)

    def _take(self, weights: Floats, loss: float) -> None:
        if loss < self._best_loss:
            self.best, self._best_loss = weights, loss

    def _loss(self, weights: Floats) -> float:
        losses, _ = _loss_of(self.target)(self.judged.outputs(weights), self.judged.y)
        return float(self.judged.share @ losses)

    def _pass_s(self) -> float:
        """Seconds that a look at all rows takes, about."""
        n_rows, n_features = self.train.X.shape
        cells = getattr(self.train.X, "nnz", n_rows * n_features)
        return _pass_s(cells, n_rows, self.target.n_outputs)


def _pass_s(cells: float, n_rows: int, n_outputs: int) -> float:
    return n_outputs * (cells * 5e-10 + n_rows * 2e-8)


def _objective(rows: _Rows, loss: Loss, shape: tuple[int, ...], penalty: float) -> Function:
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


def _intercept(rows: _Rows, target: Target) -> Floats:
    """Where a model without features would end."""
    if _loss_of(target) is _squared:
        return np.array([rows.share @ rows.y])
    shares = np.bincount(rows.y.astype(np.int64), rows.share, minlength=2)
    shares = np.maximum(shares, 1e-9)
    return np.log(shares[1:] / shares[0]) if target.n_outputs == 1 else np.log(shares)


def _loss_of(target: Target) -> Loss:
    if isinstance(target, Quantity):
        return _squared
    return _logistic if target.n_outputs == 1 else _softmax


def _squared(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    error = outputs[:, 0] - y
    return 0.5 * np.square(error), error[:, None]


def _logistic(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    log_odds = outputs[:, 0]
    odds_against = np.exp(-np.abs(log_odds))
    probability = np.where(log_odds >= 0.0, 1.0, odds_against) / (1.0 + odds_against)
    losses = np.log1p(odds_against) + np.maximum(log_odds, 0.0) - y * log_odds
    return losses, (probability - y)[:, None]


def _softmax(outputs: Floats, y: Floats) -> tuple[Floats, Floats]:
    rows, codes = np.arange(len(y)), y.astype(np.int64)
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    slopes = exponentials / total
    slopes[rows, codes] -= 1.0
    return np.log(total[:, 0]) - shifted[rows, codes], slopes


def _dense_dot(X: NDArray[np.float32], weights: Floats) -> Floats:
    """X @ weights, the same bits for a row wherever it stands.

    Blocks of 64 rows lie on their side, and products are added feature by feature across the block: each row is one
    lane of that sum, whatever the processor's vector width. A BLAS product would not promise that.
    """
    n_rows = X.shape[0]
    outputs = np.empty((n_rows, weights.shape[1]))
    block = np.zeros((X.shape[1], BLOCK))
    for start in range(0, n_rows, BLOCK):
        end = min(start + BLOCK, n_rows)
        block[:, : end - start] = X[start:end].T
        for output in range(weights.shape[1]):
            products = block * weights[:, output, None]
            outputs[start:end, output] = np.add.reduce(products, axis=0)[: end - start]
    return outputs


def _sparse_dot(X: Any, weights: Floats) -> Floats:
    """X @ weights; scipy adds up each row on its own, entry by entry."""
    return np.asarray(X @ weights, np.float64)


LINEAR = Linear()

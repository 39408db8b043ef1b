"""Linear models: ridge and elastic net, logistic, multinomial and log-linear regression.

How strong the penalty is, the rows to stop by decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import Floats, Target, load_target, save_target, target_of
from athanor.engine.linear.dot import Lanes, dense_dot, sparse_dot
from athanor.engine.linear.path import PenaltyPath, pass_s
from athanor.engine.models.bag import FoldBag

WEIGHTS_FILE = "weights.npy"


@dataclass(frozen=True, slots=True)
class FittedLinear:
    """weights (n_features + 1, n_outputs) float64, the last row is the intercept."""

    target: Target
    weights: Floats

    def margins(self, X: Any) -> Floats:
        dot = dense_dot if isinstance(X, np.ndarray) else sparse_dot
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
class LinearBag:
    """Fold models whose weights lie side by side."""

    models: tuple[FittedLinear, ...]
    lanes: Lanes
    apart: FoldBag  # for sparse rows

    @classmethod
    def of(cls, models: Sequence[FittedLinear], places: Sequence[NDArray[np.intp]]) -> LinearBag:
        lanes = Lanes.of([model.weights[:-1] for model in models], places)
        return cls(tuple(models), lanes, FoldBag.of(models, places))

    def margins(self, X: Any) -> list[Floats]:
        if not isinstance(X, np.ndarray):
            return self.apart.margins(X)
        return [
            model.target.decode(outputs + model.weights[-1])
            for model, outputs in zip(self.models, self.lanes.dot(X), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Linear:
    """Fitted by L-BFGS, asked per step whether to go on."""

    name: str = "linear"
    label: str = "Linear"
    aliases: frozenset[str] = frozenset(
        {"glm", "lr", "logistic regression", "linear regression", "ridge", "elastic net"}
    )
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = True
    view: str = "scaled"
    formats: frozenset[str] = frozenset({WEIGHTS_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("scipy.sparse", "threadpoolctl")
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset({"gaussian", "laplace", "poisson", "gamma", "tweedie"})
    places: tuple[int, ...] = (10, 95)

    def portfolio(self) -> tuple[Options, ...]:
        # Half of the second one's penalty is on the sizes of weights: features that say nothing get none.
        return ({"steps": 100}, {"steps": 100, "l1_share": 0.5})

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        cells = shape.cells(n_rows, density=0.02)
        passes = 2.0 * float(options["steps"])
        seconds = 0.05 + passes * pass_s(cells, n_rows, shape.n_margins)
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
            path = PenaltyPath.of(given, target, partial(FittedLinear, target))
            weights = path.follow(steps=int(options["steps"]), l1_share=float(options.get("l1_share", 0.0)))
        return FittedLinear(target, weights)

    def load(self, folder: Path) -> FittedLinear:
        return FittedLinear(load_target(folder), np.load(folder / WEIGHTS_FILE, allow_pickle=False))

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        return LinearBag.of([model for model in models if isinstance(model, FittedLinear)], places)


LINEAR = Linear()

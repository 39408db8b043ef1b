"""Gaussian processes, for small tables: smooth functions of all features, their scales found from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import Floats, Target, load_target, save_target, target_of
from athanor.engine.gaussian.fit import MOST_FEATURES, NOTHING, GaussianFit, Process, evidence_s
from athanor.engine.gaussian.serving import Stack

ROWS_FILE, ALPHA_FILE, LENGTHS_FILE, PLACES_FILE = "rows.npy", "alpha.npy", "lengths.npy", "places.npy"


@dataclass(frozen=True, slots=True)
class FittedProcess:
    """A process given its rows. Without rows it answers every row alike."""

    target: Target
    process: Process
    _stack: Stack = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_stack", Stack.of([self.process]))

    def margins(self, X: Any) -> Floats:
        return self.target.decode(self._stack.outputs(X)[0])

    def importance(self, n_features: int) -> Floats:
        """How many length scales the rows are spread over."""
        sizes = np.zeros(n_features)
        if len(self.process.rows):
            sizes[self.process.places] = self.process.rows.std(axis=0, dtype=np.float64) / self.process.lengths
        return sizes

    def save(self, folder: Path) -> None:
        save_target(self.target, folder)
        process = self.process
        for name, array in (
            (ROWS_FILE, process.rows),
            (ALPHA_FILE, process.alpha),
            (LENGTHS_FILE, process.lengths),
            (PLACES_FILE, process.places),
        ):
            np.save(folder / name, array, allow_pickle=False)


@dataclass(frozen=True, slots=True)
class GaussianBag:
    """The processes of all folds side by side."""

    targets: tuple[Target, ...]
    stack: Stack

    def margins(self, X: Any) -> list[Floats]:
        outputs = self.stack.outputs(X)
        return [target.decode(each) for target, each in zip(self.targets, outputs, strict=True)]


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """Asked per step whether to go on. The whole of its rows is held, and asked at each prediction."""

    name: str = "gaussian_process"
    label: str = "Gaussian process"
    aliases: frozenset[str] = frozenset({"gp", "gaussian process", "kriging"})
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = False
    view: str = "scaled"
    formats: frozenset[str] = frozenset({ROWS_FILE, ALPHA_FILE, LENGTHS_FILE, PLACES_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("scipy.linalg", "threadpoolctl")
    most_rows: int | None = 1500
    distributions: frozenset[str] = frozenset({"gaussian"})
    places: tuple[int, ...] = (65,)

    def portfolio(self) -> tuple[Options, ...]:
        return ({"steps": 60},)

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        steps = min(float(options["steps"]), 30.0)  # after which nothing moves any more
        kernel_s = steps * evidence_s(n_rows, min(shape.n_features, MOST_FEATURES))
        seconds = 0.1 + kernel_s + 3e-7 * n_rows**2 * shape.n_margins  # the last for classes
        return Estimate(memory_bytes=45 * n_rows**2 + 10 * 2**20, seconds=seconds)

    def lighter(self, options: Options) -> tuple[Options, ...]:  # noqa: ARG002 - only fewer rows need less
        return ()

    def fit(self, given: FitInput, options: Options) -> FittedProcess:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        target = target_of(given)
        if not target.n_outputs:
            return FittedProcess(target, NOTHING)
        # One thread, so that sums add up in the same order on every machine and beside every number of workers.
        with threadpool_limits(limits=1, user_api="blas"):
            fit = GaussianFit.of(given, target, lambda process: FittedProcess(target, process))
            return FittedProcess(target, fit.process(int(options["steps"])))

    def load(self, folder: Path) -> FittedProcess:
        rows, alpha, lengths, places = (
            np.load(folder / name, allow_pickle=False) for name in (ROWS_FILE, ALPHA_FILE, LENGTHS_FILE, PLACES_FILE)
        )
        return FittedProcess(load_target(folder), Process(rows=rows, alpha=alpha, lengths=lengths, places=places))

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        fitted = [model for model in models if isinstance(model, FittedProcess)]
        stack = Stack.of([model.process for model in fitted], places)
        return GaussianBag(tuple(model.target for model in fitted), stack)


GAUSSIAN_PROCESS = GaussianProcess()

"""A model family: what each one is given, and what it gives. The families themselves are in `engine/models`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Truth
from athanor.engine.problems import Problem
from athanor.engine.target_distribution import TargetDistribution

Options = Mapping[str, int | float | str | bool]  # a configuration, as data


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an estimate needs to know of a fit."""

    n_rows: int
    n_features: int
    n_margins: int
    is_sparse: bool = False
    row_bytes: float | None = None  # of the matrix, where it is known

    def cells(self, n_rows: int, *, density: float) -> float:
        """Numbers that so many rows hold in memory. `density` of a sparse matrix, where its rows are not known."""
        if self.is_sparse and self.row_bytes is not None:
            return n_rows * self.row_bytes / 8  # a number and its place
        return n_rows * self.n_features * (density if self.is_sparse else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a fit will roughly need, on one thread."""

    memory_bytes: int  # beside the matrix
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a fit is: told after each tree, block or step, and before the first one.

    Told not to make its first step, a family may offer a smaller one by another Step with n = 0.

    n       how many so far
    model   makes the best model so far; before the first step one that answers every row alike
    loss    on the rows to stop by; None where it is not known at this step
    next_s  seconds that the next step will roughly take, where the ones before do not tell
    """

    n: int
    model: Callable[[], FittedModel]
    loss: float | None = None
    next_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitInput:
    """The training rows of one fold in the family's view, some of them set aside to stop by and to choose by.

    The fold's own validation rows are not here: they are predicted, and nothing is fitted to them.
    """

    problem: Problem
    metric: Metric
    X: Any  # (n_train, n_features) float32, dense or CSR
    truth: Truth  # of the training rows
    X_stop: Any
    truth_stop: Truth
    categorical: tuple[int, ...]
    seed: int
    watch: Callable[[Step], bool]  # asked at each step; True: end now and return what is there
    distribution: TargetDistribution | None = None  # of a quantity; None: as the metric says


class FittedModel(Protocol):
    """A model of one fold."""

    def margins(self, X: Any) -> NDArray[np.float64]:
        """(n_rows, n_margins) log-odds or values; the same bits for 1, 7 or 1,000 shuffled rows, on one thread."""
        ...

    def importance(self, n_features: int) -> NDArray[np.float64]:
        """(n_features,) how much the model relies on each feature of its matrix: >= 0, in a unit of its own.

        Known from the fit, without any row. All 0 where the model answers every row alike.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the model in a safe format (no pickle) into an existing, empty folder."""
        ...


class Bag(Protocol):
    """The fold models of one trial, as they are served: all are asked in one go where the family can."""

    def margins(self, X: Any) -> Sequence[NDArray[np.float64]]:
        """What each fold model says, in their order: the bits that it gives by itself.

        X  (n_rows, n_features) rows in the matrix that the fold models' views share
        """
        ...


class Family(Protocol):
    """A kind of model. Stateless."""

    name: str
    label: str  # as people read it: "LightGBM"
    aliases: frozenset[str]  # other words for it, lower case, that a user may exclude it by
    problems: frozenset[str]
    takes_sparse: bool
    view: str  # a name in VIEWS
    formats: frozenset[str]  # file names that `save` may write
    libraries: tuple[str, ...]  # heavy modules that it imports when it fits or loads; pool processes have them at birth
    most_rows: int | None  # of a table; with more it is not worth its time. None: any number
    distributions: frozenset[str]  # of a quantity, that it can be fitted by: names in DISTRIBUTIONS
    places: tuple[
        int, ...
    ]  # of the portfolio's configurations in the schedule of all families: the smaller, the sooner

    def portfolio(self) -> tuple[Options, ...]:
        """Configurations worth trying, in the order in which they pay."""
        ...

    def estimate(self, shape: Shape, options: Options) -> Estimate: ...

    def lighter(self, options: Options) -> tuple[Options, ...]:
        """Configurations that need less and less memory; () where there are none."""
        ...

    def fit(self, given: FitInput, options: Options) -> FittedModel:
        """Fit, and return what is there when `given.watch` says so. Raises Impossible where nothing can be fitted."""
        ...

    def load(self, folder: Path) -> FittedModel: ...

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        """Fold models that were loaded, put together to be served.

        places  for each model the features of the shared matrix that its own matrix is made of, in their order
        """
        ...

"""Model families: what can be fitted. One file each, all under the same contract (tests/contracts)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Truth
from athanor.engine.problems import Problem
from athanor.registry import Registry

Options = Mapping[str, int | float | str | bool]  # a configuration, as data


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an estimate needs to know of a fit."""

    n_rows: int
    n_features: int
    n_margins: int
    is_sparse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a fit will roughly need, on one thread."""

    memory_bytes: int
    seconds: float


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
    stop: Callable[[], bool]  # asked per tree, block or step; True: end now and return what is there


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

    def portfolio(self) -> tuple[Options, ...]:
        """Configurations worth trying, in the order in which they pay."""
        ...

    def estimate(self, shape: Shape, options: Options) -> Estimate: ...

    def fit(self, given: FitInput, options: Options) -> FittedModel:
        """Fit, and return what is there when `given.stop()` says so. Raises Impossible where nothing can be fitted."""
        ...

    def load(self, folder: Path) -> FittedModel: ...


FAMILIES: Registry[Family] = Registry(
    "model family",
    {
        "linear": "athanor.engine.models.linear:LINEAR",
        "lightgbm": "athanor.engine.models.lightgbm:LIGHTGBM",
    },
)

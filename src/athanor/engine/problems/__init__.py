"""Problem types: what a target means, how margins become predictions, how rows are split."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions, Truth
from athanor.engine.tables.dataset import Column
from athanor.engine.tables.schema import ColumnSchema, Storage
from athanor.engine.task import Label
from athanor.registry import Registry


class Problem(Protocol):
    """One problem type. Stateless: what is learned about a target stands in the `Truth`."""

    name: str
    default_metric: str  # a name in METRICS
    targets: frozenset[Storage]  # how a column may be stored to be the target

    def claims(self, column: Column, schema: ColumnSchema) -> bool:
        """Whether this is the natural problem for such a target, when the user names none."""
        ...

    def truth(self, column: Column, schema: ColumnSchema, *, positive: Label | None = None) -> Truth:
        """The target in numbers. Rows with a missing target must be gone. Raises InvalidInput or Impossible."""
        ...

    def n_margins(self, truth: Truth) -> int:
        """Columns of a margin: 1 for binary and regression, the number of classes for multiclass."""
        ...

    def baseline(self, truth: Truth) -> NDArray[np.float64]:
        """(n_margins,) the best constant margin."""
        ...

    def predictions(self, margins: NDArray[np.float64], classes: tuple[Label, ...]) -> Predictions:
        """(n_rows, n_margins) margins (log-odds, or values) as what a user sees."""
        ...

    def blend(self, answers: list[Predictions], weights: NDArray[np.float64]) -> Predictions:
        """The weighted mean of members' probabilities or values. The same bits for 1 row as for 1,000."""
        ...

    def folds(self, truth: Truth, n_folds: int, seed: int) -> NDArray[np.int16]:
        """(n_rows,) the fold in which each row is validated, 0 … n_folds-1."""
        ...


PROBLEMS: Registry[Problem] = Registry(
    "problem type",
    {
        "binary": "athanor.engine.problems.binary:BINARY",
        "multiclass": "athanor.engine.problems.multiclass:MULTICLASS",
        "regression": "athanor.engine.problems.regression:REGRESSION",
    },
)

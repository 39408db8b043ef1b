"""Views: a dataset as the matrix a family wants. Fitted on a fold's training rows only, saved in safe formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Dataset
from athanor.registry import Registry


@dataclass(frozen=True, slots=True)
class Source:
    """Where some neighbouring features of a matrix come from.

    components  (n_features,) the component of a vector column that each is made from; None for any other column
    """

    column: str
    n_features: int
    components: NDArray[np.int64] | None = None


class FittedView(Protocol):
    """What was learned about the columns of the training rows."""

    n_features: int
    categorical: tuple[int, ...]  # positions of features that hold category codes
    sources: tuple[Source, ...]  # of all features, from left to right

    def transform(self, dataset: Dataset) -> Any:
        """(n_rows, n_features) float32, dense numpy or scipy CSR; the same bits for a row whatever stands beside it."""
        ...

    def save(self, folder: Path) -> None: ...


class View(Protocol):
    """A way of turning columns into a matrix."""

    def fit(self, dataset: Dataset) -> FittedView:
        """Learn from the training rows in `dataset` (features only; target-free)."""
        ...

    def load(self, folder: Path) -> FittedView: ...


VIEWS: Registry[View] = Registry(
    "view",
    {
        "codes": "athanor.engine.features.codes:CODES",
        "scaled": "athanor.engine.features.scaled:SCALED",
    },
)

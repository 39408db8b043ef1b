"""What a model answers, row by row, and what it is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.task import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Answers for n rows. Which fields are filled, the problem decides.

    classes        the labels, in the order of the probability columns; () for regression
    probabilities  (n_rows, n_classes) float64, rows sum to 1; None for regression
    codes          (n_rows,) int64 position in `classes` of the predicted label; None for regression
    values         (n_rows,) float64 in the target's own unit; None for classification

    Where a level was asked for:

    lower, upper   (n_rows,) float64 ends of intervals around the values; None for classification
    sets           (n_rows, n_classes) bool which classes may be the true one; None for regression
    """

    classes: tuple[Label, ...] = ()
    probabilities: NDArray[np.float64] | None = None
    codes: NDArray[np.int64] | None = None
    values: NDArray[np.float64] | None = None
    lower: NDArray[np.float64] | None = None
    upper: NDArray[np.float64] | None = None
    sets: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        shown = self.values if self.codes is None else self.codes
        return 0 if shown is None else len(shown)

    def take(self, rows: NDArray[np.int64]) -> Predictions:
        """The answers for some of the rows."""

        def column(name: str) -> Any:
            array = getattr(self, name)
            return None if array is None else array[rows]

        return Predictions(classes=self.classes, **{name: column(name) for name in _COLUMNS})

    @classmethod
    def join(cls, parts: Sequence[Predictions]) -> Predictions:
        """The answers of all parts, one part below the other."""
        if len(parts) == 1:
            return parts[0]

        def column(name: str) -> Any:
            arrays = [getattr(part, name) for part in parts]
            return None if arrays[0] is None else np.concatenate(arrays)

        return cls(classes=parts[0].classes, **{name: column(name) for name in _COLUMNS})

    def labels(self) -> list[Label]:
        """The predicted label or value of each row, as plain Python values in the target's stored type."""
        if self.codes is not None:
            return [self.classes[code] for code in self.codes.tolist()]
        return [] if self.values is None else self.values.tolist()


_COLUMNS = ("probabilities", "codes", "values", "lower", "upper", "sets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What was really there, in the numbers that metrics and models use.

    y        (n_rows,) float64: position in `classes`, or the value itself for regression
    classes  labels in sort order, the positive one last where there are two; () for regression
    weight   (n_rows,) non-negative row weights; None weighs rows equally
    """

    y: NDArray[np.float64]
    classes: tuple[Label, ...] = ()
    weight: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.int64]) -> Truth:
        weight = None if self.weight is None else self.weight[rows]
        return Truth(y=self.y[rows], classes=self.classes, weight=weight)

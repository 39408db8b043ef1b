"""Fold models asked one after the other, for families whose models cannot be merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.models import FittedModel


@dataclass(frozen=True, slots=True)
class FoldBag:
    """places  for each model the features that it wants of the shared matrix; None: all, as they are."""

    models: tuple[FittedModel, ...]
    places: tuple[NDArray[np.intp] | None, ...]

    @classmethod
    def of(cls, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> FoldBag:
        width = max(int(place.max(initial=-1)) for place in places) + 1
        everything = np.arange(width)
        return cls(tuple(models), tuple(None if np.array_equal(place, everything) else place for place in places))

    def margins(self, X: Any) -> list[NDArray[np.float64]]:
        return [
            model.margins(X if place is None else X[:, place])
            for model, place in zip(self.models, self.places, strict=True)
        ]

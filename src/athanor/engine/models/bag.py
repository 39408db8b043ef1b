"""Fold models asked one after the other, for families whose models cannot be merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import FittedModel


@dataclass(frozen=True, slots=True)
class FoldBag:
    """places  for each model the features that it wants of the shared matrix; the first ones, where these are all."""

    models: tuple[FittedModel, ...]
    places: tuple[NDArray[np.intp] | slice, ...]

    @classmethod
    def of(cls, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> FoldBag:
        first = [np.array_equal(place, np.arange(len(place))) for place in places]
        return cls(
            tuple(models),
            tuple(slice(len(place)) if is_first else place for place, is_first in zip(places, first, strict=True)),
        )

    def margins(self, X: Any) -> list[NDArray[np.float64]]:
        return [model.margins(X[:, place]) for model, place in zip(self.models, self.places, strict=True)]

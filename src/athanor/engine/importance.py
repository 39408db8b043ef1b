"""What a model relies on: the share of each column, and of each component of a vector, in what its fold models learned.

Asked of the models and of no rows, so that it costs the same after a thousand rows as after a million. A fold model
says how much it relies on each feature of its matrix, its view says what the feature was made from. Each fold model
counts as much as its part in the ensemble, whatever unit its family measures in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features import FittedView
from athanor.engine.models import FittedModel
from athanor.engine.schema import Schema

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of what a model knows comes from a column, or from one component of a vector column."""

    column: str
    component: int | None  # None where the column is no vector
    share: float  # the shares of a model add up to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """A fold model beside its view, and its part in what is answered."""

    model: FittedModel
    view: FittedView
    part: float


def importance(schema: Schema, reliances: Iterable[Reliance]) -> tuple[Importance, ...]:
    """Every column of `schema`, vectors by component: greatest share first, equal ones in the order of the columns.

    A fold model that answers every row alike says nothing. Where none says anything, all shares are equal.
    """
    first: dict[str, int] = {}
    width = 0
    for column in schema.columns:
        first[column.name] = width
        width += (column.dim or 0) if column.storage.is_vector else 1
    total = np.zeros(width)
    for reliance in reliances:
        total += _by_place(reliance, first, width)
    shares = total / total.sum() if total.any() else np.full(width, 1.0 / max(width, 1))
    names: list[tuple[str, int | None]] = []
    for column in schema.columns:
        components = range(column.dim or 0) if column.storage.is_vector else (None,)
        names.extend((column.name, component) for component in components)
    order = np.argsort(-shares, kind="stable")
    placed = zip(order.tolist(), shares[order].tolist(), strict=True)
    return tuple(Importance(names[place][0], names[place][1], share) for place, share in placed)


def _by_place(reliance: Reliance, first: dict[str, int], width: int) -> Floats:
    """(width,) what a fold model adds to each column and component: `part` altogether, or nothing."""
    view = reliance.view
    sizes = reliance.model.importance(view.n_features)
    greatest = float(sizes.max(initial=0.0))
    if not greatest > 0.0:
        return np.zeros(width)
    places = np.concatenate(
        [
            np.full(source.n_features, first[source.column])
            if source.components is None
            else first[source.column] + source.components
            for source in view.sources
        ]
    )
    found = np.bincount(places, sizes / greatest, minlength=width)  # a sum of gains may be beyond all bounds
    return np.asarray(found * (reliance.part / found.sum()), np.float64)

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

from athanor.engine.family import FittedModel
from athanor.engine.features import FittedView
from athanor.engine.tables.schema import Schema, Storage

Floats = NDArray[np.float64]

MOST = 10_000  # columns and components that are told; a vector may have millions


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of what a model knows comes from a column, or from one component of a vector column."""

    column: str
    component: int | None  # None where the column is no vector
    share: float  # the shares of all that a model has add up to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """A fold model beside its view, and its part in what is answered."""

    model: FittedModel
    view: FittedView
    part: float


def importance(schema: Schema, reliances: Iterable[Reliance]) -> tuple[Importance, ...]:
    """The columns of `schema`, vectors by component: greatest share first, equal ones in the order of the columns.

    Components of sparse vectors that nothing relies on are left out, and of the others no more than MOST are there. A
    fold model that answers every row alike says nothing. Where none says anything, all shares are equal.
    """
    widths = [(column.dim or 0) if column.storage.is_vector else 1 for column in schema.columns]
    starts = np.cumsum([0, *widths])
    width = int(starts[-1])
    first = dict(zip(schema.names, starts.tolist(), strict=False))
    total = np.zeros(width)
    for reliance in reliances:
        total += _by_place(reliance, first, width)
    shares = total / total.sum() if total.any() else np.full(width, 1.0 / max(width, 1))
    is_told = np.repeat([column.storage is not Storage.SPARSE for column in schema.columns], widths) | (shares > 0)
    told = np.flatnonzero(is_told)
    order = told[np.argsort(-shares[told], kind="stable")[:MOST]]
    found: list[Importance] = []
    for place, of in zip(order.tolist(), np.searchsorted(starts, order, side="right").tolist(), strict=True):
        column = schema.columns[of - 1]
        component = place - first[column.name] if column.storage.is_vector else None
        found.append(Importance(column.name, component, float(shares[place])))
    return tuple(found)


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

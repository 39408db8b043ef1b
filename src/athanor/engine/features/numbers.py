"""Numeric columns: as they are for trees, robustly scaled for models that add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Dense, Facts
from athanor.engine.features.vocabulary import Vocabulary
from athanor.engine.features.words import numbers_in
from athanor.engine.tables.dataset import Column, Numbers, Words
from athanor.errors import InvalidInput

_LOOKED_AT = 1000
LARGEST = float(np.finfo(np.float32).max)


def as_numbers(column: Column) -> NDArray[np.float64]:
    if isinstance(column, Numbers):
        return column.values
    if isinstance(column, Words):
        return numbers_in(column)
    raise InvalidInput(f"Numbers are needed here, got {type(column).__name__}.")


@dataclass(frozen=True, slots=True)
class Number(Dense):
    """The value itself; infinities become the largest finite number."""

    @property
    def width(self) -> int:
        return 1

    def encode(self, column: Column) -> NDArray[np.float32]:
        return np.clip(as_numbers(column), -LARGEST, LARGEST).astype(np.float32)[:, None]

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_facts(cls, facts: Facts) -> Number:  # noqa: ARG003
        return cls()


@dataclass(frozen=True, slots=True)
class CountedNumber(Dense):
    """The value, and in how many training rows it stood: for whole numbers that look like identifiers of something."""

    vocabulary: Vocabulary
    _counts: NDArray[np.float32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # UNKNOWN (-2) and MISSING (-1) index the table from its end.
        counts = np.append(np.array(self.vocabulary.counts, np.float64), (0.0, np.nan)).astype(np.float32)
        object.__setattr__(self, "_counts", counts)

    @property
    def width(self) -> int:
        return 2

    def encode(self, column: Column) -> NDArray[np.float32]:
        counts = self._counts[self.vocabulary.places(column)]
        return np.stack((Number().encode(column)[:, 0], counts), axis=1)

    def facts(self) -> dict[str, Any]:
        return self.vocabulary.facts()

    @classmethod
    def from_facts(cls, facts: Facts) -> CountedNumber:
        return cls(Vocabulary.from_facts(facts))


def looks_like_ids(column: Column) -> bool:
    """Whether numbers name something that comes back: whole, repeated, and scattered over a wide range."""
    if not isinstance(column, Numbers):
        return False
    values = column.values[~column.missing()]
    head = values[:_LOOKED_AT]  # of most columns these say it: the others have to be sorted
    if not (_are_whole(head) and _are_whole(values)):
        return False
    distinct = np.unique(values)
    if len(distinct) <= 20 or len(values) < 3 * len(distinct):
        return False
    return float(distinct[-1] - distinct[0]) > 3 * len(distinct)


def _are_whole(values: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).all()) and bool((values == np.floor(values)).all())

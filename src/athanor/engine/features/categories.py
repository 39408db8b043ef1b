"""Categorical columns: codes for trees, one-hot columns for models that add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Dense, Facts
from athanor.engine.features.vocabulary import UNKNOWN, Vocabulary
from athanor.engine.tables.dataset import Column

MOST_CODES = 1000  # a tree cannot tell more levels apart by their statistics
MANY_LEVELS = 20  # above, how often a level occurs is worth a feature of its own
MOST_COLUMNS = 50  # one-hot columns for one categorical column


@dataclass(frozen=True, slots=True)
class CategoryCodes(Dense):
    """One code a level: 0 for rare and unseen ones, then by frequency; NaN for missing.

    With many levels a second feature follows: the number of training rows with that level.
    """

    vocabulary: Vocabulary
    _codes: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    _counts: NDArray[np.float32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # UNKNOWN (-2) and MISSING (-1) index both tables from their end.
        codes = np.arange(1.0, len(self.vocabulary.levels) + 1.0)
        codes[MOST_CODES:] = 0.0
        counts = np.array(self.vocabulary.counts, np.float64)
        for name, table in (("_codes", codes), ("_counts", counts)):
            object.__setattr__(self, name, np.append(table, (0.0, np.nan)).astype(np.float32))

    @property
    def width(self) -> int:
        return 2 if len(self.vocabulary.levels) > MANY_LEVELS else 1

    @property
    def categorical(self) -> tuple[int, ...]:
        return (0,)

    def encode(self, column: Column) -> NDArray[np.float32]:
        places = self.vocabulary.places(column)
        if self.width == 1:
            return self._codes[places][:, None]
        return np.stack((self._codes[places], self._counts[places]), axis=1)

    def facts(self) -> dict[str, Any]:
        return self.vocabulary.facts()

    @classmethod
    def from_facts(cls, facts: Facts) -> CategoryCodes:
        return cls(Vocabulary.from_facts(facts))


@dataclass(frozen=True, slots=True)
class OneHot(Dense):
    """One column for each of the most frequent levels, one for all others and unseen ones, one for missing."""

    vocabulary: Vocabulary

    @property
    def width(self) -> int:
        return min(len(self.vocabulary.levels), MOST_COLUMNS) + 2

    def encode(self, column: Column) -> NDArray[np.float32]:
        places = self.vocabulary.places(column)
        hot = np.where(places >= self.width - 2, UNKNOWN, places)
        block = np.zeros((len(places), self.width), np.float32)
        block[np.arange(len(places)), hot] = 1.0  # UNKNOWN (-2) and MISSING (-1) are the last two columns
        return block

    def facts(self) -> dict[str, Any]:
        return self.vocabulary.facts()

    @classmethod
    def from_facts(cls, facts: Facts) -> OneHot:
        return cls(Vocabulary.from_facts(facts))

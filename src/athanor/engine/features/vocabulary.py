"""The vocabulary of a categorical column: its levels in the training rows, most frequent first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Facts
from athanor.engine.features.words import occurring
from athanor.engine.tables.dataset import Column, Numbers, Words
from athanor.errors import InvalidInput

MISSING = -1
UNKNOWN = -2  # a level that is not in the vocabulary: rare in the training rows, or never seen there
LEAST_ROWS = 2  # a level seen in a single row says nothing about others
MOST_LEVELS = 20_000  # keeps a saved view small; by then levels have few rows each


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Levels and in how many training rows each stood. Levels are words, or numbers where cells are numbers."""

    levels: tuple[str, ...] | tuple[float, ...]
    counts: tuple[int, ...]
    _place_of: dict[str, int] = field(init=False, repr=False, compare=False)  # of words
    _order: NDArray[np.int64] = field(init=False, repr=False, compare=False)  # of numbers, which are looked for in it
    _ascending: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = {level: place for place, level in enumerate(self.levels) if isinstance(level, str)}
        numbers = np.array([] if words else self.levels, np.float64)
        order = np.argsort(numbers)
        for name, value in (("_place_of", words), ("_order", order), ("_ascending", numbers[order])):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, column: Column) -> Vocabulary:
        levels: list[str] | list[float]
        if isinstance(column, Words):
            words, places = occurring(column)
            counts = np.bincount(places[places >= 0], minlength=len(words))
            frequent = np.flatnonzero(counts >= LEAST_ROWS)
            levels = [words[place] for place in frequent.tolist()]
        else:
            values, all_counts = np.unique(_numbers(column)[~column.missing()], return_counts=True)
            counts = np.asarray(all_counts)
            frequent = np.flatnonzero(counts >= LEAST_ROWS)
            levels = values[frequent].tolist()
        rows = counts[frequent].tolist()
        order = sorted(range(len(levels)), key=lambda place: (-rows[place], levels[place]))[:MOST_LEVELS]
        kept = tuple(rows[place] for place in order)
        return cls(tuple(levels[place] for place in order), kept)  # type: ignore[arg-type]

    def places(self, column: Column) -> NDArray[np.int64]:
        """(n_rows,) each row's position in `levels`, or MISSING, or UNKNOWN."""
        if isinstance(column, Words):
            words, places = occurring(column)
            table = np.array([self._place_of.get(word, UNKNOWN) for word in words] + [MISSING], np.int64)
            return table[places]
        return self._places_of(_numbers(column))

    def _places_of(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        if not self.levels:
            return np.where(np.isnan(values), MISSING, UNKNOWN)
        nearest = np.minimum(np.searchsorted(self._ascending, values), len(self.levels) - 1)
        found = np.where(self._ascending[nearest] == values, self._order[nearest], UNKNOWN)
        found[np.isnan(values)] = MISSING
        return found

    def facts(self) -> dict[str, object]:
        return {"levels": list(self.levels), "counts": list(self.counts)}

    @classmethod
    def from_facts(cls, facts: Facts) -> Vocabulary:
        return cls(tuple(facts["levels"]), tuple(facts["counts"]))


def _numbers(column: Column) -> NDArray[np.float64]:
    if not isinstance(column, Numbers):
        raise InvalidInput(f"Categories are words or numbers, got {type(column).__name__}.")
    return column.values

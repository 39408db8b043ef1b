"""The views of a model's folds as one matrix, so that rows on their way to an answer are encoded once.

A fold's view is fitted to the fold's training rows, so a model has as many views as folds. Most of what they do is the
same: numbers are numbers, and a level is looked up in one table whose row holds what every fold makes of it. What is
scaled is scaled for all folds in one go. Every feature has the bits that its own view gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features import FittedView
from athanor.engine.features.categories import CategoryCodes, OneHot
from athanor.engine.features.columnwise import Columnwise, described
from athanor.engine.features.encoder import Encoder
from athanor.engine.features.numbers import LARGEST, CountedNumber, Number, as_numbers
from athanor.engine.features.scaling import Scaled, scaled
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Words

Places = NDArray[np.intp]
Floats = NDArray[np.float32]

_MOST_CELLS = 2**21  # of a column's table: a larger one takes more memory than the time is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class JointView:
    """(n_rows, n_features) float32: raw features, then scaled ones, then flags of missing ones.

    places     for each view where its features stand in the matrix
    numbers    columns whose values are raw features, the first ones
    tables     columns whose levels say what the next raw features are
    others     what else makes raw features of a column
    scaled_of  (n_scaled,) the raw feature that each is made of; `median` and `factor` as in `Scaled`
    flag_of    (n_flags,) the raw feature that each looks at
    """

    places: tuple[Places, ...]
    numbers: tuple[str, ...]
    tables: tuple[_Table, ...]
    others: tuple[tuple[str, Encoder], ...]
    scaled_of: Places
    median: Floats
    factor: Floats
    flag_of: Places
    n_features: int

    def transform(self, dataset: Dataset) -> Floats:
        X = np.empty((dataset.n_rows, self.n_features), np.float32)
        start = len(self.numbers)
        if start:
            values = np.array([as_numbers(dataset[name]) for name in self.numbers])
            X[:, :start] = np.clip(values, -LARGEST, LARGEST).T
        for table in self.tables:
            X[:, start : start + table.width] = table.encode(dataset[table.column])
            start += table.width
        for name, encoder in self.others:
            X[:, start : start + encoder.width] = encoder.encode(dataset[name])
            start += encoder.width
        if len(self.scaled_of):
            raw = X[:, self.scaled_of]
            X[:, start : start + len(self.scaled_of)] = scaled(raw, np.isnan(raw), self.median, self.factor)
        if len(self.flag_of):
            X[:, start + len(self.scaled_of) :] = np.isnan(X[:, self.flag_of])
        return X


@dataclass(frozen=True, slots=True)
class _Table:
    """What every fold makes of each level of a column.

    rows       (n_levels + 2, width) float32; the last two of a level that no fold knows, and of a missing cell
    place_of   of levels that are words
    ascending  levels that are numbers
    """

    column: str
    rows: Floats
    place_of: Mapping[str, int]
    ascending: NDArray[np.float64]

    @property
    def width(self) -> int:
        return int(self.rows.shape[1])

    @classmethod
    def of(cls, column: str, parts: Sequence[_Part]) -> _Table:
        levels = {level for part in parts for level in part.levels}
        words = sorted(level for level in levels if isinstance(level, str))
        numbers = np.array(sorted(level for level in levels if not isinstance(level, str)), np.float64)
        every: Column
        if len(numbers):
            every = Numbers(np.append(numbers, (np.nextafter(numbers[-1], np.inf), np.nan)))
        else:
            unknown = max(words, key=len, default="") + "?"  # longer than all of them
            every = Words(np.append(np.arange(len(words) + 1, dtype=np.int32), np.int32(-1)), (*words, unknown))
        rows = np.concatenate([part.encode(every) for part in parts], axis=1)
        return cls(column, rows, {word: place for place, word in enumerate(words)}, numbers)

    def encode(self, column: Column) -> Floats:
        places = self._places_in(column) if isinstance(column, Words) else self._places_of(as_numbers(column))
        return np.asarray(self.rows[places], np.float32)

    @property
    def _unknown(self) -> int:
        return len(self.rows) - 2

    @property
    def _missing(self) -> int:
        return len(self.rows) - 1

    def _places_in(self, column: Words) -> Places:
        words, place_of, unknown = column.vocabulary, self.place_of, self._unknown
        if len(words) <= len(column.codes):
            table = np.array([*(place_of.get(word, unknown) for word in words), self._missing], np.intp)
            return np.asarray(table[column.codes], np.intp)
        codes, missing = column.codes.tolist(), self._missing
        return np.array([missing if code < 0 else place_of.get(words[code], unknown) for code in codes], np.intp)

    def _places_of(self, values: NDArray[np.float64]) -> Places:
        if not len(self.ascending):
            return np.where(np.isnan(values), self._missing, self._unknown)
        nearest = np.minimum(np.searchsorted(self.ascending, values), len(self.ascending) - 1)
        places = np.where(self.ascending[nearest] == values, nearest, self._unknown)
        places[np.isnan(values)] = self._missing
        return places


@dataclass(frozen=True, slots=True)
class _Part:
    """An encoder as part of a table: without the value itself, where it gives that, too."""

    encoder: CategoryCodes | CountedNumber | OneHot

    @property
    def levels(self) -> tuple[str, ...] | tuple[float, ...]:
        return self.encoder.vocabulary.levels

    @property
    def _skipped(self) -> int:
        return 1 if isinstance(self.encoder, CountedNumber) else 0

    @property
    def width(self) -> int:
        return self.encoder.width - self._skipped

    def encode(self, column: Column) -> Floats:
        return self.encoder.encode(column)[:, self._skipped :]


@dataclass(slots=True)
class _Raw:
    """The raw features of all views, each once. Asked where they stand when all are known.

    without  columns whose tables would be too large
    """

    without: frozenset[str]
    numbers: dict[str, None] = field(default_factory=dict)
    parts: dict[str, dict[str, _Part]] = field(default_factory=dict)  # by column and description
    others: dict[tuple[str, str], Encoder] = field(default_factory=dict)
    _first: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, name: str, encoder: Encoder) -> None:
        if isinstance(encoder, Number):
            self.numbers[name] = None
        elif isinstance(encoder, CategoryCodes | CountedNumber | OneHot) and name not in self.without:
            self.parts.setdefault(name, {})[_key(encoder)] = _Part(encoder)
            if isinstance(encoder, CountedNumber):
                self.numbers[name] = None
        else:
            self.others[name, _key(encoder)] = encoder

    def settle(self) -> int:
        """Give every feature its place; how many there are."""
        start = 0
        for name in self.numbers:
            self._first["number", name, ""] = start
            start += 1
        for name, parts in self.parts.items():
            for key, part in parts.items():
                self._first["part", name, key] = start
                start += part.width
        for (name, key), encoder in self.others.items():
            self._first["other", name, key] = start
            start += encoder.width
        return start

    def places(self, name: str, encoder: Encoder) -> list[int]:
        """Where the features of an encoder stand."""
        if isinstance(encoder, Number):
            return [self._first["number", name, ""]]
        key = _key(encoder)
        if (name, key) in self.others:
            return list(range(first := self._first["other", name, key], first + encoder.width))
        part, first = self.parts[name][key], self._first["part", name, key]
        of_part = range(first, first + part.width)
        return [self._first["number", name, ""], *of_part] if isinstance(encoder, CountedNumber) else list(of_part)


def joint_view(fitted: Sequence[FittedView]) -> JointView | None:
    """All of the views as one; None where one of them is sparse, or not made column by column."""
    views = [view for view in fitted if isinstance(view, Columnwise) and not view.is_sparse]
    if len(views) < len(fitted):
        return None
    raw = _Raw(_too_large(views))
    for view in views:
        for name, encoder in view.encoders:
            raw.add(name, encoder.inner if isinstance(encoder, Scaled) else encoder)
    n_raw = raw.settle()
    each_scaled = [(name, each) for view in views for name, each in view.encoders if isinstance(each, Scaled)]
    scaled_of = [raw.places(name, each.inner) for name, each in each_scaled]
    flag_of = [[of[place] for place in each.flagged] for of, (_, each) in zip(scaled_of, each_scaled, strict=True)]
    next_scaled, next_flag = n_raw, n_raw + sum(map(len, scaled_of))
    places: list[Places] = []
    for view in views:
        found: list[int] = []
        for name, encoder in view.encoders:
            if not isinstance(encoder, Scaled):
                found += raw.places(name, encoder)
                continue
            width, flagged = encoder.inner.width, len(encoder.flagged)
            found += [*range(next_scaled, next_scaled + width), *range(next_flag, next_flag + flagged)]
            next_scaled, next_flag = next_scaled + width, next_flag + flagged
        places.append(np.array(found, np.intp))
    return JointView(
        places=tuple(places),
        numbers=tuple(raw.numbers),
        tables=tuple(_Table.of(name, list(parts.values())) for name, parts in raw.parts.items()),
        others=tuple((name, encoder) for (name, _), encoder in raw.others.items()),
        scaled_of=np.array([place for of in scaled_of for place in of], np.intp),
        median=np.concatenate([np.empty(0, np.float32), *(each.median for _, each in each_scaled)]),
        factor=np.concatenate([np.empty(0, np.float32), *(each.factor for _, each in each_scaled)]),
        flag_of=np.array([place for of in flag_of for place in of], np.intp),
        n_features=next_flag,
    )


def _too_large(views: Sequence[Columnwise]) -> frozenset[str]:
    """Columns whose tables would have too many cells."""
    levels: dict[str, int] = {}
    widths: dict[str, int] = {}
    for view in views:
        for name, encoder in view.encoders:
            inner = encoder.inner if isinstance(encoder, Scaled) else encoder
            if isinstance(inner, CategoryCodes | CountedNumber | OneHot):
                levels[name] = max(levels.get(name, 0), len(inner.vocabulary.levels))
                widths[name] = widths.get(name, 0) + inner.width
    return frozenset(name for name in levels if levels[name] * widths[name] > _MOST_CELLS)


def _key(encoder: Encoder) -> str:
    return json.dumps(described(encoder), sort_keys=True)

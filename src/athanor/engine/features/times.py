"""Points in time as numbers: parts of the calendar and days since 1970."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Dense, Facts
from athanor.engine.tables.dataset import Column, Times
from athanor.errors import InvalidInput

_DAY = 86_400_000_000  # microseconds


def _year(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return at.astype("datetime64[Y]").astype(np.int64) + 1970


def _month(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return at.astype("datetime64[M]").astype(np.int64) % 12 + 1


def _day(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    first = at.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray(at.astype("datetime64[D]").astype(np.int64) - first + 1, np.int64)


def _weekday(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return (_microseconds(at) // _DAY + 3) % 7  # Monday is 0; 1970-01-01 was a Thursday


def _hour(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return _microseconds(at) % _DAY // 3_600_000_000


def _minute_of_day(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return _microseconds(at) % _DAY // 60_000_000


def _days_since_1970(at: NDArray[np.datetime64]) -> NDArray[np.float64]:
    return np.asarray(_microseconds(at) / _DAY, np.float64)


def _microseconds(at: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return at.astype("datetime64[us]").astype(np.int64)


PARTS: Mapping[str, Callable[[NDArray[np.datetime64]], NDArray[Any]]] = {
    "year": _year,
    "month": _month,
    "day": _day,
    "weekday": _weekday,
    "hour": _hour,
    "minute_of_day": _minute_of_day,
    "days_since_1970": _days_since_1970,
}


@dataclass(frozen=True, slots=True)
class TimeParts(Dense):
    """Those parts of the calendar that differ between the training rows. NaN for missing."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, column: Column) -> TimeParts:
        values = _times(column)
        known = values[~np.isnat(values)]
        varying = [part for part in PARTS if len(known) and np.ptp(PARTS[part](known)) > 0]
        if "minute_of_day" in varying and "hour" in varying and _on_the_hour(known):
            varying.remove("minute_of_day")
        return cls(tuple(varying))

    @property
    def width(self) -> int:
        return len(self.parts)

    def encode(self, column: Column) -> NDArray[np.float32]:
        values = _times(column)
        missing = np.isnat(values)
        filled = np.where(missing, np.datetime64(0, "us"), values)
        block = np.empty((len(values), self.width), np.float32)
        for place, part in enumerate(self.parts):
            block[:, place] = PARTS[part](filled)
        block[missing] = np.nan
        return block

    def facts(self) -> dict[str, Any]:
        return {"parts": list(self.parts)}

    @classmethod
    def from_facts(cls, facts: Facts) -> TimeParts:
        return cls(tuple(facts["parts"]))


def _times(column: Column) -> NDArray[np.datetime64]:
    if not isinstance(column, Times):
        raise InvalidInput(f"Points in time are needed here, got {type(column).__name__}.")
    return column.values


def _on_the_hour(known: NDArray[np.datetime64]) -> bool:
    return bool((known == known.astype("datetime64[h]")).all())

"""An independent count of a text file's records and fields, over all bytes, against which a reading is checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK = 16 * 1024**2
_NEWLINE, _RETURN = 10, 13


@dataclass(frozen=True, slots=True)
class Scan:
    """What stands where in a text of records.

    starts, ends  (n_records,) first byte of each record, and the byte after its last
    widths        (n_records,) its number of fields
    is_tidy       every quote opens a field at its start, closes it at its end, or is doubled inside
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    widths: NDArray[np.int64]
    is_tidy: bool


def scan(content: bytes, delimiter: str, quote: str) -> Scan:
    """Find the records of UTF-8 `content`. Where quotes are not tidy the counts mean nothing."""
    data = np.frombuffer(content, np.uint8)
    separator = ord(delimiter)
    quotes = np.empty(0, np.int64)
    ends: list[NDArray[np.int64]] = []
    separators_before: list[NDArray[np.int64]] = []
    n_quotes = n_separators = 0
    is_tidy = True
    for start in range(0, len(data), _CHUNK):
        part = data[start : start + _CHUNK]
        newlines, separators = _places(part, _NEWLINE, start), _places(part, separator, start)
        if quote:
            quotes = _places(part, ord(quote), start)
            is_tidy = is_tidy and _tidy(data, quotes, n_quotes, separator)
            newlines = _outside(newlines, quotes, n_quotes)
            separators = _outside(separators, quotes, n_quotes)
            n_quotes += len(quotes)
        ends.append(newlines)
        separators_before.append(n_separators + np.searchsorted(separators, newlines))
        n_separators += len(separators)
    if len(data) and data[-1] != _NEWLINE:
        ends.append(np.array([len(data)]))
        separators_before.append(np.array([n_separators]))
    stops = np.concatenate(ends) if ends else np.empty(0, np.int64)
    counted = np.concatenate(separators_before) if ends else np.empty(0, np.int64)
    starts = np.concatenate([[0], stops[:-1] + 1]).astype(np.int64)[: len(stops)]
    returned = (stops > starts) & (data[np.maximum(stops - 1, 0)] == _RETURN) if len(stops) else stops.astype(bool)
    return Scan(
        starts=starts,
        ends=stops - returned,
        widths=np.diff(counted, prepend=0) + 1,
        is_tidy=is_tidy and n_quotes % 2 == 0,
    )


def _places(part: NDArray[np.uint8], byte: int, start: int) -> NDArray[np.int64]:
    places: NDArray[np.int64] = np.flatnonzero(part == byte) + start
    return places


def _outside(places: NDArray[np.int64], quotes: NDArray[np.int64], n_before: int) -> NDArray[np.int64]:
    """The places before which an even number of quotes stands."""
    if not len(quotes):
        return places if n_before % 2 == 0 else places[:0]
    is_outside = (np.searchsorted(quotes, places) + n_before) % 2 == 0
    outside: NDArray[np.int64] = places[is_outside]
    return outside


def _tidy(data: NDArray[np.uint8], quotes: NDArray[np.int64], n_before: int, separator: int) -> bool:
    if not len(quotes):
        return True
    quote = data[quotes[0]]
    opening, closing = quotes[n_before % 2 :: 2], quotes[1 - n_before % 2 :: 2]
    before = data[np.maximum(opening - 1, 0)]
    after = data[np.minimum(closing + 1, len(data) - 1)]
    opens = (opening == 0) | (before == separator) | (before == _NEWLINE) | (before == quote)
    closes = (
        (closing == len(data) - 1) | (after == separator) | (after == _NEWLINE) | (after == _RETURN) | (after == quote)
    )
    return bool(opens.all() and closes.all())

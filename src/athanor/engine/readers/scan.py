"""An independent count of a text's records and fields, over all bytes, against which a reading is checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _RETURN = 10, 13
_SPARSE = 256  # bytes for each quote, above which the quotes are looked at rather than all bytes
_Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scan:
    """What stands where in a text that begins with a record.

    starts, ends  (n_records,) first byte of each record, and the byte after its last
    widths        (n_records,) its number of fields
    stop          the byte behind the last record; what follows is the beginning of one that is not all there
    newlines      every line end, those inside quotes as well
    is_tidy       every quote up to `stop` opens a field at its start, closes it at its end, or is doubled inside;
                  where it is not, all of the above means nothing
    """

    starts: _Places
    ends: _Places
    widths: _Places
    stop: int
    newlines: _Places
    is_tidy: bool


def scan(content: bytes, delimiter: str, quote: str, *, is_last: bool = True) -> Scan:
    """Find the records of UTF-8 `content`, whose line ends are plain. `is_last`: nothing follows."""
    data = np.frombuffer(content, np.uint8)
    newlines, separators = _places(data, _NEWLINE), _places(data, ord(delimiter))
    quotes = _places(data, ord(quote)) if quote else separators[:0]
    is_dense = len(quotes) * _SPARSE > len(data)
    if is_dense:
        outside = np.cumsum(data == ord(quote), dtype=np.uint8) % 2 == 0
        stops, separators = newlines[outside[newlines]], separators[outside[separators]]
    else:
        stops, separators = _outside(newlines, quotes), _outside(separators, quotes)
    if is_last and len(data) and (not len(stops) or stops[-1] != len(data) - 1):
        stops = np.append(stops, len(data))
    stop = min(int(stops[-1]) + 1, len(data)) if len(stops) else 0
    starts = np.concatenate([[0], stops[:-1] + 1]).astype(np.int64)[: len(stops)]
    returned = (stops > starts) & (data[np.maximum(stops - 1, 0)] == _RETURN) if len(stops) else stops.astype(bool)
    return Scan(
        starts=starts,
        ends=stops - returned,
        widths=_widths(separators, stops),
        stop=stop,
        newlines=newlines,
        is_tidy=_tidy_densely(data[:stop], outside[:stop], quote, delimiter)
        if is_dense
        else _tidy(data, quotes[: np.searchsorted(quotes, stop)], ord(delimiter)),
    )


def with_plain_line_ends(content: bytes, quote: str) -> bytes:
    """The text with a newline for each return that ends a line by itself, and one return where several precede one.

    Those inside quotes stay as they are.
    """
    data = np.frombuffer(content, np.uint8)
    returns = _places(data, _RETURN)
    following = data[np.minimum(returns + 1, len(data) - 1)]
    if bool(((following == _NEWLINE) & (returns + 1 < len(data))).all()):
        return content
    if quote:
        returns = _outside(returns, _places(data, ord(quote)))
        if not len(returns):
            return content
    lasts = np.append(np.diff(returns) != 1, True)  # of each run of them
    stops = returns[lasts] + 1
    ends_line = (stops < len(data)) & (data[np.minimum(stops, len(data) - 1)] == _NEWLINE)
    run = np.concatenate([[0], np.cumsum(lasts)[:-1]]).astype(np.int64)
    before_newline = ends_line[run]
    changed = data.copy()
    changed[returns[~before_newline]] = _NEWLINE
    surplus = returns[before_newline & ~lasts]
    return (np.delete(changed, surplus) if len(surplus) else changed).tobytes()


def _places(data: NDArray[np.uint8], byte: int) -> _Places:
    return np.flatnonzero(data == byte)


def _outside(places: _Places, quotes: _Places) -> _Places:
    """The places before which an even number of quotes stands."""
    if not len(quotes) or not len(places):
        return places
    opening, closing = quotes[::2], quotes[1::2]
    first = np.searchsorted(places, opening)
    behind = np.searchsorted(places, closing)
    if len(closing) < len(opening):
        behind = np.append(behind, len(places))
    if np.array_equal(first, behind):
        return places
    depth = np.zeros(len(places) + 1, np.int32)
    np.add.at(depth, first, 1)
    np.subtract.at(depth, behind, 1)
    outside: _Places = places[np.cumsum(depth[:-1]) == 0]
    return outside


def _widths(separators: _Places, stops: _Places) -> _Places:
    """Fields of each record. That all are alike is seen without a search, and is the rule."""
    if not len(stops):
        return stops
    width = int(np.searchsorted(separators, stops[0])) + 1
    per_record = width - 1
    n_inside = per_record * len(stops)
    if len(separators) >= n_inside:
        if not per_record:
            is_regular = not len(separators) or bool(separators[0] > stops[-1])
        else:
            is_regular = (
                bool((separators[per_record - 1 : n_inside : per_record] < stops).all())
                and bool((separators[per_record:n_inside:per_record] > stops[:-1]).all())
                and (len(separators) == n_inside or bool(separators[n_inside] > stops[-1]))
            )
        if is_regular:
            return np.full(len(stops), width)
    return np.diff(np.searchsorted(separators, stops), prepend=0) + 1


def _tidy(data: NDArray[np.uint8], quotes: _Places, separator: int) -> bool:
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    quote = data[quotes[0]]
    opening, closing = quotes[::2], quotes[1::2]
    before = data[np.maximum(opening - 1, 0)]
    after = data[np.minimum(closing + 1, len(data) - 1)]
    opens = (opening == 0) | (before == separator) | (before == _NEWLINE) | (before == quote)
    closes = (
        (closing == len(data) - 1) | (after == separator) | (after == _NEWLINE) | (after == _RETURN) | (after == quote)
    )
    return bool(opens.all() and closes.all())


def _tidy_densely(data: NDArray[np.uint8], outside: NDArray[np.bool_], quote: str, delimiter: str) -> bool:
    """The same of all bytes at once, where quotes are many. `outside`: an even number of quotes stands up to there."""
    if not len(data):
        return True
    quotes = data == ord(quote)
    edges = np.concatenate([[_NEWLINE], data, [_NEWLINE]])
    edge = (edges == ord(delimiter)) | (edges == _NEWLINE) | (edges == ord(quote))
    opens = edge[:-2]
    closes = edge[2:] | (edges[2:] == _RETURN)
    return bool(outside[-1]) and not bool((quotes & ~np.where(outside, closes, opens)).any())

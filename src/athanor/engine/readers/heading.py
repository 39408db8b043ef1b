"""What stands above the rows of a text: comments, titles, and the names of the columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from athanor.engine.readers.column_names import unique_names
from athanor.engine.tables import cells

_MANY = 10
USUAL_SHARE = 0.9  # records that have one number of fields, in a file that its delimiter fits
_MOST_ABOVE = 20  # lines of titles above a table
_MOST_COLUMNS = 1_000  # that are looked at
_NUMBER = re.compile(cells.NUMBER).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """How the columns are called.

    names           each once
    is_given        a record holds them
    width           fields of each row: one more than names where `has_empty_last`
    has_empty_last  each row ends in a delimiter, behind which no column stands
    """

    names: tuple[str, ...]
    is_given: bool
    width: int
    has_empty_last: bool
    warnings: tuple[str, ...]


def find_heading(rows: Sequence[Sequence[str]], has_header: bool | None) -> Heading:
    """The names of the columns; `rows` are the first records, no titles above them."""
    if len(rows[0]) > 1 and rows[-1] != rows[0]:  # files put together one below the other repeat the names
        rows = [rows[0], *(row for row in rows[1:] if row != rows[0])]
    has_empty_last = _has_empty_last(rows)
    has_row_names = not has_empty_last and has_header is not False and _has_row_names(rows)
    if has_header is None:
        has_header = has_row_names or (has_empty_last and len(rows[0]) < len(rows[1])) or is_header(rows)
    warnings: list[str] = []
    given = [cell.strip(cells.BLANKS) for cell in rows[0]]
    if not has_header:
        given = [f"column_{position}" for position in range(1, len(given) + 1)]
        warnings.append(
            "The first line looks like a row, not like names, so the columns are named column_1, column_2 …; "
            "say `has_header` if it does hold the names."
        )
    elif has_row_names:
        given.insert(0, "row_name")
        warnings.append("The first line has one name fewer than the rows have fields: these begin with row names.")
    width = len(given)
    if has_empty_last:
        width = len(rows[1])
        given = given[: width - 1]
        warnings.append("Each row ends in a delimiter, behind which no column stands.")
    names, renamed = unique_names(given)
    return Heading(
        names=tuple(names),
        is_given=has_header,
        width=width,
        has_empty_last=has_empty_last,
        warnings=(*warnings, *renamed),
    )


def without_comments(sample: str, delimiters: Sequence[str]) -> tuple[str, int]:
    """The sample without the lines at its top that begin with #, unless the last of them holds the names."""
    at = n_lines = last = 0
    while sample.startswith("#", at):
        end = sample.find("\n", at)
        if end < 0:
            return sample, 0
        last, at, n_lines = at, end + 1, n_lines + 1
    if not n_lines or not sample[at:].strip():
        return sample, 0
    below = sample[at:].split("\n", 2)
    for delimiter in delimiters:
        width = below[0].count(delimiter)
        names = sample[last : at - 1].split(delimiter)
        is_alike = width and width == len(names) - 1 and all(name.strip("# \r") for name in names)
        if is_alike and not is_header([row.split(delimiter) for row in [*below[:2]] if row]):
            return sample[last:], n_lines - 1
    return sample[at:], n_lines


def titles_above(rows: Sequence[Sequence[str]]) -> int:
    """How many records stand above the names of the table: titles, of fewer fields than nearly all others have."""
    (width, votes), *_ = Counter(map(len, rows)).most_common(1)
    if width == 1 or len(rows) < _MANY or votes < USUAL_SHARE * len(rows):
        return 0
    above = next(position for position, row in enumerate(rows) if len(row) == width)
    if not 0 < above <= _MOST_ABOVE or any(len(row) > width for row in rows[:above]):
        return 0
    if above == 1 and (_has_row_names(rows) or _has_empty_last(rows)):
        return 0
    names, below = rows[above], [row for row in rows[above + 1 :] if len(row) == width]
    has_names = any(
        not is_value(name) and all(is_value(row[position]) for row in below) for position, name in enumerate(names)
    )
    return above if has_names else 0


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns: it is no value where the cells below it are, and not one of them."""
    first, below = rows[0] if rows else [], rows[1:]
    names = [cell.strip(cells.BLANKS) for cell in first]
    if not below:
        return not any(is_value(name) for name in names)
    if _are_years(names):
        return True
    votes = 0
    for position, name in enumerate(names[:_MOST_COLUMNS]):
        column = [row[position].strip(cells.BLANKS) for row in below if position < len(row)]
        present = [cell for cell in column if cell not in cells.MISSING_AMONG_VALUES]
        if not present:
            continue
        if all(is_value(cell) for cell in present):
            votes += -1 if is_value(name) else 1
        elif name in present:
            votes -= 1
    if votes == 0:
        return all(names) and len(set(names)) == len(names) and not all(is_value(name) for name in names)
    return votes > 0


def is_value(cell: str) -> bool:
    """Whether the cell is a number, a truth value or a time (with a decimal comma as well), so hardly a name."""
    trimmed = cell.strip(cells.BLANKS)
    if _NUMBER(trimmed):
        return True
    return trimmed not in cells.MISSING_AMONG_VALUES and any(_reads(trimmed, reading) for reading in _READINGS)


def _has_empty_last(rows: Sequence[Sequence[str]]) -> bool:
    """Whether all rows end in a delimiter, and the names in the same or one field before."""
    if len(rows) < 2:
        return False
    width = len(rows[1])
    names = rows[0]
    if width < 3 or not (len(names) == width - 1 or (len(names) == width and not names[-1].strip())):
        return False
    return all(len(row) == width and not row[-1].strip() for row in rows[1:])


def _has_row_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each row begins with a name of its own, above which no name stands, as R writes tables."""
    names, below = rows[0], rows[1:]
    width = len(names) + 1
    if width == 2 or not below or any(len(row) != width for row in below) or any(is_value(name) for name in names):
        return False
    return all(names) and len({row[0] for row in below}) == len(below)


def _are_years(names: list[str]) -> bool:
    """Whether the names are years one after the other, beside others that are no values: a header all the same."""
    years = [int(name) for name in names if re.fullmatch("(?:19|20)[0-9]{2}", name)]
    others = [name for name in names if not re.fullmatch("(?:19|20)[0-9]{2}", name)]
    rising = all(after - before == 1 for before, after in pairwise(years))
    return len(years) > 1 and rising and bool(others) and not any(is_value(name) for name in others)


def _reads(text: str, reading: Callable[[str], object]) -> bool:
    try:
        reading(text)
    except ValueError:
        return False
    return True


_READINGS: tuple[Callable[[str], object], ...] = (
    lambda text: cells.number(text.replace(",", ".", 1)),
    cells.truth,
    cells.microseconds,
)

"""How a text file is laid out: delimiter, quote and header, found by a vote over a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from athanor.engine import cells
from athanor.engine.readers.records import records

DELIMITERS = (",", ";", "\t", "|")
_NONE_FOUND = "\x1f"  # the unit separator: in no file that people send, so each line is one field
_ROWS = 500  # records that vote
_USUAL_SHARE = 0.9  # records that have one number of fields, in a file that its delimiter fits


@dataclass(frozen=True, slots=True)
class Layout:
    """What separates and encloses the fields of a file, and whether its first record names them."""

    delimiter: str
    quote: str  # "" for none
    has_header: bool


def find_layout(
    sample: str, *, delimiter: str | None = None, quote: str | None = None, has_header: bool | None = None
) -> Layout:
    """The layout that fits the sample best, taking what is given as given."""
    if quote is None:
        quote = _find_quote(sample, (delimiter,) if delimiter else DELIMITERS)
    if delimiter is None:
        delimiter = _find_delimiter(sample, quote)
    if has_header is None:
        has_header = _find_header(_rows(sample, delimiter, quote))
    return Layout(delimiter, quote, has_header)


def _rows(sample: str, delimiter: str, quote: str) -> list[list[str]]:
    found = (record.fields for record in records(sample, delimiter, quote))
    return list(islice((fields for fields in found if fields != [""]), _ROWS))


def _find_quote(sample: str, delimiters: tuple[str, ...]) -> str:
    """The single quote where fields begin and end with it and none does with the double one; else the double one."""

    def enclosing(quote: str) -> int:
        lines = sample.split("\n")[:_ROWS]
        return sum(
            len(field) > 1 and field[0] == quote == field[-1]
            for line in lines
            for field in max((line.strip().split(delimiter) for delimiter in delimiters), key=len)
        )

    return "'" if enclosing("'") > 2 and '"' not in sample else '"'


def _find_delimiter(sample: str, quote: str) -> str:
    best, best_score = _NONE_FOUND, (0.0, 0.0, 0.0)
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter, quote)
        if not rows:
            continue
        (width, votes), *_ = Counter(len(row) for row in rows).most_common(1)
        if width == 1:
            continue
        share = votes / len(rows)
        # A first record of another width speaks against: it is the header, and the delimiter an accident in the rows.
        fits = share >= _USUAL_SHARE and len(rows[0]) == width
        if not fits and (share < 0.5 or len(rows[0]) == 1):
            continue
        plain = sum(_is_value(cell) for row in rows[1:] for cell in row) / max(1, sum(map(len, rows[1:])))
        score = (2.0 if fits else share, round(plain, 1), float(width))
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _find_header(rows: list[list[str]]) -> bool:
    """Whether the first record names the columns: it is no value where the cells below it are, and not one of them."""
    first, below = rows[0] if rows else [], rows[1:]
    names = [cell.strip(cells.BLANKS) for cell in first]
    if not below:
        return not any(_is_value(name) for name in names)
    votes = 0
    for position, name in enumerate(names):
        column = [row[position].strip(cells.BLANKS) for row in below if position < len(row)]
        present = [cell for cell in column if cell not in cells.MISSING_AMONG_VALUES]
        if not present:
            continue
        if all(_is_value(cell) for cell in present):
            votes += -1 if _is_value(name) else 1
        elif name in present:
            votes -= 1
    if votes == 0:
        return all(names) and len(set(names)) == len(names) and not all(_is_value(name) for name in names)
    return votes > 0


def _is_value(cell: str) -> bool:
    """Whether the cell is a number, a truth value or a time (with a decimal comma as well), so hardly a name."""
    trimmed = cell.strip(cells.BLANKS)
    return trimmed not in cells.MISSING_AMONG_VALUES and any(_reads(trimmed, reading) for reading in _READINGS)


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

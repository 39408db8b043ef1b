"""How a text file is laid out: delimiter, quote and header, found by a vote over a sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from athanor.engine import cells
from athanor.engine.readers.records import records

DELIMITERS = (",", ";", "\t", "|")
NONE_FOUND = "\x1f"  # the unit separator: in no file that people send, so each line is one field
_ROWS = 500  # records that vote
_MANY = 10
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
    found = (record.fields for record in records(sample, delimiter, quote) if not record.is_blank)
    return list(islice(found, _ROWS))


def _find_quote(sample: str, delimiters: Sequence[str]) -> str:
    """The single quote where fields begin and end with it and no double one stands anywhere; else the double one."""
    edges = re.escape("".join(delimiters))
    enclosed = re.compile(rf"(?:^|[{edges}])'[^'\n]*'(?=[{edges}\r]|$)", re.MULTILINE)
    return "'" if '"' not in sample and len(enclosed.findall(sample)) > 1 else '"'


def _find_delimiter(sample: str, quote: str) -> str:
    best, best_score = NONE_FOUND, (0.0, 0.0, 0.0)
    for delimiter in DELIMITERS:
        rows = _rows(sample, delimiter, quote)
        if not rows:
            continue
        (width, votes), *_ = Counter(len(row) for row in rows).most_common(1)
        if width == 1:
            continue
        share = votes / len(rows)
        fits = share >= _USUAL_SHARE and len(rows[0]) == width
        # A first line without the delimiter is the name of a single column, and the delimiter a letter in the rows;
        # unless the rows are many and all alike: then a title stands above them, and the reading will say so.
        is_title = len(rows[0]) == 1 and share >= _USUAL_SHARE and len(rows) >= _MANY
        if not fits and not is_title and (share < 0.5 or len(rows[0]) == 1):
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
    if _are_years(names):
        return True
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


def _are_years(names: list[str]) -> bool:
    """Whether the names are years one after the other, beside others that are no values: a header all the same."""
    years = [int(name) for name in names if re.fullmatch("(?:19|20)[0-9]{2}", name)]
    others = [name for name in names if not re.fullmatch("(?:19|20)[0-9]{2}", name)]
    rising = all(after - before == 1 for before, after in pairwise(years))
    return len(years) > 1 and rising and bool(others) and not any(_is_value(name) for name in others)


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

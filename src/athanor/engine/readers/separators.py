"""What separates and encloses the fields of a text, found by a vote over its first records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from athanor.engine.readers.heading import USUAL_SHARE, is_value, titles_above
from athanor.engine.readers.records import Quotes, Record, records

DELIMITERS = (",", ";", "\t", "|")
NONE_FOUND = "\x1f"  # the unit separator: in no file that people send, so each line is one field
_ROWS, _CELLS = 500, 20_000  # that vote; of a wide file fewer rows
_FEWEST_ROWS = 10
_MOST_COLUMNS = 1_000  # that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Separators:
    """What stands between fields and around them.

    quote       "" for none
    is_aligned  fields stand apart by any number of blanks
    is_escaped  a backslash before a quote makes it a letter
    """

    delimiter: str
    quote: str
    is_aligned: bool
    is_escaped: bool
    warnings: tuple[str, ...]


def find_separators(sample: str, delimiter: str | None, quote: str | None) -> Separators:
    """The separators that fit the sample best, taking what is given as given."""
    warnings: list[str] = []
    candidates = (delimiter,) if delimiter else DELIMITERS
    if quote is None:
        quote = _find_quote(sample, candidates)
    is_escaped = _is_escaped(sample, candidates, quote)
    if is_escaped:
        warnings.append(f"A backslash before a quote ({quote}) was read as making it a letter.")
        sample = unescaped(sample, quote)
    if delimiter is None:
        delimiter = _find_delimiter(sample, quote)
    is_aligned = delimiter == " " and _is_aligned(sample, quote, is_given=len(candidates) == 1)
    if delimiter == " ":
        warnings.append("The columns are taken to stand apart by blanks; say which `delimiter` the file has otherwise.")
    elif delimiter == NONE_FOUND and any(other in sample for other in DELIMITERS):
        warnings.append("No delimiter fits all lines, so each line is one value; say which `delimiter` the file has.")
    return Separators(
        delimiter=delimiter,
        quote="" if is_aligned else quote,
        is_aligned=is_aligned,
        is_escaped=is_escaped,
        warnings=tuple(warnings),
    )


def unescaped(text: str, quote: str) -> str:
    """The text with quotes that a backslash makes letters doubled instead."""
    return text.replace("\\" + quote, quote * 2)


def aligned(text: str) -> str:
    """The text with one blank for each run of blanks between fields, and none at either end of a line."""
    return re.sub(r"^ | (?=\r?$)", "", re.sub(r"[ \t]+", " ", text), flags=re.MULTILINE)


def first_records(sample: str, delimiter: str, quote: str, *, is_whole: bool) -> list[Record]:
    """The first records that are no blank lines, without one that the end of the sample may have cut."""
    found: list[Record] = []
    n_cells = 0
    for record in records(sample, delimiter, quote):
        if record.is_blank:
            continue
        if record.quotes is Quotes.ENDLESS and not is_whole and found:
            break
        found.append(record)
        n_cells += len(record.fields)
        if len(found) >= _ROWS or (n_cells > _CELLS and len(found) > _FEWEST_ROWS):
            break
    return found


def _rows(sample: str, delimiter: str, quote: str) -> list[list[str]]:
    return [record.fields for record in first_records(sample, delimiter, quote, is_whole=False)]


def _find_quote(sample: str, delimiters: Sequence[str]) -> str:
    """The single quote where fields begin and end with it and no double one stands anywhere; else the double one."""
    edges = re.escape("".join(delimiters))
    enclosed = re.compile(rf"(?:^|[{edges}])'[^'\n]*'(?=[{edges}\r]|$)", re.MULTILINE)
    return "'" if '"' not in sample and len(enclosed.findall(sample)) > 1 else '"'


def _is_escaped(sample: str, delimiters: Sequence[str], quote: str) -> bool:
    """Whether more rows are alike when a backslash makes a quote a letter."""
    if not quote or "\\" + quote not in sample:
        return False

    def odd(text: str) -> int:
        return min(_odd(first_records(text, delimiter, quote, is_whole=True)) for delimiter in delimiters)

    return odd(unescaped(sample, quote)) < odd(sample)


def _odd(found: Sequence[Record]) -> int:
    """How many records are not like most."""
    widths = Counter(len(record.fields) for record in found if record.quotes is Quotes.PAIRED)
    width, votes = widths.most_common(1)[0] if widths else (1, 0)
    return len(found) - votes if width > 1 else len(found) + 1


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
        fits = share >= USUAL_SHARE and len(rows[0]) == width
        fits |= len(rows) > 1 and votes == len(rows) - 1 and len(rows[0]) == width - 1 > 1
        # A first line without the delimiter is the name of a single column, and the delimiter a letter in the rows;
        # unless the rows are many and all alike: then a title stands above them.
        is_title = share >= USUAL_SHARE and titles_above(rows) > 0
        if not fits and not is_title and (share < 0.5 or len(rows[0]) == 1):
            continue
        some = rows[1 : 2 + _CELLS // width]
        plain = sum(is_value(cell) for row in some for cell in row) / max(1, sum(map(len, some)))
        score = (2.0 if fits else share, round(plain, 1), float(width))
        if score > best_score:
            best, best_score = delimiter, score
    return " " if best == NONE_FOUND and _fits_blanks(sample, quote) else best


def _fits_blanks(sample: str, quote: str) -> bool:
    """Whether all lines come apart at blanks into as many fields, some of them numbers: prose hardly does."""
    has_quotes = bool(quote) and quote in sample
    rows = _rows(sample if has_quotes else aligned(sample), " ", quote)
    if len(rows) < 2:
        return False
    width = len(rows[-1])
    is_alike = all(len(row) == width for row in rows[1:]) and len(rows[0]) in {width, width - 1}
    if width == 1 or not is_alike or all(is_value(" ".join(row)) for row in rows[1:]):
        return False
    return any(all(is_value(row[position]) for row in rows[1:]) for position in range(min(width, _MOST_COLUMNS)))


def _is_aligned(sample: str, quote: str, *, is_given: bool) -> bool:
    """Whether runs of blanks stand for one; not where a single blank, as its owner says, makes all rows alike."""
    if (quote and quote in sample) or not re.search(r"^[ \t]|[ \t]{2}|\t|[ \t]\r?$", sample, re.MULTILINE):
        return False
    return not is_given or len({len(row) for row in _rows(sample, " ", quote)}) > 1

"""Ways to read the texts of a column, the grammar of `cells.py` at polars' speed.

`Reading.value` says what one cell is; `Reading.quickly` gives the same for the usual cells of many rows at once and
null for the others, which are then looked at one by one. So both always agree, and only the odd cells are slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isnan
from typing import Any

import polars as pl

from athanor.engine.readers.times import quick_times, times
from athanor.engine.tables import cells
from athanor.engine.tables.schema import Storage
from athanor.engine.tables.spellings import (
    EPOCH_SPAN,
    SPELLINGS,
    USUAL_TIME,
    EpochSpelling,
    NumberSpelling,
    TimeSpelling,
)

_MISSING_WORDS = list(cells.MISSING_WORDS)
_WHOLE = "[+-]?[0-9]+"
_CODE = "[+-]?0[0-9]"  # how a code such as a postal code begins: 01234 is not 1234
_AT_ONCE = 1_000  # distinct odd cells that are looked at before it is asked whether any refutes the reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read all cells of a column.

    what        its cells are, for messages
    is_lenient  a schema asked for it, so whatever can be read so is: codes as numbers, 1 and 0 as true and false
    """

    what: str
    storage: Storage
    is_lenient: bool = False

    @property
    def spelling(self) -> str:
        return ""

    @property
    def dtype(self) -> pl.DataType:
        return _TYPES[self.storage]

    def value(self, text: str) -> Any:
        """What a cell is, None where it is missing. Raises ValueError where it cannot be read so."""
        raise NotImplementedError

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:
        """What the cells are, null at least where `value` finds nothing. `first` is one of them, to go by."""
        raise NotImplementedError

    def fits(self, text: str) -> bool:
        try:
            self.value(text)
        except ValueError:
            return False
        return True


class Words(Reading):
    """Texts as they are, without blanks around them."""

    __slots__ = ()

    def value(self, text: str) -> str | None:
        return cells.word(text)

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        trimmed = cell.str.strip_chars(cells.BLANKS)
        return pl.when(~trimmed.is_in(_MISSING_WORDS)).then(trimmed)


class Vague(Reading):
    """Cells that say nothing of the column: a word such as "None" is missing among numbers and a word among words."""

    __slots__ = ()

    def value(self, text: str) -> str | None:
        if text.strip(cells.BLANKS) not in cells.MISSING_AMONG_VALUES and not _is_infinite(text):
            raise ValueError(text)
        return cells.word(text)

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        return pl.when(cell == "None").then(cell)


class LongIntegers(Reading):
    """Whole numbers beyond what a float can tell apart, kept as words."""

    __slots__ = ()

    def value(self, text: str) -> str | None:
        trimmed = text.strip(cells.BLANKS)
        is_missing = trimmed in cells.MISSING_AMONG_VALUES or _is_infinite(trimmed)
        if not is_missing and (not re.fullmatch(_WHOLE, trimmed) or re.match(_CODE, trimmed)):
            raise ValueError(text)
        return cells.word(text)

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        return pl.when(cell.str.contains(f"^{_WHOLE}$") & ~_is_code(cell)).then(cell)


class Truths(Reading):
    """True and false."""

    __slots__ = ()

    def value(self, text: str) -> bool | None:
        truth = cells.truth(text)
        if not self.is_lenient and text.strip(cells.BLANKS).isdecimal():
            raise ValueError(text)
        return None if truth != truth else bool(truth)  # noqa: PLR0124 - NaN alone differs from itself

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        true = (cell == "true") | (cell == "True") | (cell == "TRUE")
        false = (cell == "false") | (cell == "False") | (cell == "FALSE")
        return pl.when(true | false).then(true)


class Integers(Reading):
    """Whole numbers."""

    __slots__ = ()

    def value(self, text: str) -> int | None:
        number = _number(text, self)
        if number is None:
            return None
        trimmed = text.strip(cells.BLANKS)
        if re.fullmatch(_WHOLE, trimmed):
            number = int(trimmed)
        elif not self.is_lenient or not number.is_integer():
            raise ValueError(text)
        if not -cells.LARGEST_INTEGER <= number <= cells.LARGEST_INTEGER:
            raise ValueError(text)
        return int(number)

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        read = cell.cast(pl.Int64, strict=False)
        is_exact = read.is_between(-cells.LARGEST_INTEGER, cells.LARGEST_INTEGER)
        return pl.when(is_exact if self.is_lenient else is_exact & ~_is_code(cell)).then(read)


class Floats(Reading):
    """Numbers spelled the usual way."""

    __slots__ = ()

    def value(self, text: str) -> float | None:
        return _number(text, self)

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        read = cell.cast(pl.Float64, strict=False)
        return pl.when(read.is_finite() if self.is_lenient else read.is_finite() & ~_is_code(cell)).then(read)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpelledNumbers(Reading):
    """Numbers spelled another way, all of them."""

    form: NumberSpelling

    @property
    def spelling(self) -> str:
        return self.form.name

    def value(self, text: str) -> float | None:
        trimmed = text.strip(cells.BLANKS)
        number = self.form.number(trimmed)
        if number is None:
            if trimmed not in cells.MISSING_AMONG_VALUES and not _is_infinite(trimmed):
                raise ValueError(text)
            return None
        if not self.is_lenient and number.is_integer() and abs(number) >= cells.LARGEST_INTEGER:
            raise ValueError(text)
        return None if number in {float("inf"), float("-inf")} else number

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        shaped = pl.when(cell.str.contains(f"^(?:{self.form.pattern})$")).then(cell)
        kept = shaped.str.replace_all(f"[{re.escape(self.form.dropped)}]", "")
        read = kept.str.replace(self.form.decimal, ".", literal=True).cast(pl.Float64, strict=False)
        return pl.when(read.abs() < cells.LARGEST_INTEGER).then(read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times(Reading):
    """Points in time, of which the parts are written down."""

    form: TimeSpelling = USUAL_TIME

    @property
    def spelling(self) -> str:
        return self.form.name

    def value(self, text: str) -> int | None:
        trimmed = text.strip(cells.BLANKS)
        if trimmed in cells.MISSING_AMONG_VALUES:
            return None
        moment = self.form.microseconds(trimmed)
        if moment is None:
            raise ValueError(text)
        return moment

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:
        return quick_times(cell, self.form, first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs(Reading):
    """Points in time as whole numbers since 1970."""

    form: EpochSpelling

    @property
    def spelling(self) -> str:
        return self.form.name

    def value(self, text: str) -> int | None:
        trimmed = text.strip(cells.BLANKS)
        if trimmed in cells.MISSING_AMONG_VALUES:
            return None
        moment = self.form.microseconds(trimmed)
        if moment is None or not (self.is_lenient or moment in EPOCH_SPAN):
            raise ValueError(text)
        return moment

    def quickly(self, cell: pl.Expr, first: str) -> pl.Expr:  # noqa: ARG002
        moment = cell.cast(pl.Int64, strict=False) * self.form.microseconds_per_unit
        return (
            pl.when(moment.is_between(EPOCH_SPAN.start, EPOCH_SPAN.stop, closed="left"))
            .then(moment)
            .cast(pl.Datetime("us"))
        )


_TYPES: dict[Storage, pl.DataType] = {
    Storage.STRING: pl.String(),
    Storage.BOOLEAN: pl.Boolean(),
    Storage.INTEGER: pl.Int64(),
    Storage.FLOAT: pl.Float64(),
    Storage.DATETIME: pl.Datetime("us"),
}

WORDS = Words(what="words", storage=Storage.STRING)
VAGUE = Vague(what="words", storage=Storage.STRING)
LONG_INTEGERS = LongIntegers(what="whole numbers", storage=Storage.STRING)


def usual(storage: Storage, *, is_lenient: bool = False) -> Reading:
    """The usual reading of a storage."""
    if storage is Storage.STRING:
        return WORDS
    kind, what = _USUAL[storage]
    return kind(what=what, storage=storage, is_lenient=is_lenient)


def spelled(name: str, *, is_lenient: bool = False) -> Reading:
    """The reading of a named spelling."""
    form = SPELLINGS[name]
    if isinstance(form, NumberSpelling):
        what = f"numbers such as {form.example}"
        return SpelledNumbers(what=what, storage=Storage.FLOAT, form=form, is_lenient=is_lenient)
    what = f"dates or times such as {form.example}"
    if isinstance(form, EpochSpelling):
        return Epochs(what=what, storage=Storage.DATETIME, form=form, is_lenient=is_lenient)
    if isinstance(form, TimeSpelling):
        return Times(what=what, storage=Storage.DATETIME, form=form, is_lenient=is_lenient)
    raise TypeError(form)


_USUAL: dict[Storage, tuple[type[Reading], str]] = {
    Storage.BOOLEAN: (Truths, "true or false"),
    Storage.INTEGER: (Integers, "numbers"),
    Storage.FLOAT: (Floats, "numbers"),
    Storage.DATETIME: (Times, "dates or times such as 2024-03-01 12:30"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """A column read one way.

    values      null where a cell is missing or odd
    odd         the rows of some cells that cannot be read so, the first among them; none if all can
    n_infinite  cells that are infinite numbers, which count as missing
    n_odd       how many cells cannot be read so, as far as they were looked at
    """

    values: pl.Series
    odd: tuple[int, ...] = ()
    n_infinite: int = 0
    n_odd: int = 0


def check(text: pl.Series, values: pl.Series, reading: Reading) -> Read:
    """The column after its usual cells were read quickly: the others are looked at, the distinct ones once each."""
    if isinstance(reading, Words) or values.null_count() == text.null_count():
        return Read(values)
    rows = (values.is_null() & text.is_not_null()).arg_true()
    left = text.gather(rows).str.strip_chars(cells.BLANKS)
    if len(left) > _AT_ONCE:  # so many are read together: they may only have blanks around them, or be in other forms
        again = pl.DataFrame({"cell": left}).select(_thoroughly(reading, pl.col("cell"))).to_series()
        found = again.is_not_null()
        values = values.scatter(rows.filter(found), again.filter(found))
        rows, left = rows.filter(~found), left.filter(~found)
    distinct = left.unique(maintain_order=True)
    known: dict[str, Any] = {}
    refuted: set[str] = set()
    for start in range(0, len(distinct), _AT_ONCE):
        for cell in distinct.slice(start, _AT_ONCE).to_list():
            try:
                known[cell] = reading.value(cell)
            except ValueError:
                refuted.add(cell)
        if refuted:
            break
    if refuted:
        odd = rows.filter(left.is_in(list(refuted)))
        return Read(values, tuple(odd.head(5).to_list()), n_odd=len(odd))
    given = {cell: value for cell, value in known.items() if value is not None}
    if given:
        keys = pl.Series(list(given), dtype=pl.String)
        plain = pl.Int64 if reading.storage is Storage.DATETIME else reading.dtype
        new = pl.Series(list(given.values()), dtype=plain).cast(reading.dtype)
        at = left.is_in(list(given))
        values = values.scatter(rows.filter(at), left.filter(at).replace_strict(keys, new, return_dtype=reading.dtype))
    infinite = [cell for cell, value in known.items() if value is None and cell not in cells.MISSING_AMONG_VALUES]
    is_number = reading.storage in {Storage.INTEGER, Storage.FLOAT}
    return Read(values, n_infinite=int(left.is_in(infinite).sum()) if infinite and is_number else 0)


def fitting(trimmed: pl.Series, reading: Reading) -> pl.Series:
    """Which cells can be read so."""
    read = trimmed.to_frame("cell").select(_thoroughly(reading, pl.col("cell"))).to_series().is_not_null()
    left = trimmed.filter(~read).unique().head(_AT_ONCE).to_list()
    return read | trimmed.is_in([cell for cell in left if reading.fits(cell)])


def _thoroughly(reading: Reading, cell: pl.Expr) -> pl.Expr:
    """Forms of times other than that of a column's first cell, too."""
    return times(cell, reading.form) if isinstance(reading, Times) else reading.quickly(cell, "")


def _number(text: str, reading: Reading) -> float | None:
    """A usual number, None where it is missing or infinite. A code is no number, unless it must be one."""
    number = cells.number(text)
    if not reading.is_lenient and re.match(_CODE, text.strip(cells.BLANKS)):
        raise ValueError(text)
    return None if number != number else number  # noqa: PLR0124 - NaN alone differs from itself


def _is_infinite(text: str) -> bool:
    trimmed = text.strip(cells.BLANKS)
    if trimmed in cells.MISSING_AMONG_VALUES:
        return False
    try:
        return isnan(cells.number(trimmed))
    except ValueError:
        return False


def _is_code(cell: pl.Expr) -> pl.Expr:
    """Whether a digit follows a zero at the beginning. Comparing is much faster than a regular expression."""
    ranges = (cell.is_between(pl.lit(f"{sign}00"), pl.lit(f"{sign}0:"), closed="left") for sign in ("", "-", "+"))
    return pl.any_horizontal(*ranges)

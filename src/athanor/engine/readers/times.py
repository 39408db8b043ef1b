"""Columns of times at polars' speed, with the arithmetic of `TimeSpelling.microseconds`."""

from __future__ import annotations

import re

import polars as pl

from athanor.engine.tables.spellings import MONTHS, PARTS, TWO_DIGIT_YEARS, TimeSpelling

_SECOND = 1_000_000  # microseconds

# The forms of the spellings that polars reads fastest.
_DAYS = {
    "": ("%Y-%m-%d", "%Y/%m/%d"),
    "year.month.day": ("%Y.%m.%d",),
    "day.month.year": ("%d.%m.%Y",),
    "day/month/year": ("%d/%m/%Y",),
    "month/day/year": ("%m/%d/%Y",),
    "day-month-year": ("%d-%m-%Y",),
    "month-day-year": ("%m-%d-%Y",),
    "yearmonthday": ("%Y%m%d",),
}
_CLOCKS = ("", " %H:%M:%S", "T%H:%M:%S", " %H:%M", "T%H:%M")
_DIGITS = {"%Y": "[1-9][0-9]{3}", "%m": "[01][0-9]", "%d": "[0-3][0-9]", "%H": "[0-2][0-9]", "%M": "[0-5][0-9]",
           "%S": "[0-5][0-9]"}  # fmt: skip


def _shape(form: str) -> str:
    """The pattern of what is to be read in this form: polars alone takes 2024-3-1 and second 60 as well."""
    return re.sub("%[a-zA-Z]", lambda part: _DIGITS[part.group()], form.replace(".", r"\."))


def quick_times(cell: pl.Expr, form: TimeSpelling, first: str) -> pl.Expr:
    """The times of cells of the same form as `first`, null for others; if polars has no fast way for it, of all."""
    forms = (f"{day}{clock}" for day in _DAYS.get(form.name, ()) for clock in _CLOCKS)
    fast = next((fast for fast in forms if re.fullmatch(_shape(fast), first)), None)
    if fast is None:
        return times(cell, form)
    shaped = pl.when(cell.str.contains(f"^{_shape(fast)}$")).then(cell)
    if "%H" not in fast:
        return shaped.str.to_date(fast, strict=False, cache=False).cast(pl.Datetime("us"))
    return shaped.str.to_datetime(fast, strict=False, cache=False, time_unit="us")


def times(cell: pl.Expr, form: TimeSpelling) -> pl.Expr:
    """The times that the parts of cells make, null for what is none."""
    groups = cell.str.extract_groups(f"^(?:{form.pattern})$")
    year, month, day, hour, minute, second, fraction, half, offset = (groups.struct.field(part) for part in PARTS)
    last_two = year.cast(pl.Int64)
    short = last_two + pl.when(last_two < TWO_DIGIT_YEARS).then(2000).otherwise(1900)
    years = pl.when(year.str.len_bytes() == 2).then(short).otherwise(year.cast(pl.Int64))
    named = month.str.head(3).str.to_lowercase().replace_strict(list(MONTHS), list(range(1, 13)), default=None)
    months = month.cast(pl.Int64, strict=False).fill_null(named)
    padded = (part.cast(pl.String).str.zfill(width) for part, width in ((years, 4), (months, 2), (day, 2)))
    date = pl.concat_str(*padded, separator="-").str.to_date("%Y-%m-%d", strict=False, cache=False)
    hours, minutes, seconds = (part.cast(pl.Int64).fill_null(0) for part in (hour, minute, second))
    afternoon = pl.when(half.is_in(["p", "P"])).then(12).otherwise(0)
    clock = (pl.when(half.is_null()).then(hours).otherwise(hours % 12 + afternoon) * 60 + minutes) * 60 + seconds
    is_time = (hours < 24) & (minutes < 60) & (seconds < 60) & (half.is_null() | hours.is_between(1, 12))
    is_time &= years > 0  # a calendar of Python's begins with year 1
    microseconds = fraction.str.head(6).str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    ahead = offset.str.extract("^[+-]([0-9]{2})").cast(pl.Int64) * 60
    ahead += offset.str.extract("^[+-][0-9]{2}:?([0-9]{2})$").cast(pl.Int64).fill_null(0)
    ahead = pl.when(offset.str.starts_with("-")).then(-ahead).otherwise(ahead).fill_null(0)
    total = date.cast(pl.Datetime("us")).cast(pl.Int64) + (clock - ahead * 60) * _SECOND + microseconds
    return pl.when(is_time).then(total).cast(pl.Datetime("us"))

"""Columns of text made into columns of numbers, truth values, times or words, judged by all of their cells."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from athanor.engine import cells
from athanor.engine.schema import Storage
from athanor.errors import InvalidInput

_GLANCE = 500  # cells that show most columns of words for what they are, before all cells are looked at
_SECOND = 1_000_000  # microseconds
_MISSING_WORDS = list(cells.MISSING_WORDS)
_MISSING_AMONG_VALUES = list(cells.MISSING_AMONG_VALUES)
_TRUE = [word for word, value in cells.TRUTH.items() if value]
_FALSE = [word for word, value in cells.TRUTH.items() if not value]


@dataclass(frozen=True, slots=True)
class Stored:
    """A column as a table keeps it. `warnings` says what was changed on the way."""

    values: pl.Series
    storage: Storage
    warnings: tuple[str, ...] = ()


def store(text: pl.Series) -> Stored:
    """The column in the first storage that all of its cells fit: boolean, integer, float, datetime, else string."""
    trimmed = text.str.strip_chars(cells.BLANKS)
    glance = trimmed.filter(~trimmed.is_in(_MISSING_AMONG_VALUES)).head(_GLANCE)  # null is not kept by a filter
    stored = None
    if glance.is_empty():
        pass
    elif glance.str.contains(_whole("(?i)true|false")).all():
        stored = _if_truths(trimmed)
    elif glance.str.contains(_whole(f"{cells.NUMBER}|{cells.INFINITY}")).all():
        stored = _if_numbers(trimmed)
    elif glance.str.contains(_whole(cells.MOMENT)).all():
        stored = _if_times(trimmed)
    return stored or Stored(_words(trimmed), Storage.STRING)


def store_as(text: pl.Series, storage: Storage) -> Stored:
    """The column in the storage that a schema asks for. Raises InvalidInput naming the first cell that does not fit.

    Numbers that are not whole are kept as they are, though integers were asked for: they fit a model all the same.
    """
    trimmed = text.str.strip_chars(cells.BLANKS)
    if storage is Storage.STRING:
        return Stored(_words(trimmed), storage)
    if storage is Storage.BOOLEAN:
        return Stored(_checked(trimmed, _truths(trimmed), "true or false"), storage)
    if storage is Storage.DATETIME:
        return Stored(_checked(trimmed, _times(trimmed), "ISO dates or times such as 2024-03-01 12:30"), storage)
    if storage in {Storage.DENSE, Storage.SPARSE}:
        raise InvalidInput(f"Column {text.name!r} holds text where vectors are expected.", field=text.name)
    read = trimmed.cast(pl.Float64, strict=False)
    numbers = finite(_checked(trimmed, read, "numbers"))
    if storage is Storage.INTEGER:
        whole = numbers.values.cast(pl.Int64, strict=False)
        if whole.null_count() == numbers.values.null_count() and (whole.cast(pl.Float64) == numbers.values).all():
            return Stored(whole, storage, numbers.warnings)
    return numbers


def has_decimal_commas(text: pl.Series) -> bool:
    """Whether the numbers of a column are spelled with a comma, as 2,5; then no cell may have a point.

    1,234 alone could be a thousand as well: at least one comma must stand before more or fewer than three digits.
    """
    trimmed = text.str.strip_chars(cells.BLANKS)
    present = trimmed.filter(~trimmed.is_in(_MISSING_AMONG_VALUES))
    spelled = "^[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?$"
    if not present.head(_GLANCE).str.contains(f"{spelled}|^[+-]?[0-9]+$").all():
        return False
    with_comma = present.filter(present.str.contains(",", literal=True))
    if with_comma.is_empty() or with_comma.str.contains("^[+-]?[1-9][0-9]{0,2},[0-9]{3}$").all():
        return False
    return bool(present.str.contains(f"{spelled}|^[+-]?[0-9]+$").all())


def finite(numbers: pl.Series) -> Stored:
    """Float cells with NaN and infinite ones made missing, and a warning about the infinite."""
    infinite = int(numbers.is_infinite().sum())
    values = numbers.set(~numbers.is_finite(), None)
    warning = f"Column {numbers.name!r}: {infinite:,} infinite values count as missing."
    return Stored(values, Storage.FLOAT, (warning,) if infinite else ())


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _only_missing(trimmed: pl.Series, values: pl.Series) -> bool:
    """Whether the cells that gave no value are all words for a missing one."""
    return set(trimmed.filter(values.is_null()).drop_nulls().unique().to_list()) <= cells.MISSING_AMONG_VALUES


def _checked(trimmed: pl.Series, values: pl.Series, wanted: str) -> pl.Series:
    bad = trimmed.is_not_null() & values.is_null() & ~trimmed.is_in(_MISSING_AMONG_VALUES)
    if not bad.any():
        return values
    row = int(bad.arg_true()[0])
    raise InvalidInput(
        f"Column {trimmed.name!r} has {bad.sum():,} values that are not {wanted} (first: {trimmed[row]!r}, "
        f"row {row + 1}). Mark them as missing, correct them, or leave the column out.",
        field=trimmed.name,
    )


def _if_truths(trimmed: pl.Series) -> Stored | None:
    words = set(trimmed.str.to_lowercase().drop_nulls().unique().to_list())
    missing = {word.lower() for word in cells.MISSING_AMONG_VALUES}
    values = _truths(trimmed)
    if not words <= missing | {"true", "false"} or not _only_missing(trimmed, values):
        return None
    return Stored(values, Storage.BOOLEAN)


def _truths(trimmed: pl.Series) -> pl.Series:
    lower = trimmed.str.to_lowercase()
    true = lower.is_in(_TRUE)
    return true.set(~(true | lower.is_in(_FALSE)), None)


def _if_numbers(trimmed: pl.Series) -> Stored | None:
    read = trimmed.cast(pl.Float64, strict=False)
    numbers = finite(read)
    n_missing = numbers.values.null_count()
    # A code such as a postal code is no number: 01234 is not 1234.
    if n_missing == len(read) or not _only_missing(trimmed, read) or trimmed.str.contains("^[+-]?0[0-9]").any():
        return None
    integers = trimmed.cast(pl.Int64, strict=False)
    if integers.null_count() == n_missing:
        is_exact = integers.is_between(-cells.LARGEST_INTEGER, cells.LARGEST_INTEGER).all()
        return Stored(integers, Storage.INTEGER, numbers.warnings) if is_exact else None
    if (numbers.values.abs() > cells.LARGEST_INTEGER).any() and trimmed.filter(
        numbers.values.is_not_null()
    ).str.contains("^[+-]?[0-9]+$").all():
        return None
    return numbers


def _if_times(trimmed: pl.Series) -> Stored | None:
    times = _times(trimmed)
    return Stored(times, Storage.DATETIME) if _only_missing(trimmed, times) else None


def _times(trimmed: pl.Series) -> pl.Series:
    """Points in time, null where a cell is none. The same grammar and arithmetic as `cells.microseconds`."""
    shaped = trimmed.set(~trimmed.str.contains(_whole(cells.MOMENT)), None)
    days = shaped.str.head(10).str.replace_all("/", "-", literal=True).str.to_date("%Y-%m-%d", strict=False)
    days = days.set(days.dt.year() == 0, None)  # a calendar of Python's begins with year 1
    text, hours, minutes, seconds = (
        pl.col("text"),
        *(pl.col("text").str.slice(start, 2).cast(pl.Int64, strict=False) for start in (11, 14, 17)),
    )
    total = pl.col("days").cast(pl.Datetime("us")).cast(pl.Int64)
    longest = int(shaped.str.len_chars().max() or 0)  # type: ignore[arg-type]
    if longest > 10:
        # Where no seconds stand, these two places hold nothing or part of an offset.
        seconds = pl.when(text.str.slice(16, 1) == ":").then(seconds)
        possible = (hours.fill_null(0) < 24) & (minutes.fill_null(0) < 60) & (seconds.fill_null(0) < 60)
        clock = (hours.fill_null(0) * 60 + minutes.fill_null(0)) * 60 + seconds.fill_null(0)
        total = pl.when(possible).then(total + clock * _SECOND)
    if longest > 16 and shaped.str.contains("^.{16}.*[-+.,]").any():
        fraction = text.str.extract("^.{19}[.,]([0-9]{1,6})").str.pad_end(6, "0").cast(pl.Int64)
        offset = text.str.extract("^.{16}.*?([+-][0-9:]+)$")
        ahead = offset.str.slice(1, 2).cast(pl.Int64) * 60
        ahead += offset.str.extract("^...:?([0-9]{2})$").cast(pl.Int64).fill_null(0)
        ahead = pl.when(offset.str.starts_with("-")).then(-ahead).otherwise(ahead)
        total = total + fraction.fill_null(0) - ahead.fill_null(0) * 60 * _SECOND
    frame = pl.DataFrame({"text": shaped, "days": days}).select(total=total)
    return frame["total"].cast(pl.Datetime("us")).alias(trimmed.name)


def _words(trimmed: pl.Series) -> pl.Series:
    return trimmed.set(trimmed.is_in(_MISSING_WORDS), None)

"""What columns mean for learning, found out from all of their values, with the reason in words."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage

ENOUGH = 20  # values below which "all distinct" says nothing
NEARLY_ALL = 0.95  # share of distinct values from which words are taken for an id
MOSTLY = 0.5  # the same for whole numbers, in a column that is named as an id
TEXT_WORDS, TEXT_LENGTH, TEXT_DISTINCT = 3.0, 15.0, 0.2  # mean words, mean characters, share of distinct values
LONG_TEXT_LENGTH, LONG_TEXT_DISTINCT = 60.0, 0.02  # long texts may repeat more often
_LOOKED_AT = 2000  # distinct words whose length and blanks are measured

_ID_NAMES = frozenset({"id", "uuid", "guid", "key"})
_CODE_NAMES = frozenset({"id", "code", "codes", "zip", "zipcode", "postcode", "postal", "plz", "fips"})
# Whole numbers in steps of one that do mean something.
_ORDER_NAMES = frozenset(
    {"year", "month", "week", "day", "hour", "minute", "time", "step", "t", "period", "date", "timestamp", "age"}
)
_NAME_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_STORAGES = {
    pl.Float64: Storage.FLOAT,
    pl.Int64: Storage.INTEGER,
    pl.Boolean: Storage.BOOLEAN,
    pl.String: Storage.STRING,
    pl.Datetime: Storage.DATETIME,
    pl.Array: Storage.DENSE,
}


def infer(frame: pl.DataFrame, known: Schema | None = None) -> Schema:
    """The schema of a frame as readers make it. What `known` says of a column stands; the others are found out."""
    return Schema(
        tuple(
            infer_column(series) if known is None or series.name not in known else _known(series, known[series.name])
            for series in frame
        )
    )


def _known(series: pl.Series, column: ColumnSchema) -> ColumnSchema:
    """The column as it is known; but numbers that are not whole are no integers, whatever was known."""
    if column.storage is Storage.INTEGER and series.dtype == pl.Float64:
        return replace(column, storage=Storage.FLOAT)
    return column


def infer_column(series: pl.Series) -> ColumnSchema:
    """What one column means, and why."""
    storage = _STORAGES[series.dtype.base_type()]
    if storage is Storage.DENSE:
        dim = int(series.dtype.shape[0])  # type: ignore[attr-defined]
        reason = f"every row holds {dim} numbers"
        return ColumnSchema(name=series.name, type=ColumnType.VECTOR, storage=storage, reason=reason, dim=dim)
    meaning, reason = _constant(series) or _MEANINGS[storage](series)
    return ColumnSchema(name=series.name, type=meaning, storage=storage, reason=reason)


def _constant(series: pl.Series) -> tuple[ColumnType, str] | None:
    missing = series.null_count()
    if missing == len(series):
        return ColumnType.CONSTANT, "no row has a value"
    if missing:
        return None  # one value and gaps are two states: there, and not there
    first = series[0]
    if series[-1] != first or not (series == first).all():
        return None
    shown = first if isinstance(first, str) else f"{first}"
    return ColumnType.CONSTANT, f"every row holds {shown if len(shown) <= 40 else shown[:37] + '...'}"


def _numbers(series: pl.Series) -> tuple[ColumnType, str]:
    return ColumnType.NUMERIC, f"{_present(series):,} numbers"


def _integers(series: pl.Series) -> tuple[ColumnType, str]:
    present, parts = _present(series), _name_parts(series.name)
    distinct = series.drop_nulls().n_unique()
    says_id = bool(parts and parts[-1] in _ID_NAMES)
    if present == distinct == len(series) >= ENOUGH and _ORDER_NAMES.isdisjoint(parts):
        if says_id:
            return ColumnType.ID, f"{distinct:,} distinct whole numbers, one a row, in a column named as an id"
        lowest, highest = int(series.min()), int(series.max())  # type: ignore[arg-type]
        if highest - lowest == present - 1:
            return ColumnType.ID, f"the whole numbers {lowest} to {highest}, each once: a row number"
    if says_id and present >= ENOUGH and distinct >= MOSTLY * present:
        return ColumnType.ID, f"{distinct:,} distinct among {present:,} whole numbers in a column named as an id"
    if parts and parts[-1] in _CODE_NAMES and distinct > 2:
        return ColumnType.CATEGORICAL, f"{distinct:,} distinct whole numbers in a column named as a code"
    return ColumnType.NUMERIC, f"{present:,} whole numbers, {distinct:,} distinct"


def _truths(series: pl.Series) -> tuple[ColumnType, str]:
    return ColumnType.BOOLEAN, f"all {_present(series):,} values are true or false"


def _times(series: pl.Series) -> tuple[ColumnType, str]:
    return ColumnType.DATETIME, f"all {_present(series):,} values are ISO dates or times"


def _words(series: pl.Series) -> tuple[ColumnType, str]:
    present = _present(series)
    found = series.drop_nulls().unique(maintain_order=True)
    distinct = len(found)
    looked_at = found.gather_every(max(1, distinct // _LOOKED_AT))
    # Writing without blanks between words counts its characters as words.
    words = float(looked_at.str.count_matches(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[^\s]+").mean() or 0)  # type: ignore[arg-type]
    blanks = float(looked_at.str.contains(r"\s").mean() or 0)  # type: ignore[arg-type]
    length = float(looked_at.str.len_chars().mean() or 0)  # type: ignore[arg-type]
    share = distinct / present
    measured = f"{distinct:,} distinct among {present:,}, {words:.1f} words and {length:.0f} characters on average"
    if present >= ENOUGH or length >= LONG_TEXT_LENGTH:
        if words >= TEXT_WORDS and length >= TEXT_LENGTH and share >= TEXT_DISTINCT:
            return ColumnType.TEXT, f"sentences: {measured}"
        if words >= 2 * TEXT_WORDS and length >= LONG_TEXT_LENGTH and share >= LONG_TEXT_DISTINCT:
            return ColumnType.TEXT, f"long texts: {measured}"
    if present >= ENOUGH and share >= NEARLY_ALL and blanks < 0.05 and words < 2:
        return ColumnType.ID, f"{distinct:,} distinct words among {present:,}, nearly every row its own"
    return ColumnType.CATEGORICAL, f"{distinct:,} distinct words among {present:,}"


def _present(series: pl.Series) -> int:
    return len(series) - series.null_count()


def _name_parts(name: str) -> list[str]:
    """The words that a column's name is made of."""
    return [part.lower() for part in _NAME_PARTS.findall(name)]


_MEANINGS = {
    Storage.FLOAT: _numbers,
    Storage.INTEGER: _integers,
    Storage.BOOLEAN: _truths,
    Storage.DATETIME: _times,
    Storage.STRING: _words,
}

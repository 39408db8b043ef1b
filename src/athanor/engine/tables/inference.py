"""What columns mean for learning, found out from all of their values, with the reason in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import polars as pl

from athanor.engine.tables.facts import (
    IMAGE,
    Facts,
    Source,
    WordFacts,
    by_name,
    facts,
    held,
    moment,
    storage_of,
    word_facts,
)
from athanor.engine.tables.frames import frame_type
from athanor.engine.tables.name_parts import name_parts
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

ENOUGH = 20  # values below which "all distinct" says nothing
NEARLY_ALL = 0.95  # share of distinct values from which words are taken for an id; of paths from which for images
MOSTLY = 0.5  # the same for whole numbers, in a column that is named as an id
TEXT_WORDS, TEXT_LENGTH, TEXT_DISTINCT = 3.0, 15.0, 0.2  # mean words, mean characters, share of distinct values
LONG_TEXT_LENGTH, LONG_TEXT_DISTINCT = 60.0, 0.02  # long texts may repeat more often
_BESIDE = 2_500  # columns of a scan that are asked at once: each has a state of its own meanwhile

_ID_NAMES = frozenset({"id", "ids", "uuid", "guid", "key"})
_CODE_NAMES = _ID_NAMES | {"code", "codes", "zip", "zipcode", "postcode", "postal", "plz", "fips", "sku", "ean", "upc"}
# Whole numbers in steps of one that do mean something.
_ORDER_NAMES = frozenset(
    {"year", "month", "week", "day", "hour", "minute", "time", "step", "t", "period", "date", "timestamp", "age"}
)
_NOTHING: Mapping[str, Any] = MappingProxyType({})

_Meaning = tuple[ColumnType, str]


def infer(
    frame: pl.DataFrame | pl.LazyFrame,
    known: Schema | None = None,
    *,
    spellings: Mapping[str, str] = _NOTHING,
    dims: Mapping[str, int] = _NOTHING,
    held_bytes: int | None = None,
) -> Schema:
    """The schema of a frame as readers make it, all rows asked. What `known` says of a column stands.

    spellings  how columns were spelled in their file, by name, where that is not the usual way
    dims       components of sparse vector columns, by name
    held_bytes  of a scan that may be in memory; None: as many as usual
    """
    table = held(frame, held_bytes)
    if isinstance(table, pl.LazyFrame) and len(names := table.collect_schema().names()) > _BESIDE:
        parts = [table.select(by_name(names[start : start + _BESIDE])) for start in range(0, len(names), _BESIDE)]
        schemas = [infer(part, known, spellings=spellings, dims=dims, held_bytes=held_bytes) for part in parts]
        return Schema(tuple(column for schema in schemas for column in schema.columns))
    source = Source(table)
    known = None if known is None else _standing(known, source.dtypes)
    unknown = [name for name in source.names if known is None or name not in known]
    found = facts(source, unknown)
    words = word_facts(source, [name for name in unknown if source.dtypes[name] == pl.String and found[name].present])
    images = _images(source, words)
    columns = []
    for name, dtype in source.dtypes.items():
        if known is not None and name in known:
            columns.append(_known(known[name], dtype))
            continue
        storage, spelling = storage_of(name, dtype), spellings.get(name, "")
        if storage.is_vector:
            columns.append(_vector(source, name, storage, dims.get(name)))
            continue
        meaning, reason = (
            _constant(source, name, found[name])
            or images.get(name)
            or _meaning(name, storage, found[name], words.get(name), spelling)
        )
        columns.append(ColumnSchema(name=name, type=meaning, storage=storage, reason=reason, spelling=spelling))
    return Schema(tuple(columns))


def _standing(known: Schema, dtypes: Mapping[str, pl.DataType]) -> Schema:
    """What is known, less vectors that the frame has in another way: it is for conforming to make them what they were.

    A file may have sparse ones where dense ones are known, or some of another length.
    """
    return Schema(
        tuple(
            column
            for column in known.columns
            if column.name not in dtypes or not _is_another_vector(frame_type(column), dtypes[column.name])
        )
    )


def _is_another_vector(wanted: pl.DataType, dtype: pl.DataType) -> bool:
    return dtype not in {wanted, pl.Null()} and any(isinstance(one, (pl.Array, pl.Struct)) for one in (wanted, dtype))


def _known(column: ColumnSchema, dtype: pl.DataType) -> ColumnSchema:
    """The column as it is known; but numbers that are not whole are no integers, whatever was known."""
    if column.storage is Storage.INTEGER and dtype.is_float():
        return replace(column, storage=Storage.FLOAT)
    return column


def _vector(source: Source, name: str, storage: Storage, dim: int | None) -> ColumnSchema:
    if storage is Storage.DENSE:
        dim = int(source.dtypes[name].shape[0])  # type: ignore[attr-defined]
        reason = f"every row holds {dim:,} numbers"
    else:
        if dim is None:
            [highest] = source.answer([by_name([name]).struct.field("indices").list.max().max()])
            dim = 0 if highest is None else int(highest) + 1
        reason = f"every row holds those of {dim:,} numbers that are not 0"
    return ColumnSchema(name=name, type=ColumnType.VECTOR, storage=storage, reason=reason, dim=dim)


def _constant(source: Source, name: str, found: Facts) -> _Meaning | None:
    if not found.present:
        return ColumnType.CONSTANT, "no row has a value"
    if found.missing:
        return None  # one value and gaps are two states: there, and not there
    if source.dtypes[name] == pl.String:
        if found.distinct != 1:
            return None
        [value] = source.answer([by_name([name]).first()])
    else:
        if found.minimum != found.maximum:
            return None
        value = moment(found.minimum) if source.dtypes[name] == pl.Datetime else found.minimum
    shown = str(value)
    return ColumnType.CONSTANT, f"every row holds {shown if len(shown) <= 40 else shown[:37] + '...'}"


def _images(source: Source, words: Mapping[str, WordFacts]) -> dict[str, _Meaning]:
    """Columns of words that name pictures: a few thousand of them are looked at first, then all."""
    likely = [name for name, found in words.items() if found.images >= NEARLY_ALL]
    if not likely:
        return {}
    shares = source.answer([by_name(likely).str.contains(IMAGE).mean()])
    return {
        name: (ColumnType.IMAGE, f"{share:.0%} of the values end as pictures do (.jpg, .png, …)")
        for name, share in zip(likely, shares, strict=True)
        if share >= NEARLY_ALL
    }


def _meaning(name: str, storage: Storage, found: Facts, words: WordFacts | None, spelling: str) -> _Meaning:
    if words is not None:
        return _words(found, words)
    if storage is Storage.INTEGER:
        return _integers(name, found)
    if storage is Storage.BOOLEAN:
        return ColumnType.BOOLEAN, f"all {found.present:,} values are true or false"
    spelled = f", spelled {spelling}" if spelling else ""
    if storage is Storage.DATETIME:
        return ColumnType.DATETIME, f"all {found.present:,} values are dates or times{spelled}"
    return ColumnType.NUMERIC, f"{found.present:,} numbers{spelled}"


def _integers(name: str, found: Facts) -> _Meaning:
    parts, present, distinct = name_parts(name), found.present, found.distinct or 0
    counted = _distinct(found)
    says_id = bool(parts) and (parts[-1] in _ID_NAMES or parts[0] == "id")
    # An estimate of the distinct values may be off by 2 %.
    is_unique = not found.missing and distinct >= (0.97 if found.is_approximate else 1) * present
    if is_unique and present >= ENOUGH and _ORDER_NAMES.isdisjoint(parts):
        if says_id:
            return ColumnType.ID, f"{counted} distinct whole numbers, one a row, in a column named as an id"
        if found.maximum - found.minimum == present - 1:
            return ColumnType.ID, f"the whole numbers {found.minimum} to {found.maximum}, each once: a row number"
    if says_id and present >= ENOUGH and distinct >= MOSTLY * present:
        return ColumnType.ID, f"{counted} distinct among {present:,} whole numbers in a column named as an id"
    if parts and (says_id or parts[-1] in _CODE_NAMES) and distinct > 2:
        return ColumnType.CATEGORICAL, f"{counted} distinct whole numbers in a column named as a code"
    return ColumnType.NUMERIC, f"{present:,} whole numbers, {counted} distinct"


def _words(found: Facts, words: WordFacts) -> _Meaning:
    present, distinct = found.present, found.distinct or 0
    share = distinct / present
    measured = (
        f"{_distinct(found)} distinct among {present:,}, "
        f"{words.words:.1f} words and {words.length:.0f} characters on average"
    )
    if present >= ENOUGH or words.length >= LONG_TEXT_LENGTH:
        if words.words >= TEXT_WORDS and words.length >= TEXT_LENGTH and share >= TEXT_DISTINCT:
            return ColumnType.TEXT, f"sentences: {measured}"
        if words.words >= 2 * TEXT_WORDS and words.length >= LONG_TEXT_LENGTH and share >= LONG_TEXT_DISTINCT:
            return ColumnType.TEXT, f"long texts: {measured}"
    if present >= ENOUGH and share >= NEARLY_ALL and words.with_blanks < 0.05 and words.words < 2:
        return ColumnType.ID, f"{_distinct(found)} distinct words among {present:,}, nearly every row its own"
    return ColumnType.CATEGORICAL, f"{_distinct(found)} distinct words among {present:,}"


def _distinct(found: Facts) -> str:
    return f"{'about ' if found.is_approximate else ''}{found.distinct:,}"

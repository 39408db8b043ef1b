"""What owners say that columns mean, followed through to the cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from athanor.engine.tables import cells
from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.tables.spellings import EPOCH_SPAN, SPELLINGS, EpochSpelling
from athanor.errors import InvalidInput

_AS_STORED = frozenset({ColumnType.ID, ColumnType.CONSTANT})  # types for which the cells are not looked at
_AS_THEY_ARE = frozenset(
    {
        *((Words, given) for given in (ColumnType.CATEGORICAL, ColumnType.TEXT, ColumnType.IMAGE)),
        *((Numbers, given) for given in (ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.BOOLEAN)),
        (Times, ColumnType.DATETIME),
        (Vectors, ColumnType.VECTOR),
    }
)


def with_types(dataset: Dataset, types: Mapping[str, ColumnType]) -> Dataset:
    """The same table, some columns meaning what `types` says; their cells are read again where that asks for it.

    Raises InvalidInput for a column that cannot mean that, naming the first cell that does not fit.
    """
    schema = dataset.schema.with_types(types)
    found = {name: _retyped(dataset, schema[name]) for name in types}
    columns = {**dataset.columns, **{name: column for name, (column, _) in found.items()}}
    schemas = tuple(found[column.name][1] if column.name in found else column for column in schema.columns)
    return Dataset(Schema(schemas), columns, dataset.n_rows)


def _retyped(dataset: Dataset, wanted: ColumnSchema) -> tuple[Column, ColumnSchema]:
    column = dataset[wanted.name]
    if wanted.type in _AS_STORED or (type(column), wanted.type) in _AS_THEY_ARE:
        return column, wanted
    match column, wanted.type:
        case Words(), ColumnType.BOOLEAN if len(np.unique(column.codes[column.codes >= 0])) <= 2:
            return column, wanted  # yes and no are as good as true and false
        case Times(), ColumnType.CATEGORICAL:
            as_words = replace(wanted, storage=Storage.STRING, spelling="")
            return conform(dataset.select([wanted.name]), Schema((as_words,))).columns[wanted.name], as_words
        case Words(), ColumnType.NUMERIC:
            values, spelling = _parsed(column, wanted, cells.number)
            return Numbers(values), replace(wanted, storage=Storage.FLOAT, spelling=spelling)
        case ((Words() | Numbers()), ColumnType.DATETIME):
            values, spelling = _parsed(_as_words(column), wanted, _moment)
            times = Times(values.astype("datetime64[us]"))
            return times, replace(wanted, storage=Storage.DATETIME, spelling=spelling)
    raise InvalidInput(
        f"Column {wanted.name!r} holds {_CONTENT[type(column)]} and cannot be taken as {wanted.type.value}.",
        field="types",
    )


def _as_words(column: Words | Numbers) -> Words:
    if isinstance(column, Words):
        return column
    return Words.of([None if np.isnan(value) else cells.whole(value) for value in column.values.tolist()])


def _parsed(column: Words, wanted: ColumnSchema, read: Callable[[str, str], Any]) -> tuple[Any, str]:
    """The values of the words, in the usual spelling or else the first in which all of them can be read."""
    codes = np.unique(column.codes[column.codes >= 0]).tolist()
    failures = []
    for spelling in ("", *SPELLINGS):
        values = [read("", spelling)] * (len(column.vocabulary) + 1)  # the last one is where code -1 points
        try:
            for code in codes:
                values[code] = read(column.vocabulary[code], spelling)
        except ValueError:
            failures.append(code)
            continue
        return np.array(values)[column.codes], spelling
    row = int(np.flatnonzero(column.codes == failures[0])[0])
    raise InvalidInput(
        f"Column {wanted.name!r} cannot be taken as {wanted.type.value}: row {row + 1} holds "
        f"{column.vocabulary[failures[0]][:60]!r}. Leave the cell empty where the value is missing.",
        field="types",
    )


def _moment(text: str, spelling: str) -> np.datetime64:
    found = cells.microseconds(text, spelling)
    if found is not None and isinstance(SPELLINGS.get(spelling), EpochSpelling) and found not in EPOCH_SPAN:
        raise ValueError(text)
    return np.datetime64("NaT", "us") if found is None else np.datetime64(found, "us")


_CONTENT = {Words: "words", Numbers: "numbers", Times: "dates or times", Vectors: "vectors"}

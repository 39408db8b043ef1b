"""Rows that are JSON objects made into columns: all rows decide which there are and what each of them holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

import polars as pl

from athanor.engine.readers.column_names import unique_names
from athanor.engine.tables import cells
from athanor.errors import InvalidInput

Row = Mapping[str, Any]
_Path = tuple[str, ...]  # a key, or a key and one of the object under it

_MOST_COLUMNS = 100_000
_SHOWN = 5  # names that a message lists
_BLOCK_CELLS = 2_000_000  # of a frame, however many columns it has
_LARGEST_FLOAT32 = 3.4028234663852886e38
_NUMBERS = {int, float}


class Spelled(float):
    """A number that knows how its file spells it."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(slots=True)
class _Facts:
    """What the cells of one column are, over all rows so far."""

    types: set[type] = field(default_factory=set)
    lowest: int = 0
    highest: int = 0
    lengths: set[int] = field(default_factory=set)  # of lists; -1 stands for one that is no vector
    n_present: int = 0

    def look(self, values: Sequence[Any]) -> None:
        present = [value for value in values if value is not None]
        types = set(map(type, present))
        self.types |= types
        self.n_present += len(present)
        if int in types:
            integers = present if types == {int} else [value for value in present if type(value) is int]
            self.lowest, self.highest = min(self.lowest, *integers), max(self.highest, *integers)
        if list in types:
            self.lengths.update(_vector_length(value) for value in present if type(value) is list)


class JsonColumns:
    """The columns of a file of JSON objects. `look` at all rows, then make `frames` of them."""

    def __init__(self) -> None:
        self._facts: dict[_Path, _Facts] = {}
        self._n_rows = 0
        self._names: list[str] = []
        self._types: dict[_Path, pl.DataType] = {}
        self.warnings: tuple[str, ...] = ()

    def look(self, rows: Sequence[Row]) -> None:
        for path, values in _columns(rows, _paths(rows)):
            self._facts.setdefault(path, _Facts()).look(values)
        self._n_rows += len(rows)
        if len(self._facts) > _MOST_COLUMNS:
            raise InvalidInput(
                f"The objects of the JSON file have more than {_MOST_COLUMNS:,} different keys. Each key is a column, "
                "so the objects should have the same ones."
            )

    def settle(self) -> None:
        """All rows have been looked at. Raises InvalidInput where they hold no column."""
        taken_apart = {path[0] for path in self._facts if len(path) > 1}
        self._facts = {
            path: facts
            for path, facts in self._facts.items()
            if facts.types or len(path) > 1 or path[0] not in taken_apart
        }
        if not self._facts:
            raise InvalidInput("The objects of the JSON file have no keys. A table has at least one column.")
        self._types = {path: _storage(facts, self._n_rows) for path, facts in self._facts.items()}
        self._names, renamed = unique_names(_valid(".".join(path)).strip(cells.BLANKS) for path in self._facts)
        facts = zip(self._names, self._facts.values(), self._types.values(), strict=True)
        as_text = [name for name, found, dtype in facts if dtype == pl.String and found.types & {list, dict}]
        self.warnings = renamed
        if as_text:
            shown = ", ".join(map(repr, as_text[:_SHOWN])) + " and others" * (len(as_text) > _SHOWN)
            told = (
                f"Lists or objects are kept as JSON text: {shown}. Lists of numbers are vectors where all rows have one"
            )
            self.warnings += (f"{told} of the same length.",)

    @property
    def needs_spelling(self) -> bool:
        """Whether a column of words holds numbers, which are to be kept as the file spells them."""
        found = zip(self._facts.values(), self._types.values(), strict=True)
        return any(dtype == pl.String and float in facts.types for facts, dtype in found)

    def frames(self, rows: Sequence[Row], infinite: Counter[str]) -> Iterator[pl.DataFrame]:
        """The rows, some at a time. How many numbers are infinite, and so missing, is added up by column."""
        step = max(1, _BLOCK_CELLS // len(self._names))
        for start in range(0, len(rows), step):
            columns = _columns(rows[start : start + step], self._facts)
            yield pl.DataFrame(
                [
                    _series(name, values, self._types[path], infinite)
                    for name, (path, values) in zip(self._names, columns, strict=True)
                ]
            )


def _paths(rows: Sequence[Row]) -> list[_Path]:
    """Where the cells of these rows stand, in the order of their coming; objects are taken apart once."""
    paths: dict[_Path, None] = {}
    for key in dict.fromkeys(chain.from_iterable(rows)):
        values = [row.get(key) for row in rows]
        types = set(map(type, values)) - {type(None)}
        if types != {dict}:
            paths[key,] = None
        if dict in types:
            parts = chain.from_iterable(value for value in values if type(value) is dict)
            paths |= dict.fromkeys((key, part) for part in parts)
    return list(paths)


def _columns(rows: Sequence[Row], paths: Iterable[_Path]) -> Iterator[tuple[_Path, list[Any]]]:
    for path in paths:
        values = [row.get(path[0]) for row in rows]
        if len(path) > 1:
            values = [value.get(path[1]) if type(value) is dict else None for value in values]
        elif dict in set(map(type, values)):
            values = [None if type(value) is dict else value for value in values]
        yield path, values


def _vector_length(cell: list[Any]) -> int:
    is_vector = set(map(type, cell)) <= _NUMBERS and all(
        -_LARGEST_FLOAT32 <= number <= _LARGEST_FLOAT32 for number in cell
    )
    return len(cell) if is_vector and cell else -1


def _storage(facts: _Facts, n_rows: int) -> pl.DataType:
    """What a column holds. String where its cells are of several kinds, or whole numbers that a float cannot hold."""
    types = facts.types
    if types == {bool}:
        return pl.Boolean()
    if (
        types
        and types <= _NUMBERS
        and facts.lowest >= -cells.LARGEST_INTEGER
        and facts.highest <= cells.LARGEST_INTEGER
    ):
        return pl.Float64() if float in types else pl.Int64()
    if types == {list} and facts.n_present == n_rows and len(facts.lengths) == 1 and -1 not in facts.lengths:
        return pl.Array(pl.Float32, *facts.lengths)
    return pl.String()


def _series(name: str, values: list[Any], dtype: pl.DataType, infinite: Counter[str]) -> pl.Series:
    if dtype == pl.String:
        return _words(name, values)
    series = pl.Series(name, values, dtype=dtype)
    if dtype == pl.Float64:
        infinite[name] += int(series.is_infinite().sum())
        series = series.set(series.is_infinite(), None)
    return series


def _words(name: str, values: list[Any]) -> pl.Series:
    if not set(map(type, values)) <= {str, type(None)}:
        values = [_spelled(value) for value in values]
    try:
        return pl.Series(name, values, dtype=pl.String)
    except UnicodeEncodeError:
        return pl.Series(name, [None if value is None else _valid(value) for value in values], dtype=pl.String)


def _spelled(value: Any) -> str | None:
    """The value as a JSON file would hold it, but for texts, which stand for themselves."""
    if value is None or type(value) is str:
        return value
    if type(value) is Spelled:
        return value.text
    return as_json(value)


def as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError as error:  # what could just be read may not be written
        raise InvalidInput("The JSON file has objects or lists that are nested too deeply. Take them apart.") from error


def _valid(text: str) -> str:
    """The text with halves of letters, which JSON can spell and no encoding can hold, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

"""The rows of an ARFF file as columns of the declared types; rows that do not fit them are rejected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import polars as pl
import polars.selectors as cs

from athanor.engine.readers import Notes
from athanor.engine.readers.arff_header import CELL, Attribute, Kind, unquoted
from athanor.engine.readers.numbers import infinite_warning
from athanor.engine.tables import cells
from athanor.engine.tables.frames import sparse_series
from athanor.errors import InvalidInput

T = TypeVar("T")

_BLOCK = 8 * 1024**2  # characters of lines that are taken apart at a time
_MOST_ROWS = 50_000
_SPECIAL = r"""['"\\{}%\t]"""  # letters that make a line more than cells and commas
_CELL = re.compile(rf"\s*({CELL}|[^,'\"]*?)\s*(,|$)")
_ENTRY = re.compile(rf"\s*([0-9]+)\s+({CELL}|[^,'\"]*?)\s*(,|$)")
_WEIGHT = re.compile(r",?\s*\{\s*[0-9.eE+-]+\s*\}$")
_COMMENT = re.compile(rf"((?:{CELL}|[^%'\"])*)%.*")
_LINE: dict[str, pl.DataType] = {"line": pl.Int64(), "text": pl.String()}
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
_MISSING_WORDS = list(cells.MISSING_WORDS)


class Misfit(ValueError):
    """Why a line is no row."""


@dataclass(slots=True)
class ArffRows:
    """One pass over the rows of a file.

    components  attributes that are, in a file of rows in braces, components of one sparse vector: their places in it
    """

    attributes: Sequence[Attribute]
    components: Mapping[int, int]
    vector: str  # its name
    notes: Notes
    n_weights: int = 0
    infinite: Counter[str] = field(default_factory=Counter)
    pending: list[tuple[int, str, str]] = field(default_factory=list)  # rejected rows of this block

    def frames(self, lines: Iterator[tuple[int, str]]) -> Iterator[pl.DataFrame]:
        """The rows of the numbered lines below @data, some at a time."""
        split = self._split_vectors if self.components else self._split
        for block in _blocks(lines):
            frame = self._typed(split(block))
            for number, reason, line in sorted(self.pending):
                self.notes.reject(number, reason, line)
            self.pending.clear()
            yield frame
        self.notes.warnings += [infinite_warning(name, count) for name, count in self.infinite.items() if count]
        if self.n_weights:
            self.notes.warnings.append(
                f"Weights of rows, {{…}} behind the last cell, were left out: {self.n_weights:,}."
            )

    @property
    def _plain_attributes(self) -> list[tuple[int, Attribute]]:
        return [(at, attribute) for at, attribute in enumerate(self.attributes) if at not in self.components]

    def _split(self, block: list[tuple[int, str]]) -> pl.DataFrame:
        """The cells as text under their attributes' numbers, null where missing, beside their line and its text."""
        width = len(self.attributes)
        lines = pl.DataFrame(block, schema=_LINE, orient="row")
        lines = lines.with_columns(pl.col("text").str.strip_chars(cells.BLANKS)).filter(pl.col("text") != "")
        text = pl.col("text")
        is_plain = (text.str.count_matches(",", literal=True) == width - 1) & ~text.str.contains(_SPECIAL)
        plain, odd = lines.filter(is_plain), lines.filter(~is_plain)
        split = plain["text"].str.split_exact(",", width - 1).struct.unnest()
        split.columns = [f"{at}" for at in range(width)]
        plain = plain.hstack(split.select(pl.all().str.strip_chars(cells.BLANKS).replace("?", None)))
        if odd.is_empty():
            return plain
        rows = [(number, text, *found) for number, text, found in self._read(odd.iter_rows(), self._cells)]
        return pl.concat([plain, pl.DataFrame(rows, schema=plain.schema, orient="row")]).sort("line")

    def _split_vectors(self, block: list[tuple[int, str]]) -> pl.DataFrame:
        """The same for rows in braces, with the vectors."""
        rows, vectors = [], []
        for number, text, (vector, found) in self._read(iter(block), self._vector):
            rows.append((number, text, *found))
            vectors.append(vector)
        entries = [entry for vector in vectors for entry in vector]
        features = sparse_series(
            self.vector,
            np.array([len(vector) for vector in vectors], np.int64),
            np.array([component for component, _ in entries], np.uint32),
            np.array([value for _, value in entries], np.float32),
        )
        schema = _LINE | {f"{at}": pl.String() for at, _ in self._plain_attributes}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(features)

    def _read(self, lines: Iterator[tuple[int, str]], reading: Callable[[str], T]) -> Iterator[tuple[int, str, T]]:
        """What is read of each line that holds a row; those that hold something else are rejected."""
        for number, line in lines:
            text = line.strip(cells.BLANKS)
            if "%" in text and (comment := _COMMENT.fullmatch(text)):
                text = comment[1].rstrip()
            if text.endswith("}") and (weight := _WEIGHT.search(text)) and weight.start():
                self.n_weights += 1
                text = text[: weight.start()].rstrip()
            if not text:
                continue
            try:
                yield number, line, reading(text)
            except Misfit as misfit:
                self.pending.append((number, str(misfit), line))

    def _cells(self, text: str) -> list[str | None]:
        if text.startswith("{"):
            said = _entries(text, len(self.attributes))
            return [said.get(at, _unsaid(attribute)) for at, attribute in enumerate(self.attributes)]
        found = _values(text)
        if len(found) != len(self.attributes):
            raise Misfit(f"{len(found)} values instead of {len(self.attributes)}")
        return found

    def _vector(self, text: str) -> tuple[list[tuple[int, float]], list[str | None]]:
        """The components of the vector, in their order, and the cells that are none."""
        said = _entries(text, len(self.attributes)) if text.startswith("{") else dict(enumerate(self._cells(text)))
        vector = sorted((self.components[at], _component(cell)) for at, cell in said.items() if at in self.components)
        return vector, [said.get(at, _unsaid(attribute)) for at, attribute in self._plain_attributes]

    def _typed(self, found: pl.DataFrame) -> pl.DataFrame:
        """Cells in the declared types, under the attributes' names. A row with a cell of another type is rejected."""
        attributes = self._plain_attributes
        typed = found.select(_TYPES[attribute.kind](pl.col(f"{at}"), attribute) for at, attribute in attributes)
        there, read = found.null_count(), typed.null_count()
        wrong = [(at, attribute) for at, attribute in attributes if there[f"{at}"][0] != read[f"{at}"][0]]
        reason = pl.Series([None] * found.height, dtype=pl.String)
        for at, attribute in wrong:
            cell = found[f"{at}"]
            is_wrong = typed[f"{at}"].is_null() & cell.is_not_null()
            said = f"{attribute.name!r} is not {_EXPECTED[attribute.kind]}: " + cell
            reason = reason.zip_with(reason.is_not_null() | ~is_wrong, said)
        kept = reason.is_null()
        for number, line, why in found.select("line", "text", reason=reason).filter(~kept).iter_rows():
            self.pending.append((number, why, line))
        typed = typed.rename({f"{at}": attribute.name for at, attribute in attributes})
        if self.components:
            typed = typed.with_columns(found[self.vector])
        return self._plain(typed.filter(kept))

    def _plain(self, typed: pl.DataFrame) -> pl.DataFrame:
        """The rows with what stands for nothing missing."""
        infinite = typed.select(cs.float().is_infinite().sum())
        self.infinite.update({column.name: int(column[0]) for column in infinite})
        return typed.with_columns(
            pl.when(cs.float().is_finite()).then(cs.float()),
            pl.when(~cs.string().is_in(_MISSING_WORDS)).then(cs.string()),
        )


def _blocks(lines: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    size = 0
    for numbered in lines:
        block.append(numbered)
        size += len(numbered[1])
        if size > _BLOCK or len(block) > _MOST_ROWS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _values(text: str) -> list[str | None]:
    """The values of a row that stand between commas or, where it has none, tabs. Raises Misfit."""
    if "," not in text:
        text = text.replace("\t", ",")
    found: list[str | None] = []
    at = 0
    while True:
        cell = _CELL.match(text, at)
        if cell is None:
            raise Misfit(f"a quote behind column {at} is not closed, or stands inside a value")
        found.append(None if cell[1] == "?" else unquoted(cell[1]))
        if not cell[2]:
            return found
        at = cell.end()


def _entries(text: str, width: int) -> dict[int, str | None]:
    """What a row in braces says, by the numbers of the attributes. Raises Misfit."""
    if not text.endswith("}"):
        raise Misfit("the brace is not closed")
    inside, at = text[1:-1].strip(), 0
    found: dict[int, str | None] = {}
    while at < len(inside):
        entry = _ENTRY.match(inside, at)
        if entry is None:
            raise Misfit(f"no number of an attribute and its value: {inside[at : at + 20]!r}")
        position = int(entry[1])
        if position >= width or position in found:
            raise Misfit(f"attribute {position} is there twice" if position < width else f"no attribute {position}")
        found[position] = None if entry[2] == "?" else unquoted(entry[2])
        at = entry.end()
    return found


def _component(cell: str | None) -> float:
    try:
        value = cells.number(cell or "")
    except ValueError as error:
        raise Misfit(f"not a number in a vector: {cell!r}") from error
    if not abs(value) <= _LARGEST_FLOAT32:
        raise Misfit("a missing or infinite number in a vector")
    return value


def _unsaid(attribute: Attribute) -> str | None:
    """What a sparse row means where it says nothing: 0, which is the first of several values."""
    if attribute.kind is Kind.NOMINAL:
        return attribute.levels[0] if attribute.levels else None
    return "0" if attribute.kind is Kind.NUMBER else None


def _words(cell: pl.Expr, attribute: Attribute) -> pl.Expr:
    trimmed = cell.str.strip_chars(cells.BLANKS)
    if attribute.kind is Kind.NOMINAL:
        return pl.when(trimmed.is_in(list(attribute.levels))).then(trimmed)
    return trimmed


def _moments(cell: pl.Expr, attribute: Attribute) -> pl.Expr:
    if "%z" in attribute.format or "%:z" in attribute.format:
        return cell.str.to_datetime(attribute.format, time_unit="us", strict=False).dt.replace_time_zone(None)
    if any(clock in attribute.format for clock in ("%H", "%I")):
        return cell.str.to_datetime(attribute.format, time_unit="us", strict=False)
    return cell.str.to_date(attribute.format, strict=False).cast(pl.Datetime("us"))


def check_format(attribute: Attribute) -> None:
    """Refuse a format of dates that leaves out too much to say a day. Raises InvalidInput."""
    try:
        pl.DataFrame({"": [""]}).select(_moments(pl.col(""), attribute))
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(
            f"The dates of ARFF attribute {attribute.name!r} cannot be read by the format that is declared: {error}. "
            "Declare the attribute as string.",
            field=attribute.name,
        ) from error


_TYPES: dict[Kind, Callable[[pl.Expr, Attribute], pl.Expr]] = {
    Kind.NUMBER: lambda cell, _: cell.cast(pl.Float64, strict=False),
    Kind.WORD: _words,
    Kind.NOMINAL: _words,
    Kind.DATE: _moments,
}
_EXPECTED = {
    Kind.NUMBER: "a number",
    Kind.WORD: "a text",
    Kind.NOMINAL: "one of the values that are declared",
    Kind.DATE: "a date of the format that is declared",
}

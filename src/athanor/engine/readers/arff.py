"""ARFF, the format of Weka: declared attributes above rows of comma-separated or sparse cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from athanor.engine.readers import Notes, Opened, ReaderOptions
from athanor.engine.readers.arff_header import Kind, attributes_of
from athanor.engine.readers.arff_rows import ArffRows, check_format
from athanor.engine.readers.column_names import unique_names
from athanor.engine.readers.text_lines import head_text, lines_of
from athanor.engine.tables import cells

_FEATURES = "features"  # the name of a vector, as LIBSVM files have it
_WIDE = 1_000  # numeric attributes; more of them in a file of sparse rows are one vector


class Arff:
    """Cells are of the declared types; those of numbers are whole numbers where all of them are."""

    format = "arff"

    def claims(self, head: bytes, filename: str) -> bool:
        lines = (line.strip() for line in head_text(head).split("\n"))
        first = next((line for line in lines if line and not line.startswith("%")), None)
        if first is None:
            return filename.lower().endswith(".arff")
        return first.lower().startswith(("@relation", "@attribute"))

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        return ArffFile(file, options.encoding)


ARFF = Arff()


class ArffFile:
    """A file whose declarations are known, and which of its numbers are whole."""

    is_spelled = False

    def __init__(self, file: Path, encoding: str | None) -> None:
        self._file, self._encoding = file, encoding
        lines = self._lines(Notes())
        attributes = attributes_of(lines)
        first = next((line for _, line in lines if line.strip() and not line.lstrip().startswith("%")), "")
        self._components: dict[int, int] = {}
        if first.lstrip().startswith("{"):
            # By custom the last attribute is what is to be predicted, so it stays a column of its own.
            numeric = [at for at, attribute in enumerate(attributes[:-1]) if attribute.kind is Kind.NUMBER]
            if len(numeric) > _WIDE:
                self._components = {at: component for component, at in enumerate(numeric)}
        given = [attribute.name.strip(cells.BLANKS) for attribute in attributes]
        (*names, self._vector), self._renamed = unique_names([*given, _FEATURES])
        self._attributes = [replace(found, name=name) for found, name in zip(attributes, names, strict=True)]
        for attribute in self._attributes:
            if attribute.kind is Kind.DATE:
                check_format(attribute)
        self._whole = self._whole_numbers()

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        notes.warnings.extend(self._renamed)
        if self._components:
            notes.dims[self._vector] = len(self._components)
            notes.warnings.append(
                f"The {len(self._components):,} numeric attributes of rows in braces are one vector, {self._vector!r}; "
                f"the last attribute, {self._attributes[-1].name!r}, is a column of its own."
            )
        for block in self._frames(notes):
            yield block.with_columns(pl.col(self._whole).cast(pl.Int64)) if self._whole else block

    def _whole_numbers(self) -> list[str]:
        """The columns of numbers that are all whole, and of a size that a float can tell apart."""
        limit = cells.LARGEST_INTEGER
        whole = {
            attribute.name
            for at, attribute in enumerate(self._attributes)
            if attribute.kind is Kind.NUMBER and at not in self._components
        }
        for block in self._frames(Notes()):
            numbers = [pl.col(name) for name in whole]
            fits = block.select(((number.floor() == number) & (number.abs() < limit)).all() for number in numbers)
            whole &= {name for name in fits.columns if fits[name][0]}
        return sorted(whole)

    def _frames(self, notes: Notes) -> Iterator[pl.DataFrame]:
        lines = self._lines(notes)
        attributes_of(lines)
        return ArffRows(self._attributes, self._components, self._vector, notes).frames(lines)

    def _lines(self, notes: Notes) -> Iterator[tuple[int, str]]:
        return enumerate(lines_of(self._file, self._encoding, notes), 1)

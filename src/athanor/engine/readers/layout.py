"""How a text file is laid out: what stands above its rows, what their fields are called and what separates them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from athanor.engine.readers.heading import find_heading, titles_above, without_comments
from athanor.engine.readers.records import Record
from athanor.engine.readers.separators import DELIMITERS, aligned, find_separators, first_records, unescaped
from athanor.errors import InvalidInput

_EXCEL = re.compile(r'"?sep=([!#-~\t ])"?\r?\n', re.IGNORECASE)  # a first line for Excel alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of a text are to be read.

    names            of the columns, each once
    header           the record that named them, as it stands in the file; None where no record does
    n_above          lines above the first row
    width            fields of each row in the file: one more than names where `has_empty_last`
    quote            "" for none
    is_aligned       fields stand apart by any number of blanks
    is_escaped       a backslash before a quote makes it a letter
    has_empty_last   each row ends in a delimiter, behind which no column stands
    """

    names: tuple[str, ...]
    header: str | None
    n_above: int
    width: int
    delimiter: str
    quote: str
    is_aligned: bool = False
    is_escaped: bool = False
    has_empty_last: bool = False
    warnings: tuple[str, ...] = ()

    def ragged(self, n_fields: int) -> str:
        """Why a row of so many fields cannot be read."""
        return f"{n_fields} {'field' if n_fields == 1 else 'fields'} where {self.width} are expected"


def find_layout(
    sample: str,
    *,
    is_whole: bool,
    delimiter: str | None = None,
    quote: str | None = None,
    has_header: bool | None = None,
) -> Layout:
    """The layout that fits the sample best, taking what is given as given. `is_whole`: nothing follows the sample.

    Raises InvalidInput where no row stands below the names.
    """
    warnings: list[str] = []
    n_above = 0
    if excel := _EXCEL.match(sample):
        delimiter = delimiter or excel[1]
        sample, n_above = sample[excel.end() :], 1
    sample, n_comments = without_comments(sample, (delimiter,) if delimiter else DELIMITERS)
    if n_comments:
        warnings.append(f"Comment lines above the table were skipped: {n_comments:,}.")
    separators = find_separators(sample, delimiter, quote)
    if separators.is_escaped:
        sample = unescaped(sample, separators.quote)
    if separators.is_aligned:
        sample = aligned(sample)
    found = first_records(sample, separators.delimiter, separators.quote, is_whole=is_whole)
    if not found:
        raise InvalidInput("The file holds nothing but blanks. A table with at least one row is needed.")
    n_titles = titles_above([record.fields for record in found])
    if n_titles:
        shown = " / ".join(separators.delimiter.join(record.fields) for record in found[:n_titles])
        warnings.append(f"Lines above the table were skipped: {n_titles} ({shown[:200]!r}).")
        found = found[n_titles:]
    heading = find_heading([record.fields for record in found], has_header)
    if heading.is_given and len(found) == 1 and is_whole:
        raise InvalidInput(
            f"The file holds names of {heading.width} columns and no row below them. At least one row is needed."
        )
    first = found[0]
    n_above += n_comments + (sample.count("\n", 0, first.stop) if heading.is_given else first.line - 1)
    return Layout(
        names=heading.names,
        header=_source(sample, first) if heading.is_given else None,
        n_above=n_above,
        width=heading.width,
        has_empty_last=heading.has_empty_last,
        delimiter=separators.delimiter,
        quote=separators.quote,
        is_aligned=separators.is_aligned,
        is_escaped=separators.is_escaped,
        warnings=(*warnings, *separators.warnings, *heading.warnings),
    )


def _source(sample: str, record: Record) -> str:
    """The record as it stands in the sample."""
    start = 0
    for _ in range(record.line - 1):
        start = sample.index("\n", start) + 1
    return sample[start : record.stop].rstrip("\r\n")

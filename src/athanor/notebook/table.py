"""A table read from a file: what `athanor.read` gives."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.engine.profile_page.html import element
from athanor.engine.readers import ReaderOptions, spelled_delimiter
from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput, NotFound
from athanor.notebook.html import block, table_html
from athanor.notebook.question import path_of

if TYPE_CHECKING:
    import polars as pl

SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_REJECTS = 5, 20, 5
_LONGEST_CELL = 40  # characters


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, each column in the type that all of its cells have, and what the columns mean for learning.

    frame     the rows, as a polars DataFrame
    schema    what each column means, and why it was taken to
    warnings  what the owner of the file should know of the reading
    """

    frame: pl.DataFrame
    schema: Schema
    format: str
    warnings: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        return list(self.schema.names)

    @property
    def types(self) -> dict[str, str]:
        """Column → what it means: numeric, categorical, text, …"""
        return {column.name: column.type.value for column in self.schema.columns}

    @property
    def n_rows(self) -> int:
        return self.frame.height

    def to_polars(self) -> pl.DataFrame:
        return self.frame

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame; vectors as lists."""
        import pandas as pd

        return pd.DataFrame({column.name: _cells(column) for column in self.frame.get_columns()})

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        lines = [self._head(), *(f"  {name}: {kind}" for name, kind in list(self.types.items())[:SHOWN_COLUMNS])]
        left = len(self.columns) - SHOWN_COLUMNS
        return "\n".join([*lines, *([f"  and {left:,} columns more"] if left > 0 else [])])

    def _repr_html_(self) -> str:
        shown = self.schema.columns[:SHOWN_COLUMNS]
        left = len(self.schema.columns) - len(shown)
        head = [column.name for column in shown]
        types = [column.type.value for column in shown]
        rows = self.frame.head(SHOWN_ROWS).select(head).rows() if head else []
        cells = [types, *([_short(cell) for cell in row] for row in rows)]
        more = element("div", f"and {left:,} columns more") if left > 0 else None
        notes = [element("div", f"Note: {warning}") for warning in self.warnings]
        return block(element("div", self._head()), table_html(head, cells, dim=(0,)), more, *notes)

    def _head(self) -> str:
        return f"{self.n_rows:,} rows, {len(self.columns):,} columns ({self.format})"


def read(path: str | os.PathLike[str], **options: Any) -> Table:
    """The table in a file: CSV, Parquet, Arrow, JSON, XLSX, ARFF and others, plain or compressed.

    options  what the owner knows of the file: format, delimiter, quote, encoding, has_header, decimal, sheet, member,
             dim (engine/readers). What is not given is found out from the content.

    Rows that cannot be read are left out, which a note in the table says. Raises NotFound, InvalidInput.
    """
    known = {field.name for field in fields(ReaderOptions)}
    if unknown := sorted(set(options) - known):
        raise InvalidInput(f"No reading option {unknown[0]!r}. Known: {', '.join(sorted(known))}.", field=unknown[0])
    if "delimiter" in options:
        options["delimiter"] = spelled_delimiter(options["delimiter"])
    return read_file(path_of(path, "path"), options=ReaderOptions(**options))


def read_file(path: Path, *, options: ReaderOptions | None = None, schema: Schema | None = None) -> Table:
    """The table in a file; for a model, typed as its `schema` says.

    For a model each row must have its answer: a file with rows that cannot be read is refused.
    """
    from athanor.engine.readers import read as read_table

    path = path.expanduser()
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    found = read_table(path, options=options or ReaderOptions(), schema=schema)
    if schema is not None and found.n_rejected:
        lines = "; ".join(f"line {reject.line} ({reject.reason})" for reject in found.rejects[:SHOWN_REJECTS])
        raise InvalidInput(f"{path} has {found.n_rejected:,} rows that cannot be read: {lines}. Correct them.")
    return Table(found.frame, found.schema, found.format, found.warnings)


def _cells(column: pl.Series) -> Any:
    import numpy as np
    import polars as pl

    if column.dtype == pl.Datetime:
        return column.to_numpy().astype("datetime64[us]")
    if column.dtype.is_numeric() and not column.null_count():
        return np.asarray(column.to_numpy())
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).to_numpy()
    return column.to_list()


def _short(cell: object) -> str:
    text = "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"

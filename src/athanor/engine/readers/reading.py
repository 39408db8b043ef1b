"""A file gone through: its format found, its blocks typed by all of their cells, its rejected rows counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from athanor.engine.readers import ASKED, READERS, Notes, Opened, Reader, ReaderOptions, Reject, Table
from athanor.engine.readers.containers import KINDS, plain
from athanor.engine.readers.verdicts import Verdicts
from athanor.engine.tables.frames import spelled
from athanor.engine.tables.inference import infer
from athanor.engine.tables.schema import Schema, Storage
from athanor.errors import InvalidInput

_HEAD = 256 * 1024  # bytes that the format is found from
_FEW, _FEW_SHARE = 10, 0.1  # rows that may be rejected: so many, or this share of them
_SHOWN = 5  # line numbers that a message lists
_NONE = "A table with at least one row is needed."

# Formats that people send and no reader takes, by their first bytes.
_STRANGERS = {
    b"\xd0\xcf\x11\xe0": "an old document of an office program",
    b"%PDF": "a PDF document",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"PK\x03\x04": "a ZIP archive",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"<?xml": "an XML document",
}


# The storages that a column of a table serves as it is.
_STORAGES: Mapping[type[pl.DataType], set[Storage]] = {
    pl.Float64: {Storage.FLOAT, Storage.INTEGER},
    pl.Int64: {Storage.FLOAT, Storage.INTEGER},
    pl.Boolean: {Storage.BOOLEAN},
    pl.String: {Storage.STRING},
    pl.Datetime: {Storage.DATETIME},
    pl.Array: {Storage.DENSE, Storage.SPARSE},
    pl.Struct: {Storage.DENSE, Storage.SPARSE},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to say of a file that was gone through.

    spellings  how texts of a column were spelled, where that is not the usual way
    dims       components of sparse vector columns
    """

    format: str
    warnings: tuple[str, ...]
    rejects: tuple[Reject, ...]
    n_rejected: int
    spellings: Mapping[str, str]
    dims: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """A file whose format and layout are found out."""

    format: str
    file: Opened
    schema: Schema | None
    decimal: str | None

    def go_through(self, take: Callable[[pl.DataFrame], None], restart: Callable[[], None]) -> Outcome:
        """Hand all rows to `take`, typed, some at a time.

        All cells of a text decide what a column holds. Where a block contradicts the ones before it, the rest of the
        file is judged, `restart` is called, and all rows are handed out once more; what was taken before is void.
        A column that had no value yet is Null: later blocks know better. Raises InvalidInput, TooLarge.
        """
        verdicts = Verdicts(self.schema, self.decimal)
        while (notes := self._pass(verdicts, take)) is None:
            restart()
        return Outcome(
            format=self.format,
            warnings=(*notes.warnings, *_rejection(notes), *verdicts.warnings()),
            rejects=tuple(notes.rejects),
            n_rejected=notes.n_rejected,
            spellings=verdicts.spellings(),
            dims=notes.dims,
        )

    def _pass(self, verdicts: Verdicts, take: Callable[[pl.DataFrame], None]) -> Notes | None:
        """What was noted while all blocks were taken; None where they were only judged, from some block on."""
        notes = Notes()
        n_rows = 0
        is_void = False
        for block in self.file.blocks(notes):
            n_rows += block.height
            texts = block if self.file.is_spelled else _unlike(block, self.schema)
            if is_void:
                verdicts.judge(texts)
                continue
            typed = verdicts.typed(texts) if texts.width else texts
            is_void = typed is None
            if typed is not None:
                take(typed if self.file.is_spelled else block.with_columns(typed))
        _check(notes, n_rows)
        return None if is_void else notes


@contextmanager
def opened(path: Path, filename: str, options: ReaderOptions, schema: Schema | None = None) -> Iterator[Reading]:
    """A file, plain or compressed, ready to be gone through as often as wanted. Raises InvalidInput, TooLarge."""
    with plain(path, filename, options) as (file, inner):
        with file.open("rb") as content:
            head = content.read(_HEAD)
        if not head:
            raise InvalidInput(f"The file {filename!r} is empty. {_NONE}")
        reader = READERS[options.format] if options.format is not None else _reader(head, inner, filename)
        yield Reading(reader.format, reader.open(file, options), schema, options.decimal)


def read_table(path: Path, filename: str, options: ReaderOptions, schema: Schema | None) -> Table:
    """The whole file in memory."""
    blocks: list[pl.DataFrame] = []
    with opened(path, filename, options, schema) as reading:
        outcome = reading.go_through(blocks.append, blocks.clear)
    frame = pl.concat(blocks, how="vertical_relaxed").with_columns(cs.by_dtype(pl.Null).cast(pl.String))
    blocks.clear()
    found = infer(frame, schema, spellings=outcome.spellings, dims=outcome.dims)
    return Table(frame, found, outcome.format, outcome.warnings, outcome.rejects, outcome.n_rejected)


def _reader(head: bytes, inner: str, filename: str) -> Reader:
    *with_signs, text = ASKED
    for name in with_signs:
        if READERS[name].claims(head, inner):
            return READERS[name]
    stranger = next((kind for magic, kind in _STRANGERS.items() if head.lstrip().startswith(magic)), None)
    if head[257:262] == b"ustar":
        stranger = "a tar archive"
    if stranger is None and READERS[text].claims(head, inner):
        return READERS[text]
    raise InvalidInput(
        f"The file {filename!r} is {stranger or 'neither text nor a known table format'}. "
        f"Send {', '.join(ASKED[:-1])} or {ASKED[-1]}, plain or as {', '.join(KINDS[:-1])} or {KINDS[-1]}."
    )


def _unlike(block: pl.DataFrame, schema: Schema | None) -> pl.DataFrame:
    """The columns of typed rows that a schema wants otherwise, as texts to be typed again."""
    columns: list[pl.Series] = []
    if schema is None:
        return pl.DataFrame()
    for series in block:
        wanted = schema[series.name].storage if series.name in schema else None
        if wanted is None or series.dtype == pl.Null or wanted in _STORAGES[series.dtype.base_type()]:
            continue
        if series.dtype.is_nested() or wanted.is_vector:
            raise InvalidInput(
                f"Column {series.name!r} holds {'vectors' if series.dtype.is_nested() else 'single values'} where "
                f"{wanted.value} values are expected.",
                field=series.name,
            )
        columns.append(series if series.dtype == pl.String else spelled(series))
    return pl.DataFrame(columns)


def _check(notes: Notes, n_rows: int) -> None:
    """Refuse a file without rows, and one with so many rejected that the layout is wrong rather than the rows."""
    n_all = n_rows + notes.n_rejected
    if not n_all:
        raise InvalidInput(f"The file holds no row. {_NONE}")
    if notes.n_rejected <= max(_FEW, _FEW_SHARE * n_all) and notes.n_rejected <= n_rows:
        return
    raise InvalidInput(
        f"{notes.n_rejected:,} of {n_all:,} rows cannot be read: {_first_lines(notes)}. "
        + (f"Taken apart by {notes.layout}. " if notes.layout else "")
        + "Correct those lines, or say how the file is laid out: `delimiter`, `quote`, `format`.",
        code="ragged-rows",
    )


def _rejection(notes: Notes) -> tuple[str, ...]:
    if not notes.n_rejected:
        return ()
    return (f"Rows that cannot be read were rejected: {notes.n_rejected:,} ({_first_lines(notes)}).",)


def _first_lines(notes: Notes) -> str:
    shown = "; ".join(f"line {reject.line} ({reject.reason})" for reject in notes.rejects[:_SHOWN])
    more = f"; and {notes.n_rejected - _SHOWN:,} more" if notes.n_rejected > _SHOWN else ""
    return shown + more

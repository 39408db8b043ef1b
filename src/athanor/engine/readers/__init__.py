"""Readers: files made into tables. One file per format; the content decides, a file's name is not trusted."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from athanor.engine.readers.content import inflated
from athanor.engine.schema import Schema
from athanor.errors import InvalidInput
from athanor.registry import Registry

if TYPE_CHECKING:
    import polars as pl

_LARGEST = 4 * 1024**3  # bytes that a compressed file may grow to


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """What the owner of a file knows about it. None means: find out from the content."""

    delimiter: str | None = None
    quote: str | None = None  # "" for none
    encoding: str | None = None
    has_header: bool | None = None
    max_inflated_bytes: int = _LARGEST

    def __post_init__(self) -> None:
        for name, text, lengths in (("delimiter", self.delimiter, {1}), ("quote", self.quote, {0, 1})):
            if text is not None and (len(text) not in lengths or not text.isascii() or text in {"\n", "\r"}):
                raise InvalidInput(f"`{name}` must be one ASCII character, got {text!r}.", field=name)
        if self.delimiter is not None and self.delimiter == self.quote:
            raise InvalidInput(f"`delimiter` and `quote` must differ, both are {self.quote!r}.", field="quote")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, ValueError) as error:
                raise InvalidInput(f"No encoding named {self.encoding!r}.", field="encoding") from error


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: its rows, what the columns mean, and what its owner should know about the reading.

    Columns of `frame` are Float64, Int64, Boolean, String, Datetime("us") in UTC without a zone, or
    Array(Float32) for vectors; null is missing.
    """

    frame: pl.DataFrame
    schema: Schema
    format: str
    warnings: tuple[str, ...] = ()


class Reader(Protocol):
    """A file format. Stateless."""

    format: str

    def claims(self, content: bytes) -> bool:
        """Whether `content` looks like this format."""
        ...

    def read(self, content: bytes, options: ReaderOptions, schema: Schema | None) -> Table:
        """The table in `content`; columns that `schema` names are read in its storage. Raises InvalidInput."""
        ...


READERS: Registry[Reader] = Registry(
    "file format",
    {
        "csv": "athanor.engine.readers.csv:CSV",
        "parquet": "athanor.engine.readers.parquet:PARQUET",
    },
)

# Formats that people send and no reader takes, by their first bytes.
_STRANGERS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"ARROW1": "an Arrow file",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive inside another",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "an SQLite database",
}


def read(
    path: Path,
    *,
    filename: str | None = None,
    options: ReaderOptions = ReaderOptions(),
    schema: Schema | None = None,
) -> Table:
    """The table in a file, plain or gzipped. `filename` is what its owner calls it, for messages.

    Columns that `schema` names are read in the storage that it says, so that a file to be predicted is spelled as the
    one learned from; the others are judged by their cells. Raises InvalidInput, or TooLarge for an inflated bomb.
    """
    name = filename or path.name
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The file {name!r} cannot be read: {error.strerror}.") from error
    content = inflated(raw, name, options.max_inflated_bytes)
    del raw
    if not content:
        raise InvalidInput(f"The file {name!r} is empty. A table with at least one row is needed.")
    for magic, kind in _STRANGERS.items():
        if content.startswith(magic):
            raise InvalidInput(f"The file {name!r} is {kind}. Send {' or '.join(READERS.names())}, plain or gzipped.")
    for format_name in READERS.names():
        reader = READERS[format_name]
        if reader.claims(content):
            return reader.read(content, options, schema)
    raise InvalidInput(
        f"The file {name!r} is neither text nor a known table format. Send {' or '.join(READERS.names())}."
    )

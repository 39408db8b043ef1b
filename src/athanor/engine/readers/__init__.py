"""Readers: files made into tables. One file per format; the content decides, a file's name only breaks a tie."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.registry import Registry

if TYPE_CHECKING:
    import polars as pl

LARGEST_INFLATED = 16 * 1024**3  # bytes that a compressed file may grow to
REJECTS_KEPT, REJECT_LENGTH = 10_000, 10_000  # rows that could not be read, characters of each


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """What the owner of a file knows about it. None means: find out from the content.

    format              a name in READERS
    delimiter, quote    of a text; quote "" for none
    decimal             "." or ","
    sheet               of a workbook; its first one with rows otherwise
    member              of an archive; needed where it holds more than one table
    dim                 numbers in a row of raw float32, or components of the vectors of a libsvm file
    max_inflated_bytes  a compressed file that grows beyond is refused while it is inflated
    block_bytes         of CSV, Parquet or Arrow that are read at a time, where memory is short
    """

    format: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    has_header: bool | None = None
    decimal: str | None = None
    sheet: str | None = None
    member: str | None = None
    dim: int | None = None
    max_inflated_bytes: int = LARGEST_INFLATED
    block_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in READERS:
            raise InvalidInput(
                f"No file format named {self.format!r}. Known: {', '.join(READERS.names())}.", field="format"
            )
        for name, text, lengths in (("delimiter", self.delimiter, {1}), ("quote", self.quote, {0, 1})):
            if text is not None and (len(text) not in lengths or not text.isascii() or text in {"\n", "\r"}):
                raise InvalidInput(f"`{name}` must be one ASCII character, got {text!r}.", field=name)
        if self.delimiter is not None and self.delimiter == self.quote:
            raise InvalidInput(f"`delimiter` and `quote` must differ, both are {self.quote!r}.", field="quote")
        if self.decimal not in {None, ".", ","}:
            raise InvalidInput(f"`decimal` must be '.' or ',', got {self.decimal!r}.", field="decimal")
        if self.dim is not None and self.dim < 1:
            raise InvalidInput(f"`dim` must be at least 1, got {self.dim}.", field="dim")
        if self.encoding is not None:
            try:
                io.TextIOWrapper(io.BytesIO(), self.encoding)
            except (LookupError, ValueError) as error:
                raise InvalidInput(f"No encoding named {self.encoding!r}.", field="encoding") from error


def spelled_delimiter(text: str | None) -> str | None:
    """A delimiter as people write it: a tab itself is hard to type."""
    return "\t" if text in {"tab", r"\t"} else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that could not be read, kept for its owner."""

    line: int  # from 1, in the plain file; of a format without lines the row
    reason: str
    text: str  # as it stands in the file, at most REJECT_LENGTH characters of it


@dataclass(slots=True)
class Notes:
    """What is noticed while a file is gone through once."""

    warnings: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    n_rejected: int = 0  # `rejects` keeps the first REJECTS_KEPT
    dims: dict[str, int] = field(default_factory=dict)  # components of sparse vector columns, known at the end
    layout: str = ""  # how rows are taken apart, for messages: "delimiter ',', quote '\"'"

    @property
    def n_room(self) -> int:
        """How many rejected rows are still kept."""
        return REJECTS_KEPT - len(self.rejects)

    def reject(self, line: int, reason: str, text: str) -> None:
        """Set a row aside that cannot be read."""
        self.n_rejected += 1
        if self.n_room > 0:
            self.rejects.append(Reject(line=line, reason=reason, text=text[:REJECT_LENGTH]))


class Opened(Protocol):
    """A file whose layout is found out, ready to be gone through, from its start, as often as wanted."""

    is_spelled: bool  # the String columns of its blocks hold cells as people spell them: to be typed over all rows

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        """The rows, some at a time (about 16 MB of file), all blocks with the same columns.

        Columns are String, Float64, Int64, Boolean, Datetime("us") in UTC without a zone, Array(Float32) for dense
        vectors, or Struct(indices: List(UInt32), values: List(Float32)) for sparse ones; null is missing.
        Raises InvalidInput, TooLarge.
        """
        ...


class Reader(Protocol):
    """A file format. Stateless."""

    format: str

    def claims(self, head: bytes, filename: str) -> bool:
        """Whether a file that begins with `head` (at most 256 KiB) looks like this format."""
        ...

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        """Find out the layout of a plain file. Raises InvalidInput."""
        ...


READERS: Registry[Reader] = Registry(
    "file format",
    {
        "parquet": "athanor.engine.readers.parquet:PARQUET",
        "arrow": "athanor.engine.readers.arrow:ARROW",
        "xlsx": "athanor.engine.readers.xlsx:XLSX",
        "arff": "athanor.engine.readers.arff:ARFF",
        "json": "athanor.engine.readers.json:JSON",
        "jsonl": "athanor.engine.readers.jsonl:JSONL",
        "float32": "athanor.engine.readers.float32:FLOAT32",
        "libsvm": "athanor.engine.readers.libsvm:LIBSVM",
        "csv": "athanor.engine.readers.csv:CSV",
    },
)
# In this order they are asked: those that a signature proves come first, text that could be anything last.
ASKED = ("parquet", "arrow", "xlsx", "arff", "json", "jsonl", "float32", "libsvm", "csv")


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, in memory: its rows, what the columns mean, and what its owner should know of the reading.

    Columns of `frame` are as `Opened.blocks` says, texts typed.
    """

    frame: pl.DataFrame
    schema: Schema
    format: str
    warnings: tuple[str, ...] = ()
    rejects: tuple[Reject, ...] = ()
    n_rejected: int = 0


def read(
    path: Path,
    *,
    filename: str | None = None,
    options: ReaderOptions = ReaderOptions(),
    schema: Schema | None = None,
) -> Table:
    """The table in a file, plain or compressed. `filename` is what its owner calls it, for messages.

    Columns that `schema` names are read in the storage and spelling that it says, so that a file to be predicted is
    read as the one learned from; the others are judged by all of their cells. Raises InvalidInput, or TooLarge for an
    inflated bomb.
    """
    from athanor.engine.readers.reading import read_table

    return read_table(path, filename or path.name, options, schema)

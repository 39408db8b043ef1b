"""A file of one column, read as texts: labels for rows that came before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.engine import cells
from athanor.engine.readers import READERS, Notes, ReaderOptions
from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    import polars as pl

    from athanor.engine.readers.reading import Reading

FORMATS = ("csv", "json")
# Of a plain file, and of what a compressed one may grow to: it is read in this process.
LARGEST_BYTES = 256 * 2**20
_HEAD = 2**16
_ONE = "It must have exactly one column."


def read_column(path: Path, *, file_format: str, has_header: bool, filename: str) -> pl.Series:
    """The cells of the file's only column as texts, in order; null is missing.

    Of a JSON file, an array of values is a column, too. Raises InvalidInput, TooLarge.
    """
    if file_format not in FORMATS:
        raise InvalidInput(
            f"`file_format` of one column must be {' or '.join(map(repr, FORMATS))}, got {file_format[:40]!r}.",
            field="file_format",
        )
    if path.stat().st_size > LARGEST_BYTES:
        raise TooLarge(f"One column may have {LARGEST_BYTES / 1e6:.0f} MB, the file {filename!r} has more.")
    if file_format == "json":
        values = _array_of_values(path)
        return _read(path, "json", None, filename) if values is None else values
    return _read(path, "csv", has_header, filename)


def _read(path: Path, file_format: str, has_header: bool | None, filename: str) -> pl.Series:
    import polars as pl

    from athanor.engine.readers.reading import opened

    options = ReaderOptions(
        format=_as_lines(path, filename) if file_format == "json" else file_format,
        delimiter="," if file_format == "csv" else None,
        has_header=has_header,
        max_inflated_bytes=LARGEST_BYTES,
    )
    parts: list[pl.Series] = []
    with opened(path, filename, options) as found:
        reading = replace(found, schema=_as_text(found, filename))
        outcome = reading.go_through(lambda block: parts.append(_texts(block)), parts.clear)
    if outcome.n_rejected:  # the rows behind would get the labels of others
        first = outcome.rejects[0]
        raise InvalidInput(
            f"Line {first.line} of the file {filename!r} cannot be read: {first.reason}. {_ONE}", field="file_data"
        )
    return pl.concat(parts)


def _as_lines(path: Path, filename: str) -> str:
    """The name of the reader: for one value a document, or for one object a line."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return "jsonl" if READERS["jsonl"].claims(head, filename) else "json"


def _as_text(reading: Reading, filename: str) -> Schema:
    """The schema that makes the file's column texts."""
    names = next(iter(reading.file.blocks(Notes()))).columns
    if len(names) != 1:
        shown = ", ".join(repr(name)[:60] for name in names[:5]) + (", …" if len(names) > 5 else "")
        raise InvalidInput(f"The file {filename!r} has {len(names)} columns: {shown}. {_ONE}", field="file_data")
    return Schema((ColumnSchema(name=names[0], type=ColumnType.CATEGORICAL, storage=Storage.STRING),))


def _texts(block: pl.DataFrame) -> pl.Series:
    import polars as pl

    series = block.to_series().alias("")
    if series.dtype in {pl.String, pl.Null}:
        return series.cast(pl.String)
    if series.dtype.is_nested():
        raise InvalidInput(
            "The file's only column holds lists or objects. One text a row is needed.", field="file_data"
        )
    return pl.Series("", [_text(cell) for cell in series.to_list()], dtype=pl.String)


def _array_of_values(path: Path) -> pl.Series | None:
    """The values of a JSON array that holds neither objects nor arrays; None for any other file."""
    import polars as pl

    with path.open("rb") as file:
        start = file.read(_HEAD).decode("utf-8-sig", errors="replace").split()
    begins = "".join(start[:2])
    if not begins.startswith("[") or begins[1:2] in {"{", "[", ""}:
        return None
    try:
        values = json.loads(path.read_text("utf-8-sig"), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The JSON file cannot be read: {error}.", field="file_data") from error
    texts: list[str | None] = []
    for row, value in enumerate(values, start=1):
        if isinstance(value, (dict, list)):
            raise InvalidInput(f"Row {row}: expected one value, as in the rows before.", field="file_data")
        texts.append(_word(value, row) if isinstance(value, str) else _text(value))
    return pl.Series("", texts, dtype=pl.String)


def _word(text: str, row: int) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"Row {row} holds half a character. Write the file as UTF-8.", field="file_data") from error
    return cells.word(text)


def _text(value: object) -> str | None:
    """A value as the text of an attribute: "1", "1.5", "true"."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    if isinstance(value, float):
        return cells.whole(value) if value == value else None  # noqa: PLR0124 - NaN alone differs from itself
    return str(value)

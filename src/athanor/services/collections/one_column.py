"""A file of one column, read as texts: labels for rows that came before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.engine.readers import Notes
from athanor.engine.tables import cells
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput, TooLarge
from athanor.services.collections.formats import check_format, reader_options

if TYPE_CHECKING:
    import polars as pl

    from athanor.engine.readers.reading import Reading

FORMATS = ("csv", "json")
LARGEST_BYTES = 64 * 2**20  # of a plain file, which is read in this process
_HEAD = 2**16
_AT_ONCE = 50_000  # values that are objects at the same time
_ONE = "It must have exactly one column."


def read_column(path: Path, *, file_format: str, has_header: bool, filename: str) -> pl.Series:
    """The cells of a plain file's only column as texts, in order; null is missing.

    Of a JSON file, an array of values is a column, too. Raises InvalidInput, TooLarge.
    """
    if file_format not in FORMATS:
        raise InvalidInput(
            f"A file of one column is {' or '.join(map(repr, FORMATS))}, not {file_format[:40]!r}.", field="format"
        )
    if path.stat().st_size > LARGEST_BYTES:
        raise TooLarge(
            f"One column may have {LARGEST_BYTES / 2**20:.0f} MB, the file {filename!r} has more. Send its values "
            "with the vectors, as their attributes."
        )
    values = _array_of_values(path) if file_format == "json" else None
    return _read(path, file_format, has_header, filename) if values is None else values


def _read(path: Path, file_format: str, has_header: bool | None, filename: str) -> pl.Series:
    import polars as pl

    from athanor.engine.readers.reading import opened

    parts: list[pl.Series] = []
    with opened(path, filename, reader_options(file_format, has_header=has_header is not False)) as found:
        check_format(file_format, found.format)
        reading = replace(found, schema=_as_text(found, filename))
        outcome = reading.go_through(lambda block: parts.append(_texts(block)), parts.clear)
    if outcome.n_rejected:  # the rows behind would get the labels of others
        first = outcome.rejects[0]
        raise InvalidInput(
            f"Line {first.line} of the file {filename!r} cannot be read: {first.reason}. {_ONE}", field="file"
        )
    return pl.concat(parts)


def _as_text(reading: Reading, filename: str) -> Schema:
    """The schema that makes the file's column texts."""
    names = next(iter(reading.file.blocks(Notes()))).columns
    if len(names) != 1:
        shown = ", ".join(repr(name)[:60] for name in names[:5]) + (", …" if len(names) > 5 else "")
        raise InvalidInput(f"The file {filename!r} has {len(names)} columns: {shown}. {_ONE}", field="file")
    return Schema((ColumnSchema(name=names[0], type=ColumnType.CATEGORICAL, storage=Storage.STRING),))


def _texts(block: pl.DataFrame) -> pl.Series:
    from athanor.engine.tables.frames import texts

    series = block.to_series().alias("")
    if series.dtype.is_nested():
        raise InvalidInput("The file's only column holds lists or objects. One text a row is needed.", field="file")
    return texts(series)


def _array_of_values(path: Path) -> pl.Series | None:
    """The values of a JSON array that holds neither objects nor arrays; None for any other file."""
    import polars as pl

    from athanor.engine.readers.json_values import values_in

    with path.open("rb") as file:
        begins = file.read(_HEAD).decode("utf-8-sig", errors="replace").lstrip()
    if not begins.startswith("["):
        return None
    found = values_in(path)
    first = list(islice(found, 1))
    if any(isinstance(value, dict | list) for value, _ in first):
        return None
    values = _words(value for value, _ in chain(first, found))
    parts = [pl.Series("", [], dtype=pl.String)]
    while part := list(islice(values, _AT_ONCE)):
        parts.append(pl.Series("", part, dtype=pl.String))
    return pl.concat(parts)


def _words(values: Iterator[Any]) -> Iterator[str | None]:
    for row, value in enumerate(values, start=1):
        if isinstance(value, dict | list):
            raise InvalidInput(f"Row {row}: expected one value, as in the rows before.", field="file")
        yield _word(value, row) if isinstance(value, str) else cells.text(value)


def _word(text: str, row: int) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"Row {row} holds half a letter. Write the file as UTF-8.", field="file") from error
    return cells.word(text)

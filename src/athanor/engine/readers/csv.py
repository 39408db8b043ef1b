"""CSV and its kin: any delimiter, quote and encoding; every row kept or named, none lost silently."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine import cells
from athanor.engine.inference import infer
from athanor.engine.readers import ReaderOptions, Table
from athanor.engine.readers.content import as_utf8, marked
from athanor.engine.readers.layout import DELIMITERS, NONE_FOUND, Layout, find_layout
from athanor.engine.readers.records import Record, records
from athanor.engine.readers.scan import Scan, scan
from athanor.engine.readers.texts import Stored, has_decimal_commas, store, store_as
from athanor.engine.schema import Schema, Storage
from athanor.errors import InvalidInput

_SAMPLE = 256 * 1024  # bytes that the layout is found from
_BLOCK = 20_000  # records that are held as lists at a time
_SHOWN = 5  # line numbers, names … that a message lists


class Csv:
    """Text with one record a line."""

    format = "csv"

    def claims(self, content: bytes) -> bool:
        return marked(content) or (b"\0" not in content[:_SAMPLE] and not content.startswith(b"PAR1"))

    def read(self, content: bytes, options: ReaderOptions, schema: Schema | None) -> Table:
        text, warnings = as_utf8(content, options.encoding)
        if b"\n" not in text[:_SAMPLE] and b"\r" in text[:_SAMPLE]:
            text = text.replace(b"\r", b"\n")  # line ends of the first Macintosh
        if not text[:_SAMPLE].strip() and not text.strip():
            raise InvalidInput("The file holds nothing but blanks. A table with at least one row is needed.")
        layout = find_layout(
            _sample(text), delimiter=options.delimiter, quote=options.quote, has_header=options.has_header
        )
        if layout.delimiter == NONE_FOUND and any(delimiter.encode() in text[:_SAMPLE] for delimiter in DELIMITERS):
            warnings += ("No delimiter fits all lines, so each line is one value; say which `delimiter` the file has.",)
        fields, noted = _fields(text, layout)
        fields, named = _named(fields, layout)
        # Each column of text is let go as soon as it is stored: together they are the most that a reading holds.
        stored = [_stored(fields.drop_in_place(name), layout, schema) for name in fields.columns]
        frame = pl.DataFrame([column.values for column in stored])
        changed = tuple(warning for column in stored for warning in column.warnings)
        return Table(frame, infer(frame, schema), self.format, warnings + noted + named + changed)


CSV = Csv()


def _sample(text: bytes) -> str:
    """The beginning of the text, up to its last whole line."""
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE and b"\n" in sample:
        sample = sample[: sample.rindex(b"\n") + 1]
    return sample.decode("utf-8", errors="ignore")


def _stored(column: pl.Series, layout: Layout, schema: Schema | None) -> Stored:
    wanted = schema[column.name].storage if schema is not None and column.name in schema else None
    if layout.delimiter != "," and wanted in {None, Storage.FLOAT, Storage.INTEGER} and has_decimal_commas(column):
        column = column.str.replace(",", ".", literal=True)
        stored = store(column) if wanted is None else store_as(column, wanted)
        warning = f"Column {column.name!r}: the comma was read as the decimal sign."
        return Stored(stored.values, stored.storage, (warning, *stored.warnings))
    return store(column) if wanted is None else store_as(column, wanted)


def _fields(text: bytes, layout: Layout) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """All records as columns of text, a header still among them, and what was skipped or guessed."""
    found = scan(text, layout.delimiter, layout.quote)
    if not found.is_tidy:
        return _split(text, layout)
    blank = _skipped(found, text)
    kept = np.flatnonzero(~blank)
    width = int(found.widths[kept[0]])
    ragged = kept[found.widths[kept] != width]
    if len(ragged):
        lines = [text.count(b"\n", 0, int(found.starts[row])) + 1 for row in ragged[:_SHOWN]]
        raise _ragged(width, lines, found.widths[ragged].tolist(), len(ragged), layout)
    names = [f"column_{position}" for position in range(1, width + 1)]
    try:
        frame = pl.read_csv(
            io.BytesIO(text),
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=layout.delimiter,
            quote_char=layout.quote or None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return _split(text, layout)
    if frame.height != len(found.starts):  # two ways of counting disagree: take the exact one
        return _split(text, layout)
    if blank.any():
        frame = frame.filter(pl.Series(~blank))
    return frame, _skipped_lines(int(blank[: kept[-1]].sum()))


def _skipped(found: Scan, text: bytes) -> NDArray[np.bool_]:
    """Which records are blank lines that hold no row.

    In a file of one column a blank line is a missing value, but for the last ones.
    """
    blank: NDArray[np.bool_] = found.starts == found.ends
    narrow = found.widths == 1
    if narrow.all():
        last = int(np.flatnonzero(~blank)[-1])
        blank[:last] = False
    else:
        for row in np.flatnonzero(narrow & ~blank):
            blank[row] = not text[found.starts[row] : found.ends[row]].strip()
    return blank


def _skipped_lines(n_blank: int) -> tuple[str, ...]:
    return (f"Blank lines between the rows were skipped: {n_blank:,}.",) if n_blank else ()


def _split(text: bytes, layout: Layout) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The fields of a file with stray, escaped or unclosed quotes, by the first way of reading that fits all rows."""
    whole = text.decode()
    complaint: InvalidInput | None = None
    for quote, escape, warning in (
        (layout.quote, "", ""),
        (layout.quote, "\\", f"A backslash before a quote ({layout.quote}) was read as making it a letter."),
        ("", "", f"Quotes ({layout.quote}) do not come in pairs, so they were read as letters."),
    ):
        try:
            frame, n_blank = _gathered(records(whole, layout.delimiter, quote, escape), layout)
        except InvalidInput as error:
            complaint = complaint or error
        else:
            return frame, ((warning,) if warning else ()) + _skipped_lines(n_blank)
    raise complaint or InvalidInput("The file holds no rows.")


def _gathered(found: Iterable[Record], layout: Layout) -> tuple[pl.DataFrame, int]:
    """The records as columns, and how many blank lines stood between them. Made in blocks, to hold few lists."""
    blocks: list[pl.DataFrame] = []
    rows: list[list[str]] = []
    ragged: list[tuple[int, int]] = []
    width = n_blank = n_pending = 0
    for record in found:
        if record.is_open:
            raise InvalidInput(
                f"A quote ({layout.quote}) opened in line {record.line} or after is never closed. "
                "Close it, double quotes that belong to a value, or say which `quote` the file has."
            )
        if record.is_blank:
            n_pending += bool(width)  # blank lines at either end are nothing to tell
            continue
        width = width or len(record.fields)
        if width == 1:
            rows += [[""]] * n_pending  # one column: a blank line is a missing value
        else:
            n_blank += n_pending
        n_pending = 0
        if len(record.fields) != width:
            ragged.append((record.line, len(record.fields)))
        else:
            rows.append(record.fields)
        if len(rows) >= _BLOCK:
            blocks.append(_block(rows, width))
            rows = []
    if ragged:
        raise _ragged(width, [line for line, _ in ragged], [n for _, n in ragged], len(ragged), layout)
    blocks.append(_block(rows, width))
    return pl.concat(blocks), n_blank


def _block(rows: list[list[str]], width: int) -> pl.DataFrame:
    names = [f"column_{position}" for position in range(1, width + 1)]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _ragged(width: int, lines: Sequence[int], widths: Sequence[int], n_ragged: int, layout: Layout) -> InvalidInput:
    shown = ", ".join(f"line {line} has {n}" for line, n in zip(lines[:_SHOWN], widths, strict=False))
    more = f" and {n_ragged - _SHOWN:,} more" if n_ragged > _SHOWN else ""
    return InvalidInput(
        f"Every row must have as many fields as the first line: {width}. But {shown}{more}. Delimiter is "
        f"{layout.delimiter!r}, quote is {layout.quote!r}. Correct those lines, or say which `delimiter` and `quote` "
        "the file has.",
        code="ragged-rows",
    )


def _named(fields: pl.DataFrame, layout: Layout) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The columns under their names, which must be there once each."""
    if not layout.has_header:
        warning = (
            "The first line looks like a row, not like names, so the columns are named column_1, column_2 …; "
            "say `has_header` if it does hold the names."
        )
        return fields, (warning,)
    if fields.height == 1:
        raise InvalidInput(
            f"The file holds names of {fields.width} columns and no row below them. At least one row is needed."
        )
    given = [(cell or "").strip(cells.BLANKS) for cell in fields.row(0)]
    names, renamed = unique_names(given)
    rows = fields.slice(1)
    rows.columns = names
    return rows, renamed


def unique_names(given: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """The names, blank ones and repeated ones replaced, and a warning for each that was."""
    given = list(given)
    taken = set(given)
    names: list[str] = []
    warnings: list[str] = []
    seen: set[str] = set()
    for position, name in enumerate(given, 1):
        if name and name not in seen:
            seen.add(name)
            names.append(name)
            continue
        stem, count = (name, 2) if name else ("column", position)
        while f"{stem}_{count}" in taken:
            count += 1
        fresh = f"{stem}_{count}"
        taken.add(fresh)
        names.append(fresh)
        what = f"a second column {name!r}" if name else "a column without a name"
        warnings.append(f"Column {position} is {what}; it is called {fresh!r} here.")
    return names, tuple(warnings)

"""Workbooks of Excel and LibreOffice: one sheet of them, with its cells' values as they were saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from athanor.engine.readers import Notes, Opened, ReaderOptions
from athanor.engine.readers.column_names import unique_names
from athanor.engine.readers.heading import is_header
from athanor.engine.readers.workbook import check_open_document, check_size, sheet_facts
from athanor.engine.tables import cells
from athanor.engine.tables.frames import spelled
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from fastexcel import ExcelReader

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # xlsx, xlsm, xlsb and ods; xls, and all that have a password
_PARTS = (b"xl/", b"[Content_Types].xml", b"application/vnd.oasis.opendocument.spreadsheet")
_STREAMS = ("Workbook", "EncryptedPackage")
_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_HEAD_ROWS = 1_000  # in which the names of the columns are looked for
_TITLE_ROWS = 20  # that may stand above them
_BLOCK = 50_000  # rows
_SHOWN = 5  # names that a message lists


class Xlsx:
    """The first sheet that has rows, or the one that is asked for. A sheet is held in memory."""

    format = "xlsx"

    def claims(self, head: bytes, filename: str) -> bool:
        is_named = filename.lower().endswith(_ENDINGS)
        return (head.startswith(_ZIP) and (is_named or any(part in head for part in _PARTS))) or (
            head.startswith(_OLE) and (is_named or any(stream.encode("utf-16-le") in head for stream in _STREAMS))
        )

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        with file.open("rb") as opened:
            is_zip = opened.read(len(_ZIP)) == _ZIP
        if is_zip:
            check_size(file, options.max_inflated_bytes)
            check_open_document(file)
        return XlsxFile(file, options, is_zip=is_zip)


XLSX = Xlsx()


class XlsxFile:
    """A sheet whose columns are known."""

    is_spelled = True

    def __init__(self, file: Path, options: ReaderOptions, *, is_zip: bool) -> None:
        self._file = file
        with _refusing_damage():
            book = _book(file)
            names = book.sheet_names
        if options.sheet is not None and options.sheet not in names:
            shown = ", ".join(map(repr, names[:_SHOWN]))
            raise InvalidInput(f"The workbook has no sheet {options.sheet!r}. It has: {shown}.", field="sheet")
        self._warnings: list[str] = []
        for name in names if options.sheet is None else [options.sheet]:
            if is_zip:
                self._warnings = sheet_facts(file, name).warnings()
            rows = _head(book, name)
            if any(map(any, rows)):
                break
        else:
            which = "" if options.sheet is None else f", on sheet {options.sheet!r}"
            raise InvalidInput(f"The workbook holds no row{which}. A table with at least one row is needed.")
        self._sheet = name
        others = [other for other in names if other != name]
        if others:
            shown = ", ".join(map(repr, others[:_SHOWN])) + " and others" * (len(others) > _SHOWN)
            self._warnings.append(f"Sheet {name!r} was read; say which `sheet` to read another one: {shown}.")
        self._find_heading(rows, options.has_header)

    def _find_heading(self, rows: list[list[str]], has_header: bool | None) -> None:
        """Where the rows begin, and how the columns are called."""
        above = _n_above(rows)
        titles = [next(filter(None, row)) for row in rows[:above] if any(row)]
        if titles:
            self._warnings.append(
                f"Rows above the names of the columns were skipped: {len(titles)} (the first holds {titles[0][:80]!r})."
            )
        table = [row for row in rows[above:] if any(row)]
        if has_header is None:
            has_header = is_header(table)
        self._skipped = above + has_header
        if has_header:
            self._given = [name.strip(cells.BLANKS) for name in table[0]]
        else:
            self._given = [f"column_{position}" for position in range(1, len(table[0]) + 1)]
            self._warnings.append(
                "The first row looks like values, not like names, so the columns are named column_1, column_2 …; "
                "say `has_header` if it does hold the names."
            )

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        with _refusing_damage():
            frame = _sheet(_book(self._file), self._sheet, self._skipped)
        given = self._given + [""] * (frame.width - len(self._given))
        there = [name != "" or column.null_count() < frame.height for name, column in zip(given, frame, strict=True)]
        names, renamed = unique_names(name for name, is_there in zip(given, there, strict=True) if is_there)
        kept = [column for column, is_there in zip(frame, there, strict=True) if is_there]
        frame = pl.DataFrame([column.alias(name) for column, name in zip(kept, names, strict=True)])
        rows = frame.select(is_row=pl.any_horizontal(pl.all().is_not_null())).to_series()
        last = rows.arg_true()[-1] if rows.any() else -1
        n_blank = last + 1 - int(rows.sum())
        notes.warnings += [*self._warnings, *renamed]
        if n_blank:
            notes.warnings.append(f"Blank rows between the rows were skipped: {n_blank:,}.")
        yield from frame.filter(rows).iter_slices(_BLOCK)


@contextmanager
def _refusing_damage() -> Iterator[None]:
    from fastexcel import FastExcelError

    try:
        yield
    except (FastExcelError, OSError) as error:
        reason = str(error).split("\nContext", 1)[0]
        raise InvalidInput(
            f"The workbook cannot be read; it is damaged, has a password or is of a kind that is not known: {reason}"
        ) from error


def _book(file: Path) -> ExcelReader:
    from fastexcel import read_excel

    return read_excel(str(file))


def _head(book: ExcelReader, name: str) -> list[list[str]]:
    """The first rows of a sheet as texts, "" for a cell without one."""
    with _refusing_damage():
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, n_rows=_HEAD_ROWS, dtypes="string")
        return [[cell or "" for cell in row] for row in sheet.to_polars().iter_rows()]


def _n_above(rows: Sequence[Sequence[str]]) -> int:
    """How many rows stand above the table: blank ones, and titles of fewer cells than half of the widest row has."""
    widths = [sum(map(bool, row)) for row in rows]
    enough = max(widths) / 2 if max(widths) > 2 else max(widths)
    first = next(position for position, width in enumerate(widths) if width)
    found = next(position for position, width in enumerate(widths) if width >= enough)
    return found if sum(map(bool, widths[:found])) <= _TITLE_ROWS else first


def _sheet(book: ExcelReader, name: str, n_skipped: int) -> pl.DataFrame:
    """The rows in the types of a table; columns of several types as texts."""
    found = book.load_sheet(name, header_row=None, skip_rows=n_skipped, schema_sample_rows=None).to_polars()
    columns = found.get_columns()
    mixed = [at for at, column in enumerate(columns) if _has_numbers(column)]
    if mixed:
        # The texts of numbers come rounded to nine decimals, the numbers themselves do not.
        numbers = book.load_sheet(
            name, header_row=None, skip_rows=n_skipped, use_columns=mixed, dtypes="float"
        ).to_polars()
        for at, number in zip(mixed, numbers, strict=True):
            columns[at] = _with_exact(columns[at], number)
    return pl.DataFrame([_typed(column) for column in columns])


def _has_numbers(column: pl.Series) -> bool:
    return column.dtype == pl.String and column.cast(pl.Float64, strict=False).null_count() < len(column)


def _with_exact(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    """The texts, those that are not their cells' numbers because they were rounded spelled again."""
    rounded = (texts.cast(pl.Float64, strict=False) != numbers).fill_null(value=False)
    return texts.zip_with(~rounded, spelled(numbers)) if rounded.any() else texts


def _typed(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Float64:
        is_whole = ((column.floor() == column) & (column.abs() < cells.LARGEST_INTEGER)).all()
        return column.cast(pl.Int64) if is_whole else column
    if isinstance(column.dtype, pl.Duration):
        return column.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Float64) / 1e6  # seconds
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("us"))
    return column.cast(pl.String) if column.dtype == pl.Null else column

"""What stands in the parts of a workbook besides the cells' values: sizes, formulas, errors, merged cells."""

from __future__ import annotations

import copy
import html
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from athanor.errors import InvalidInput, TooLarge

_CHUNK = 4 * 1024**2
_LARGEST_WORKBOOK = 4 * 1024**3  # bytes of its parts, which are held in memory
_LARGEST_BOX = 100_000_000  # cells between the first and the last of a sheet, all of which take memory
_LONGEST_CELL = 16 * 1024**2  # bytes that are held where no cell ends

_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_PLACE = re.compile(rb"=\s*[\"']\s*([A-Za-z]{1,7})([0-9]{1,10})\s*[\"']")
_ROW = re.compile(rb"row\b[^>]*?\br\s*=\s*[\"']([0-9]{1,10})[\"']")
_OPEN_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^>]*)")
_REPEATED = re.compile(rb"-repeated\s*=\s*[\"']\s*([0-9]{1,10})")
_ERROR = re.compile(rb"<(?:\w+:)?c\b[^>]*?\bt=[\"']e[\"']")
_NO_VALUE = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s")


@dataclass(slots=True)
class SheetFacts:
    """What is counted in the XML of one sheet."""

    n_errors: int = 0
    n_without_value: int = 0  # formulas that were never calculated
    n_merged: int = 0

    def warnings(self) -> list[str]:
        told = []
        if self.n_errors:
            told.append(f"Cells that show an error, such as #N/A or #DIV/0!, count as missing: {self.n_errors:,}.")
        if self.n_without_value:
            told.append(
                f"Formulas without a stored value count as missing: {self.n_without_value:,}. "
                "Open the workbook in a spreadsheet program and save it, to have them calculated."
            )
        if self.n_merged:
            told.append(
                f"Merged cells have their value in the first one; the others are missing: {self.n_merged:,} areas."
            )
        return told


def check_size(file: Path, largest: int) -> None:
    """Refuse a workbook whose parts are larger than `largest` bytes together, counted while they are inflated."""
    total, largest = 0, min(largest, _LARGEST_WORKBOOK)
    with _archive(file) as archive:
        for part in archive.infolist():
            for chunk in _inflated(archive, part):
                total += len(chunk)
                if total > largest:
                    raise TooLarge(f"The workbook inflates to more than {largest:,} bytes. Split it into smaller ones.")


def sheet_facts(file: Path, sheet: str) -> SheetFacts:
    """Counts of one sheet of an xlsx or xlsm file; nothing where it is not found, as in other kinds of workbooks.

    Raises TooLarge where the cells of the sheet lie too far apart: the library that reads them takes memory for all
    cells between the first and the last, however few there are, and ends the process where it gets none. So the places
    are taken here from all that could be one.
    """
    facts = SheetFacts()
    columns, rows, n_rows = {1}, {1}, 0
    with _archive(file) as archive:
        part = _part(archive, sheet)
        texts = iter(()) if part is None else _cut(_inflated(archive, part), b"c>")
        for text in _behind(b"sheetData", texts):
            _count(text, facts)
            places = _PLACE.findall(text)
            columns |= {_column(letters) for letters in {letters for letters, _ in places}}
            rows |= {int(number) for number in {number for _, number in places}.union(_ROW.findall(text))}
            # Cells and rows may go without their places, and follow each other then.
            pieces = text.split(b"row")
            n_rows += len(pieces)
            columns.add(max(piece.count(b"<c") + piece.count(b":c") for piece in pieces))
            rows = {max(rows)}
    _check_spread(max(columns), max(*rows, n_rows // 2))  # "row" stands at either end of one
    return facts


def check_open_document(file: Path) -> None:
    """The same check of the sheets of an ods file, whose cells and rows may say that they are repeated."""
    with _archive(file) as archive:
        if "content.xml" not in archive.namelist():
            return
        n_rows = n_blank = n_columns = 0
        for text in _cut(_inflated(archive, archive.getinfo("content.xml")), b"table-row>"):
            for row in text.split(b"<table:table-row")[1:]:
                attributes, _, cells = row.partition(b">")
                at = last = 0
                for cell in _OPEN_CELL.findall(cells):
                    at += _repeated(cell)
                    last = at if b"value-type" in cell else last
                n_blank += _repeated(attributes)
                if last:
                    n_rows, n_blank, n_columns = n_rows + n_blank, 0, max(n_columns, last)
                    _check_spread(n_columns, n_rows)
                if b"<table:table " in cells:  # the next sheet begins
                    n_rows = n_blank = n_columns = 0


def _repeated(attributes: bytes) -> int:
    found = _REPEATED.search(attributes)
    return int(found[1]) if found else 1


def _check_spread(n_columns: int, n_rows: int) -> None:
    if n_columns * n_rows > _LARGEST_BOX:
        raise TooLarge(
            f"The cells of a sheet spread over {n_rows:,} rows and {n_columns:,} columns, more than {_LARGEST_BOX:,} "
            "cells. Delete those far off, or save the sheet as CSV."
        )


def _count(text: bytes, facts: SheetFacts) -> None:
    """Count what shows no value. Most sheets have none of it, which is quickly seen."""
    if b'"e"' in text or b"'e'" in text:
        facts.n_errors += len(_ERROR.findall(text))
    if b"<f" in text or b":f" in text:
        facts.n_without_value += len(_NO_VALUE.findall(text))
    if b"mergeCell" in text:
        facts.n_merged += len(_MERGED.findall(text))


def _archive(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise InvalidInput(f"The workbook is damaged or cut off: {error}") from error


def _inflated(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """All bytes of a part, however few its directory says there are."""
    unsaid = copy.copy(part)
    unsaid.file_size, unsaid.CRC = 2**62, None  # type: ignore[assignment]
    try:
        with archive.open(unsaid) as opened:
            while chunk := opened.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"The workbook is damaged, cut off or has a password: {error}") from error


def _cut(chunks: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    """The same bytes, cut behind an `end` where there is one."""
    rest = b""
    for chunk in chunks:
        text = rest + chunk
        cut = text.rfind(end) + len(end)
        if cut < len(end):
            cut = 0 if len(text) < _LONGEST_CELL else len(text)
        yield text[:cut]
        rest = text[cut:]
    yield rest


def _behind(mark: bytes, texts: Iterator[bytes]) -> Iterator[bytes]:
    """What stands behind the first `mark`."""
    for text in texts:
        _, found, rest = text.partition(mark)
        if found:
            yield rest
            break
    yield from texts


def _part(archive: zipfile.ZipFile, sheet: str) -> zipfile.ZipInfo | None:
    """Where the cells of a sheet stand."""
    names = set(archive.namelist())
    book, relations = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
    if not {book, relations} <= names:
        return None
    identity = next(
        (
            next((value for key, value in attributes.items() if key.endswith(":id")), None)
            for attributes in _elements(archive, book, _SHEET)
            if attributes.get("name") == sheet
        ),
        None,
    )
    for attributes in _elements(archive, relations, _RELATION):
        if identity is not None and attributes.get("Id") == identity:
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return archive.getinfo(path) if path in names else None
    return None


def _elements(archive: zipfile.ZipFile, path: str, element: re.Pattern[bytes]) -> Iterator[dict[str, str]]:
    """The attributes of the elements of one kind in a small part."""
    content = b"".join(_inflated(archive, archive.getinfo(path)))
    for found in element.finditer(content):
        yield {
            name.decode(): html.unescape((double or single).decode(errors="replace"))
            for name, double, single in _ATTRIBUTE.findall(found[0])
        }


def _column(letters: bytes) -> int:
    """The number of a column that is called A, B … AA …"""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number

"""Workbooks (xlsx) as spreadsheet programs save them, with no more parts than they need."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel counts days from here, without a zone


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is in the XML: attributes besides its place, and what is inside."""

    inside: str
    attributes: str = ""


def error(word: str) -> Cell:
    return Cell(f"<v>{word}</v>", 't="e"')


def formula(text: str, value: object = None) -> Cell:
    return Cell(f"<f>{escape(text)}</f>" + ("" if value is None else f"<v>{value}</v>"))


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]], *, merged: Sequence[str] = (), **parts: str) -> bytes:
    """A file of these sheets; a blank cell is None. `merged`: ranges of the first. `parts` are added by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**_frame(list(sheets)), **parts}.items():
            archive.writestr(name, content)
        for number, rows in enumerate(sheets.values(), 1):
            areas = "".join(f'<mergeCell ref="{area}"/>' for area in merged) if number == 1 else ""
            body = f'<worksheet xmlns="{_MAIN}"><sheetData>{_rows(rows)}</sheetData>'
            body += (f"<mergeCells>{areas}</mergeCells>" if areas else "") + "</worksheet>"
            archive.writestr(f"xl/worksheets/sheet{number}.xml", body)
    return out.getvalue()


def open_document(cells: str, times: int = 1) -> bytes:
    """An ods file: the name "a" above a row of these cells, which is repeated."""
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    rows = '<table:table-row><table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>'
    rows += f'</table:table-row><table:table-row table:number-rows-repeated="{times}">{cells}</table:table-row>'
    content = f"<office:document-content{spaces}><office:body><office:spreadsheet>"
    content += f'<table:table table:name="one">{rows}</table:table>'
    content += "</office:spreadsheet></office:body></office:document-content>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{manifest}"/>')
    return out.getvalue()


def _frame(names: Sequence[str]) -> dict[str, str]:
    sheets = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>' for number, name in enumerate(names, 1)
    )
    targets = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(names) + 1)
    )
    # Formats of cells: plain, a day, a day and a time, a time of day, hours passed.
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="20"/><xf numFmtId="164"/></cellXfs>'
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{targets}'
        f'<Relationship Id="rId0" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>',
    }


def _rows(rows: Sequence[Sequence[Any]]) -> str:
    return "".join(
        f'<row r="{number}">{"".join(_cell(f"{_letters(at)}{number}", cell) for at, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
    )


def _cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    cell = value if isinstance(value, Cell) else _kept(value)
    return f'<c r="{place}" {cell.attributes}>{cell.inside}</c>'


def _kept(value: Any) -> Cell:
    """How a value is kept: its type, or the format of its number."""
    if isinstance(value, bool):
        return Cell(f"<v>{value:d}</v>", 't="b"')
    if isinstance(value, int | float):
        return Cell(f"<v>{value!r}</v>")
    if isinstance(value, datetime):
        style = 1 if value == datetime(value.year, value.month, value.day) else 2  # noqa: DTZ001
        return Cell(f"<v>{(value - _DAY_0) / timedelta(days=1)!r}</v>", f's="{style}"')
    if isinstance(value, timedelta):
        return Cell(f"<v>{value / timedelta(days=1)!r}</v>", 's="4"')
    return Cell(f'<is><t xml:space="preserve">{escape(value)}</t></is>', 't="inlineStr"')


def _letters(at: int) -> str:
    return (_letters(at // 26 - 1) if at >= 26 else "") + chr(65 + at % 26)

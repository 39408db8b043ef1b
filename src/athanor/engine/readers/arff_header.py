"""The head of an ARFF file: which attributes its rows have, and of which type each is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from athanor.engine.tables import cells
from athanor.errors import InvalidInput

CELL = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"@attribute\s+({CELL}|[^\s{{]+)\s*(.*)", re.IGNORECASE | re.DOTALL)
_LEVEL = re.compile(rf"\s*({CELL}|[^,'\"]*?)\s*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_DATE_PART = re.compile(r"'(?:[^']|'')*'|([a-zA-Z])\1*|[^a-zA-Z']+")
_ISO = "yyyy-MM-dd'T'HH:mm:ss"
# Letters of java.text.SimpleDateFormat, as ARFF has them, to those of strftime.
_DATE_LETTERS = {
    "yyyy": "%Y", "y": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d", "d": "%d",
    "HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M", "m": "%M", "ss": "%S", "s": "%S", "SSS": "%3f",
    "a": "%p", "EEEE": "%A", "EEE": "%a", "Z": "%z", "XXX": "%:z",
}  # fmt: skip


class Kind(Enum):
    NUMBER = "number"
    WORD = "word"
    NOMINAL = "nominal"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column as the file declares it. `format` of dates is that of strftime."""

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    format: str = ""


def attributes_of(lines: Iterator[tuple[int, str]]) -> list[Attribute]:
    """What the lines up to @data, numbered, declare; the iterator stands behind it then. Raises InvalidInput."""
    found: list[Attribute] = []
    for number, line in lines:
        text = line.strip()
        keyword = text.split(None, 1)[0].lower() if text else ""
        if not text or text.startswith("%") or keyword == "@relation":
            continue
        if keyword == "@data":
            if not found:
                raise InvalidInput(f"The ARFF file declares no attribute above its @data in line {number}.")
            return found
        if keyword != "@attribute":
            raise InvalidInput(
                f"Line {number} of the ARFF file should be @attribute or @data and begins with {text[:40]!r}."
            )
        found.append(_attribute(text, number))
    raise InvalidInput("The ARFF file has no @data, below which the rows stand. It may be cut off.")


def unquoted(cell: str) -> str:
    """The text of a cell as it is written, in quotes or not."""
    if cell[:1] in {"'", '"'} and len(cell) > 1:
        cell = cell[1:-1]
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), cell) if "\\" in cell else cell


def _attribute(text: str, number: int) -> Attribute:
    declared = _ATTRIBUTE.match(text)
    if declared is None:
        raise _unknown(number, text)
    name, kind = unquoted(declared[1]), declared[2].strip()
    if kind.startswith("{"):
        end = kind.rfind("}")
        if end < 0:
            raise _unknown(number, text)
        levels = tuple(unquoted(level) for level in _levels(kind[1:end], number))
        return Attribute(name, Kind.NOMINAL, tuple(level.strip(cells.BLANKS) for level in levels))
    word, _, rest = kind.partition(" ")
    match word.lower().split("\t")[0].split("%")[0].strip():
        case "numeric" | "real" | "integer":
            return Attribute(name, Kind.NUMBER)
        case "string":
            return Attribute(name, Kind.WORD)
        case "date":
            return Attribute(name, Kind.DATE, format=_format(unquoted(rest.strip()) or _ISO, number))
        case "relational":
            raise InvalidInput(
                f"Attribute {name!r} in line {number} of the ARFF file is relational: a table in each cell. "
                "Write these tables as rows of a file of their own, or leave the attribute out."
            )
        case _:
            raise _unknown(number, text)


def _levels(text: str, number: int) -> list[str]:
    found, at = [], 0
    while at < len(text):
        level = _LEVEL.match(text, at)
        if level is None:
            raise _unknown(number, text)
        found.append(level[1])
        at = level.end()
    return found


def _format(given: str, number: int) -> str:
    """A date format of Java as one of strftime."""
    parts = []
    for found in _DATE_PART.finditer(given):
        text = found[0]
        if text.startswith("'"):
            parts.append((text[1:-1].replace("''", "'") or "'").replace("%", "%%"))
        elif not text[0].isalpha():
            parts.append(text.replace("%", "%%"))
        elif text in _DATE_LETTERS:
            parts.append(_DATE_LETTERS[text])
        else:
            raise InvalidInput(
                f"Line {number} of the ARFF file has a date format that is not known: {text!r} in {given!r}. "
                "Declare the attribute as string."
            )
    return "".join(parts)


def _unknown(number: int, text: str) -> InvalidInput:
    return InvalidInput(
        f"Line {number} of the ARFF file is no attribute: {text[:80]!r}. Expected a name and numeric, real, integer, "
        "string, date or the values in braces."
    )

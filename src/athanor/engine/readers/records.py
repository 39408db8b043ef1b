"""Text split into records and fields, by hand: slow, exact about lines, and forgiving about stray quotes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_MOST_STRAY = 100  # quotes that neither close a field of several lines nor are doubled in it


class Quotes(Enum):
    """How the quotes of a record turned out."""

    PAIRED = "paired"
    UNCLOSED = "unclosed"  # another field opens, lines below, before the one that is open closes
    ENDLESS = "endless"  # open where the text ends


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line it begins on.

    `stop`: the offset behind its line end; `is_blank`: nothing but blanks stood on the line. A record whose quotes are
    not paired is its first line, the quotes read as letters.
    """

    line: int  # from 1
    fields: list[str]
    stop: int
    is_blank: bool = False
    quotes: Quotes = Quotes.PAIRED


def records(text: str, delimiter: str, quote: str) -> Iterator[Record]:
    """The records of `text`, blank lines among them.

    A quote opens a field only at its beginning, blanks aside, and closes it only before a delimiter or the line's
    end; any other is a letter like the rest. `quote` "" means that there are none.
    """
    at, line, length = 0, 1, len(text)
    while at < length:
        record = record_at(text, at, line, delimiter, quote)
        yield record
        line += text.count("\n", at, record.stop)
        at = record.stop


def record_at(text: str, at: int, line: int, delimiter: str, quote: str) -> Record:
    """The record that begins at offset `at`, which is line number `line`."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    quotes = Quotes.PAIRED
    if quote and text.find(quote, at, end) >= 0:
        fields, stop, quotes = _quoted_record(text, at, delimiter, quote)
        if quotes is Quotes.PAIRED:
            return Record(line, fields, stop + 1)
    fields = text[at:end].removesuffix("\r").split(delimiter)
    is_blank = len(fields) == 1 and not fields[0].strip()
    return Record(line, fields, end + 1, is_blank, quotes)


def _quoted_record(text: str, at: int, delimiter: str, quote: str) -> tuple[list[str], int, Quotes]:
    """The fields of the record that begins at `at`, where its line end stands, and whether its quotes come in pairs."""
    fields: list[str] = []
    length = len(text)
    while True:
        opening = _past_blanks(text, at, delimiter)
        if text.startswith(quote, opening):
            field, at, quotes = _quoted_field(text, opening + 1, delimiter, quote)
            if quotes is not Quotes.PAIRED:
                return fields, length, quotes
            fields.append(field)
        else:
            end = text.find("\n", at)
            end = length if end < 0 else end
            stop = text.find(delimiter, at, end)
            fields.append(text[at : end if stop < 0 else stop].removesuffix("\r"))
            at = end if stop < 0 else stop
        if at >= length or text[at] == "\n":
            return fields, at, Quotes.PAIRED
        at += 1


def _quoted_field(text: str, at: int, delimiter: str, quote: str) -> tuple[str, int, Quotes]:
    """The field whose opening quote stands before `at`, and where the delimiter or line end after it stands."""
    parts: list[str] = []
    n_stray = 0
    line_end = text.find("\n", at)
    line_end = len(text) if line_end < 0 else line_end
    while True:
        closing = text.find(quote, at)
        if closing < 0:
            return "", len(text), Quotes.ENDLESS
        if text.startswith(quote, closing + 1):
            parts.append(text[at : closing + 1])
            at = closing + 2
            continue
        after = _past_blanks(text, closing + 1, delimiter)
        if after >= len(text) or text[after] in {delimiter, "\n"}:
            parts.append(text[at:closing])
            return "".join(parts), after, Quotes.PAIRED
        n_stray += 1
        if line_end < closing and (text[closing - 1] in {delimiter, "\n"} or n_stray > _MOST_STRAY):
            return "", len(text), Quotes.UNCLOSED
        parts.append(text[at : closing + 1])
        at = closing + 1


def _past_blanks(text: str, at: int, delimiter: str) -> int:
    while at < len(text) and text[at] in " \t\r" and text[at] != delimiter:
        at += 1
    return at

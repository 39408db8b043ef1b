"""Text split into records and fields, by hand: slow, exact about lines, and forgiving about stray quotes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line it begins on.

    `is_blank`: nothing but blanks stood on the line; `is_open`: a quote was still open where the text ended.
    """

    line: int  # from 1
    fields: list[str]
    is_blank: bool = False
    is_open: bool = False


def records(text: str, delimiter: str, quote: str, escape: str = "") -> Iterator[Record]:
    """The records of `text`, blank lines among them.

    A quote opens a field only at its beginning, blanks aside, and closes it only before a delimiter or the line's
    end; any other is a letter like the rest. `quote` "" means that there are none; `escape` stands before a quote
    that is a letter.
    """
    at, line, length = 0, 1, len(text)
    while at < length:
        end = text.find("\n", at)
        end = length if end < 0 else end
        if not quote or text.find(quote, at, end) < 0:
            fields = text[at:end].removesuffix("\r").split(delimiter)
            yield Record(line, fields, is_blank=len(fields) == 1 and not fields[0].strip())
            at, line = end + 1, line + 1
            continue
        fields, stop, is_open = _quoted_record(text, at, delimiter, quote, escape)
        yield Record(line, fields, is_open=is_open)
        line += text.count("\n", at, stop + 1)
        at = stop + 1


def _quoted_record(text: str, at: int, delimiter: str, quote: str, escape: str) -> tuple[list[str], int, bool]:
    """The fields of the record that begins at `at`, and where its line end stands."""
    fields: list[str] = []
    length = len(text)
    while True:
        opening = _past_blanks(text, at, delimiter)
        if text.startswith(quote, opening):
            field, at, is_open = _quoted_field(text, opening + 1, delimiter, quote, escape)
            fields.append(field)
            if is_open:
                return fields, length, True
        else:
            end = text.find("\n", at)
            end = length if end < 0 else end
            stop = text.find(delimiter, at, end)
            fields.append(text[at : end if stop < 0 else stop].removesuffix("\r"))
            at = end if stop < 0 else stop
        if at >= length or text[at] == "\n":
            return fields, at, False
        at += 1


def _quoted_field(text: str, at: int, delimiter: str, quote: str, escape: str) -> tuple[str, int, bool]:
    """The field whose opening quote stands before `at`, and where the delimiter or line end after it stands."""
    parts: list[str] = []
    while True:
        closing = text.find(quote, at)
        if closing < 0:
            parts.append(text[at:])
            return "".join(parts), len(text), True
        if escape and text[closing - 1] == escape:
            parts.append(text[at : closing - 1] + quote)
            at = closing + 1
            continue
        if not escape and text.startswith(quote, closing + 1):
            parts.append(text[at : closing + 1])
            at = closing + 2
            continue
        after = _past_blanks(text, closing + 1, delimiter)
        if after >= len(text) or text[after] in {delimiter, "\n"}:
            parts.append(text[at:closing])
            return "".join(parts), after, False
        parts.append(text[at : closing + 1])
        at = closing + 1


def _past_blanks(text: str, at: int, delimiter: str) -> int:
    while at < len(text) and text[at] in " \t\r" and text[at] != delimiter:
        at += 1
    return at

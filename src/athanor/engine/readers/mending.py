"""Text with stray, escaped or unclosed quotes, rewritten so that each of them opens, closes or is doubled."""

from __future__ import annotations

from dataclasses import dataclass, field

from athanor.engine.readers import Reject
from athanor.engine.readers.layout import Layout
from athanor.engine.readers.records import Quotes, Record, record_at
from athanor.engine.readers.scan import scan
from athanor.engine.readers.separators import unescaped


@dataclass(slots=True)
class Mended:
    """What became of a text.

    content  its whole records, quotes in order
    rest     the beginning of a record that is not all there, as it was
    gaps     where in `content` lines were left out, and how many
    letters  lines in which quotes were read as letters, because they do not come in pairs
    rejects  records that have a wrong number of fields however their quotes are read
    """

    content: bytes = b""
    rest: bytes = b""
    gaps: list[tuple[int, int]] = field(default_factory=list)
    letters: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def mended(text: str, layout: Layout, line: int, *, is_last: bool, longest: int) -> Mended:
    """The text that begins with line number `line`, mended.

    `is_last`: nothing follows. Else a record that the end of the text cuts is left as the rest, unless it is longer
    than `longest`: then its quote is taken for one that never closes.
    """
    result = Mended()
    parts: list[bytes] = []
    size = at = 0
    while at < len(text):
        quote = text.find(layout.quote, at) if layout.quote else -1
        start = max(at, text.rfind("\n", at, quote if quote >= 0 else len(text)) + 1)
        if quote < 0 and is_last:
            start = len(text)
        parts.append(text[at:start].encode())
        size += len(parts[-1])
        line += text.count("\n", at, start)
        if quote < 0:
            at = start
            break
        record = record_at(text, start, line, layout.delimiter, layout.quote)
        is_cut = record.stop > len(text) or (record.quotes is Quotes.ENDLESS and len(text) - start <= longest)
        if is_cut and not is_last:
            at = start
            break
        fields, at, is_letters = _read(text, start, record, layout)
        if fields is None:
            result.gaps.append((size, text.count("\n", start, at)))
            result.rejects.append(Reject(line=line, reason=_reason(record, layout), text=text[start:at].rstrip("\r\n")))
        else:
            if is_letters:
                result.letters.append(line)
            parts.append(_written(fields, layout))
            size += len(parts[-1])
        line += text.count("\n", start, at)
    result.content, result.rest = b"".join(parts), text[at:].encode()
    return result


def _read(text: str, start: int, record: Record, layout: Layout) -> tuple[list[str] | None, int, bool]:
    """The fields of a record by the first way of reading that gives as many as there should be.

    Besides: where what follows begins, and whether its quotes were read as letters.
    """
    if record.quotes is Quotes.PAIRED and len(record.fields) == layout.width:
        return record.fields, record.stop, False
    raw = text[start : record.stop]
    if record.quotes is Quotes.PAIRED and scan(raw.encode(), layout.delimiter, layout.quote).is_tidy:
        return None, record.stop, False  # as in a text that needs no mending
    plain = unescaped(raw, layout.quote)
    if plain != raw:
        other = record_at(plain, 0, record.line, layout.delimiter, layout.quote)
        if other.quotes is Quotes.PAIRED and len(other.fields) == layout.width and other.stop >= len(plain):
            return other.fields, record.stop, False
    first, _, _ = raw.partition("\n")
    fields = first.removesuffix("\r").split(layout.delimiter)
    if len(fields) == layout.width:
        return fields, start + len(first) + 1, True
    return None, record.stop, False


def _reason(record: Record, layout: Layout) -> str:
    if record.quotes is Quotes.PAIRED:
        return layout.ragged(len(record.fields))
    return f"a quote, {layout.quote}, that is never closed"


def _written(fields: list[str], layout: Layout) -> bytes:
    quote, special = layout.quote, (layout.quote, layout.delimiter, "\n", "\r")
    cells = (
        f"{quote}{cell.replace(quote, quote * 2)}{quote}" if any(letter in cell for letter in special) else cell
        for cell in fields
    )
    written = layout.delimiter.join(cells) or quote * 2  # a blank line would be none
    return f"{written}\n".encode()

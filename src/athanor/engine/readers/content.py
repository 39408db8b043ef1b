"""The text of a file, decoded into UTF-8 piece by piece."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from athanor.engine.readers import Notes
from athanor.errors import InvalidInput

# The byte order marks, the longer ones first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LETTER = re.compile(rb"[\x80-\xff]")
_UTF8_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")  # its first bytes
_CONTROL = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x1b"))
_MOST_CONTROL, _MOST_CONTROL_OF_UTF8 = 0.02, 0.2  # share of bytes that are no letters, in what is still text


def is_text(head: bytes) -> bool:
    """Whether a file that begins with `head` may be text: a byte that is no letter here and there may stand in it."""
    if _encoding_of(head)[1] is not None or b"\0" not in head:
        return True
    share = len(head.translate(None, bytes(set(range(256)) - set(_CONTROL)))) / len(head)
    if share <= _MOST_CONTROL:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return share <= _MOST_CONTROL_OF_UTF8


def utf8_pieces(file: BinaryIO, encoding: str | None, size: int, notes: Notes) -> Iterator[bytes]:
    """The text of an open file as UTF-8 without a byte order mark, about `size` bytes of the file at a time.

    `encoding` None: as the byte order mark says, or the zeros of UTF-16 show; else each line is UTF-8, or Windows-1252
    where it is not, which is noted when the text ends. Raises InvalidInput where the text is neither.
    """
    head = file.read(1024)
    mark, marked = _encoding_of(head)
    file.seek(len(mark))
    if marked is not None and (encoding is None or _is_unicode(encoding)):
        return _decoded(file, marked, size)
    return _guessed(file, size, notes) if encoding is None else _decoded(file, encoding, size)


def _encoding_of(head: bytes) -> tuple[bytes, str | None]:
    """The byte order mark that the text begins with, and the encoding that it, or the zeros of UTF-16, show."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return mark, encoding
    sample = head[:1024]
    if len(sample) >= 4:
        for encoding, zeros, letters in (
            ("utf-16-le", sample[1::2], sample[::2]),
            ("utf-16-be", sample[::2], sample[1::2]),
        ):
            if zeros.count(0) > 0.7 * len(zeros) and not letters.count(0):  # most letters of most tables are ASCII
                return b"", encoding
    return b"", None


def _is_unicode(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf")


def _decoded(file: BinaryIO, encoding: str, size: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    while True:
        raw = file.read(size)
        try:
            piece = decoder.decode(raw, final=not raw).encode()
        except ValueError as error:  # UnicodeError, and what some codecs raise besides
            if isinstance(error, UnicodeDecodeError):
                line += _line_ends(error.object[: error.start].decode(encoding, errors="replace").encode())
            raise InvalidInput(f"The text is not {encoding}, from line {line}: {error}", field="encoding") from error
        if piece:
            yield piece
        if not raw:
            return
        line += _line_ends(piece)


def _guessed(file: BinaryIO, size: int, notes: Notes) -> Iterator[bytes]:
    line, first_other, first_utf8 = 1, 0, 0
    for piece in _by_lines(file, size):
        text, other, utf8 = _line_by_line(piece, line)
        first_other, first_utf8 = first_other or other, first_utf8 or utf8
        yield text
        line += _line_ends(text)
    if first_other and first_utf8:
        notes.warnings.append(
            f"Line {first_other} is not UTF-8, though line {first_utf8} is: the encodings are mixed. Lines that are "
            "not UTF-8 were read as Windows-1252 (cp1252); say which `encoding` the file has if that is wrong."
        )
    elif first_other:
        notes.warnings.append(f"Line {first_other} is not UTF-8, so the file was read as Windows-1252 (cp1252).")


def _line_by_line(piece: bytes, line: int) -> tuple[bytes, int, int]:
    """The piece in UTF-8, each line by itself, and the first lines that are not, and are, more than ASCII in it."""
    if piece.isascii():
        return piece, 0, 0
    first = line + _line_ends(piece[: _first_letter(piece)])
    try:
        piece.decode()
    except UnicodeDecodeError:
        if not _UTF8_LETTER.search(piece):
            return _from_windows(piece, line), first, 0
    else:
        return piece, 0, first
    first_other = first_utf8 = 0
    lines = piece.splitlines(keepends=True)
    for position, text in enumerate(lines):
        if text.isascii():
            continue
        try:
            text.decode()
            first_utf8 = first_utf8 or line + position
        except UnicodeDecodeError:
            first_other = first_other or line + position
            lines[position] = _from_windows(text, line + position)
    return b"".join(lines), first_other, first_utf8


def _by_lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The bytes, cut behind a line end where there is one, and never inside a letter of UTF-8."""
    rest = b""
    while raw := file.read(size):
        content = rest + raw
        cut = max(content.rfind(b"\n"), content.rfind(b"\r", 0, -1)) + 1  # "\r\n" may come apart at the very end
        if not cut:
            tail = content[-4:]  # a letter's last bytes may still come
            cut = len(content) - len(tail) + codecs.utf_8_decode(tail, "ignore", False)[1]
        rest = content[cut:]
        if cut:
            yield content[:cut]
    if rest:
        yield rest


def _from_windows(text: bytes, line: int) -> bytes:
    """The text that begins on that line, or in it, read as Windows-1252."""
    try:
        return text.decode("cp1252").encode()
    except UnicodeDecodeError as error:
        line += _line_ends(text[: error.start])
        raise InvalidInput(
            f"The text is neither UTF-8 (line {line} is not) nor Windows-1252. Say which `encoding` it has.",
            field="encoding",
        ) from error


def _first_letter(piece: bytes) -> int:
    found = _LETTER.search(piece)
    return found.start() if found else len(piece)


def _line_ends(piece: bytes) -> int:
    """How many lines end in the piece, in whichever way."""
    newlines = piece.count(b"\n")
    return newlines + piece.count(b"\r") - piece.count(b"\r\n") if b"\r" in piece else newlines

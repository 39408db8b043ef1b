"""The bytes of a file: inflated within a cap, and decoded into UTF-8."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib

from athanor.errors import InvalidInput, TooLarge

_CHUNK = 4 * 1024**2
_GZIP = b"\x1f\x8b"
# The byte order marks, the longer ones first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def inflated(raw: bytes, name: str, largest: int) -> bytes:
    """The bytes themselves, or what a gzip file holds. Raises TooLarge beyond `largest` bytes."""
    if not raw.startswith(_GZIP):
        return raw
    parts: list[bytes] = []
    total = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            while part := file.read(_CHUNK):
                total += len(part)
                if total > largest:
                    raise TooLarge(
                        f"The file {name!r} inflates to more than {largest:,} bytes. Split it into smaller files."
                    )
                parts.append(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(f"The gzip file {name!r} is damaged or cut off: {error}") from error
    return b"".join(parts)


def marked(content: bytes) -> bool:
    """Whether a byte order mark says that this is text."""
    return any(content.startswith(mark) for mark, _ in _MARKS)


def as_utf8(content: bytes, encoding: str | None) -> tuple[bytes, tuple[str, ...]]:
    """Text as UTF-8 without a byte order mark, and warnings about a guess.

    `encoding` None: as the byte order mark says, else UTF-8, else Windows-1252.
    """
    for mark, marked_encoding in _MARKS:
        if content.startswith(mark):
            return _recoded(content[len(mark) :], encoding or marked_encoding), ()
    if encoding is not None:
        return _recoded(content, encoding), ()
    place = _not_utf8(content)
    if place is None:
        return content, ()
    line = content.count(b"\n", 0, place) + 1
    try:
        recoded = content.decode("cp1252").encode()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The text is neither UTF-8 (line {line} is not) nor Windows-1252. Say which `encoding` it has.",
            field="encoding",
        ) from error
    return recoded, (f"Line {line} is not UTF-8, so the file was read as Windows-1252 (cp1252).",)


def _recoded(content: bytes, encoding: str) -> bytes:
    if codecs.lookup(encoding).name == "utf-8" and _not_utf8(content) is None:
        return content
    try:
        return content.decode(encoding).encode()
    except UnicodeError as error:
        raise InvalidInput(f"The text is not {encoding}: {error}", field="encoding") from error


def _not_utf8(content: bytes) -> int | None:
    """Where the first byte stands that is not UTF-8, found without holding the whole text twice."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(content)
    for start in range(0, len(content), _CHUNK):
        pending = len(decoder.getstate()[0])  # bytes of a letter that the last part cut through
        try:
            decoder.decode(view[start : start + _CHUNK], final=start + _CHUNK >= len(content))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None

"""Files that come inside a JSON body: base64 made into the plain file it holds."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from athanor.api.dialects.vecml.json_body import Bulk
from athanor.api.uploads import Spool, disk_trouble
from athanor.engine.readers.containers import packing
from athanor.errors import InvalidInput

_CHUNK = 4 * 2**20  # characters decoded at a time; a multiple of 4
_ESCAPED = re.compile(rb"\\[nrt]")
_WHITE = b" \t\r\n"


@contextmanager
def decoded(spool: Spool, text: Any, *, field: str) -> Iterator[Path]:
    """The file that the base64 stands for. Gone when the block ends."""
    with spool.scratch_file() as (path, file):
        try:
            decode(text, file, field=field)
            file.close()
        except OSError as error:
            raise disk_trouble(error) from error
        yield path


def check_compression(path: Path, said: str | None) -> None:
    """Raises InvalidInput where the file is not compressed as its sender says. Who reads it finds out by itself."""
    if said is not None and packing(path) != said:
        raise InvalidInput(f"`compression_type` says {said}, but the file is not compressed so.")


def decode(text: Any, into: BinaryIO, *, field: str) -> None:
    """Write the bytes that the base64 stands for. Line breaks and white space are ignored, padding is optional."""
    if isinstance(text, str):
        source: bytes | memoryview = text.encode("utf-8", "replace")
    elif isinstance(text, Bulk) and text.kind == "base64":
        source = text.source
    else:
        raise _no_base64(field, "it is no text")
    left, n_padding = b"", 0  # characters that are not decoded yet, and how many "=" ended them
    for part in _parts(source):
        characters = (_ESCAPED.sub(b"", part) if isinstance(text, Bulk) else part).translate(None, _WHITE)
        before, padding, behind = characters.partition(b"=")
        if behind.strip(b"=") or (n_padding and before):
            raise _no_base64(field, "characters follow its padding")
        n_padding += len(padding) + len(behind)
        left += before
        whole = len(left) - len(left) % 4
        into.write(_decoded(left[:whole], field))
        left = left[whole:]
    if len(left) == 1 or n_padding not in {0, -len(left) % 4}:
        raise _no_base64(field, "it ends in the middle of a byte")
    into.write(_decoded(left + b"=" * (-len(left) % 4), field))


def _parts(source: bytes | memoryview) -> Iterator[bytes]:
    """Pieces, none of which ends in the middle of an escaped line break."""
    at = 0
    while at < len(source):
        part = bytes(source[at : at + _CHUNK])
        if part.endswith(b"\\") and at + len(part) < len(source):
            part += bytes(source[at + len(part) : at + len(part) + 1])
        yield part
        at += len(part)


def _decoded(characters: bytes, field: str) -> bytes:
    try:
        return base64.b64decode(characters, validate=True)
    except binascii.Error as error:
        wrong = re.search(rb"[^A-Za-z0-9+/]", characters)
        shown = repr(wrong.group().decode("ascii", "replace")) if wrong else "its end"
        raise _no_base64(field, f"{shown} is not in the standard alphabet") from error


def _no_base64(field: str, why: str) -> InvalidInput:
    return InvalidInput(f"`{field}` must be a file in base64: {why}.", field=field)

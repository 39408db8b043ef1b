"""Text files of any encoding: their lines one after the other, and how they begin."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from athanor.engine.readers import Notes
from athanor.engine.readers.content import is_text, utf8_pieces
from athanor.errors import InvalidInput

_PIECE = 4 * 1024**2  # bytes of the file that are held as text at a time


def blocks_of_lines(file: Path, encoding: str | None, notes: Notes) -> Iterator[bytes]:
    """Some lines at a time, as UTF-8, each with its end; the last may have none."""
    with file.open("rb") as opened:
        parts: list[bytes] = []  # of a line whose end has not come yet
        for piece in utf8_pieces(opened, encoding, _PIECE, notes):
            whole, end, rest = piece.rpartition(b"\n")
            if end:
                yield b"".join([*parts, whole, end])
                parts = []
            parts.append(rest)
        if any(parts):
            yield b"".join(parts)


def lines_of(file: Path, encoding: str | None, notes: Notes) -> Iterator[str]:
    """One line at a time, without its end."""
    for block in blocks_of_lines(file, encoding, notes):
        for line in block.removesuffix(b"\n").split(b"\n"):
            yield line.decode()


def head_text(head: bytes) -> str:
    """The beginning of a file as text, "" where it is none."""
    if not is_text(head):
        return ""
    pieces: list[bytes] = []
    with suppress(InvalidInput):  # cut through a letter, or of another encoding: what came before shows enough
        pieces.extend(utf8_pieces(io.BytesIO(head), None, len(head), Notes()))
    return b"".join(pieces).decode()

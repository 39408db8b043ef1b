"""Arrow streams cut at their messages, so that one of any length is read in bounded memory.

A stream is a schema message, then dictionaries and record batches. A message is 0xFFFFFFFF, the length of its metadata
(int32), the metadata (a flatbuffer, which says how long the body is) and the body. Of the metadata three numbers are
read here; polars reads the rest.
Source: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from athanor.engine.readers import Opened
from athanor.engine.readers.typed import BLOCK_BYTES, TypedFile, refusing_damage
from athanor.errors import InvalidInput

_START = b"\xff\xff\xff\xff"
_END = _START + bytes(4)
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3  # kinds of messages
_KIND, _HEADER, _BODY_BYTES = 1, 2, 3  # fields of a message
_LARGEST_METADATA = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class _Message:
    kind: int
    start: int
    size_bytes: int
    n_rows: int  # of a record batch


def is_stream(head: bytes) -> bool:
    """Whether a file that begins with `head` is an Arrow stream: its first message is a schema."""
    if not head.startswith(_START) or len(head) < 16:
        return False
    try:
        kind = _field(head, _table(head, 8), _KIND)
        return kind is not None and head[kind] == _SCHEMA
    except (struct.error, IndexError):
        return False


def opened_stream(file: Path) -> Opened:
    """The stream, ready to be gone through. Raises InvalidInput where it is cut off."""
    messages = list(_messages(file))
    schema_message, *others = messages
    batches = [message for message in others if message.kind == _BATCH]
    with refusing_damage("Arrow"), file.open("rb") as opened:
        schema = pl.read_ipc_stream(io.BytesIO(_content(opened, [schema_message]) + _END)).schema

    def slices(columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        with file.open("rb") as opened:
            for group in _groups(messages):
                block = pl.read_ipc_stream(io.BytesIO(_content(opened, group) + _END))
                yield block if columns is None else block.select(columns)

    return TypedFile("Arrow", schema, sum(batch.n_rows for batch in batches), slices)


def _groups(messages: Sequence[_Message]) -> Iterator[list[_Message]]:
    """About a block of batches at a time, each group led by the schema and the dictionaries up to there."""
    lead: list[_Message] = []
    group: list[_Message] = []
    for message in messages:
        if message.kind == _BATCH:
            group.append(message)
        if group and (message.kind != _BATCH or sum(batch.size_bytes for batch in group) >= BLOCK_BYTES):
            yield lead + group
            group = []
        if message.kind != _BATCH:
            lead.append(message)
    if group:
        yield lead + group


def _content(opened: io.BufferedReader, messages: Sequence[_Message]) -> bytes:
    parts = []
    for message in messages:
        opened.seek(message.start)
        parts.append(opened.read(message.size_bytes))
    return b"".join(parts)


def _messages(file: Path) -> Iterator[_Message]:
    """Where the messages of a stream stand. The mark of its end may be missing, part of a message may not."""
    size, place = file.stat().st_size, 0
    with file.open("rb") as opened:
        while place < size:
            opened.seek(place)
            start, length = opened.read(4), opened.read(4)
            if start != _START or len(length) < 4:
                raise _cut_off(place)
            n_metadata = int.from_bytes(length, "little")
            if n_metadata == 0:
                return
            if n_metadata > min(size - place, _LARGEST_METADATA):
                raise _cut_off(place)
            metadata = opened.read(n_metadata)
            try:
                message = _message(metadata, place)
            except (struct.error, IndexError) as error:
                raise _cut_off(place) from error
            if place + message.size_bytes > size or message.size_bytes < 8:
                raise _cut_off(place)
            yield message
            place += message.size_bytes


def _message(metadata: bytes, place: int) -> _Message:
    table = _table(metadata, 0)
    kind, header, body = (_field(metadata, table, number) for number in (_KIND, _HEADER, _BODY_BYTES))
    n_rows = 0
    if kind is not None and metadata[kind] == _BATCH and header is not None:
        length = _field(metadata, _table(metadata, header), 0)
        n_rows = 0 if length is None else struct.unpack_from("<q", metadata, length)[0]
    body_bytes = 0 if body is None else struct.unpack_from("<q", metadata, body)[0]
    return _Message(0 if kind is None else metadata[kind], place, 8 + len(metadata) + body_bytes, n_rows)


def _table(metadata: bytes, place: int) -> int:
    """Where the table begins that an offset points to."""
    return place + int(struct.unpack_from("<I", metadata, place)[0])


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Where a field of a table stands, None where it has its default."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", metadata, fields)[0]:
        return None
    offset = struct.unpack_from("<H", metadata, fields + 4 + 2 * number)[0]
    return table + offset if offset else None


def _cut_off(place: int) -> InvalidInput:
    return InvalidInput(
        f"The Arrow stream cannot be read: it is damaged or cut off in the message at byte {place:,}. Write it again."
    )

"""Files on their way out: streamed, under a name that no header can be broken with, their source closed at the end."""

from __future__ import annotations

import unicodedata
from collections.abc import Generator, Iterator
from urllib.parse import quote

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from athanor.api.uploads import shown_filename


class DownloadResponse(StreamingResponse):
    """A file to save. Made in a thread: the first piece is waited for, so that what goes wrong there is an error."""

    def __init__(self, chunks: Iterator[bytes], *, filename: str, media_type: str) -> None:
        self._chunks = chunks
        super().__init__(
            _from(next(chunks, b""), chunks),
            media_type=media_type,
            headers={"Content-Disposition": content_disposition(filename)},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if isinstance(self._chunks, Generator):
                with CancelScope(shield=True):  # whoever asked may be gone by now
                    await run_in_threadpool(self._chunks.close)


def content_disposition(filename: str) -> str:
    """The header, with the name as everybody can read it and as it is (RFC 6266)."""
    shown = shown_filename(filename)
    plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
    safe = "".join(character if character.isalnum() or character in " ._-()" else "_" for character in plain)
    return f"attachment; filename=\"{safe.strip(' .') or 'file'}\"; filename*=UTF-8''{quote(shown, safe='')}"


def _from(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest

"""Files on their way in: streamed to a spool file in the scratch folder, which is gone afterwards whatever happens."""

from __future__ import annotations

import errno
import logging
import unicodedata
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from athanor.errors import InvalidInput, TooLarge, Unavailable

log = logging.getLogger(__name__)

_PREFIX = "upload-"
_FORM, _URLENCODED = b"multipart/form-data", b"application/x-www-form-urlencoded"
_HOW = "Send a multipart/form-data form with the file in a part named `file`, or the file's bytes as the body."
_WRITE_BYTES = 2**20  # what is gathered before a thread writes it
_MAX_FIELDS = 50
_FIELDS_BYTES = 2**20  # in all fields of a form, the file not counted
MAX_OPEN_UPLOADS = 16  # at the same time; each may hold a spool file as large as the upload limit


@dataclass(frozen=True, slots=True)
class Received:
    """A file that came whole. `path` exists until the block ends that received it."""

    path: Path
    filename: str
    fields: Mapping[str, str]


class Spool:
    """Takes files from requests. `scratch` is a folder on the disk that the data folder is on."""

    def __init__(self, scratch: Path, *, max_open: int = MAX_OPEN_UPLOADS) -> None:
        self._scratch, self._max_open, self._n_open = scratch, max_open, 0

    def apart(self) -> Spool:
        """The same folder for uploads that are counted on their own, so that neither kind keeps the other out."""
        return Spool(self._scratch, max_open=self._max_open)

    def sweep(self) -> None:
        """Remove what a server that died left behind. Only one server uses a scratch folder."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        for left in self._scratch.glob(f"{_PREFIX}*"):
            left.unlink(missing_ok=True)

    @asynccontextmanager
    async def file(self, request: Request) -> AsyncIterator[Received]:
        """The file of a multipart form; without a form the body itself, which the query may name by `filename`.

        Fields come in the form or in the query.
        """
        query = dict(request.query_params)
        content_type = request.headers.get("content-type", "")
        if parse_options_header(content_type)[0] == _URLENCODED and "filename" not in query:
            raise InvalidInput(f"A urlencoded form cannot hold a file. {_HOW}", field="file")
        if is_form(content_type):
            async with self.form(request) as received:
                yield replace(received, fields={**query, **received.fields})
        else:
            async with self.body(request, filename=query.pop("filename", "")) as received:
                yield replace(received, fields=query)

    @asynccontextmanager
    async def form(self, request: Request, *, fields_bytes: int = _FIELDS_BYTES) -> AsyncIterator[Received]:
        """The one file in the part `file` of a multipart form, and the form's other fields, so many bytes at most."""
        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary", b"")
        if kind != _FORM or not boundary:
            raise InvalidInput(
                "The body must be a multipart form (`Content-Type: multipart/form-data; boundary=…`) with the file in "
                "a part named `file`.",
                code="unsupported-media-type",
            )
        async with self._spool_file() as (path, file):
            form = _Form(boundary, fields_bytes)
            async for chunk in request.stream():
                form.feed(chunk)
                if len(form.pending) >= _WRITE_BYTES:
                    await _write(file, form.take())
            form.end()
            await _write(file, form.take())
            await _close(file)
            yield Received(path, shown_filename(form.filename or ""), form.texts())

    @asynccontextmanager
    async def body(self, request: Request, *, filename: str) -> AsyncIterator[Received]:
        """The body itself as a file."""
        async with self._spool_file() as (path, file):
            pending = bytearray()
            async for chunk in request.stream():
                pending += chunk
                if len(pending) >= _WRITE_BYTES:
                    await _write(file, bytes(pending))
                    pending.clear()
            await _write(file, bytes(pending))
            await _close(file)
            yield Received(path, shown_filename(filename), {})

    @contextmanager
    def scratch_file(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file, for what came or for what is made of it. Gone when the block ends.

        Whoever writes into it makes `disk_trouble` of an OSError.
        """
        path, file = self._scratch / f"{_PREFIX}{uuid4().hex}", None
        try:
            file = _create(path)
            yield path, file
        finally:
            if file is not None:
                with suppress(OSError):  # on a full disk it tries once more to write what it holds
                    file.close()
            path.unlink(missing_ok=True)

    @asynccontextmanager
    async def _spool_file(self) -> AsyncIterator[tuple[Path, BinaryIO]]:
        if self._n_open >= self._max_open:
            raise Unavailable(f"{self._n_open} uploads are under way, as many as this server takes. Try again soon.")
        self._n_open += 1
        try:
            with self.scratch_file() as opened:
                yield opened
        finally:
            self._n_open -= 1


class _Form:
    """Reads a multipart form piece by piece: gathers the file's bytes in `pending`, keeps the other fields."""

    def __init__(self, boundary: bytes, fields_bytes: int) -> None:
        self.pending = bytearray()
        self._fields_bytes, self._n_left = fields_bytes, fields_bytes
        self.filename: str | None = None
        self._fields: dict[str, bytearray] = {}
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = b""
        self._target: bytearray | None = None  # of the part that is being read
        self._is_whole = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_data,
                    "on_part_data": self._take_data,
                    "on_end": self._end_form,
                },
            )
        except FormParserError as error:
            raise _not_a_form(error) from error

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _not_a_form(error) from error

    def take(self) -> bytes:
        taken = bytes(self.pending)
        self.pending.clear()
        return taken

    def end(self) -> None:
        if not self._is_whole:
            raise InvalidInput("The multipart form ended before its closing boundary. Send it again.")
        if self.filename is None:
            raise InvalidInput(f"The form has no part named `file` that holds a file. {_HOW}", field="file")

    def texts(self) -> Mapping[str, str]:
        try:
            return {name: bytes(value).decode() for name, value in self._fields.items()}
        except UnicodeDecodeError as error:
            raise InvalidInput("The fields of the form must be UTF-8 text.") from error

    def _begin_part(self) -> None:
        self._disposition, self._target = b"", None

    def _end_header(self) -> None:
        if bytes(self._header_name).lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _begin_data(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name == "file":
            if self.filename is not None:
                raise InvalidInput(
                    "The form has more than one part named `file`. Send one file a request.", field="file"
                )
            self.filename = options.get(b"filename", b"").decode("utf-8", "replace")
            self._target = self.pending
            return
        if b"filename" in options:
            raise InvalidInput(f"The file must come in a part named `file`, not {name[:80]!r}.", field="file")
        if name in self._fields:
            raise InvalidInput(
                f"The form has the field {name[:80]!r} more than once. Send a list as one field, as JSON.",
                field=name[:80],
            )
        if len(self._fields) >= _MAX_FIELDS:
            raise TooLarge(f"The form has more than {_MAX_FIELDS} fields.")
        self._target = self._fields[name] = bytearray()

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._target is None:
            return
        if self._target is not self.pending:
            self._n_left -= end - start
            if self._n_left < 0:
                raise TooLarge(f"The form has more than {self._fields_bytes:,} bytes beside the file. Send less.")
        self._target += data[start:end]

    def _end_form(self) -> None:
        self._is_whole = True


def is_form(content_type: str) -> bool:
    return parse_options_header(content_type)[0] == _FORM


def shown_filename(text: str) -> str:
    """The last part of a file's name as its owner sent it, for people to read. It never becomes a path."""
    last = text.replace("\\", "/").rpartition("/")[2]
    plain = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip()
    return plain[:200] or "file"


def _create(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
    except OSError as error:
        raise disk_trouble(error) from error


async def _write(file: BinaryIO, data: bytes) -> None:
    if not data:
        return
    try:
        await to_thread.run_sync(file.write, data)
    except OSError as error:
        raise disk_trouble(error) from error


async def _close(file: BinaryIO) -> None:
    try:
        await to_thread.run_sync(file.close)
    except OSError as error:
        raise disk_trouble(error) from error


def disk_trouble(error: OSError) -> Unavailable:
    log.error("upload could not be spooled", extra={"error": str(error)})
    reason = "its disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "its disk answers with an error"
    return Unavailable(f"The server cannot take the file now: {reason}. Try again later, or tell its operator.")


def _not_a_form(error: FormParserError) -> InvalidInput:
    return InvalidInput(f"The body is not a well-formed multipart form: {error}.")

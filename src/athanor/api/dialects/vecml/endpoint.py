"""How every operation is answered: the key in its body is found, the body taken, and a thread does the rest."""

from __future__ import annotations

import mmap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, WouldBlock, to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message

from athanor.api.dialects import Surroundings
from athanor.api.dialects.vecml import files
from athanor.api.dialects.vecml.bodies import checked, form_fields
from athanor.api.dialects.vecml.json_body import LARGEST_REST, Source, read_fields
from athanor.api.dialects.vecml.keys import KEY, key_in_form, key_in_json
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.api.json_response import SafeJSONResponse
from athanor.api.limits import SETTLE
from athanor.api.uploads import Spool, is_form
from athanor.core.actor import Actor
from athanor.errors import Unauthenticated, Unavailable

SMALL = 2**20  # bytes of a body that is kept in memory; a larger one waits in the scratch folder for its turn
HEAD = 64 * 2**10  # bytes of a large body that are looked at for the key before the rest is let in
STRANGERS = 4  # large bodies under way whose key does not stand there
AT_ONCE = 2  # calls of one kind that take much memory

Settle = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What all operations share. Who waits for it waits in the event loop, where nobody else is kept out.

    spool      large bodies
    strangers  of these, the ones whose key is not known yet
    large      calls whose body is large, or may grow to be
    heavy      calls that take much memory whatever their body is
    """

    spool: Spool
    strangers: CapacityLimiter = field(default_factory=partial(CapacityLimiter, STRANGERS))
    large: CapacityLimiter = field(default_factory=partial(CapacityLimiter, AT_ONCE))
    heavy: CapacityLimiter = field(default_factory=partial(CapacityLimiter, AT_ONCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A body that came whole: bytes, or a file of the scratch folder; of a form its file and its other fields."""

    body: bytes | Path = b""
    file: Path | None = None
    filename: str = ""
    texts: dict[str, str] | None = None

    @property
    def is_large(self) -> bool:
        return (self.body.stat().st_size if isinstance(self.body, Path) else len(self.body)) > SMALL

    def source(self) -> Source:
        return _mapped(self.body) if isinstance(self.body, Path) else self.body

    def key(self) -> Any:
        """What stands as the key. Only a small body is taken apart for it."""
        if self.texts is not None:
            return self.texts.get(KEY)
        source = self.source()
        key = key_in_json(source)
        return read_fields(source).get(KEY) if key is None and not self.is_large else key


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose key it is, as it stood in the body."""

    key: str
    actor: Actor


class Endpoint:
    """Answers one operation."""

    def __init__(self, operation: Operation[Any], surroundings: Surroundings, room: Room) -> None:
        self._operation, self._surroundings, self._room = operation, surroundings, room

    async def __call__(self, request: Request) -> Response:
        async with self._admitted(request, getattr(request.state, SETTLE)) as (arrived, holder):
            limiter = None
            if self._operation.is_heavy:
                limiter = self._room.heavy
            elif self._operation.file_fields or arrived.is_large:  # a small file may be a large one, compressed
                limiter = self._room.large
            return await to_thread.run_sync(partial(self._answer, arrived, holder), limiter=limiter)

    @asynccontextmanager
    async def _admitted(self, request: Request, settle: Settle) -> AsyncIterator[tuple[Arrived, Holder]]:
        """The body, and whose it is. Of a large one that is known before it is let in, or it is among few."""
        in_form = bool(self._operation.file_fields) and is_form(request.headers.get("content-type", ""))
        if not in_form and (_is_small(request) or not self._operation.takes_data):
            arrived = Arrived(body=await request.body())
            yield arrived, await to_thread.run_sync(partial(self._admit_sender, arrived, settle))
            return
        head, request = await _with_head(request)
        key = key_in_form(head) if in_form else key_in_json(head)
        async with AsyncExitStack() as stack:
            if key is not None:
                holder = await to_thread.run_sync(partial(self._admit, key, settle))
                arrived = await stack.enter_async_context(self._received(request, in_form=in_form))
            else:
                with self._as_stranger():
                    arrived = await stack.enter_async_context(self._received(request, in_form=in_form))
                    holder = await to_thread.run_sync(partial(self._admit_sender, arrived, settle))
            yield arrived, holder

    @asynccontextmanager
    async def _received(self, request: Request, *, in_form: bool) -> AsyncIterator[Arrived]:
        spool = self._room.spool
        if in_form:
            async with spool.form(request, fields_bytes=LARGEST_REST) as form:
                yield Arrived(file=form.path, filename=form.filename, texts=dict(form.fields))
        else:
            async with spool.body(request, filename="") as whole:
                yield Arrived(body=whole.path)

    @contextmanager
    def _as_stranger(self) -> Iterator[None]:
        limiter, place = self._room.strangers, object()
        try:
            limiter.acquire_on_behalf_of_nowait(place)
        except WouldBlock as error:
            raise Unavailable(
                f"Too many large bodies are under way without `{KEY}` near their beginning. Make it the first field, "
                "or try again soon."
            ) from error
        try:
            yield
        finally:
            limiter.release_on_behalf_of(place)

    def _admit_sender(self, arrived: Arrived, settle: Settle) -> Holder:
        return self._admit(arrived.key(), settle)

    def _admit(self, key: Any, settle: Settle) -> Holder:
        """Whose key it is. From here on the key pays for the request. Raises Unauthenticated and ScopeMissing."""
        if not isinstance(key, str) or not key.strip():
            raise Unauthenticated(f"`{KEY}` is required in every body: your key, once, as a plain text.")
        if not key.isascii():
            raise Unauthenticated("The API key is not valid. It should look like ath_<id>_<secret>.")
        actor = self._surroundings.services.keys.authenticate(key.strip())
        settle(key.strip())
        for scope in self._operation.scopes:
            actor.need(scope)
        return Holder(key=key, actor=actor)

    def _answer(self, arrived: Arrived, holder: Holder) -> Response:
        fields = self._fields(arrived)
        if fields.pop(KEY, None) != holder.key:
            raise Unauthenticated(f"`{KEY}` is not the one that stands elsewhere in the body. Send it once.")
        body = checked(self._operation.body, fields)
        with self._file(arrived, fields) as file:
            caller = Caller(actor=holder.actor, surroundings=self._surroundings, file=file, filename=arrived.filename)
            answer = self._operation.run(body, caller)
        return SafeJSONResponse({"success": True, **answer})

    def _fields(self, arrived: Arrived) -> dict[str, Any]:
        if arrived.texts is not None:
            fields = form_fields(self._operation.body, {**arrived.texts})
            fields[KEY] = arrived.texts.get(KEY)
            return {name: value for name, value in fields.items() if name not in self._operation.file_fields}
        if isinstance(arrived.body, Path):
            return read_fields(arrived.source(), (*self._operation.row_fields, *self._operation.file_fields))
        return read_fields(arrived.body)

    @contextmanager
    def _file(self, arrived: Arrived, fields: dict[str, Any]) -> Iterator[Path | None]:
        """The plain file that came in the form, or in the one field that holds one."""
        name = next((name for name in self._operation.file_fields if fields.get(name) is not None), None)
        with ExitStack() as stack:
            file = arrived.file
            if name is not None:
                file = stack.enter_context(files.decoded(self._surroundings.spool, fields[name], field=name))
            yield file


async def _with_head(request: Request) -> tuple[bytes, Request]:
    """The first bytes of the body, and the request with all of it still to come."""
    head, is_whole = bytearray(), False
    while not is_whole and len(head) < HEAD:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        head += message.get("body", b"")
        is_whole = not message.get("more_body", False)
    held: list[Message] = [{"type": "http.request", "body": bytes(head), "more_body": not is_whole}]

    async def receive() -> Message:
        return held.pop() if held else await request.receive()

    return bytes(head), Request(request.scope, receive)


def _is_small(request: Request) -> bool:
    announced = request.headers.get("content-length", "")
    return announced.isascii() and announced.isdigit() and int(announced[:20]) <= SMALL


def _mapped(path: Path) -> Source:
    """The file's bytes without reading them into memory."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

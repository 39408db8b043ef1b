"""How every operation is answered: its body is taken, the key in it found, and a thread does the rest."""

from __future__ import annotations

import mmap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.responses import Response

from athanor.api.dialects import Surroundings
from athanor.api.dialects.vecml import files
from athanor.api.dialects.vecml.bodies import checked, form_fields
from athanor.api.dialects.vecml.json_body import Source, read_fields
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.api.json_response import SafeJSONResponse
from athanor.api.limits import SETTLE
from athanor.api.uploads import is_form
from athanor.core.actor import Actor
from athanor.errors import Unauthenticated
from athanor.services import Services

KEY = "user_api_key"
SMALL = 2**20  # bytes of a body that is kept in memory; a larger one waits in the scratch folder for its turn
LARGE_AT_ONCE = 2  # such bodies are taken apart at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A body that came whole: bytes, or a file of the scratch folder; of a form its file and its other fields."""

    body: bytes | Path = b""
    file: Path | None = None
    filename: str = ""
    texts: dict[str, str] | None = None

    @property
    def is_large(self) -> bool:
        return isinstance(self.body, Path) or len(self.body) > SMALL


class Endpoint:
    """Answers one operation."""

    def __init__(self, operation: Operation[Any], surroundings: Surroundings, large: CapacityLimiter) -> None:
        self._operation, self._surroundings, self._large = operation, surroundings, large

    async def __call__(self, request: Request) -> Response:
        settle: Callable[[str], None] = getattr(request.state, SETTLE)
        async with self._arrived(request) as arrived:
            limiter = self._large if arrived.is_large else None
            return await to_thread.run_sync(partial(self._answer, arrived, settle), limiter=limiter)

    @asynccontextmanager
    async def _arrived(self, request: Request) -> AsyncIterator[Arrived]:
        spool, operation = self._surroundings.spool, self._operation
        if operation.file_fields and is_form(request.headers.get("content-type", "")):
            async with spool.form(request) as received:
                yield Arrived(file=received.path, filename=received.filename, texts=dict(received.fields))
        elif operation.takes_data and not _is_small(request):
            async with spool.body(request, filename="") as received:
                yield Arrived(body=received.path)
        else:
            yield Arrived(body=await request.body())

    def _answer(self, arrived: Arrived, settle: Callable[[str], None]) -> Response:
        fields = self._fields(arrived)
        actor = _actor(self._surroundings.services, fields.pop(KEY, None), settle)
        for scope in self._operation.scopes:
            actor.need(scope)
        body = checked(self._operation.body, fields)
        with self._file(arrived, fields) as file:
            caller = Caller(actor=actor, surroundings=self._surroundings, file=file, filename=arrived.filename)
            answer = self._operation.run(body, caller)
        return SafeJSONResponse({"success": True, **answer})

    def _fields(self, arrived: Arrived) -> dict[str, Any]:
        if arrived.texts is not None:
            fields = form_fields(self._operation.body, {**arrived.texts})
            fields[KEY] = arrived.texts.get(KEY)
            return {name: value for name, value in fields.items() if name not in self._operation.file_fields}
        if isinstance(arrived.body, Path):
            return read_fields(_mapped(arrived.body), (*self._operation.row_fields, *self._operation.file_fields))
        return read_fields(arrived.body)

    @contextmanager
    def _file(self, arrived: Arrived, fields: dict[str, Any]) -> Iterator[Path | None]:
        """The plain file that came in the form, or in the one field that holds one."""
        name = next((name for name in self._operation.file_fields if fields.get(name) is not None), None)
        with ExitStack() as stack:
            file = arrived.file
            if name is not None:
                file = stack.enter_context(files.decoded(self._surroundings.spool, fields[name], field=name))
            if file is not None:
                file = stack.enter_context(files.inflated(file, fields.get("compression_type")))
            yield file


def _actor(services: Services, key: Any, settle: Callable[[str], None]) -> Actor:
    """Whose key it is. From here on the key pays for the request."""
    if not isinstance(key, str) or not key.strip():
        raise Unauthenticated(f"`{KEY}` is required in every body: your key, as a text.")
    if not key.isascii():
        raise Unauthenticated("The API key is not valid. It should look like ath_<id>_<secret>.")
    actor = services.keys.authenticate(key.strip())
    settle(key.strip())
    return actor


def _is_small(request: Request) -> bool:
    announced = request.headers.get("content-length", "")
    return announced.isascii() and announced.isdigit() and int(announced[:20]) <= SMALL


def _mapped(path: Path) -> Source:
    """The file's bytes without reading them into memory."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

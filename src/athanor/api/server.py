"""The dispatcher: one table says which dialect answers; each dialect also stands whole below its own prefix."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from athanor.api.dialects import DIALECTS, FAULT, Now, Surroundings
from athanor.api.docs import docs_page
from athanor.api.json_response import SafeJSONResponse
from athanor.api.limits import Clock, Limited, Limits, Rates, TokenBuckets
from athanor.api.request_ids import new_request_id, request_id
from athanor.api.uploads import Spool
from athanor.errors import AthanorError, Unavailable
from athanor.logs import bound
from athanor.services import Services

log = logging.getLogger(__name__)

Hook = Callable[[], None]


class Server:
    """The ASGI application.

    limits      of all dialects together
    own_limits  of dialects that have limits and buckets of their own
    options     of dialects that the operator sets something for, as `Surroundings` has them
    is_ready    raises Unavailable while the platform cannot work
    on_stop     what is to be done when the server goes down, in this order
    """

    def __init__(
        self,
        services: Services,
        *,
        spool: Spool,
        limits: Limits,
        now: Now,
        own_limits: Mapping[str, Limits] = MappingProxyType({}),
        options: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
        is_ready: Hook = lambda: None,
        on_stop: Sequence[Hook] = (),
        version: str = "",
        clock: Clock = time.monotonic,
    ) -> None:
        self._spool, self._is_ready, self._on_stop = spool, is_ready, tuple(on_stop)
        self._version, self._clock = version, clock
        rates = _rates(limits, clock)
        self._apps: dict[str, ASGIApp] = {}
        self._schemas: dict[str, Callable[[], dict[str, Any]]] = {}
        for name in DIALECTS.names():
            dialect = DIALECTS[name]
            own = options.get(name, {})
            app = dialect.app(Surroundings(services=services, spool=spool.apart(), now=now, options=own))
            self._schemas[name] = app.openapi
            self._apps[name] = Limited(
                app,
                limits=own_limits.get(name, limits),
                rates=_rates(own_limits[name], clock) if name in own_limits else rates,
                clock=clock,
                is_upload=dialect.is_upload,
                respond=dialect.respond,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The outermost loop of a request: whatever happens, one answer with an id, and one line in the log."""
        began, made, status = self._clock(), new_request_id(), 0

        async def labelled(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [(b"x-request-id", made.encode()), (b"x-content-type-options", b"nosniff")]
                if not any(name.lower() == b"cache-control" for name, _ in message.get("headers", ())):
                    extra.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        with bound(request_id=made):
            dialect, below = place(scope["path"])
            if below:
                scope = {**scope, "root_path": scope.get("root_path", "") + f"/{dialect}"}
            scope = {**scope, "state": dict(scope.get("state") or {})}
            try:
                if dialect is None or scope["path"] in {f"/{dialect}", f"/{dialect}/", f"/{dialect}/docs"}:
                    await self._own(scope, receive, labelled)
                else:
                    await self._apps[dialect](scope, receive, labelled)
            except ClientDisconnect:
                log.info("client went away", extra={"method": scope["method"], "path": scope["path"][:500]})
            except Exception:
                log.exception("request failed", extra={"method": scope["method"], "path": scope["path"][:500]})
                if not status:
                    respond = _respond if dialect is None else DIALECTS[dialect].respond
                    await respond(AthanorError(FAULT))(scope, receive, labelled)
            log.info(
                "request answered",
                extra={
                    "method": scope["method"],
                    "path": scope["path"][:500],
                    "status": status,
                    "seconds": round(self._clock() - began, 4),
                },
            )

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What belongs to no dialect: the front page, health, and each dialect's page for reading."""
        path = scope["path"].rstrip("/")
        pages: dict[str, Callable[[], Awaitable[Response]]] = {
            "": self._front,
            "/healthz": self._health,
            "/readyz": self._readiness,
            **{f"/{name}{end}": partial(self._docs, name) for name in self._apps for end in ("", "/docs")},
        }
        if path not in pages:
            response = _error(404, "not-found", "Nothing is here. GET / says where the APIs and their docs are.")
        elif scope["method"] not in {"GET", "HEAD"}:
            response = _error(405, "method-not-allowed", "Only GET and HEAD work here.")
            response.headers["Allow"] = "GET, HEAD"
        else:
            response = await pages[path]()
        await response(scope, receive, send)

    async def _front(self) -> Response:
        dialects = {
            name: {
                "title": DIALECTS[name].title,
                "base": f"/{name}",
                "docs": f"/{name}/docs",
                "openapi": f"/{name}/openapi.json",
            }
            for name in self._apps
        }
        health = {"alive": "/healthz", "ready": "/readyz"}
        return SafeJSONResponse({"name": "Athanor", "version": self._version, "apis": dialects, "health": health})

    async def _docs(self, name: str) -> Response:
        return docs_page(self._schemas[name](), prefix=f"/{name}")

    async def _health(self) -> Response:
        return SafeJSONResponse({"status": "ok"})

    async def _readiness(self) -> Response:
        try:
            await run_in_threadpool(self._is_ready)
        except AthanorError as error:
            return _respond(error)
        return SafeJSONResponse({"status": "ready"})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await run_in_threadpool(self._spool.sweep)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for hook in self._on_stop:
                    await run_in_threadpool(hook)
                await send({"type": "lifespan.shutdown.complete"})
                return


def _rates(limits: Limits, clock: Clock) -> Rates:
    return Rates(TokenBuckets(per_s=limits.requests_per_minute / 60, burst=limits.burst, clock=clock))


def place(path: str) -> tuple[str | None, bool]:
    """The dialect that answers there, and whether the path stands below its prefix."""
    first = path[1:].partition("/")[0]
    if first in DIALECTS:
        return first, True
    for name in DIALECTS.names():
        if any(shared.fullmatch(path) for shared in DIALECTS[name].places()):
            return name, False
    return None, False


def _respond(error: AthanorError) -> Response:
    """An answer outside every dialect."""
    return _error(503 if isinstance(error, Unavailable) else 500, error.code, str(error))


def _error(status: int, code: str, message: str) -> Response:
    body = {"error": {"code": code, "message": message}, "requestId": request_id()}
    return SafeJSONResponse(body, status_code=status)

"""Who asks: the key in a request's headers, and routes that let only its scopes in, before they read a body."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutinefunction
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from athanor.core.actor import Actor, Scope
from athanor.errors import InvalidInput, Unauthenticated
from athanor.services import Services

NEEDS = "x-needs"  # where a route's OpenAPI entry says which core scopes it needs


def key_text(headers: Headers) -> str | None:
    """The key as it came: in `X-API-Key`, or as `Authorization: Bearer`. The first wins."""
    direct = headers.get("x-api-key", "").strip()
    if direct:
        return direct
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    return rest.strip() or None if scheme.lower() == "bearer" else None


# Both are async because FastAPI would send a plain function to the thread pool, which costs more than they do.


async def actor_of(request: Request) -> Actor:
    return cast("Actor", request.state.actor)


async def services_of(request: Request) -> Services:
    return _services(request)


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


TheActor = Annotated[Actor, Depends(actor_of)]
TheServices = Annotated[Services, Depends(services_of)]


class GuardedRoute(APIRoute):
    """A route that asks for the key and its scopes first, then for the body, then whether the body is right."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _in_thread(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        needed = [Scope(word) for word in (self.openapi_extra or {}).get(NEEDS, ())]
        takes_json = self.body_field is not None

        async def guarded(request: Request) -> Response:
            key = key_text(request.headers)
            if key is None:
                raise Unauthenticated(
                    "No API key came. Send it as `X-API-Key: ath_…` or `Authorization: Bearer ath_…`."
                )
            actor = await run_in_threadpool(_services(request).keys.authenticate, key)
            request.state.is_authenticated = True
            for scope in needed:
                actor.need(scope)
            request.state.actor = actor
            if takes_json:
                await _read_json_body(request)
            return await handle(request)

        return guarded


def _in_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function as one that is awaited, and works in the thread pool.

    FastAPI itself would send it there, and its answer once more to be checked, which takes longer than the check.
    """
    if iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def awaited(**given: Any) -> Any:
        return await run_in_threadpool(endpoint, **given)

    return awaited


async def _read_json_body(request: Request) -> None:
    """Read the body here, so that a limit raised on the way stays what it is, and say plainly when it is no JSON."""
    if not await request.body():
        return
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise InvalidInput(
            f"The body must be JSON, sent with `Content-Type: application/json`; {content_type[:80]!r} came.",
            code="unsupported-media-type",
        )

"""The native API as one complete application."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from athanor.api.dialects import Surroundings
from athanor.api.dialects.native import answers, datasets, rows, runs
from athanor.api.dialects.native.errors import shape_errors
from athanor.api.dialects.native.event_stream import OpenStreams
from athanor.api.dialects.native.known_query import check_query
from athanor.api.json_response import SafeJSONResponse
from athanor.api.openapi import tell_errors

API = "/v1"
_ABOUT = (
    "Datasets: bring any table, see what was read, add rows, take rows away, look at it, take it along. Runs: start a "
    "training, watch it, end it early, let it go on. Send the key as `X-API-Key`, or as `Authorization: Bearer`. "
    "Errors are {error: {code, message, field}}; what does not fit is a 400."
)
_ERRORS = {
    "400": "What came does not fit (invalid-input, …).",
    "401": "No key, or none that is known (unauthenticated).",
    "403": "The key lacks the scope (scope-missing), or a quota is used up (quota-exceeded).",
    "404": "No such thing, or it belongs to someone else (not-found).",
    "409": "Not in this state (conflict, …).",
    "413": "The body is too large (too-large).",
    "415": "A body of a kind that is not taken here (unsupported-media-type).",
    "429": "Too many requests; `Retry-After` says when to come back (rate-limited).",
    "503": "Not now: too many uploads, a full disk (unavailable).",
}


def native_app(surroundings: Surroundings) -> FastAPI:
    app = FastAPI(
        title="Athanor API",
        description=_ABOUT,
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        default_response_class=SafeJSONResponse,
        generate_unique_id_function=_operation_id,
    )
    app.state.services, app.state.spool = surroundings.services, surroundings.spool
    app.state.now, app.state.streams = surroundings.now, OpenStreams()
    for part in (datasets, rows, runs):
        app.include_router(part.ROUTER, prefix=API, dependencies=[Depends(check_query)])
    shape_errors(app)
    tell_errors(app, _ERRORS, answers.ErrorBody)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name

"""The workbench as one complete application."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from athanor.api.dialects import Surroundings
from athanor.api.dialects.workbench import answers, auth, datasets, jobs, registry
from athanor.api.dialects.workbench.errors import shape_errors
from athanor.api.json_response import SafeJSONResponse
from athanor.api.openapi import tell_errors

API = "/api/v1"
_ABOUT = (
    "Create, manage and monitor AutoML jobs. Send the key as `X-API-Key`, or as `Authorization: Bearer`. "
    "Errors are {success: false, error: {code, message, details?}, meta: {requestId}}; what does not fit is a 400."
)
_ERRORS = {
    "400": "What came does not fit (validation-error, …).",
    "401": "No key, or none that is known (unauthorized).",
    "403": "The key lacks the scope (scope-required), or a quota is used up (quota-exceeded).",
    "404": "No such thing, or it belongs to someone else (not-found).",
    "409": "Not in this state (conflict, job-running, job-not-completed, model-in-use, …).",
    "413": "The body is too large (too-large).",
    "429": "Too many requests; `Retry-After` says when to come back (rate-limited).",
}


def workbench_app(surroundings: Surroundings) -> FastAPI:
    app = FastAPI(
        title="ml-workbench AutoML API",
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
    app.state.now = surroundings.now
    for part in (jobs, datasets, registry, auth):
        app.include_router(part.ROUTER, prefix=API)
    shape_errors(app)
    tell_errors(app, _ERRORS, answers.ErrorBody)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name

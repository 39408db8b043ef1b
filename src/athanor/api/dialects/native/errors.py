"""Every error in one shape: {"error": {"code", "message", "field"}}."""

from __future__ import annotations

import math

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from athanor.api.dialects import FAULT
from athanor.api.json_response import SafeJSONResponse
from athanor.api.statuses import status_of
from athanor.api.validation import as_error, misfits, routing_error
from athanor.errors import AthanorError, InvalidInput, RateLimited, Unauthenticated, Unavailable


def respond(error: AthanorError) -> Response:
    """The answer to an error."""
    headers = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "5"
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    status = status_of(error)
    field = error.field if isinstance(error, InvalidInput) else None
    told = {"code": error.code, "message": str(error), "field": field}
    return SafeJSONResponse({"error": told}, status_code=status, headers=headers)


def shape_errors(app: FastAPI) -> None:
    """Give every error that can leave the application its shape."""
    app.add_exception_handler(AthanorError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def _own(_: Request, error: Exception) -> Response:
    assert isinstance(error, AthanorError)  # noqa: S101
    return respond(error)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return respond(as_error(misfits(request, error)[0]))


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    response = respond(routing_error(error))
    response.headers.update(error.headers or {})
    return response


def _fault(_: Request, __: Exception) -> Response:
    return respond(AthanorError(FAULT))

"""Every error in the vendor's shape: {"success": false, "error": {code, message, details?}, "meta": {requestId}}."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from athanor.api.dialects import FAULT
from athanor.api.dialects.workbench import words
from athanor.api.json_response import SafeJSONResponse
from athanor.api.request_ids import request_id
from athanor.api.statuses import status_of
from athanor.api.validation import as_error, misfits, routing_error
from athanor.core.actor import Scope
from athanor.errors import (
    AthanorError,
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    ScopeMissing,
    Unauthenticated,
    Unavailable,
)

CODES: Mapping[str, str] = {  # core -> vendor, where it is another word
    "error": "internal-error",
    "invalid-input": "validation-error",
    "impossible": "unprocessable",
    "unauthenticated": "unauthorized",
    "scope-missing": "scope-required",
}

Details = Sequence[Mapping[str, str]]


def respond(error: AthanorError, details: Details = ()) -> Response:
    """The answer to an error."""
    message, headers = str(error), {}
    if isinstance(error, ScopeMissing) and error.scope in set(Scope):
        message = str(ScopeMissing(words.VENDOR_SCOPE[Scope(error.scope)]))
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "5"
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "ApiKey"
    if isinstance(error, InvalidInput) and error.field and not details:
        details = [{"field": words.FIELDS.get(error.field, error.field), "message": message}]
    told: dict[str, Any] = {"code": CODES.get(error.code, error.code), "message": message}
    if details:
        told["details"] = list(details)
    status = status_of(error)
    body = {"success": False, "error": told, "meta": {"requestId": request_id()}}
    return SafeJSONResponse(body, status_code=status, headers=headers)


def shape_errors(app: FastAPI) -> None:
    """Give every error that can leave the application its shape."""
    app.add_exception_handler(AthanorError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, AthanorError)  # noqa: S101
    if isinstance(error, NotFound | Conflict):
        named = words.ids_as_sent(str(error), (str(sent) for sent in request.path_params.values()))
        return respond(type(error)(named, code=error.code))
    return respond(error)


def _invalid(request: Request, error: Exception) -> Response:
    """What pydantic found: the first as the message, all of it field by field."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = misfits(request, error)
    details = [{"field": one.field, "message": one.message} for one in found if one.field]
    return respond(as_error(found[0]), details)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    response = respond(routing_error(error))
    response.headers.update(error.headers or {})
    return response


def _fault(_: Request, __: Exception) -> Response:
    return respond(AthanorError(FAULT))

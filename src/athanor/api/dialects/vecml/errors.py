"""Every error in the vendor's shape: {"success": false, "error_message": text}; too many requests are a plain text."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from athanor.api.dialects import FAULT
from athanor.api.json_response import SafeJSONResponse
from athanor.api.statuses import status_of
from athanor.api.validation import routing_error
from athanor.errors import AthanorError, Impossible, InvalidInput, NotFound, RateLimited, Unavailable

TOO_MANY = "Request limit reached, please try again later"  # word for word: clients look for it


def respond(error: AthanorError) -> Response:
    """The answer to an error."""
    if isinstance(error, RateLimited):
        return PlainTextResponse(TOO_MANY, status_code=400, headers={"Retry-After": "1"})
    status = 400 if isinstance(error, Impossible) else status_of(error)
    headers = {"Retry-After": "5"} if isinstance(error, Unavailable) else {}
    body = {"success": False, "error_message": str(error)}
    return SafeJSONResponse(body, status_code=status, headers=headers)


def shape_errors(app: FastAPI) -> None:
    """Give every error that can leave the application its shape."""
    app.add_exception_handler(AthanorError, _own)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def _own(_: Request, error: Exception) -> Response:
    assert isinstance(error, AthanorError)  # noqa: S101
    return respond(error)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    told = routing_error(error)
    if error.status_code == 405:
        told = InvalidInput("Operations of this API are called with POST.", code="method-not-allowed")
    elif error.status_code == 404:
        told = NotFound("No such operation. Operations are POST /api/<name>; the docs list their names.")
    response = respond(told)
    response.headers.update(error.headers or {})
    return response


def _fault(_: Request, __: Exception) -> Response:
    return respond(AthanorError(FAULT))

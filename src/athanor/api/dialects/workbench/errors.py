"""Every error in the vendor's shape: {"success": false, "error": {code, message, details?}, "meta": {requestId}}."""

from __future__ import annotations

import json
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
from athanor.core.actor import Scope
from athanor.errors import (
    AthanorError,
    Conflict,
    Forbidden,
    Impossible,
    InvalidInput,
    NotFound,
    NotSupported,
    QuotaExceeded,
    RateLimited,
    ScopeMissing,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

STATUS: Mapping[type[AthanorError], int] = {
    AthanorError: 500,
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    ScopeMissing: 403,
    QuotaExceeded: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Impossible: 422,
    RateLimited: 429,
    NotSupported: 501,
    Unavailable: 503,
}
# Codes that have a status of their own, whatever kind of error carries them.
STATUS_OF_CODE: Mapping[str, int] = {"method-not-allowed": 405, "request-timeout": 408, "unsupported-media-type": 415}
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
    status = STATUS_OF_CODE.get(error.code) or next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
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
    """What pydantic found, as one sentence and field by field."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    all_found = sorted(error.errors(), key=lambda found: -len(found["loc"]))[:20]  # of a union's branches, the nearest
    details = [{"field": _field(found["loc"]), "message": _sentence(found)} for found in all_found]
    if all_found[0]["type"] == "missing" and all_found[0]["loc"] == ("body",):
        return respond(InvalidInput(_no_body(request)))
    first = details[0]
    told = InvalidInput(f"`{first['field']}`: {first['message']}" if first["field"] else first["message"])
    return respond(told, details)


def _field(loc: Sequence[str | int]) -> str:
    """`body.advanced.excludeModels.0` without where it stood; branches of a union are left out."""
    parts = [str(part) for part in loc[1:] if isinstance(part, int) or _is_field(part)]
    return ".".join(parts)[:200]


def _is_field(part: str) -> bool:
    """Fields begin in lower case; a branch is the name of a class or of a type."""
    return part.isidentifier() and part[:1].islower() and part not in {"str", "dict", "list"}


def _sentence(found: Mapping[str, Any]) -> str:
    if found["type"] == "json_invalid":
        return f"The body is not JSON: {found.get('ctx', {}).get('error', 'it cannot be read')}."
    if found["type"] == "missing":
        return "It is required and did not come."
    said = str(found["msg"])[:300]
    if found["type"] == "value_error":  # one of ours, a whole sentence
        return said.removeprefix("Value error, ") + "."
    return f"{said}; {_in_json(found.get('input'))} came."


def _in_json(value: object) -> str:
    """What came, in the words of JSON. Of texts and numbers the beginning, of the rest only what it is."""
    if isinstance(value, str):
        return f"the text {json.dumps(value[:60], ensure_ascii=False)}{'…' if len(value) > 60 else ''}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, Mapping):
        return "an object"
    plain = json.dumps(value, default=str)[:40]
    return plain if value is None or isinstance(value, bool) else f"the number {plain}"


def _no_body(request: Request) -> str:
    """What a route wants that got nothing."""
    field = getattr(request.scope.get("route"), "body_field", None)
    asked = getattr(getattr(field, "field_info", None), "annotation", None)
    fields = getattr(asked, "model_fields", {})
    needed = [f"`{about.alias or name}`" for name, about in fields.items() if about.is_required()]
    wanted = f" with {', '.join(needed)}" if needed else ""
    return f"The body is empty. Send a JSON object{wanted}, and `Content-Type: application/json`."


def _http(_: Request, error: Exception) -> Response:
    """What Starlette itself answers: no such route, no such method, a body that cannot be read."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error.__cause__, AthanorError):
        return respond(error.__cause__)
    if error.status_code == STATUS[NotFound]:
        return respond(NotFound("No such route. The docs list every path and method."))
    if error.status_code == STATUS_OF_CODE["method-not-allowed"]:
        response = respond(InvalidInput("This path exists, but not with this method.", code="method-not-allowed"))
        response.headers.update(error.headers or {})
        return response
    return respond(InvalidInput("The body cannot be read. Send well-formed JSON."))


def _fault(_: Request, __: Exception) -> Response:
    return respond(AthanorError(FAULT))

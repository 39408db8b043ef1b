"""The VecML API as one complete application, made from the table of its operations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from athanor.api.auth import NEEDS
from athanor.api.dialects import Surroundings
from athanor.api.dialects.vecml import answers, collections, jobs, models, predict, projects, rows, uploads
from athanor.api.dialects.vecml.endpoint import Endpoint, Room
from athanor.api.dialects.vecml.errors import shape_errors
from athanor.api.dialects.vecml.keys import KEY
from athanor.api.dialects.vecml.operation import Operation
from athanor.api.json_response import SafeJSONResponse
from athanor.api.openapi import tell_errors

API = "/api"
_ABOUT = (
    "Put vectors with attributes into a collection, and train a classification or regression model on it with one "
    "call. Every call is a POST with a JSON object; the key goes into the body as `user_api_key`. Errors are "
    "{success: false, error_message}."
)
_ERRORS = {
    "400": "What came does not fit. Too many requests are a 400 as well, as plain text.",
    "401": "No key, or none that is known.",
    "403": "The key lacks the scope, or a quota is used up.",
    "404": "No such thing, or it belongs to someone else.",
    "409": "The name is taken, or the thing is not in this state.",
    "413": "The body is too large.",
    "503": "Not now: too many uploads, a full disk.",
}
_SLASHES = re.compile(r"/{2,}")

OPERATIONS: Mapping[str, Operation[Any]] = MappingProxyType(
    {
        name: operation
        for part in (projects, collections, rows, uploads, jobs, models, predict)
        for operation in part.OPERATIONS
        for name in (operation.name, *operation.aliases)
    }
)
PLACE = re.compile(rf"{API}/+({'|'.join(OPERATIONS)})/*")  # its clients join with a slash too many


def operation_at(path: str) -> Operation[Any] | None:
    """The operation that answers at a path, whose slashes may be doubled."""
    folder, _, name = _single(path).rpartition("/")
    return OPERATIONS.get(name) if folder == API else None


def vecml_app(surroundings: Surroundings) -> FastAPI:
    app = FastAPI(
        title="VecML AutoML API",
        description=_ABOUT,
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        default_response_class=SafeJSONResponse,
    )
    room = Room(spool=surroundings.spool)
    schemas: dict[str, Any] = {}
    for name, operation in OPERATIONS.items():
        app.add_api_route(
            f"{API}/{name}",
            Endpoint(operation, surroundings, room).__call__,
            methods=["POST"],
            name=name,
            operation_id=name,
            summary=operation.summary,
            tags=[operation.tag],
            response_model=None,
            responses={200: {"model": operation.answer}},
            include_in_schema=name == operation.name,
            openapi_extra={**_scopes(operation), **_body(operation, schemas)},
        )
    shape_errors(app)
    tell_errors(app, _ERRORS, answers.ErrorBody, has_key_in_header=False)
    _tell_schemas(app, schemas)
    app.add_middleware(SingleSlashes)
    return app


class SingleSlashes:
    """Takes `/api//init` for `/api/init`: clients join a base that ends in a slash with a path that begins with one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            root = scope.get("root_path", "")
            scope = {**scope, "path": root + _single(scope["path"].removeprefix(root))}
        await self._app(scope, receive, send)


def _single(path: str) -> str:
    return _SLASHES.sub("/", path).rstrip("/") or "/"


def _scopes(operation: Operation[Any]) -> dict[str, Any]:
    words = [scope.value for scope in operation.scopes]
    return {NEEDS: words, "x-scope": ", ".join(words)} if words else {}


def _body(operation: Operation[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """What an operation takes, as its OpenAPI entry says it. What its schema refers to goes into `schemas`."""
    schema = deepcopy(_schema(operation))
    schemas.update(schema.pop("$defs", {}))
    key = {"type": "string", "description": "Your key."}
    schema["properties"] = {KEY: key, **schema.get("properties", {})}
    schema["required"] = [KEY, *schema.get("required", ())]
    title = schema["title"]
    schemas[title] = schema
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{title}"}}}
    if operation.file_fields:
        kept = {name: part for name, part in schema["properties"].items() if name not in operation.file_fields}
        file = {"type": "string", "format": "binary"}
        required = ["file", *(name for name in schema["required"] if name in kept)]
        form = {"type": "object", "required": required, "properties": {"file": file, **kept}}
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


@cache
def _schema(operation: Operation[Any]) -> dict[str, Any]:
    """Its body's schema, made once a process: to make all of them takes longer than the rest of an application."""
    schema: dict[str, Any] = operation.body.model_json_schema(ref_template="#/components/schemas/{model}")
    return schema


def _tell_schemas(app: FastAPI, schemas: Mapping[str, Any]) -> None:
    made = app.openapi

    def openapi() -> dict[str, Any]:
        schema = made()
        schema["components"]["schemas"].update(schemas)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

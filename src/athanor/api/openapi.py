"""An application's OpenAPI schema with its errors as they are: FastAPI supposes 422 and a shape of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from athanor.api.auth import NEEDS


def tell_errors(
    app: FastAPI, errors: Mapping[str, str], body: type[BaseModel], *, has_key_in_header: bool = True
) -> None:
    """Let every route name the `errors` (status → what it means), each with `body`, and say where keys go."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(made(), errors, body)
            if has_key_in_header:
                _tell_keys(made())
        return made()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(schema: dict[str, Any], errors: Mapping[str, str], body: type[BaseModel]) -> None:
    components = schema.setdefault("components", {})
    schemas = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    told = body.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(told.pop("$defs", {}))
    schemas[body.__name__] = told
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}}
    for operations in schema["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            for status, description in errors.items():
                responses.setdefault(status, {"description": description, "content": content})
            operation.setdefault(NEEDS, [])


def _tell_keys(schema: dict[str, Any]) -> None:
    schema["components"]["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    schema["security"] = [{"key": []}, {"bearer": []}]

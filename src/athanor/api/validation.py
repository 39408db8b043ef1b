"""What is wrong with a request, in words: each dialect puts them into its own shape."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from athanor.errors import AthanorError, InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field that does not fit. `field` is "" for the body as a whole."""

    field: str
    message: str


def misfits(request: Request, error: RequestValidationError) -> list[Misfit]:
    """What pydantic found, nearest first where a union has branches; at least one."""
    found = sorted(error.errors(), key=lambda one: -len(one["loc"]))[:20]
    if found[0]["type"] == "missing" and found[0]["loc"] == ("body",):
        return [Misfit("", _no_body(request))]
    return [Misfit("" if one["type"] == "json_invalid" else _field(one["loc"]), _sentence(one)) for one in found]


def nearest_misfit(error: ValidationError) -> Misfit:
    """What pydantic found first in a body that an application validates itself."""
    one = max(error.errors(include_url=False), key=lambda one: len(one["loc"]))
    return Misfit(_field(("body", *one["loc"])), _sentence(one))


def as_error(misfit: Misfit) -> InvalidInput:
    """One misfit as an error that names its field."""
    if not misfit.field:
        return InvalidInput(misfit.message)
    return InvalidInput(f"`{misfit.field}`: {misfit.message}", field=misfit.field)


def routing_error(error: HTTPException) -> AthanorError:
    """What Starlette itself answers: no such route, no such method, a body that cannot be read."""
    if isinstance(error.__cause__, AthanorError):
        return error.__cause__
    if error.status_code == 404:
        return NotFound("No such route. The docs list every path and method.")
    if error.status_code == 405:
        return InvalidInput("This path exists, but not with this method.", code="method-not-allowed")
    return InvalidInput("The body cannot be read. Send well-formed JSON.")


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
    if found["type"] == "extra_forbidden":
        return "No such field here."
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

"""The bodies that come, as the vendor names their fields. Unknown fields are ignored, null is no value.

`user_api_key` is in none of them: it is taken out before anything else is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from athanor.api.validation import as_error, nearest_misfit

MAX_TEXT = 4096
MAX_NAMES = 100_000

Text = Annotated[str, Field(max_length=MAX_TEXT)]


def as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) and not given.lstrip().startswith("[") else given


Names = Annotated[list[Text], Field(max_length=MAX_NAMES), BeforeValidator(as_list)]
Base64 = Annotated[Any, Field(json_schema_extra={"type": "string", "format": "byte"})]
FileFormat = Literal["csv", "json", "libsvm", "binary"]
Compression = Literal["gzip"]


class Asked(BaseModel):
    """A body that comes. What comes must have the type that is asked for."""

    model_config = ConfigDict(strict=True, protected_namespaces=(), frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


class InProject(Asked):
    """A project that is there."""

    project_name: Text


class InCollection(InProject):
    """A collection of a project."""

    collection_name: Text


A = TypeVar("A", bound=BaseModel)


def checked(kind: type[A], fields: Mapping[str, Any]) -> A:
    """The fields as a body of that kind. Raises InvalidInput for the first that does not fit."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise as_error(nearest_misfit(error)) from error


def form_fields(kind: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a form, which are texts: where one must be something else, the text is read as JSON."""
    fields: dict[str, Any] = dict(texts)
    try:
        kind.model_validate(fields)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            name = found["loc"][0] if found["loc"] else None
            if isinstance(name, str) and name in texts:
                fields[name] = _read(texts[name])
    return fields


def _read(text: str) -> Any:
    try:
        return from_json((text.lower() if text in {"True", "False"} else text).encode())
    except ValueError:
        return text

"""The JSON bodies that come."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

MAX_NAME, MAX_TEXT, MAX_LABELS = 200, 4096, 50
MAX_ROWS = 100_000  # of one request


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("A text must not hold the character NUL")
    return text


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_without_nul)]
Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_without_nul)]
WholeNumber = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Body(BaseModel):
    """What comes must have the type that is asked for. A field that nobody knows is a slip, and refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ChangeDataset(Body):
    """At least one of them. What is left out or null stays as it is."""

    name: Name | None = None
    labels: dict[Name, Text] | None = Field(
        default=None, max_length=MAX_LABELS, description="They take the place of all labels that are there."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> ChangeDataset:
        if self.name is None and self.labels is None:
            raise ValueError("Nothing is to be changed: send `name`, `labels` or both")
        return self


class AppendRows(Body):
    """Rows as objects of column: value. A column that a row lacks is a missing value."""

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_ROWS)


class DeleteRows(Body):
    """Rows by the values of the dataset's id column: texts, or whole numbers as they are."""

    ids: list[Text | WholeNumber] = Field(min_length=1, max_length=MAX_ROWS)


def rows_in(body: bytes) -> AppendRows:
    """The rows in a JSON body. Raises RequestValidationError, as FastAPI does for the bodies that it reads."""
    try:
        return AppendRows.model_validate_json(body)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(found) from error

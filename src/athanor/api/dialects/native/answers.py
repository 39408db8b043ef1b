"""The JSON bodies that go."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class ErrorWords(Body):
    code: str = Field(description="A stable word, for programs.")
    message: str
    field: str | None = Field(description="The field, parameter or option that does not fit, where it is one.")


class ErrorBody(Body):
    error: ErrorWords


class ColumnBody(Body):
    name: str
    type: str
    storage: str
    reason: str
    dim: int | None = Field(description="Components of a vector.")


class VersionBody(Body):
    number: int
    rows: int
    columns: int
    rejected: int = Field(description="Rows of its files that could not be read: GET /v1/datasets/{dataset}/rejects.")
    warnings: list[str]
    created_at: str


class DatasetBody(Body):
    id: str
    name: str
    handle: str
    labels: dict[str, str]
    format: str
    size_bytes: int = Field(description="Of what came.")
    id_column: str | None = Field(description="The column that names the rows; null: they have no names.")
    created_at: str
    version: VersionBody = Field(description="The newest one.")


class ArrivalBody(DatasetBody):
    """A dataset whose rows have just come, and what was found in them."""

    columns: list[ColumnBody]
    findings: list[dict[str, Any]] = Field(description="What is worth a look: of the sample that `profile` is of.")
    profile: dict[str, Any] | None = Field(description="Of a sample of the rows. The whole one is made meanwhile.")


class DatasetPage(Body):
    datasets: list[DatasetBody]
    total: int = Field(description="How many match in all.")
    limit: int
    offset: int
    next: str | None = Field(description="Path and query of the page behind this one.")


class ColumnList(Body):
    dataset: str
    version: int
    columns: list[ColumnBody]


class VersionList(Body):
    dataset: str
    versions: list[VersionBody]


class ProfileBody(Body):
    dataset: str
    version: int
    state: Literal["ready", "queued", "running", "succeeded"] = Field(description="Of the job that makes it.")
    profile: dict[str, Any] | None


class RowsBody(Body):
    dataset: str
    version: int
    columns: list[str]
    rows: list[list[Any]] = Field(
        description="Cells in the order of `columns`: null, true, a number, a text (times as ISO 8601), a list of "
        "numbers for a dense vector, {indices, values} for a sparse one."
    )
    total: int
    limit: int
    offset: int
    next: str | None


class RowsDeleted(Body):
    deleted: int

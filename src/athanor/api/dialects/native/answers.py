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


class TaskWords(Body):
    target: str
    problem: str | None = Field(description="null: not known yet.")
    metric: str | None
    positive: str | int | float | bool | None
    features: list[str] | None = Field(description="null: every column but the target and the excluded ones.")
    excluded: list[str]
    weight: str | None
    distribution: str | None
    types: dict[str, str]


class PlanWords(Body):
    time_limit_s: float | None
    max_trials: int | None
    memory_limit: int | None
    cores: int | None
    seed: int
    preset: str
    excluded_families: list[str]
    ensemble: bool


class ModelBody(Body):
    id: str
    name: str
    family: str
    rank: int
    metric: str
    score: float = Field(description="Of `metric`, out-of-fold.")
    scores: dict[str, float] = Field(description="Of the first model, by every metric that is defined.")
    scored_on: str | None = Field(description="The rows that `scores` were measured on.")
    n_scored: int
    fit_s: float
    predict_s: float


class RunBody(Body):
    id: str
    name: str
    handle: str
    description: str | None
    labels: dict[str, str]
    dataset: str
    state: str = Field(description="Of its newest job. One that was continued in vain has succeeded as before.")
    progress: float = Field(description="0 to 1.")
    reason: str | None = Field(description="Why it ended, where it ended well.")
    error: str | None = Field(description="Why it failed.")
    task: TaskWords
    plan: PlanWords = Field(description="Of its newest job.")
    job: str = Field(description="The newest one.")
    models: list[ModelBody] = Field(description="Best first. While the run is continued, those that it had before.")
    registered_model: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobBody(Body):
    id: str
    kind: str
    state: str
    progress: float
    plan: PlanWords
    attempts: int
    spent_s: float
    peak_memory: int = Field(description="Bytes, of all of its processes together.")
    request: str | None = Field(description="`stop` or `finish`, where somebody asked for it.")
    reason: str | None
    error: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class WholeRun(RunBody):
    """A run with what it is doing and all of its jobs."""

    doing: str | None
    left_s: float | None = Field(description="Seconds until its time is over, as it last said.")
    jobs: list[JobBody] = Field(description="The training first, then what continued it.")


class RunPage(Body):
    runs: list[RunBody]
    total: int
    limit: int
    offset: int
    next: str | None


class LeaderboardRowBody(Body):
    rank: int | None = Field(description="null: not all of its folds are fitted.")
    name: str
    family: str
    score: float | None
    fit_s: float
    predict_s: float
    folds: int
    n_folds: int
    trial: str
    score_error: float | None = Field(description="Standard error of the score; null: not known.")


class LeaderboardBody(Body):
    run: str
    state: str
    metric: str | None
    rows: list[LeaderboardRowBody]


class EventWords(Body):
    seq: int
    kind: str
    at: str
    payload: dict[str, Any]


class EventPage(Body):
    run: str
    job: str = Field(description="The one that told them.")
    state: str = Field(description="Of that job.")
    events: list[EventWords]
    last: int = Field(description="The number to ask on from.")

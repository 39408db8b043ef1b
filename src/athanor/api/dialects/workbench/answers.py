"""The bodies that go, as the vendor names their fields."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from athanor.api.dialects.workbench.bodies import Body


class ErrorDetail(Body):
    field: str
    message: str


class ErrorWords(Body):
    code: str
    message: str
    details: list[ErrorDetail] | None = None


class Meta(Body):
    request_id: str


class ErrorBody(Body):
    success: Literal[False]
    error: ErrorWords
    meta: Meta


Status = Literal["queued", "running", "completed", "failed", "stopped"]


class JobBody(Body):
    id: str
    job_id: str = Field(alias="job_id")
    name: str
    status: Status
    description: str | None
    dataset: str
    problem_type: str | None
    predictor_type: str
    owner: str
    organization_id: str
    target_column: str
    label_column: str | None
    feature_columns: list[str] | None
    preset: str
    time_limit: int | None
    metric: str | None
    hardware: Any
    advanced: Any
    progress: float
    best_model: str | None
    best_score: float | None
    model_id: str | None
    started_at: str | None
    finished_at: str | None
    error: str | None
    created_at: str
    updated_at: str


class JobList(Body):
    count: int = Field(description="How many match in all, not only on this page.")
    limit: int
    offset: int
    jobs: list[JobBody]


class JobStarted(Body):
    id: str
    job_id: str = Field(alias="job_id")
    name: str
    status: Status
    created_at: str
    warnings: list[str]


class JobStopped(Body):
    id: str
    status: Status
    message: str


class JobDeployed(Body):
    id: str
    model_id: str
    model_name: str
    status: Literal["deployed"]
    message: str


class LogLine(Body):
    timestamp: str
    level: Literal["debug", "info", "warning", "error"]
    message: str


class JobLogs(Body):
    job_id: str
    logs: list[LogLine]


class JobStatus(Body):
    id: str
    job_id: str = Field(alias="job_id")
    status: Status
    progress: float
    started_at: str | None
    finished_at: str | None
    error: str | None


class RankedModel(Body):
    model: str
    family: str
    rank: int | None = Field(description="null: not all of its folds are fitted yet.")
    score_val: float | None = Field(alias="score_val")
    fit_time: float = Field(alias="fit_time")
    pred_time: float = Field(alias="pred_time")
    folds: int
    n_folds: int = Field(alias="n_folds")


class JobMetrics(Body):
    id: str
    job_id: str = Field(alias="job_id")
    metric: str | None
    best_model: str | None
    val_score: float | None
    leaderboard: list[RankedModel]


class JobStats(Body):
    total: int
    running: int
    completed: int
    failed: int
    queued: int
    stopped: int
    active: int


class DatasetBody(Body):
    id: str
    name: str
    rows: int
    columns: int
    size_bytes: int
    format: str
    created_at: str
    warnings: list[str]
    rejected: int = Field(description="Rows of the file that could not be read.")


class DatasetList(Body):
    datasets: list[DatasetBody]


class UploadOpened(Body):
    upload_url: str = Field(description="PUT the file's bytes there, with the same key in the header.")
    method: Literal["PUT"]
    dataset: str = Field(description="Valid as `dataset` of a job once the file is there.")
    path: str
    expires_at: str


class FileBody(Body):
    name: str
    format: str
    size_bytes: int


class FileList(Body):
    dataset: str
    files: list[FileBody]


class ColumnBody(Body):
    name: str
    type: str
    storage: str
    reason: str


class ColumnList(Body):
    dataset: str
    file: str
    columns: list[ColumnBody]


class VersionBody(Body):
    version: int
    description: str | None
    metrics: dict[str, float]
    artifact_uri: str
    created_at: str


class DeploymentBody(Body):
    endpoint_url: str
    replicas: int
    hardware: str | None
    deployed_at: str


class ModelBody(Body):
    id: str
    name: str
    description: str | None
    owner: str
    organization_id: str
    workspace_id: str | None
    framework: str
    source: str
    latest_version: int | None
    versions: list[VersionBody]
    tags: list[str]
    status: Literal["registered", "deployed"]
    deployment: DeploymentBody | None
    deleted: bool
    created_at: str
    updated_at: str


class ModelList(Body):
    count: int
    limit: int
    offset: int
    models: list[ModelBody]


class VersionList(Body):
    id: str
    versions: list[VersionBody]


class ModelStatus(Body):
    id: str
    status: Literal["registered", "deployed"]
    deployment: DeploymentBody | None


class ModelServed(Body):
    id: str
    status: Literal["registered", "deployed"]
    message: str


class PredictAnswer(Body):
    prediction: Any
    predictions: list[Any]
    probabilities: list[dict[str, float]] | None = Field(description="Per row: label to probability. null: regression.")
    latency_ms: float = Field(alias="latency_ms")
    prediction_id: str
    prediction_ids: list[str]
    entity_id: str | None
    model_id: str
    version: int


class WhoAmI(Body):
    id: str
    organization_id: str
    scopes: list[str]
    key_id: str | None
    auth_method: Literal["api-key"]


class WhoAmIAnswer(Body):
    data: WhoAmI
    meta: Meta


class KeyBody(Body):
    id: str
    name: str
    key_prefix: str
    scopes: list[str]
    status: Literal["active", "revoked", "expired"]
    expires_at: str | None
    created_at: str


class NewKeyBody(KeyBody):
    key: str = Field(description="Shown this once.")


class NewKeyAnswer(Body):
    data: NewKeyBody
    meta: Meta


class KeyListAnswer(Body):
    data: list[KeyBody]
    meta: Meta

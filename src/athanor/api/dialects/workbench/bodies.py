"""The bodies that come and go, as the vendor names their fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

MAX_NAME, MAX_DESCRIPTION, MAX_TEXT = 200, 4000, 4096
MAX_SECONDS = 31_536_000  # a year
MAX_ROWS = 100_000  # of one predict call


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("A text must not hold the character NUL")
    return text


Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_without_nul)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_without_nul)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION), AfterValidator(_without_nul)]


class Body(BaseModel):
    """camelCase on the wire. What comes must have the type that is asked for; unknown fields are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, strict=True, protected_namespaces=(), frozen=True
    )


# what comes


class Asked(Body):
    """A body that comes. A field that is null is a field that is not there."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


class Hardware(Asked):
    """Hardware as an object. `cpu_count` caps the cores of the training; the rest is shown again, no more."""

    cpu_count: Annotated[int, Field(ge=1, le=4096)] | None = Field(default=None, alias="cpu_count")
    memory_gb: Annotated[float, Field(gt=0)] | None = Field(default=None, alias="memory_gb")
    disk_gb: Annotated[float, Field(ge=0)] | None = Field(default=None, alias="disk_gb")
    gpu_count: Annotated[int, Field(ge=0)] | None = Field(default=None, alias="gpu_count")


class Advanced(Asked):
    """Advanced options. Unknown ones do nothing, and the answer says so."""

    model_config = ConfigDict(extra="allow")

    exclude_models: list[Name] = Field(
        default_factory=list, max_length=100, description="Model families to leave out, such as LightGBM or LR."
    )
    enable_ensemble: bool = Field(default=True, description="false: the best single model is the result.")


ProblemType = Literal[
    "binary_classification",
    "multiclass_classification",
    "regression",
    "tabular",
    "time_series",
    "timeseries",
    "multimodal",
]
PredictorType = Literal[
    "tabular", "auto", "BinaryClassifier", "MultiClassifier", "Regressor", "text", "image", "multimodal"
]
Preset = Literal["best_quality", "high_quality", "good_quality", "medium_quality", "optimize_for_deployment"]


class StartJob(Asked):
    """What to learn, from which dataset, and how hard to try."""

    name: Name
    dataset: Text = Field(description="Id of a dataset, or the path of a file on the server below a configured root.")
    target_column: Text
    description: Description | None = None
    problem_type: ProblemType | None = Field(default=None, description="Found out from the target when left out.")
    predictor_type: PredictorType = "tabular"
    preset: Preset = "best_quality"
    time_limit: int = Field(default=3600, gt=0, le=MAX_SECONDS, description="Seconds, everything included.")
    metric: Text | None = Field(
        default=None, description="accuracy, f1, auc, rmse, … By default accuracy, or rmse for regression."
    )
    feature_columns: list[Text] | None = Field(default=None, max_length=100_000)
    label_column: Text | None = Field(
        default=None, description="Learned instead of `targetColumn` where given; neither is a feature."
    )
    data_source: Text | None = None
    dataset_file: Text | None = None
    hardware: Text | Hardware | None = None
    advanced: Advanced | None = None


class DeployJob(Asked):
    """Nothing is needed; `registryName` names the registered model."""

    registry_name: Name | None = None


class OpenUpload(Asked):
    filename: Name
    content_type: Description | None = None


class ImportDataset(Asked):
    datasource_id: Text
    object_key: Text
    bucket: Text | None = None
    filename: Text | None = None


class CreateKey(Asked):
    name: Name
    scopes: list[Text] = Field(min_length=1, max_length=50)
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class UpdateModel(Asked):
    name: Name | None = None
    description: Description | None = None
    tags: list[Name] | None = Field(default=None, max_length=50)


Row = dict[str, Any]


class PredictRows(Asked):
    """One row, or some, as objects of column: value. A column that is not there is a missing value."""

    input_data: Row | Annotated[list[Row], Field(min_length=1, max_length=MAX_ROWS)] = Field(
        validation_alias=AliasChoices("input_data", "inputData"), description="Also taken as `inputData`."
    )
    path: Text | None = None
    entity_id: Text | None = None
    source: Literal["production", "test"] = "production"


# what goes


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

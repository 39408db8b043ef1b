"""The bodies that come, as the vendor names their fields."""

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

"""The answers of the model operations, as the vendor names their fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from athanor.api.dialects.vecml.answers import Done, JobStatus


class Answer(Done):
    """An answer some of whose fields are called `model_…`, as only the vendor's may."""

    model_config = ConfigDict(protected_namespaces=())


Share = Annotated[float, Field(ge=0, le=1)] | None


class Scores(BaseModel):
    """Of a classification. null: not defined on the samples."""

    accuracy: Share
    micro_precision: Share
    macro_precision: Share
    micro_recall: Share
    macro_recall: Share
    micro_f1: Share
    macro_f1: Share
    auc: Share


Metric = Annotated[Scores | float | None, Field(description="Of a regression, the mean squared error alone.")]


Warned = Annotated[
    str | None, Field(default=None, description="Where the metric was not measured on the data that were asked for.")
]


class AnyJobStatus(JobStatus):
    """How far a job is, and what it trains where it is a training."""

    model_config = ConfigDict(protected_namespaces=())

    task_type: str | None = Field(description="null: the job is no training.")
    model_name: str | None
    label_attribute: str | None
    validation_metric: Metric = Field(default=None, description="Where a training is finished.")
    warning: Warned


class Predictions(Answer):
    num_samples: int = Field(description="Samples whose label was there, and so entered the metric.")
    predictions: list[float | str] = Field(description="One for each sample, in their order.")
    prediction_metric: Metric = Field(description="null: no sample has the label.")


class ValidationMetric(Answer):
    validation_metric: Metric
    warning: Warned


class ModelInfos(Answer):
    model_infos: list[tuple[str, str, str, str, str]] = Field(
        description="model_name, task_type, training_mode, label_attribute, create_time; oldest first."
    )


class Importance(BaseModel):
    feature: str = Field(description="An attribute or column, or the index of a component.")
    importance: float = Field(ge=0, le=1, description="The most important has 1.")


class FeatureImportance(Answer):
    feature_importance: list[Importance]

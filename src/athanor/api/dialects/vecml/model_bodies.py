"""The bodies of the model operations, as the vendor names their fields."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from athanor.api.dialects.vecml.bodies import Base64, Compression, InCollection, Names, Text

Mode = Literal["high_speed", "balanced", "high_accuracy", "auto"]


class OfModel(InCollection):
    """A model of a collection."""

    model_name: Text


class GetValidationMetric(OfModel):
    """The model whose metric is asked for."""


class GetFeatureImportance(OfModel):
    """The model whose inputs are to be told apart."""


class DeleteModel(OfModel):
    """The model that is to be deleted."""


class ListModels(InCollection):
    """The collection whose models are meant."""


class TrainModel(OfModel):
    """What is to be learned from a collection."""

    task_type: Literal["classification", "regression"]
    label_attribute: Text
    training_mode: Mode = Field("balanced", description="auto: by the size of the collection.")
    categorical_features: Names = Field([], description="Attributes that are inputs beside the vector.")
    train_categorical_features: Names = Field([], description="The same; both together where both are sent.")
    validation_dataset: Text | None = Field(
        None, description="Another collection of the project. Without it, samples are validated in turn."
    )

    @property
    def categorical(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.categorical_features, *self.train_categorical_features)))


class Predict(OfModel):
    """A model, and the samples that it is to predict: a file, or the name of a collection."""

    prediction_dataset: Text | None = Field(None, description="A collection of the project.")
    file_data: Base64 = Field(None, description="The file in base64.")
    file_format: Literal["csv", "json", "libsvm"] | None = None
    has_field_names: bool = Field(True, description="Of a csv: its first line names the columns.")
    compression_type: Compression | None = None

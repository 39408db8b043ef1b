"""Predictions of a model, for a collection or for a file that is not kept."""

from __future__ import annotations

from typing import Any

from athanor.api.dialects.vecml import model_answers, model_bodies
from athanor.api.dialects.vecml.files import check_compression
from athanor.api.dialects.vecml.models import TAG, metric_of
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.api.dialects.vecml.records import read_records
from athanor.core.actor import Scope
from athanor.errors import InvalidInput
from athanor.services.collections.models import Source
from athanor.services.collections.prediction_files import SentFile


def predict(body: model_bodies.Predict, caller: Caller) -> dict[str, Any]:
    found = caller.services.collection_models.predict(
        caller.actor, body.project_name, body.collection_name, body.model_name, _source(body, caller)
    )
    metric = metric_of(found.scores, is_regression=found.is_regression) if found.n_labelled else None
    return {"num_samples": found.n_labelled, "predictions": found.labels, "prediction_metric": metric}


def _source(body: model_bodies.Predict, caller: Caller) -> Source:
    if (caller.file is None) == (body.prediction_dataset is None):
        raise InvalidInput(
            "Send either `file_data`, the file in base64, or `prediction_dataset`, the name of a collection.",
            field="file_data",
        )
    if body.prediction_dataset is not None:
        return body.prediction_dataset
    if body.file_format is None:
        raise InvalidInput("`file_format` must say what the file is: csv, json or libsvm.", field="file_format")
    file = caller.sent_file("file_data")
    check_compression(file, body.compression_type)
    return SentFile(
        path=file,
        format=body.file_format,
        has_header=body.has_field_names,
        read_vectors=read_records if body.file_format == "json" else None,
    )


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        name="automl_predict",
        summary="Predict the samples of a file or of a collection",
        tag=TAG,
        body=model_bodies.Predict,
        answer=model_answers.Predictions,
        scopes=(Scope.PREDICT,),
        run=predict,
        aliases=("automl_preidct",),
        takes_data=True,
        is_heavy=True,
        file_fields=("file_data",),
    ),
)

"""Models of a collection: training, its status, the list, what is known of one, deleting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from athanor.api.dialects.vecml import answers, model_answers, model_bodies, words
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.core.actor import Scope
from athanor.core.dataset import Origin
from athanor.core.job import JobState
from athanor.core.names import check_handle
from athanor.engine.plan import Plan
from athanor.engine.scores import MeasuredOn
from athanor.services.collections.models import Question
from athanor.services.jobs import JobView
from athanor.services.runs import RunView

TAG = "Models"
PRESETS: Mapping[str, str] = {  # the vendor's mode -> how hard to try
    "high_speed": "medium_quality",
    "balanced": "good_quality",
    "high_accuracy": "best_quality",
}
MODES: Mapping[str, str] = {preset: mode for mode, preset in PRESETS.items()} | {
    "high_quality": "balanced",
    "fast": "high_speed",
}
MANY_CELLS = 5_000_000  # above, `auto` is high_speed, and balanced otherwise
SCORES: Mapping[str, str] = {  # the vendor's key -> a name in METRICS
    "accuracy": "accuracy",
    "micro_precision": "precision_micro",
    "macro_precision": "precision_macro",
    "micro_recall": "recall_micro",
    "macro_recall": "recall_macro",
    "micro_f1": "f1_micro",
    "macro_f1": "f1_macro",
    "auc": "roc_auc",
}
QUANTITY = "mse"  # the whole metric of a regression
NOT_VALIDATED = (
    "The time was over before the validation dataset was scored: the metric was measured on samples of the collection "
    "that the models had not seen."
)


def train_model(body: model_bodies.TrainModel, caller: Caller) -> dict[str, Any]:
    seconds = caller.surroundings.options
    check_handle(body.model_name, field="model_name")

    def plan(n_cells: int) -> Plan:
        sized = "high_speed" if n_cells > MANY_CELLS else "balanced"
        mode = sized if body.training_mode == "auto" else body.training_mode
        return Plan(preset=PRESETS[mode], time_limit_s=seconds[mode])

    said = {
        "task_type": body.task_type,
        "model_name": body.model_name,
        "label_attribute": body.label_attribute,
    }
    view = caller.services.collection_models.train(
        caller.actor,
        body.project_name,
        body.collection_name,
        name=body.model_name,
        question=Question(
            target=body.label_attribute,
            is_regression=body.task_type == "regression",
            categorical=body.categorical,
        ),
        plan=plan,
        validation=body.validation_dataset,
        naming=caller.naming(body.project_name, body.collection_name, f"{body.model_name}_TrainJob", **said),
        origin=Origin(dialect=words.DIALECT, body=body.model_dump(mode="json", exclude_none=True)),
    )
    return {"job_id": view.job_name}


def training_status(view: JobView) -> dict[str, Any]:
    """What the status of a job tells about the model; null where the job trains none."""
    said = view.alias.said
    told: dict[str, Any] = {field: said.get(field) for field in ("task_type", "model_name", "label_attribute")}
    if view.trained is not None and view.job.state is JobState.SUCCEEDED:
        told |= quality(view.trained)
    return told


def list_models(body: model_bodies.ListModels, caller: Caller) -> dict[str, Any]:
    views = caller.services.collection_models.list(caller.actor, body.project_name, body.collection_name)
    return {"model_infos": [list(_info(view)) for view in views]}


def validation_metric(body: model_bodies.GetValidationMetric, caller: Caller) -> dict[str, Any]:
    view = caller.services.collection_models.named(
        caller.actor, body.project_name, body.collection_name, body.model_name
    )
    return quality(view)


def delete_model(body: model_bodies.DeleteModel, caller: Caller) -> dict[str, Any]:
    caller.services.collection_models.delete(caller.actor, body.project_name, body.collection_name, body.model_name)
    return {}


def feature_importance(body: model_bodies.GetFeatureImportance, caller: Caller) -> dict[str, Any]:
    found = caller.services.collection_models.importance(
        caller.actor, body.project_name, body.collection_name, body.model_name
    )
    most = max((one.share for one in found), default=1.0)
    return {
        "feature_importance": [
            {
                "feature": one.column if one.component is None else str(one.component),
                "importance": one.share / most,
            }
            for one in found
        ]
    }


def metric_of(scores: Mapping[str, float], *, is_regression: bool) -> dict[str, float | None] | float | None:
    """The scores as the vendor shows them: eight keys of a classification, one number of a regression."""
    if is_regression:
        return scores.get(QUANTITY)
    return {key: scores.get(name) for key, name in SCORES.items()}


def quality(view: RunView) -> dict[str, Any]:
    """How good a run's best model is, and a warning where that was not measured on the data that were asked for."""
    best, run = view.best, view.run
    told: dict[str, Any] = {"validation_metric": metric_of(best.scores, is_regression=run.is_regression)}
    if run.validation_version_id is not None and best.scored_on is not MeasuredOn.VALIDATION:
        told["warning"] = NOT_VALIDATED
    return told


def _info(view: RunView) -> tuple[str, str, str, str, str]:
    run = view.run
    said = run.origin.body if run.origin is not None and run.origin.dialect == words.DIALECT else {}
    return (
        run.handle,
        "regression" if run.is_regression else "classification",
        str(said.get("training_mode", MODES[run.plan.preset])),
        run.task.target,
        words.minute_text(run.created_at),
    )


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        name="train_automl_model",
        summary="Train a model on a collection",
        tag=TAG,
        body=model_bodies.TrainModel,
        answer=answers.JobStarted,
        scopes=(Scope.RUNS_WRITE,),
        run=train_model,
    ),
    Operation(
        name="list_automl_model_infos",
        summary="The models of a collection that are trained, oldest first",
        tag=TAG,
        body=model_bodies.ListModels,
        answer=model_answers.ModelInfos,
        scopes=(Scope.RUNS_READ,),
        run=list_models,
    ),
    Operation(
        name="get_model_validation_metric",
        summary="How good a model is on samples that it was not trained on",
        tag=TAG,
        body=model_bodies.GetValidationMetric,
        answer=model_answers.ValidationMetric,
        scopes=(Scope.RUNS_READ,),
        run=validation_metric,
    ),
    Operation(
        name="get_feature_importance",
        summary="What each input does for a model, most first",
        tag=TAG,
        body=model_bodies.GetFeatureImportance,
        answer=model_answers.FeatureImportance,
        scopes=(),
        run=feature_importance,
    ),
    Operation(
        name="delete_automl_model",
        summary="Delete a model; one that trains is stopped first",
        tag=TAG,
        body=model_bodies.DeleteModel,
        answer=answers.Done,
        scopes=(Scope.RUNS_WRITE,),
        run=delete_model,
    ),
)

"""Models of a collection: training, its status, the list, what is known of one, deleting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from athanor.api.dialects.vecml import answers, model_answers, model_bodies, words
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.core.actor import Scope
from athanor.core.dataset import Origin
from athanor.core.job import JobKind, JobState
from athanor.core.model import Model
from athanor.core.names import check_handle
from athanor.engine.metrics import METRICS
from athanor.engine.plan import Plan
from athanor.errors import Conflict
from athanor.services.collections.models import Question
from athanor.services.jobs import JobView
from athanor.services.runs import RunView

TAG = "Models"
PRESETS: Mapping[str, str] = {  # the vendor's mode -> how hard to try
    "high_speed": "medium_quality",
    "balanced": "good_quality",
    "high_accuracy": "best_quality",
}
MODES: Mapping[str, str] = {preset: mode for mode, preset in PRESETS.items()} | {"high_quality": "balanced"}
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


def train_model(body: model_bodies.TrainModel, caller: Caller) -> dict[str, Any]:
    modes = caller.surroundings.modes
    check_handle(body.model_name, field="model_name")

    def plan(n_cells: int) -> Plan:
        sized = "high_speed" if n_cells > MANY_CELLS else "balanced"
        mode = sized if body.training_mode == "auto" else body.training_mode
        return Plan(preset=PRESETS[mode], time_limit_s=modes[mode])

    said = {
        "task_type": body.task_type,
        "model_name": body.model_name,
        "label_attribute": body.label_attribute,
    }
    view = caller.services.vector_models.train(
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
    if view.job.kind is JobKind.TRAIN and view.job.state is JobState.SUCCEEDED:
        told["validation_metric"] = best_metric(view.models)
    return told


def list_models(body: model_bodies.ListModels, caller: Caller) -> dict[str, Any]:
    views = caller.services.vector_models.list(caller.actor, body.project_name, body.collection_name)
    return {"model_infos": [list(_info(view)) for view in views]}


def validation_metric(body: model_bodies.GetValidationMetric, caller: Caller) -> dict[str, Any]:
    view = caller.services.vector_models.named(caller.actor, body.project_name, body.collection_name, body.model_name)
    if view.state is not JobState.SUCCEEDED:
        raise Conflict(
            f"The model {body.model_name!r} is not trained: its job is {words.STATES[view.state]}.",
            code="job-not-completed",
        )
    return {"validation_metric": best_metric(view.models)}


def delete_model(body: model_bodies.DeleteModel, caller: Caller) -> dict[str, Any]:
    caller.services.vector_models.delete(caller.actor, body.project_name, body.collection_name, body.model_name)
    return {}


def feature_importance(body: model_bodies.GetFeatureImportance, caller: Caller) -> dict[str, Any]:
    found = caller.services.vector_models.importance(
        caller.actor, body.project_name, body.collection_name, body.model_name
    )
    most = max((one.share for one in found), default=0.0) or 1.0
    return {
        "feature_importance": [
            {
                "feature": one.column if one.component is None else str(one.component),
                "importance": max(0.0, one.share / most),
            }
            for one in found
        ]
    }


def metric_of(scores: Mapping[str, float], *, is_regression: bool) -> dict[str, float | None] | float | None:
    """The scores as the vendor shows them: eight keys of a classification, one number of a regression."""
    if is_regression:
        return scores.get(QUANTITY)
    return {key: scores.get(name) for key, name in SCORES.items()}


def best_metric(models: Sequence[Model]) -> dict[str, float | None] | float | None:
    """The metric of a run, whose best model comes first."""
    return metric_of(models[0].scores, is_regression=learned_a_quantity(models[0])) if models else None


def learned_a_quantity(model: Model) -> bool:
    return "regression" in METRICS[model.metric].problems


def _info(view: RunView) -> tuple[str, str, str, str, str]:
    run = view.run
    said = run.origin.body if run.origin is not None and run.origin.dialect == words.DIALECT else {}
    return (
        run.handle,
        "regression" if learned_a_quantity(view.models[0]) else "classification",
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

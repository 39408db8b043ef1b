"""A job as the vendor asks for it, as the core's Task and Plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from athanor.api.dialects.workbench import words
from athanor.api.dialects.workbench.bodies import Advanced, Hardware, StartJob
from athanor.engine.plan import Plan
from athanor.engine.task import Task
from athanor.errors import InvalidInput

_PROBLEMS = {word: core for core, word in words.PROBLEMS.items()}
_PREDICTORS = {"BinaryClassifier": "binary", "MultiClassifier": "multiclass", "Regressor": "regression"}
_LATER_PROBLEMS = frozenset({"time_series", "timeseries", "multimodal"})
_LATER_PREDICTORS = frozenset({"text", "image", "multimodal"})
_PRESETS = {"optimize_for_deployment": "good_quality"}  # the core's that answers fast


def task_of(body: StartJob) -> Task:
    """What is to be learned. `labelColumn` is learned where it is given; `targetColumn` is no feature then."""
    target = body.label_column or body.target_column
    features = None
    if body.feature_columns is not None:
        features = tuple(name for name in body.feature_columns if name not in {target, body.target_column})
        if not features:
            raise InvalidInput(
                "`featureColumns` names no column but the target. Name others, or leave it out to take all.",
                field="features",
            )
    return Task(
        target=target,
        problem=_problem(body),
        metric=_metric(body.metric),
        default_metrics=words.DEFAULT_METRICS,
        features=features,
        excluded=() if target == body.target_column else (body.target_column,),
    )


def plan_of(body: StartJob) -> tuple[Plan, list[str]]:
    """How hard to try, and what of the body changes nothing, in words."""
    advanced = body.advanced or Advanced()
    excluded, unknown = words.family_names(advanced.exclude_models)
    warnings = [
        f"`advanced.excludeModels`: no model family {name!r} here, so there is nothing to leave out."
        for name in unknown
    ]
    warnings += [f"`advanced.{name[:80]}` is not known and changes nothing." for name in advanced.model_extra or ()]
    if body.data_source is not None:
        warnings.append("`dataSource` changes nothing: the dataset itself is on this server.")
    if isinstance(body.hardware, str):
        warnings.append("`hardware` is kept, but this server has only its own: the job runs on that.")
    plan = Plan(
        time_limit_s=float(body.time_limit),
        preset=_PRESETS.get(body.preset, body.preset),
        cores=body.hardware.cpu_count if isinstance(body.hardware, Hardware) else None,
        excluded_families=excluded,
        ensemble=advanced.enable_ensemble,
    )
    return plan, warnings


def named_dataset(text: str) -> UUID | None:
    """The dataset that an id, or the path of an opened upload, names. None: it can only be a path on the server."""
    return words.parse_id(text, "ds_") or words.parse_id(text, "uploads/upload_")


def echo_of(body: StartJob) -> Mapping[str, Any]:
    """What is shown again as it was said. Nothing here changes what the platform does."""
    said = body.model_dump(
        mode="json",
        by_alias=True,
        exclude_unset=True,
        include={
            "target_column",
            "label_column",
            "problem_type",
            "predictor_type",
            "preset",
            "metric",
            "data_source",
            "dataset_file",
            "hardware",
        },
    )
    if body.advanced is not None:
        known = {"exclude_models", "enable_ensemble"}
        said["advanced"] = body.advanced.model_dump(mode="json", by_alias=True, exclude_unset=True, include=known)
    return said


def _problem(body: StartJob) -> str | None:
    if body.problem_type in _LATER_PROBLEMS:
        raise InvalidInput(
            f"`problemType` {body.problem_type} comes later. Now: {', '.join(_PROBLEMS)}.",
            field="problem",
            code="not-supported",
        )
    if body.predictor_type in _LATER_PREDICTORS:
        raise InvalidInput(
            f"`predictorType` {body.predictor_type} comes later. Now: tabular.",
            field="predictorType",
            code="not-supported",
        )
    asked = _PROBLEMS.get(body.problem_type or "")
    implied = _PREDICTORS.get(body.predictor_type)
    if asked and implied and asked != implied:
        raise InvalidInput(
            f"`problemType` {body.problem_type} and `predictorType` {body.predictor_type} contradict each other. "
            "Leave one out.",
            field="problem",
        )
    return asked or implied


def _metric(word: str | None) -> str | None:
    if word is None:
        return None
    plain = word.strip().lower()
    return words.METRICS.get(plain, plain)

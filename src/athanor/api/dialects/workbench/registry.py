"""The model registry: what was deployed, its versions, and its answers."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.workbench import answers, bodies, words
from athanor.api.dialects.workbench.jobs import MAX_LIMIT, Limit, Offset, Word
from athanor.core.actor import Scope
from athanor.core.ids import new_id
from athanor.core.model import ModelVersion
from athanor.engine.predictions import Predictions
from athanor.services.register import RegisteredView

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Model registry"])
SORTS = {"createdAt": "created_at", "updatedAt": "updated_at", "name": "name"}
FRAMEWORK = "custom"  # an ensemble of several families is none of the vendor's other words
# Both, because the vendor lets ml-workbench:write deploy a job, but not change the registry.
WRITE = words.needs(Scope.MODELS_WRITE, Scope.PREDICT)

ModelId = Annotated[str, Path(description="model_ and 32 hexadecimal digits")]


@ROUTER.get(
    "/model-registry/models",
    response_model=answers.ModelList,
    summary="Registered models that match, page by page",
    openapi_extra=words.needs(Scope.MODELS_READ),
)
def list_models(
    *,
    request: Request,
    actor: TheActor,
    services: TheServices,
    search: Word = None,
    framework: Literal["pytorch", "tensorflow", "xgboost", "sklearn", "onnx", "custom"] | None = None,
    source: Literal["automl", "fine-tuning", "experiment", "manual"] | None = None,
    status: Literal["registered", "deployed", "archived"] | None = None,
    limit: Limit = 20,
    offset: Offset = 0,
    sort: Word = None,
    sort_by: Annotated[Word, Query(alias="sortBy")] = None,
    sort_order: Annotated[Word, Query(alias="sortOrder")] = None,
) -> dict[str, Any]:
    field, descending = words.parse_sort(sort, sort_by, sort_order, SORTS)
    shown: dict[str, Any] = {"limit": min(limit, MAX_LIMIT), "offset": offset}
    if framework not in {None, FRAMEWORK} or status == "archived":  # there are none of these
        return {"count": 0, **shown, "models": []}
    page = services.register.find(
        actor,
        search=search or None,
        source=source,
        is_deployed=None if status is None else status == "deployed",
        sort=field,
        descending=descending,
        **shown,
    )
    return {"count": page.total, **shown, "models": [spelled(view, request) for view in page.items]}


@ROUTER.get(
    "/model-registry/models/{model}",
    response_model=answers.ModelBody,
    summary="One registered model",
    openapi_extra=words.needs(Scope.MODELS_READ),
)
def get_model(model: ModelId, request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return spelled(services.register.get(actor, _model_id(model)), request)


@ROUTER.put(
    "/model-registry/models/{model}",
    response_model=answers.ModelBody,
    summary="Change a model's name, description or tags",
    openapi_extra=WRITE,
)
def update_model(
    model: ModelId,
    body: bodies.UpdateModel,
    request: Request,
    actor: TheActor,
    services: TheServices,
) -> dict[str, Any]:
    labels = None if body.tags is None else _labels(body.tags)
    view = services.register.update(
        actor, _model_id(model), name=body.name, description=body.description, labels=labels
    )
    return spelled(view, request)


@ROUTER.delete(
    "/model-registry/models/{model}",
    status_code=204,
    summary="Delete a model; one that is deployed must be stopped first",
    openapi_extra=WRITE,
)
def delete_model(model: ModelId, actor: TheActor, services: TheServices) -> Response:
    services.register.delete(actor, _model_id(model))
    return Response(status_code=204)


@ROUTER.get(
    "/model-registry/models/{model}/versions",
    response_model=answers.VersionList,
    summary="The versions of a model, newest first",
    openapi_extra=words.needs(Scope.MODELS_READ),
)
def list_versions(model: ModelId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    versions = services.register.versions(actor, _model_id(model))
    return {"id": words.model_id(_model_id(model)), "versions": [_version(version) for version in versions]}


@ROUTER.get(
    "/model-registry/models/{model}/status",
    response_model=answers.ModelStatus,
    summary="Whether a model answers",
    openapi_extra=words.needs(Scope.MODELS_READ),
)
def model_status(model: ModelId, request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    shown = spelled(services.register.get(actor, _model_id(model)), request)
    return {field: shown[field] for field in ("id", "status", "deployment")}


@ROUTER.post(
    "/model-registry/models/{model}/deploy",
    response_model=answers.ModelServed,
    summary="Let a model answer; nothing happens where it does",
    openapi_extra=WRITE,
)
def deploy_model(model: ModelId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return _served(services.deploy.start(actor, _model_id(model)), "Model deployed successfully")


@ROUTER.post(
    "/model-registry/models/{model}/start",
    response_model=answers.ModelServed,
    summary="Let a stopped model answer again",
    openapi_extra=WRITE,
)
def start_model(model: ModelId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return _served(services.deploy.start(actor, _model_id(model)), "Model started successfully")


@ROUTER.post(
    "/model-registry/models/{model}/stop",
    response_model=answers.ModelServed,
    summary="Let a model answer no more",
    openapi_extra=WRITE,
)
def stop_model(model: ModelId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return _served(services.deploy.stop(actor, _model_id(model)), "Model stopped successfully")


@ROUTER.post(
    "/model-registry/models/{model}/predict",
    response_model=answers.PredictAnswer,
    summary="Predict one row, or some",
    openapi_extra=words.needs(Scope.PREDICT),
)
def predict(model: ModelId, body: bodies.PredictRows, actor: TheActor, services: TheServices) -> dict[str, Any]:
    began = time.perf_counter()
    rows = [body.input_data] if isinstance(body.input_data, dict) else body.input_data
    answer = services.predict.rows(actor, _model_id(model), rows)
    values = answer.predictions.labels()
    ids = [f"pred_{new_id().hex}" for _ in values]
    return {
        "prediction": values[0],
        "predictions": values,
        "probabilities": _probabilities(answer.predictions),
        "latency_ms": round((time.perf_counter() - began) * 1000, 3),
        "predictionId": ids[0],
        "predictionIds": ids,
        "entityId": body.entity_id,
        "modelId": words.model_id(answer.registered.id),
        "version": answer.version.number,
    }


def spelled(view: RegisteredView, request: Request) -> dict[str, Any]:
    """A registered model as the vendor's RegisteredModel."""
    model = view.registered
    shown_id = words.model_id(model.id)
    deployment = None
    if view.is_deployed and view.deployment is not None:
        deployment = {
            "endpointUrl": f"{request.base_url}api/v1/model-registry/models/{shown_id}/predict",
            "replicas": 1,
            "hardware": None,
            "deployedAt": words.time_text(view.deployment.updated_at),
        }
    return {
        "id": shown_id,
        "name": model.name,
        "description": model.description,
        "owner": words.user_id(model.owner_id),
        "organizationId": words.organization_id(model.organization_id),
        "workspaceId": None,
        "framework": FRAMEWORK,
        "source": model.source,
        "latestVersion": view.versions[0].number if view.versions else None,
        "versions": [_version(version) for version in view.versions],
        "tags": [f"{key}:{value}" if value else key for key, value in model.labels.items()],
        "status": _status(view),
        "deployment": deployment,
        "deleted": False,
        "createdAt": words.time_text(model.created_at),
        "updatedAt": words.time_text(model.updated_at),
    }


def _labels(tags: list[str]) -> dict[str, str]:
    """`team:risk` is the label team = risk; a tag without a colon is a label without a value."""
    return {key: value for key, _, value in (tag.partition(":") for tag in tags)}


def _version(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "description": version.description,
        "metrics": {version.metric: version.score},
        "artifactUri": f"athanor://{words.model_id(version.registered_id)}/versions/{version.number}",
        "createdAt": words.time_text(version.created_at),
    }


def _served(view: RegisteredView, message: str) -> dict[str, Any]:
    return {"id": words.model_id(view.registered.id), "status": _status(view), "message": message}


def _status(view: RegisteredView) -> str:
    return "deployed" if view.is_deployed else "registered"


def _probabilities(predictions: Predictions) -> list[dict[str, float]] | None:
    """Per row: the label as text -> its probability. None for regression."""
    if predictions.probabilities is None:
        return None
    labels = [_label_text(label) for label in predictions.classes]
    return [dict(zip(labels, row, strict=True)) for row in predictions.probabilities.tolist()]


def _label_text(label: object) -> str:
    """A label as a key in JSON: `true`, not `True`; 1.0 as it is stored."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _model_id(text: str) -> UUID:
    return words.wanted_id(text, "model_", "model")

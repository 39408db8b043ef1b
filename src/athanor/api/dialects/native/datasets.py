"""Datasets: bring them, find them, look at what they are, change their names, end them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.native import answers, bodies, words
from athanor.api.dialects.native.files import FILE_OPTIONS, NEW_OPTIONS, takes_file
from athanor.api.json_response import SafeJSONResponse
from athanor.api.reading_fields import READING, check_fields, reading_options
from athanor.api.uploads import Spool
from athanor.core.actor import Scope
from athanor.core.dataset import DatasetVersion, Origin
from athanor.core.job import FINAL
from athanor.engine.tables.schema import Schema
from athanor.errors import Conflict
from athanor.services.ingest import ProfileView
from athanor.services.versions import DatasetView

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Datasets"])
MAX_LIMIT, MAX_OFFSET = 100, 2**31

DatasetId = Annotated[str, Path(description="A UUID")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]
Version = Annotated[int | None, Query(ge=1, le=MAX_OFFSET, description="A version's number; the newest without it.")]


@ROUTER.get(
    "/datasets",
    response_model=answers.DatasetPage,
    summary="Datasets that match, newest first, page by page",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_datasets(
    *,
    request: Request,
    actor: TheActor,
    services: TheServices,
    search: Annotated[
        str, Query(max_length=200, pattern=r"^[^\x00]*$", description="Stands in the name; letter case does not count.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 20,
    offset: Offset = 0,
) -> dict[str, Any]:
    page = services.ingest.find(actor, search=search or None, limit=limit, offset=offset)
    return {
        "datasets": [spelled(view) for view in page.items],
        "total": page.total,
        "limit": limit,
        "offset": offset,
        "next": words.next_page(request, offset=offset, limit=limit, total=page.total),
    }


@ROUTER.post(
    "/datasets",
    status_code=201,
    response_model=answers.ArrivalBody,
    summary="Bring a file: as a form, or as the body itself",
    openapi_extra={**words.needs(Scope.DATA_WRITE), **takes_file({**NEW_OPTIONS, **FILE_OPTIONS})},
)
async def create_dataset(request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    spool: Spool = request.app.state.spool
    async with spool.file(request) as received:
        check_fields(received.fields, (*NEW_OPTIONS, *READING))
        view = await run_in_threadpool(
            services.ingest.receive,
            received.path,
            filename=received.filename,
            name=received.fields.get("name") or None,
            actor=actor,
            origin=Origin(dialect="native", body={"filename": received.filename, **received.fields}),
            options=reading_options(received.fields),
            id_column=received.fields.get("id_column") or None,
        )
    return arrived(view)


@ROUTER.get(
    "/datasets/{dataset}",
    response_model=answers.DatasetBody,
    summary="A dataset and its newest version",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def get_dataset(dataset: DatasetId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return spelled(services.ingest.get(actor, words.dataset_id(dataset)))


@ROUTER.patch(
    "/datasets/{dataset}",
    response_model=answers.DatasetBody,
    summary="Another name, other labels",
    openapi_extra=words.needs(Scope.DATA_WRITE),
)
def change_dataset(
    dataset: DatasetId, body: bodies.ChangeDataset, actor: TheActor, services: TheServices
) -> dict[str, Any]:
    return spelled(services.datasets.change(actor, words.dataset_id(dataset), name=body.name, labels=body.labels))


@ROUTER.delete(
    "/datasets/{dataset}",
    status_code=204,
    summary="Remove a dataset with all of its versions",
    openapi_extra=words.needs(Scope.DATA_WRITE),
)
def delete_dataset(dataset: DatasetId, actor: TheActor, services: TheServices) -> Response:
    services.datasets.delete(actor, words.dataset_id(dataset))
    return Response(status_code=204)


@ROUTER.get(
    "/datasets/{dataset}/columns",
    response_model=answers.ColumnList,
    summary="The columns, what they were taken to mean, and why",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_columns(dataset: DatasetId, actor: TheActor, services: TheServices, version: Version = None) -> dict[str, Any]:
    found = services.ingest.get(actor, words.dataset_id(dataset), version=version).version
    return {"dataset": str(found.dataset_id), "version": found.number, "columns": _columns(found.schema)}


@ROUTER.get(
    "/datasets/{dataset}/profile",
    response_model=answers.ProfileBody,
    responses={202: {"model": answers.ProfileBody, "description": "It is being made: `state` says how far it is."}},
    summary="What every column holds, over all rows",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def get_profile(dataset: DatasetId, actor: TheActor, services: TheServices, version: Version = None) -> Response:
    """A version that came of added rows is profiled when it is first asked for."""
    return _profile(services.ingest.profile(actor, words.dataset_id(dataset), version=version))


@ROUTER.get(
    "/datasets/{dataset}/profile.html",
    response_class=HTMLResponse,
    responses={202: {"model": answers.ProfileBody, "description": "It is being made: `state` says how far it is."}},
    summary="The profile as a page for people",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def get_profile_page(dataset: DatasetId, actor: TheActor, services: TheServices, version: Version = None) -> Response:
    found = services.ingest.profile(actor, words.dataset_id(dataset), version=version)
    if found.profile is None:
        return _profile(found)
    from athanor.engine.profile_page.page import About, page_policy, profile_page
    from athanor.engine.profiling.profile import Profile

    about = About(
        name=found.dataset.name,
        read=f"Version {found.version.number} of {words.time_text(found.version.created_at)}",
        warnings=found.version.warnings,
        n_rejected=found.version.n_rejected,
    )
    page = profile_page(Profile.from_json(found.profile), about)
    return HTMLResponse(page, headers={"Content-Security-Policy": page_policy()})


@ROUTER.get(
    "/datasets/{dataset}/versions",
    response_model=answers.VersionList,
    summary="All versions, oldest first",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_versions(dataset: DatasetId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    wanted = words.dataset_id(dataset)
    versions = [_version(version) for version in services.datasets.versions(actor, wanted)]
    return {"dataset": str(wanted), "versions": versions}


@ROUTER.post(
    "/datasets/{dataset}/versions",
    status_code=201,
    response_model=answers.ArrivalBody,
    summary="A file in the place of all rows, as the next version",
    openapi_extra={**words.needs(Scope.DATA_WRITE), **takes_file(FILE_OPTIONS)},
)
async def create_version(
    dataset: DatasetId, request: Request, actor: TheActor, services: TheServices
) -> dict[str, Any]:
    wanted = words.dataset_id(dataset)
    spool: Spool = request.app.state.spool
    async with spool.file(request) as received:
        check_fields(received.fields, READING)
        view = await run_in_threadpool(
            services.datasets.new_version,
            actor,
            wanted,
            received.path,
            filename=received.filename,
            options=reading_options(received.fields),
        )
    return arrived(view)


def spelled(view: DatasetView) -> dict[str, Any]:
    dataset = view.dataset
    return {
        "id": str(dataset.id),
        "name": dataset.name,
        "handle": dataset.handle,
        "labels": dict(dataset.labels),
        "format": dataset.format,
        "size_bytes": dataset.size_bytes,
        "id_column": dataset.id_column,
        "created_at": words.time_text(dataset.created_at),
        "version": _version(view.version),
    }


def arrived(view: DatasetView) -> dict[str, Any]:
    profile = view.sample_profile
    return {
        **spelled(view),
        "columns": _columns(view.version.schema),
        "findings": list((profile or {}).get("findings", ())),
        "profile": profile,
    }


def _profile(found: ProfileView) -> Response:
    """The profile, or how far it is. Raises Conflict where there will be none."""
    if found.profile is None and found.state in FINAL:
        raise Conflict(f"The profile was not made: {found.error or found.state.value}", code="profile-failed")
    body = {
        "dataset": str(found.dataset.id),
        "version": found.version.number,
        "state": words.STATES[found.state],
        "profile": found.profile,
    }
    return SafeJSONResponse(body, status_code=200 if found.profile is not None else 202)


def _version(version: DatasetVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "rows": version.n_rows,
        "columns": len(version.schema.columns),
        "rejected": version.n_rejected,
        "warnings": list(version.warnings),
        "created_at": words.time_text(version.created_at),
    }


def _columns(schema: Schema) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": column.type.value,
            "storage": column.storage.value,
            "reason": column.reason,
            "dim": column.dim,
        }
        for column in schema.columns
    ]

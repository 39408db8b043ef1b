"""Datasets: what is there, and the two ways of bringing a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.workbench import answers, bodies, words
from athanor.api.reading_fields import READING, reading_options
from athanor.api.uploads import Spool, shown_filename
from athanor.core.actor import Scope
from athanor.core.dataset import Origin
from athanor.errors import NotFound, NotSupported
from athanor.services.versions import DatasetView

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Datasets"])
DatasetId = Annotated[str, Path(description="ds_ and 32 hexadecimal digits")]
_FILE = {"type": "string", "format": "binary"}
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": _FILE,
                    "name": {"type": "string", "maxLength": bodies.MAX_NAME},
                    **{name: {"type": "string"} for name in READING},
                },
            }
        }
    },
}


@ROUTER.get(
    "/automl/datasets",
    response_model=answers.DatasetList,
    summary="All datasets, newest first",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_datasets(actor: TheActor, services: TheServices) -> dict[str, Any]:
    return {"datasets": [spelled(view) for view in services.ingest.list(actor)]}


@ROUTER.post(
    "/automl/datasets",
    status_code=201,
    response_model=answers.DatasetBody,
    summary="Upload a file as a multipart form; its other fields may say how to read it",
    openapi_extra={**words.needs(Scope.DATA_WRITE), "requestBody": _FORM},
)
async def upload_dataset(request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    spool: Spool = request.app.state.spool
    async with spool.form(request) as received:
        view = await run_in_threadpool(
            services.ingest.receive,
            received.path,
            filename=received.filename,
            name=received.fields.get("name"),
            actor=actor,
            origin=Origin(dialect="workbench", body={"filename": received.filename}),
            options=reading_options(received.fields),
        )
    return spelled(view)


@ROUTER.post(
    "/automl/datasets/upload-url",
    response_model=answers.UploadOpened,
    summary="Leave to PUT one file",
    openapi_extra=words.needs(Scope.DATA_WRITE),
)
def open_upload(body: bodies.OpenUpload, request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    upload = services.ingest.open_upload(actor, shown_filename(body.filename))
    path = f"api/v1/automl/datasets/uploads/{words.upload_id(upload.id)}"
    return {
        "uploadUrl": f"{request.base_url}{path}",
        "method": "PUT",
        "dataset": words.dataset_id(upload.id),
        "path": f"uploads/{words.upload_id(upload.id)}",
        "expiresAt": words.time_text(upload.expires_at),
    }


@ROUTER.put(
    "/automl/datasets/uploads/{upload}",
    status_code=201,
    response_model=answers.DatasetBody,
    summary="The file itself, as the body",
    openapi_extra={
        **words.needs(Scope.DATA_WRITE),
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _FILE}}},
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in READING
        ],
    },
)
async def put_upload(
    upload: Annotated[str, Path(description="upload_ and 32 hexadecimal digits")],
    request: Request,
    actor: TheActor,
    services: TheServices,
) -> dict[str, Any]:
    spool: Spool = request.app.state.spool
    wanted = words.wanted_id(upload, "upload_", "upload")
    leave = await run_in_threadpool(services.ingest.upload, actor, wanted)
    async with spool.body(request, filename=leave.filename) as received:
        view = await run_in_threadpool(
            services.ingest.receive,
            received.path,
            filename=received.filename,
            name=None,
            actor=actor,
            upload_id=leave.id,
            origin=Origin(dialect="workbench", body={"filename": received.filename}),
            options=reading_options(request.query_params),
        )
    return spelled(view)


@ROUTER.post(
    "/automl/datasets/import-from-datasource",
    summary="Not built yet: answers 501",
    openapi_extra=words.needs(Scope.DATA_WRITE),
)
def import_dataset(body: bodies.ImportDataset) -> dict[str, Any]:
    raise NotSupported(
        f"Data sources come later, so {body.object_key[:80]!r} cannot be imported. Upload the file instead: "
        "POST /api/v1/automl/datasets."
    )


@ROUTER.get(
    "/automl/datasets/{dataset}/files",
    response_model=answers.FileList,
    summary="The files of a dataset",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_files(dataset: DatasetId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    view = services.ingest.get(actor, words.wanted_id(dataset, "ds_", "dataset"))
    stored = view.dataset
    file = {"name": file_name(view), "format": stored.format, "sizeBytes": stored.size_bytes}
    return {"dataset": words.dataset_id(stored.id), "files": [file]}


@ROUTER.get(
    "/automl/datasets/{dataset}/columns",
    response_model=answers.ColumnList,
    summary="The columns of a dataset, what they were taken to mean, and why",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_columns(
    dataset: DatasetId,
    actor: TheActor,
    services: TheServices,
    file: Annotated[str | None, Query(description="A name that /files lists; the only file when left out.")] = None,
) -> dict[str, Any]:
    view = services.ingest.get(actor, words.wanted_id(dataset, "ds_", "dataset"))
    check_file(view, file)
    columns = [
        {"name": column.name, "type": column.type.value, "storage": column.storage.value, "reason": column.reason}
        for column in view.version.schema.columns
    ]
    return {"dataset": words.dataset_id(view.dataset.id), "file": file_name(view), "columns": columns}


def file_name(view: DatasetView) -> str:
    """The name that the dataset's one file came under."""
    sent = view.dataset.origin.body.get("filename") if view.dataset.origin else None
    return str(sent or f"{view.dataset.name}.{view.dataset.format}")


def check_file(view: DatasetView, wanted: str | None) -> None:
    if wanted is not None and wanted != file_name(view):
        raise NotFound(f"The dataset has no file {wanted[:80]!r}. Its file is {file_name(view)!r}.")


def spelled(view: DatasetView) -> dict[str, Any]:
    return {
        "id": words.dataset_id(view.dataset.id),
        "name": view.dataset.name,
        "rows": view.version.n_rows,
        "columns": len(view.version.schema.columns),
        "sizeBytes": view.dataset.size_bytes,
        "format": view.dataset.format,
        "createdAt": words.time_text(view.dataset.created_at),
        "warnings": list(view.version.warnings),
        "rejected": view.version.n_rejected,
    }

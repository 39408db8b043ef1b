"""The rows of a dataset: look at some, add some, take some away, take all along."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.native import answers, bodies, words
from athanor.api.dialects.native.datasets import DatasetId, Offset, Version, spelled
from athanor.api.dialects.native.files import FILE, FILE_OPTIONS, takes_file
from athanor.api.downloads import DownloadResponse
from athanor.api.reading_fields import READING, check_fields, reading_options
from athanor.api.uploads import Spool
from athanor.core.actor import Actor, Scope
from athanor.services import Services
from athanor.services.datasets import MOST_ROWS
from athanor.services.versions import DatasetView

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Rows"])


@ROUTER.get(
    "/datasets/{dataset}/rows",
    response_model=answers.RowsBody,
    summary="Some rows, in their order",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def list_rows(
    *,
    request: Request,
    dataset: DatasetId,
    actor: TheActor,
    services: TheServices,
    version: Version = None,
    columns: Annotated[
        list[str] | None, Query(max_length=50_000, description="Once for each column; all of them without it.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    offset: Offset = 0,
) -> dict[str, Any]:
    page = services.datasets.rows(
        actor, words.dataset_id(dataset), version=version, offset=offset, limit=limit, columns=columns
    )
    return {
        "dataset": str(page.version.dataset_id),
        "version": page.version.number,
        "columns": list(page.columns),
        "rows": [list(row) for row in page.rows],
        "total": page.total,
        "limit": limit,
        "offset": page.offset,
        "next": words.next_page(request, offset=offset, limit=limit, total=page.total),
    }


@ROUTER.post(
    "/datasets/{dataset}/rows",
    response_model=answers.DatasetBody,
    summary="Rows behind those that are there: as JSON, or as a file",
    openapi_extra={
        **words.needs(Scope.DATA_WRITE),
        **takes_file(FILE_OPTIONS, {"application/json": {"schema": bodies.AppendRows.model_json_schema()}}),
    },
)
async def append_rows(dataset: DatasetId, request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    """All of them or none. A file is read as the dataset's columns say; one that came before changes nothing."""
    wanted = words.dataset_id(dataset)
    if words.is_json(request.headers.get("content-type", ""), request.query_params):
        view = await run_in_threadpool(_append_json, await request.body(), wanted, actor, services)
        return spelled(view)
    spool: Spool = request.app.state.spool
    async with spool.file(request) as received:
        check_fields(received.fields, READING)
        view = await run_in_threadpool(
            services.datasets.append,
            actor,
            wanted,
            received.path,
            filename=received.filename,
            options=reading_options(received.fields),
        )
    return spelled(view)


@ROUTER.delete(
    "/datasets/{dataset}/rows",
    response_model=answers.RowsDeleted,
    summary="Take rows away by their ids",
    openapi_extra=words.needs(Scope.DATA_WRITE),
)
def delete_rows(dataset: DatasetId, body: bodies.DeleteRows, actor: TheActor, services: TheServices) -> dict[str, Any]:
    """Ids that are not there are no error; `deleted` says how many were."""
    return {"deleted": services.datasets.delete_rows(actor, words.dataset_id(dataset), [str(one) for one in body.ids])}


@ROUTER.get(
    "/datasets/{dataset}/download",
    status_code=200,
    response_class=DownloadResponse,
    responses={200: {"content": {"text/csv": {"schema": FILE}, "application/vnd.apache.parquet": {"schema": FILE}}}},
    summary="All rows as one file",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def download(
    dataset: DatasetId,
    actor: TheActor,
    services: TheServices,
    format: Literal["csv", "parquet"] = "csv",  # noqa: A002
    version: Version = None,
) -> DownloadResponse:
    made = services.datasets.download(actor, words.dataset_id(dataset), version=version, file_format=format)
    return DownloadResponse(made.chunks, filename=made.filename, media_type=made.media_type)


@ROUTER.get(
    "/datasets/{dataset}/rejects",
    status_code=200,
    response_class=DownloadResponse,
    responses={200: {"content": {"text/csv": {"schema": FILE}}}},
    summary="The rows of its files that could not be read, as CSV: line, reason, text",
    openapi_extra=words.needs(Scope.DATA_READ),
)
def download_rejects(
    dataset: DatasetId, actor: TheActor, services: TheServices, version: Version = None
) -> DownloadResponse:
    wanted = words.dataset_id(dataset)
    chunks = services.datasets.rejects(actor, wanted, version=version)
    return DownloadResponse(chunks, filename=f"rejects-{wanted}.csv", media_type="text/csv")


def _append_json(body: bytes, dataset_id: UUID, actor: Actor, services: Services) -> DatasetView:
    return services.datasets.append_rows(actor, dataset_id, bodies.rows_in(body).rows)

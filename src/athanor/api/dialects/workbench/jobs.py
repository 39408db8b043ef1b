"""AutoML jobs: the runs of the platform, as this vendor shows and steers them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.workbench import answers, bodies, tasks, words
from athanor.api.dialects.workbench.datasets import check_file
from athanor.core.actor import Actor, Scope
from athanor.core.dataset import Origin
from athanor.services import Services
from athanor.services.runs import RunView

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Jobs"])
SORTS = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "startedAt": "started_at",
    "finishedAt": "finished_at",
    "name": "name",
    "status": "state",
    "progress": "progress",
}
SETTLING = timedelta(seconds=1)  # a trainer writes its lines in batches, four a second
MAX_LIMIT, MAX_OFFSET, MAX_LINES = 100, 2**31, 10_000
_LEVELS = {"warn": "warning", "critical": "error", "fatal": "error"}

JobId = Annotated[str, Path(description="aml_ and 32 hexadecimal digits")]
Limit = Annotated[int, Query(ge=1, description="More than 100 is taken as 100.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]
Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]


@ROUTER.get(
    "/automl/jobs",
    response_model=answers.JobList,
    summary="Jobs that match, page by page",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def list_jobs(
    *,
    actor: TheActor,
    services: TheServices,
    status: Word = None,
    search: Word = None,
    limit: Limit = 20,
    offset: Offset = 0,
    sort: Word = None,
    sort_by: Annotated[Word, Query(alias="sortBy")] = None,
    sort_order: Annotated[Word, Query(alias="sortOrder")] = None,
) -> dict[str, Any]:
    field, descending = words.parse_sort(sort, sort_by, sort_order, SORTS)
    page = services.runs.find(
        actor,
        states=None if status is None else words.job_states(status),
        search=search or None,
        sort=field,
        descending=descending,
        limit=min(limit, MAX_LIMIT),
        offset=offset,
    )
    jobs = [spelled(view) for view in page.items]
    return {"count": page.total, "limit": min(limit, MAX_LIMIT), "offset": offset, "jobs": jobs}


@ROUTER.post(
    "/automl/jobs",
    status_code=201,
    response_model=answers.JobStarted,
    summary="Start a job",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def start_job(body: bodies.StartJob, actor: TheActor, services: TheServices) -> dict[str, Any]:
    task = tasks.task_of(body)
    plan, warnings = tasks.plan_of(body)
    view = services.train.start(
        actor,
        dataset_id=_dataset(body, actor, services),
        name=body.name,
        description=body.description,
        task=task,
        plan=plan,
        origin=Origin(dialect="workbench", body=tasks.echo_of(body)),
    )
    return {
        "id": words.job_id(view.run.id),
        "job_id": words.job_id(view.run.id),
        "name": view.run.name,
        "status": words.STATES[view.state],
        "createdAt": words.time_text(view.run.created_at),
        "warnings": warnings,
    }


@ROUTER.get(
    "/automl/jobs/{job}",
    response_model=answers.JobBody,
    summary="One job",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def get_job(job: JobId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return spelled(services.runs.get(actor, _run_id(job)))


@ROUTER.delete(
    "/automl/jobs/{job}",
    status_code=204,
    summary="Delete a job; a running one must be stopped first",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def delete_job(job: JobId, actor: TheActor, services: TheServices) -> Response:
    services.runs.delete(actor, _run_id(job))
    return Response(status_code=204)


@ROUTER.post(
    "/automl/jobs/{job}/stop",
    response_model=answers.JobStopped,
    summary="Stop a job and discard what it has",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def stop_job(job: JobId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    view = services.runs.stop(actor, _run_id(job))
    is_stopped = view.job.is_final  # one that was continued is complete again
    message = "AutoML job stopped successfully" if is_stopped else "AutoML job is being stopped"
    return {"id": words.job_id(view.run.id), "status": words.STATES[view.state], "message": message}


@ROUTER.post(
    "/automl/jobs/{job}/deploy",
    response_model=answers.JobDeployed,
    summary="Register the best model of a completed job and serve it",
    openapi_extra=words.needs(Scope.RUNS_WRITE, Scope.MODELS_WRITE),
)
def deploy_job(
    job: JobId,
    actor: TheActor,
    services: TheServices,
    body: bodies.DeployJob | None = None,
) -> dict[str, Any]:
    view = services.deploy.best(actor, _run_id(job), body.registry_name if body else None)
    return {
        "id": words.job_id(view.run.id),
        "modelId": words.model_id(view.registered.id),
        "modelName": view.registered.name,
        "status": "deployed",
        "message": "Best model deployed successfully",
    }


@ROUTER.get(
    "/automl/jobs/{job}/logs",
    response_model=answers.JobLogs,
    summary="The last lines of a job's log, oldest first",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def job_logs(
    *,
    job: JobId,
    request: Request,
    actor: TheActor,
    services: TheServices,
    lines: Annotated[int, Query(ge=1, description=f"More than {MAX_LINES} is taken as {MAX_LINES}.")] = 100,
    since: Annotated[Word, Query(description="Only lines after this ISO 8601 time.")] = None,
) -> dict[str, Any]:
    """Timestamps name whole seconds, so `since` one of them means: after that second.

    While the job is at work a second's lines are told once it is over and settled, so that a client that polls with the
    last timestamp it saw misses none.
    """
    after = None if since is None else words.parse_time(since, field="since")
    if after is not None and after.microsecond == 0:
        after += timedelta(microseconds=999_999)
    settled = (request.app.state.now() - SETTLING).replace(microsecond=0)
    view = services.runs.get(actor, _run_id(job))
    until = None if view.job.is_final else settled
    told = services.runs.lines(actor, view.run.id, last=min(lines, MAX_LINES), since=after, until=until)
    logs = [
        {
            "timestamp": words.time_text(event.at),
            "level": _level(str(event.payload.get("level", "info"))),
            "message": words.problem_in_words(str(event.payload.get("message", ""))),
        }
        for event in told
    ]
    return {"jobId": words.job_id(view.run.id), "logs": logs}


@ROUTER.get(
    "/automl/jobs/{job}/status",
    response_model=answers.JobStatus,
    summary="How far a job is",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def job_status(job: JobId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    shown = spelled(services.runs.get(actor, _run_id(job)))
    return {field: shown[field] for field in ("id", "job_id", "status", "progress", "startedAt", "finishedAt", "error")}


@ROUTER.get(
    "/automl/jobs/{job}/metrics",
    response_model=answers.JobMetrics,
    summary="The leaderboard, while the job is at work and afterwards",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def job_metrics(job: JobId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    view = services.runs.get(actor, _run_id(job))
    rows = services.runs.leaderboard(actor, view.run.id)
    best = rows[0] if rows and rows[0].rank is not None else None
    return {
        "id": words.job_id(view.run.id),
        "job_id": words.job_id(view.run.id),
        "metric": _metric(view),
        "bestModel": best.name if best else None,
        "valScore": best.score if best else None,
        "leaderboard": [
            {
                "model": row.name,
                "family": row.family,
                "rank": row.rank,
                "score_val": row.score,
                "fit_time": row.fit_s,
                "pred_time": row.predict_s,
                "folds": row.folds,
                "n_folds": row.n_folds,
            }
            for row in rows
        ],
    }


@ROUTER.get(
    "/automl/stats",
    response_model=answers.JobStats,
    summary="How many jobs of the organization are in which state",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def job_stats(actor: TheActor, services: TheServices) -> dict[str, Any]:
    counts = services.runs.counts(actor)
    stats = dict.fromkeys(words.STATES.values(), 0)
    for state, count in counts.items():
        stats[words.STATES[state]] += count
    return {**stats, "total": sum(stats.values()), "active": stats["queued"] + stats["running"]}


def spelled(view: RunView) -> dict[str, Any]:
    """A run as the vendor's AutoMLJob."""
    run, job, task = view.run, view.job, view.run.task
    said = run.origin.body if run.origin and run.origin.dialect == "workbench" else {}
    best = view.models[0] if view.models else None
    limit = view.plan.time_limit_s
    return {
        "id": words.job_id(run.id),
        "job_id": words.job_id(run.id),
        "name": run.name,
        "status": words.STATES[view.state],
        "description": run.description,
        "dataset": words.dataset_id(run.dataset_id),
        "problemType": words.PROBLEMS.get(task.problem or "", task.problem),
        "predictorType": said.get("predictorType", "tabular"),
        "owner": words.user_id(run.owner_id),
        "organizationId": words.organization_id(run.organization_id),
        "targetColumn": said.get("targetColumn", task.target),
        "labelColumn": said.get("labelColumn"),
        "featureColumns": None if task.features is None else list(task.features),
        "preset": said.get("preset", run.plan.preset),
        "timeLimit": None if limit is None else math.ceil(limit),
        "metric": _metric(view),
        "hardware": said.get("hardware"),
        "advanced": said.get("advanced"),
        "progress": job.progress,
        "bestModel": best.name if best else None,
        "bestScore": best.score if best else None,
        "modelId": words.model_id(view.registered_id) if view.registered_id else None,
        "startedAt": words.optional_time_text(job.started_at),
        "finishedAt": words.optional_time_text(job.finished_at),
        "error": job.error,
        "createdAt": words.time_text(run.created_at),
        "updatedAt": words.time_text(max(run.created_at, job.updated_at)),
    }


def _metric(view: RunView) -> str | None:
    return view.models[0].metric if view.models else view.run.task.metric


def _dataset(body: bodies.StartJob, actor: Actor, services: Services) -> UUID:
    found = tasks.named_dataset(body.dataset)
    if found is None:
        arrived = services.ingest.from_server_path(actor, body.dataset)
        check_file(arrived, body.dataset_file)
        return arrived.dataset.id
    if body.dataset_file is not None:
        check_file(services.ingest.get(actor, found), body.dataset_file)
    return found


def _run_id(text: str) -> UUID:
    return words.wanted_id(text, "aml_", "AutoML job")


def _level(word: str) -> str:
    plain = word.lower()
    known = {"debug", "info", "warning", "error"}
    return _LEVELS.get(plain, plain if plain in known else "info")

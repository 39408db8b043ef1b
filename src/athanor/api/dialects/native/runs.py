"""Runs: start them, look at them, let them go on, end them early, hear what they tell."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.native import answers, run_bodies, words
from athanor.api.dialects.native.event_stream import AT_ONCE, MEDIA_TYPE, EventStream
from athanor.api.dialects.native.files import FILE
from athanor.api.downloads import DownloadResponse
from athanor.core.actor import Actor, Scope
from athanor.core.dataset import Origin
from athanor.core.job import JobState
from athanor.engine.serving.model_archive import MEDIA_TYPE as MODEL_TYPE
from athanor.services import Services
from athanor.services.runs import RunView, Told

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Runs"])
MAX_LIMIT, MAX_OFFSET, MOST_EVENTS = 100, 2**31, 1000

RunId = Annotated[str, Path(description="A UUID")]
JobId = Annotated[str | None, Query(max_length=100, description="A job of the run; the newest without it.")]
After = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Only events with a number above it.")]


@ROUTER.get(
    "/runs",
    response_model=answers.RunPage,
    summary="Runs that match, newest first, page by page",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def list_runs(
    *,
    request: Request,
    actor: TheActor,
    services: TheServices,
    state: Annotated[list[JobState] | None, Query(max_length=len(JobState), description="Once for each.")] = None,
    search: Annotated[
        str,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="Stands in the name or in the description."),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> dict[str, Any]:
    page = services.runs.find(actor, states=state or None, search=search or None, limit=limit, offset=offset)
    return {
        "runs": [_run(view) for view in page.items],
        "total": page.total,
        "limit": limit,
        "offset": offset,
        "next": words.next_page(request, offset=offset, limit=limit, total=page.total),
    }


@ROUTER.post(
    "/runs",
    status_code=201,
    response_model=answers.RunBody,
    summary="Start a run",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def start_run(body: run_bodies.StartRun, actor: TheActor, services: TheServices) -> dict[str, Any]:
    view = services.train.start(
        actor,
        dataset_id=words.dataset_id(body.dataset),
        name=body.name or body.target,
        description=body.description,
        task=body.task(),
        plan=body.core_plan(),
        labels=body.labels,
        validation_id=None if body.validation is None else words.dataset_id(body.validation),
        origin=Origin(dialect="native", body=body.model_dump(mode="json", exclude_unset=True)),
    )
    return _run(view)


@ROUTER.get(
    "/runs/{run}",
    response_model=answers.WholeRun,
    summary="A run, how far it is, its models and all of its jobs",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def get_run(run: RunId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return _whole(words.run_id(run), actor, services)


@ROUTER.delete(
    "/runs/{run}",
    status_code=204,
    summary="Remove a run; one that is running must be stopped first",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def delete_run(run: RunId, actor: TheActor, services: TheServices) -> Response:
    """Registered versions of its models stay."""
    services.runs.delete(actor, words.run_id(run))
    return Response(status_code=204)


@ROUTER.get(
    "/runs/{run}/leaderboard",
    response_model=answers.LeaderboardBody,
    summary="All trials, best first, while the run is at work and afterwards",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def get_leaderboard(run: RunId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    wanted = words.run_id(run)
    view = services.runs.get(actor, wanted)
    rows = services.runs.leaderboard(actor, wanted)
    return {
        "run": str(wanted),
        "state": words.STATES[view.state],
        "metric": view.run.task.metric,
        "rows": [words.leaderboard_row(row) for row in rows],
    }


@ROUTER.get(
    "/runs/{run}/model",
    status_code=200,
    response_class=DownloadResponse,
    responses={200: {"content": {MODEL_TYPE: {"schema": FILE}}}},
    summary="The run's best model as one file",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def download_model(run: RunId, actor: TheActor, services: TheServices) -> DownloadResponse:
    """`athanor import` makes a folder of it; `athanor predict` takes it as it is."""
    made = services.model_files.of_run(actor, words.run_id(run))
    return DownloadResponse(made.chunks, filename=made.filename, media_type=made.media_type)


@ROUTER.post(
    "/runs/{run}/continue",
    status_code=202,
    response_model=answers.RunBody,
    summary="More time or more trials for a run that has ended",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def continue_run(run: RunId, body: run_bodies.ContinueRun, actor: TheActor, services: TheServices) -> dict[str, Any]:
    """It goes on from its checkpoints; until it is done, the models that it has answer as before."""
    view = services.train.continue_(
        actor, words.run_id(run), time_limit_s=body.time_limit_s, more_trials=body.more_trials
    )
    return _run(view)


@ROUTER.post(
    "/runs/{run}/finish",
    status_code=202,
    response_model=answers.RunBody,
    summary="End a running run now, with the best it has",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def finish_run(run: RunId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    return _run(services.runs.finish(actor, words.run_id(run)))


@ROUTER.post(
    "/runs/{run}/stop",
    response_model=answers.RunBody,
    summary="Stop a run and discard what it has; one that was continued keeps what it had before",
    openapi_extra=words.needs(Scope.RUNS_WRITE),
)
def stop_run(run: RunId, actor: TheActor, services: TheServices) -> dict[str, Any]:
    """Done within seconds. `state` is still `running` where it takes longer than this answer waits."""
    return _run(services.runs.stop(actor, words.run_id(run)))


@ROUTER.get(
    "/runs/{run}/events",
    response_model=answers.EventPage,
    summary="What a job of the run told, oldest first",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
def list_events(
    *,
    run: RunId,
    actor: TheActor,
    services: TheServices,
    job: JobId = None,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
) -> dict[str, Any]:
    """Ask again with `last` as `after` for what came since. Numbers are a job's own."""
    wanted = words.run_id(run)
    told = services.runs.told(actor, wanted, job_id=_job_id(job), after=after, limit=limit)
    return {
        "run": str(wanted),
        "job": str(told.job.id),
        "state": words.STATES[told.job.state],
        "events": [{"seq": event.seq, "kind": event.kind.value, **words.event(event)} for event in told.events],
        "last": told.events[-1].seq if told.events else after,
    }


@ROUTER.get(
    "/runs/{run}/events/stream",
    status_code=200,
    response_class=EventStream,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    summary="The same as server-sent events, each as it comes",
    openapi_extra=words.needs(Scope.RUNS_READ),
)
async def stream_events(
    *,
    request: Request,
    run: RunId,
    actor: TheActor,
    services: TheServices,
    job: JobId = None,
    after: After = 0,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=MAX_OFFSET, description="As `after`, from a client that comes again.")
    ] = None,
) -> EventStream:
    """`id` is the event's number, `event` its kind, `data` its time and payload. `end` says that the job has ended.

    A stream that ends without it was open for as long as one may be: come again, as browsers do by themselves.
    """
    wanted = words.run_id(run)
    begin = after if last_event_id is None else last_event_id
    first = await run_in_threadpool(services.runs.told, actor, wanted, job_id=_job_id(job), after=begin, limit=AT_ONCE)

    def look(after: int) -> Told:
        return services.runs.told(actor, wanted, job_id=first.job.id, after=after, limit=AT_ONCE)

    return EventStream(look, first, after=begin, streams=request.app.state.streams)


def _job_id(text: str | None) -> UUID | None:
    return None if text is None else words.wanted_id(text, "job")


def _run(view: RunView) -> dict[str, Any]:
    run, job, task = view.run, view.job, view.run.task
    return {
        "id": str(run.id),
        "name": run.name,
        "handle": run.handle,
        "description": run.description,
        "labels": dict(run.labels),
        "dataset": str(run.dataset_id),
        "state": words.STATES[view.state],
        "progress": job.progress,
        "reason": job.reason,
        "error": job.error,
        "task": {
            "target": task.target,
            "problem": task.problem,
            "metric": task.metric,
            "positive": task.positive,
            "features": None if task.features is None else list(task.features),
            "excluded": list(task.excluded),
            "weight": task.weight,
            "distribution": None if task.distribution is None else str(task.distribution),
            "types": {name: kind.value for name, kind in task.types.items()},
        },
        "plan": words.plan(view.plan),
        "job": str(job.id),
        "models": [words.model(model) for model in view.models],
        "registered_model": None if view.registered_id is None else str(view.registered_id),
        "created_at": words.time_text(run.created_at),
        "started_at": words.optional_time_text(job.started_at),
        "finished_at": words.optional_time_text(job.finished_at),
    }


def _whole(run_id: UUID, actor: Actor, services: Services) -> dict[str, Any]:
    view, told = services.runs.get(actor, run_id), services.runs.progress(actor, run_id)
    jobs = services.runs.jobs(actor, run_id)
    return {
        **_run(view),
        "doing": None if told is None or view.job.is_final else told.doing,
        "left_s": None if told is None or view.job.is_final else told.left_s,
        "jobs": [words.job(job, view.run.plan) for job in jobs],
    }

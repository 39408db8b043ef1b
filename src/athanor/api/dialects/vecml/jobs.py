"""How far a job is. Both status operations take the id of any job."""

from __future__ import annotations

from typing import Any

from athanor.api.dialects.vecml import model_answers, words
from athanor.api.dialects.vecml.bodies import Asked, Text
from athanor.api.dialects.vecml.models import training_status
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.core.job import JobKind, JobState
from athanor.services.jobs import JobView

TAG = "Jobs"
N_ROWS = "n_rows"  # in a job's result


class GetJobStatus(Asked):
    """The job that is asked about."""

    job_id: Text


def job_status(body: GetJobStatus, caller: Caller) -> dict[str, Any]:
    view = caller.services.jobs.named(caller.actor, words.DIALECT, body.job_id)
    told = {**common_status(view, caller), **training_status(view)}
    if view.job.kind is JobKind.INGEST:
        told["num_inserted"] = view.job.result.get(N_ROWS, 0)
    return told


def common_status(view: JobView, caller: Caller) -> dict[str, Any]:
    """What is told of a job of any kind."""
    job = view.job
    status = {
        "job_id": view.alias.text,
        "status": words.STATES[job.state],
        "start_time": words.time_text(job.started_at or job.created_at),
        "duration": words.duration_of(job, caller.surroundings.now()),
    }
    if status["status"] == words.STATES[JobState.FAILED]:
        status["error"] = job.error or STOPPED
    return status


STOPPED = "It was stopped."


OPERATIONS = tuple(
    Operation(
        name=name,
        summary=summary,
        tag=TAG,
        body=GetJobStatus,
        answer=model_answers.AnyJobStatus,
        scopes=(),
        run=job_status,
    )
    for name, summary in (
        ("get_upload_data_status", "How far a job is that brings data; any job's id is taken"),
        ("get_automl_training_status", "How far a training is, and how good its model; any job's id is taken"),
    )
)

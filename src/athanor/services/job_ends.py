"""The end of a job, and what it means for the run that the job was to continue."""

from __future__ import annotations

from dataclasses import replace

from athanor.core.job import Job, JobState
from athanor.core.ports import Transaction


def end_job(transaction: Transaction, ended: Job) -> None:
    """Keep the job as it ended. Where it was to continue a run and brought nothing, the run is as it was before."""
    transaction.jobs.put(ended)
    if ended.follows is None or not ended.is_final or ended.state is JobState.SUCCEEDED:
        return
    run = transaction.runs.first({"job_id": ended.id})
    if run is not None:
        held = transaction.runs.get(run.id, lock=True)
        transaction.runs.put(replace(held, job_id=ended.follows))

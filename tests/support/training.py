"""Trainings in the process of the test: what a worker does with a queued run, over any records and blobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from athanor.core.ids import new_id
from athanor.core.job import Job
from athanor.core.model import Model
from athanor.core.ports import EVERYONE, BlobStore, Records
from athanor.engine.learn import learn
from athanor.engine.processes.pool import InlinePool
from athanor.engine.scores import read_scores
from athanor.engine.serving.model_files import read_head
from athanor.engine.tables.segments import read_segments
from athanor.errors import AthanorError
from athanor.services.execution import Execution


def train_now(
    records: Records, blobs: BlobStore, now: Callable[[], datetime], run_id: UUID, *, max_trials: int = 2
) -> Job:
    """The run's job, ended: its best model is stored, or its error."""
    execution = Execution(records, now)
    with records.look(EVERYONE) as transaction:
        run = transaction.runs.get(run_id)
    job = execution.claim_by_id(run.job_id)
    plan = replace(run.plan, preset="medium_quality", time_limit_s=None, max_trials=max_trials)
    try:
        dataset, validation = _read(execution.table_of(run), blobs), _read(execution.validation_of(run), blobs)
        result = learn(dataset, run.task, plan, validation=validation, pool=InlinePool())
    except AthanorError as error:
        execution.fail(job, str(error))
    else:
        artifact = f"models/{new_id()}"
        measured = read_scores(result.folder)
        execution.resolve(job, problem=read_head(result.folder)["task"]["problem"], metric=result.metric)
        blobs.put_folder(artifact, result.folder)
        best = result.leaderboard[0]
        model = Model(
            id=new_id(),
            organization_id=run.organization_id,
            run_id=run.id,
            name=best.name,
            family=best.family,
            metric=result.metric,
            score=result.score,
            rank=1,
            fit_s=best.fit_s,
            predict_s=best.predict_s,
            created_at=now(),
            artifact=artifact,
            scores=result.scores,
            scored_on=None if measured is None else measured.measured_on,
            n_scored=0 if measured is None else measured.n_rows,
        )
        execution.succeed(job, [model])
    with records.look(EVERYONE) as transaction:
        return transaction.jobs.get(job.id)


def _read(found, blobs):
    if found is None:
        return None
    content, schema = found
    paths, deleted = content.files(blobs)
    return read_segments(paths, schema, without=deleted)

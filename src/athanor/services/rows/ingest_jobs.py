"""Jobs of rows that came with a request: born finished, in the transaction that keeps the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from athanor.core.actor import Actor
from athanor.core.dataset import StoredDataset
from athanor.core.ids import new_id
from athanor.core.job import LANES, Job, JobKind, JobState
from athanor.core.ports import Transaction
from athanor.services.aliases import Naming, give_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserted:
    """Rows that were stored, and the job that says so."""

    n_rows: int
    job: Job
    job_name: str  # its alias


def record_ingest(
    transaction: Transaction,
    actor: Actor,
    dataset: StoredDataset,
    *,
    n_rows: int,
    naming: Naming,
    started_at: datetime,
    now: datetime,
) -> Inserted:
    """The job that brought `n_rows` rows (or values for so many) to the dataset, and its name."""
    job = Job(
        id=new_id(),
        organization_id=actor.organization_id,
        project_id=dataset.project_id,
        kind=JobKind.INGEST,
        lane=LANES[JobKind.INGEST],
        subject_id=dataset.id,
        dataset_id=dataset.id,
        created_at=started_at,
        updated_at=now,
        state=JobState.SUCCEEDED,
        started_at=started_at,
        finished_at=now,
        progress=1.0,
        result={"n_rows": n_rows},
    )
    transaction.jobs.add(job)
    return Inserted(n_rows=n_rows, job=job, job_name=give_name(transaction, actor, naming, job.id, now=now))

"""Jobs as those see them who know them by a name that a dialect gave out."""

from __future__ import annotations

from dataclasses import dataclass

from athanor.core.actor import Actor, Scope
from athanor.core.alias import Alias
from athanor.core.job import Job
from athanor.core.ports import Records
from athanor.errors import NotFound
from athanor.services.aliases import named
from athanor.services.runs import RunView, view_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job, the name it was asked for by, and what came of it. Where its run is continued, the job that does that."""

    job: Job
    alias: Alias
    trained: RunView | None = None  # the run that it trains; None: it is gone, or the job trains none


class Jobs:
    """Looks at jobs by name."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def named(self, actor: Actor, dialect: str, text: str) -> JobView:
        """The job that the dialect named so for this actor. Raises NotFound, also for somebody else's name."""
        # Which kind of job it is, only those learn who may see one kind at least.
        actor.need(Scope.RUNS_READ, Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            try:
                alias = named(transaction, actor, dialect, text)
                job = transaction.jobs.get(alias.object_id)
            except NotFound as error:
                raise NotFound(f"The job {text!r} does not exist.") from error
            actor.need(Scope.RUNS_READ if job.trains else Scope.DATA_READ)
            if not job.trains or not transaction.runs.find({"id": job.subject_id}).items:
                return JobView(job=job, alias=alias)
            trained = view_of(transaction, job.subject_id)
            return JobView(job=trained.job, alias=alias, trained=trained)

"""Jobs as those see them who know them by a name that a dialect gave out."""

from __future__ import annotations

from dataclasses import dataclass

from athanor.core.actor import Actor, Scope
from athanor.core.alias import Alias
from athanor.core.job import Job, JobKind
from athanor.core.model import Model
from athanor.core.ports import Records
from athanor.errors import NotFound
from athanor.services.aliases import named


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job, the name it was asked for by, and what came of it."""

    job: Job
    alias: Alias
    models: tuple[Model, ...] = ()  # of the run it trained, best first; none where the run is gone


class Jobs:
    """Looks at jobs by name."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def named(self, actor: Actor, dialect: str, text: str) -> JobView:
        """The job that the dialect named so for this actor. Raises NotFound, also for somebody else's name."""
        if Scope.RUNS_READ not in actor.scopes:
            actor.need(Scope.DATA_READ)  # which kind of job it is, only those learn who may see one kind at least
        with self._records.look(actor.organization_id) as transaction:
            try:
                alias = named(transaction, actor, dialect, text)
                job = transaction.jobs.get(alias.object_id)
            except NotFound as error:
                raise NotFound(f"The job {text!r} does not exist.") from error
            actor.need(Scope.RUNS_READ if job.kind is JobKind.TRAIN else Scope.DATA_READ)
            models = transaction.models.find({"run_id": job.subject_id}, sort="rank").items
        return JobView(job=job, alias=alias, models=tuple(models))

"""Train: a dataset, a task and a plan become a run, queued."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import Origin
from athanor.core.ids import new_id
from athanor.core.job import LANES, Job, JobKind
from athanor.core.names import check_name, handle_for
from athanor.core.ports import Records
from athanor.core.run import Run
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.plan import Plan
from athanor.engine.problems import PROBLEMS
from athanor.engine.schema import Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Impossible, InvalidInput
from athanor.services.runs import RunView
from athanor.services.versions import newest_version

log = logging.getLogger(__name__)

LONGEST_DESCRIPTION = 10_000
_NUMBERS = frozenset({Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN})

_PLURALS: Mapping[Storage, str] = {
    Storage.FLOAT: "numbers",
    Storage.INTEGER: "whole numbers",
    Storage.BOOLEAN: "yes or no",
    Storage.STRING: "words",
    Storage.DATETIME: "points in time",
    Storage.DENSE: "vectors",
    Storage.SPARSE: "vectors",
}


class Train:
    """Starts runs."""

    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def start(
        self,
        actor: Actor,
        *,
        dataset_id: UUID,
        name: str,
        description: str | None = None,
        task: Task,
        plan: Plan,
        labels: Mapping[str, str] | None = None,
        origin: Origin | None = None,
    ) -> RunView:
        """A queued run of the dataset's newest version. What can be seen to be wrong is raised here, not by the job."""
        actor.need(Scope.RUNS_WRITE)
        shown_name = check_name(name)
        if description is not None and len(description) > LONGEST_DESCRIPTION:
            raise InvalidInput(
                f"`description` has {len(description)} characters; {LONGEST_DESCRIPTION} are allowed.",
                field="description",
            )
        check_plan(plan)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            dataset = transaction.datasets.get(dataset_id, lock=True)  # its newest version stands still from here on
            version = newest_version(transaction, dataset.id)
            resolved = resolve(task, version.schema)
            if version.n_rows < 2:
                raise Impossible(f"The dataset has {version.n_rows} rows; nothing can be learned from fewer than 2.")
            run_id = new_id()
            job = Job(
                id=new_id(),
                organization_id=actor.organization_id,
                project_id=dataset.project_id,
                kind=JobKind.TRAIN,
                lane=LANES[JobKind.TRAIN],
                subject_id=run_id,
                created_at=now,
                updated_at=now,
            )
            run = Run(
                id=run_id,
                organization_id=actor.organization_id,
                project_id=dataset.project_id,
                name=shown_name,
                handle=handle_for(
                    shown_name,
                    is_taken=lambda handle: bool(
                        transaction.runs.find({"dataset_id": dataset.id, "handle": handle}, limit=1).items
                    ),
                ),
                description=description,
                dataset_id=dataset.id,
                version_id=version.id,
                task=resolved,
                plan=plan,
                job_id=job.id,
                owner_id=actor.user_id,
                created_at=now,
                labels=labels or {},
                origin=origin,
            )
            transaction.runs.add(run)
            transaction.jobs.add(job)
            transaction.audit.add(audited(actor, "run.create", run.id, now=now, name=shown_name))
        log.info("run queued", extra={"run_id": str(run.id), "job_id": str(job.id)})
        return RunView(run=run, job=job)


def resolve(task: Task, schema: Schema) -> Task:
    """The task as it will be learned: every name in it stands for something, features without target and excluded ones.

    Raises InvalidInput, naming the field, for what is not there or does not go together.
    """
    _check_columns(task, schema)
    features = _features(task, schema)
    _check_problem(task, schema)
    return replace(task, features=features, excluded=tuple(dict.fromkeys(task.excluded)))


def check_plan(plan: Plan) -> None:
    """Raises InvalidInput where the plan leaves out a family that there is not, or all that there are."""
    for family in plan.excluded_families:
        if family not in FAMILIES:
            raise InvalidInput(
                f"No model family {family!r} to exclude. Known: {', '.join(FAMILIES.names())}.",
                field="excluded_families",
            )
    if set(plan.excluded_families) == set(FAMILIES.names()):
        raise InvalidInput("All model families are excluded; leave at least one.", field="excluded_families")


def _check_columns(task: Task, schema: Schema) -> None:
    named: Mapping[str, Iterable[str]] = {
        "target": (task.target,),
        "features": task.features or (),
        "excluded": task.excluded,
        "types": task.types,
        "weight": () if task.weight is None else (task.weight,),
    }
    for field, names in named.items():
        for name in names:
            if name not in schema:
                raise _no_column(name, schema, field)
    if task.weight is not None:
        if task.weight == task.target:
            raise InvalidInput("The target cannot be the column of row weights as well.", field="weight")
        storage = schema[task.weight].storage
        if storage not in _NUMBERS:
            raise InvalidInput(
                f"Row weights must be numbers; column {task.weight!r} holds {_PLURALS[storage]}.", field="weight"
            )


def _features(task: Task, schema: Schema) -> tuple[str, ...] | None:
    """The features that were named, each once, without the columns that cannot be features. None stays None."""
    taken = {task.target, *task.excluded, task.weight}
    left = [name for name in dict.fromkeys(task.features or schema.names) if name not in taken]
    if not left:
        raise InvalidInput(
            "No feature is left beside the target and the excluded columns. Name at least one other column.",
            field="features",
        )
    return None if task.features is None else tuple(left)


def _check_problem(task: Task, schema: Schema) -> None:
    if task.problem is not None and task.problem not in PROBLEMS:
        raise InvalidInput(f"No problem type {task.problem!r}. Known: {', '.join(PROBLEMS.names())}.", field="problem")
    for metric in (task.metric, *task.default_metrics.values()):
        if metric is not None and metric not in METRICS:
            raise InvalidInput(f"No metric {metric!r}. Known: {', '.join(METRICS.names())}.", field="metric")
    storage = schema[task.target].storage
    takers = {name for name in PROBLEMS.names() if storage in PROBLEMS[name].targets}
    if not takers:
        raise InvalidInput(
            f"Column {task.target!r} holds {_PLURALS[storage]}, which cannot be a target yet. Choose another one.",
            field="target",
        )
    possible = takers if task.problem is None else takers & {task.problem}
    if not possible:
        raise InvalidInput(
            f"Column {task.target!r} holds {_PLURALS[storage]}, which cannot be the target of {task.problem}. "
            f"Choose another target, or {_listed(takers)}.",
            field="problem",
        )
    if task.metric is not None and not possible & METRICS[task.metric].problems:
        raise InvalidInput(
            f"The metric {task.metric!r} is for {_listed(METRICS[task.metric].problems)}, and this is "
            f"{_listed(possible)} ({_fitting(possible)} would fit).",
            field="metric",
        )


def _fitting(problems: set[str]) -> str:
    return ", ".join(name for name in METRICS.names() if problems & METRICS[name].problems)


def _listed(names: set[str] | frozenset[str]) -> str:
    return " or ".join(sorted(names))


def _no_column(name: str, schema: Schema, field: str) -> InvalidInput:
    shown = ", ".join(schema.names[:50]) + (", …" if len(schema.names) > 50 else "")
    return InvalidInput(f"There is no column {name!r}. The columns are: {shown}.", field=field)

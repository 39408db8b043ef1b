"""Train: a dataset, a task and a plan become a run, queued; a run that has ended goes on with more time or trials."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, Origin
from athanor.core.ids import new_id
from athanor.core.job import LANES, Job, JobKind
from athanor.core.names import check_handle, check_name, handle_for
from athanor.core.ports import Records, Transaction
from athanor.core.run import Run
from athanor.engine.fitting.checkpoint import n_finished
from athanor.engine.fitting.training_set import used_columns
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.plan import Plan
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Conflict, Impossible, InvalidInput
from athanor.services.aliases import Naming, give_name
from athanor.services.runs import RunView, view_of
from athanor.services.versions import newest_version

log = logging.getLogger(__name__)

LONGEST_DESCRIPTION = 10_000
_OF_QUANTITIES = "regression"  # the problem whose target has a distribution
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

# What the cells of a column are read as where its owner says that it means something else than they are.
_READ_AS: Mapping[tuple[Storage, ColumnType], Storage] = {
    (Storage.STRING, ColumnType.NUMERIC): Storage.FLOAT,
    (Storage.STRING, ColumnType.DATETIME): Storage.DATETIME,
    (Storage.FLOAT, ColumnType.DATETIME): Storage.DATETIME,
    (Storage.INTEGER, ColumnType.DATETIME): Storage.DATETIME,
    (Storage.BOOLEAN, ColumnType.DATETIME): Storage.DATETIME,
    (Storage.DATETIME, ColumnType.CATEGORICAL): Storage.STRING,
}


class Train:
    """Starts runs, and lets them go on.

    runs_folder  where the checkpoints stand, one folder a run
    """

    def __init__(self, records: Records, now: Callable[[], datetime], runs_folder: Path) -> None:
        self._records = records
        self._now = now
        self._runs_folder = runs_folder

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
        handle: str | None = None,
        validation_id: UUID | None = None,
        naming: Naming | None = None,
    ) -> RunView:
        """A queued run of the dataset's newest version. What can be seen to be wrong is raised here, not by the job.

        handle         of the run, as it is; None: made from its name. Raises Conflict where the dataset has it
        validation_id  the dataset whose newest version the models are scored on; None: out-of-fold
        naming         what a dialect calls the job
        """
        actor.need(Scope.RUNS_WRITE)
        shown_name = check_name(name)
        if description is not None and len(description) > LONGEST_DESCRIPTION:
            raise InvalidInput(
                f"`description` has {len(description)} characters; {LONGEST_DESCRIPTION} are allowed.",
                field="description",
            )
        if handle is not None:
            check_handle(handle, field="name")
        check_plan(plan)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            for one in sorted({dataset_id, validation_id or dataset_id}):  # in one order for all who lock two
                transaction.datasets.get(one, lock=True)  # its newest version stands still from here on
            dataset = transaction.datasets.get(dataset_id)
            version = newest_version(transaction, dataset.id)
            resolved = resolve(task, version.schema)
            validation = None if validation_id is None else newest_version(transaction, validation_id)
            if validation is not None:
                check_validation(resolved, version.schema, validation)
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
                dataset_id=dataset.id,
                created_at=now,
                updated_at=now,
            )
            run = Run(
                id=run_id,
                organization_id=actor.organization_id,
                project_id=dataset.project_id,
                name=shown_name,
                handle=_free_handle(transaction, dataset.id, shown_name) if handle is None else handle,
                description=description,
                dataset_id=dataset.id,
                version_id=version.id,
                validation_version_id=None if validation is None else validation.id,
                task=resolved,
                plan=plan,
                job_id=job.id,
                owner_id=actor.user_id,
                created_at=now,
                labels=labels or {},
                origin=origin,
            )
            if _has_handle(transaction, dataset.id, run.handle):
                raise Conflict(
                    f"The model {run.handle!r} already exists here. Choose another name, or delete it first.",
                    code="model-exists",
                )
            transaction.runs.add(run)
            transaction.jobs.add(job)
            job_name = None if naming is None else give_name(transaction, actor, naming, job.id, now=now)
            transaction.audit.add(audited(actor, "run.create", run.id, now=now, name=shown_name))
        log.info("run queued", extra={"run_id": str(run.id), "job_id": str(job.id)})
        return RunView(run=run, job=job, job_name=job_name)

    def continue_(
        self, actor: Actor, run_id: UUID, *, time_limit_s: float | None = None, more_trials: int | None = None
    ) -> RunView:
        """A run that has ended, queued again to go on from its checkpoints. Until it has, its models answer as before.

        time_limit_s  of the continuation alone; None: no clock, the number of trials ends it
        more_trials   beyond those that the run has; None: as many as it was given at first

        Raises InvalidInput where neither is given, Conflict where the run is still at work or its checkpoints are gone.
        """
        actor.need(Scope.RUNS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id, lock=True)  # its checkpoints stay from here on
            last = view_of(transaction, run_id)
            plan = last.plan.continued(time_limit_s=time_limit_s, more_trials=more_trials)
            for job in transaction.jobs.find({"subject_id": run.id}).items:
                if not job.is_final:
                    raise Conflict(
                        f"The run is {job.state.value}. It can be continued once that has ended.",
                        code="job-running",
                    )
            _check_validation_is_there(transaction, run)
            n_folds = n_finished(self._runs_folder / str(run.id))
            if not n_folds:
                raise Conflict(
                    "The checkpoints of the run are gone, so it cannot go on from them: they are kept for some days "
                    "only. Start a new one.",
                    code="checkpoints-gone",
                )
            job = Job(
                id=new_id(),
                organization_id=run.organization_id,
                project_id=run.project_id,
                kind=JobKind.CONTINUE,
                lane=LANES[JobKind.CONTINUE],
                subject_id=run.id,
                dataset_id=run.dataset_id,
                created_at=now,
                updated_at=now,
                checkpoints=n_folds,
                plan=plan,
                follows=last.job.id if last.models else None,
            )
            transaction.jobs.add(job)
            transaction.runs.put(replace(run, job_id=job.id))
            transaction.audit.add(audited(actor, "run.continue", run.id, now=now))
            view = view_of(transaction, run_id)
        log.info("run queued again", extra={"run_id": str(run.id), "job_id": str(job.id)})
        return view


def resolve(task: Task, schema: Schema) -> Task:
    """The task as it will be learned: every name in it stands for something, features without target and excluded ones.

    Raises InvalidInput, naming the field, for what is not there or does not go together.
    """
    _check_names(task, schema)
    meant = as_meant(schema, task.types)
    _check_weight(task, meant)
    features = _features(task, schema)
    _check_problem(task, meant)
    return replace(task, features=features, excluded=tuple(dict.fromkeys(task.excluded)))


def _check_validation_is_there(transaction: Transaction, run: Run) -> None:
    wanted = run.validation_version_id
    if wanted is not None and transaction.versions.first({"id": wanted}) is None:
        raise Conflict(
            "The dataset that the run is validated on was deleted, so it cannot go on. Start a new one.",
            code="dataset-gone",
        )


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


def as_meant(schema: Schema, types: Mapping[str, ColumnType]) -> Schema:
    """The columns as they are learned from: what owners say that they mean decides how some are stored."""
    typed = schema.with_types(types)
    return Schema(
        tuple(
            replace(column, storage=_READ_AS.get((column.storage, column.type), column.storage))
            if column.name in types
            else column
            for column in typed.columns
        )
    )


def check_validation(task: Task, schema: Schema, validation: DatasetVersion) -> None:
    """Raises InvalidInput where models that learn the task cannot be scored on the version's rows."""
    if not validation.n_rows:
        raise InvalidInput("The validation dataset has no rows.", field="validation")
    without_weight = (*task.excluded, *(() if task.weight is None else (task.weight,)))  # scored rows count the same
    scored = replace(task, types={}, weight=None, excluded=without_weight)
    for name in used_columns(schema.with_types(task.types), scored):
        if name not in validation.schema:
            raise InvalidInput(
                f"The validation dataset has no column {name!r}, which is the target or a feature of the model.",
                field="validation",
            )
        wanted, there = schema[name], validation.schema[name]
        if (wanted.storage.is_vector or there.storage.is_vector) and _form(wanted) != _form(there):
            raise InvalidInput(
                f"Column {name!r} holds {_form(wanted)}, and {_form(there)} in the validation dataset.",
                field="validation",
            )


def _form(column: ColumnSchema) -> str:
    return f"{column.storage.value} vectors of {column.dim}" if column.storage.is_vector else _PLURALS[column.storage]


def _has_handle(transaction: Transaction, dataset_id: UUID, handle: str) -> bool:
    return transaction.runs.first({"dataset_id": dataset_id, "handle": handle}) is not None


def _free_handle(transaction: Transaction, dataset_id: UUID, name: str) -> str:
    return handle_for(name, is_taken=lambda handle: _has_handle(transaction, dataset_id, handle))


def _check_names(task: Task, schema: Schema) -> None:
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


def _check_weight(task: Task, schema: Schema) -> None:
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
    if task.distribution is not None and _OF_QUANTITIES not in possible:
        raise InvalidInput(
            f"A distribution belongs to a {_OF_QUANTITIES}, and this is {_listed(possible)}. Leave it out.",
            field="distribution",
        )


def _fitting(problems: set[str]) -> str:
    return ", ".join(name for name in METRICS.names() if problems & METRICS[name].problems)


def _listed(names: set[str] | frozenset[str]) -> str:
    return " or ".join(sorted(names))


def _no_column(name: str, schema: Schema, field: str) -> InvalidInput:
    shown = ", ".join(schema.names[:50]) + (", …" if len(schema.names) > 50 else "")
    return InvalidInput(f"There is no column {name!r}. The columns are: {shown}.", field=field)

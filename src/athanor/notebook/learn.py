"""`athanor.learn`: a table in any kind of frame, and a question, become a model."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.engine.budget import Budget
from athanor.engine.plan import Plan
from athanor.engine.task import Label, Task
from athanor.errors import InvalidInput
from athanor.notebook.frames import Gathered, beside, free_name, gathered, name_of
from athanor.notebook.interrupts import finishing
from athanor.notebook.progress import Progress, display_for
from athanor.notebook.question import IN_THIS_PROCESS, distribution_of, names_of, path_of, plan_of, seconds, types_of
from athanor.notebook.result import Result

if TYPE_CHECKING:
    from athanor.engine import learn as engine
    from athanor.engine.processes.pool import Pool
    from athanor.engine.tables.dataset import Dataset
    from athanor.engine.target_distribution import TargetDistribution

TARGET, WEIGHT = "target", "weight"  # what a column is called that came alone and has no name


def learn(
    data: Any,
    target: Any,
    *,
    time_limit: float | str | None = 60,
    problem: str | None = None,
    metric: str | None = None,
    preset: str = "best_quality",
    features: Iterable[str] | None = None,
    excluded: Iterable[str] = (),
    weight: Any = None,
    positive: Label | None = None,
    types: Mapping[str, str] | None = None,
    distribution: str | TargetDistribution | None = None,
    validation: Any = None,
    memory_limit: float | str | None = None,
    cores: int | None = None,
    max_trials: int | None = None,
    seed: int = 0,
    excluded_families: Iterable[str] = (),
    progress: Progress = True,
    folder: str | os.PathLike[str] | None = None,
) -> Result:
    """Find the best model for `target` within the limits.

    data          a table: pandas, polars, Arrow, numpy, scipy sparse, a list of dicts, a dict of columns, a file
    target        the column to predict, by its name; or its values, one a row, in an array, a Series or a list
    time_limit    seconds, or text like "5m", from start to end; None: no clock, `max_trials` ends it
    problem       binary, multiclass or regression; None: found from the target
    metric        what to be good at; None: the problem's own
    preset        best_quality, …, fast: score against speed and size of the model
    features      columns to learn from; None: all but the target and those `excluded`
    weight        the column of row weights >= 0, by its name; or its values
    positive      the label that a binary metric looks at; None: the last in sort order
    types         column → numeric, categorical, text, …, where its owner knows better than what is found
    distribution  of a regression's target: "poisson", "quantile:0.9", …
    validation    a table like `data`, or a pair of such a table and its targets, that the model is scored on at the
                  end; None: it is scored on the rows of `data` that its parts did not see
    memory_limit  bytes, or text like "2GB", of all processes together; None: 80 % of what is free
    cores         processes that fit; None: one a core; 0: none, folds are fitted in this process one after the other
    max_trials    end after so many trials; without `time_limit` the result depends on nothing but data and seed
    progress      True: a picture in a notebook, lines on standard error elsewhere; False: nothing; a function: hears
                  the events of `athanor.engine.events`
    folder        keeps what is fitted: after a crash the same call goes on from there. None: a temporary one

    An interrupt (Ctrl-C, a notebook's stop button) ends it with the best model so far; a second one at once. Raises
    InvalidInput where the question does not fit the table, Impossible where nothing can be learned.
    """
    started = time.monotonic()
    plan = plan_of(
        time_limit=time_limit,
        preset=preset,
        memory_limit=memory_limit,
        cores=cores,
        max_trials=max_trials,
        seed=seed,
        excluded_families=excluded_families,
    )
    given = _given(data, target, weight)
    task = Task(
        target=given.target,
        problem=problem,
        metric=metric,
        positive=positive,
        features=names_of(features),
        excluded=names_of(excluded) or (),
        weight=given.weight,
        types=types_of(types),
        distribution=distribution_of(distribution),
    )
    _check_names(task, given.table.dataset)
    held_out = None if validation is None else _validation(validation, given)
    run = learned(
        given.table,
        task,
        plan,
        validation=held_out,
        in_this_process=cores == IN_THIS_PROCESS,
        started=started,
        progress=progress,
        folder=None if folder is None else path_of(folder, "folder"),
    )
    return Result(run, progress)


def learned(
    table: Gathered,
    task: Task,
    plan: Plan,
    *,
    validation: Dataset | None = None,
    in_this_process: bool = False,
    started: float | None = None,
    progress: Progress = False,
    folder: Path | None = None,
) -> engine.Result:
    """The engine's run, shown and interruptible. The limit counts from `started`, a point of the monotonic clock."""
    from athanor.engine import learn as engine
    from athanor.engine.fitting.checkpoint import FolderCheckpoints
    from athanor.engine.processes.pool import InlinePool

    budget = Budget.of(plan.time_limit_s, started=started)
    pool: Pool | None = InlinePool() if in_this_process else None
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidInput(f"{folder} cannot be a folder: a file stands there.", field="folder") from error
    with display_for(progress) as display:
        for warning in table.warnings:
            display.say(f"Note: {warning}")
        with finishing(budget, display.say):
            return engine.learn(
                table.dataset,
                task,
                plan,
                validation=validation,
                budget=budget,
                pool=pool,
                checkpoints=None if folder is None else FolderCheckpoints(folder),
                tell=display.tell,
            )


def continued(
    run: engine.Result, *, time_limit: float | str | None, more_trials: int | None, progress: Progress
) -> engine.Result:
    """The engine's run, gone on with; shown and interruptible."""
    limit_s = seconds(time_limit)
    budget = Budget.of(limit_s)
    with display_for(progress) as display, finishing(budget, display.say):
        return run.continue_(time_limit_s=limit_s, more_trials=more_trials, budget=budget, tell=display.tell)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """The table with its target and its weights in it, under these names."""

    table: Gathered
    target: str
    weight: str | None


def _given(data: Any, target: Any, weight: Any) -> _Given:
    table = gathered(data)
    dataset = table.dataset
    target_name, weight_name = target, weight
    if not isinstance(target, str):
        if target is None:
            raise InvalidInput("`target` must name a column or hold a value for each row.", field="target")
        target_name = free_name(name_of(target) or TARGET, dataset.columns.keys())
        dataset = beside(dataset, target_name, target)
    if weight is not None and not isinstance(weight, str):
        weight_name = free_name(name_of(weight) or WEIGHT, dataset.columns.keys())
        dataset = beside(dataset, weight_name, weight)
    return _Given(table=Gathered(dataset, table.warnings), target=target_name, weight=weight_name)


def _check_names(task: Task, dataset: Dataset) -> None:
    """Raises InvalidInput for a column that the table does not have, naming the parameter that named it."""
    schema = dataset.schema
    _ = schema.column(task.target, field="target")
    if task.weight is not None:
        _ = schema.column(task.weight, field="weight")
    if task.target in task.excluded:
        raise InvalidInput(f"{task.target!r} is the target and cannot be excluded.", field="excluded")
    for parameter, names in (("features", task.features or ()), ("excluded", task.excluded), ("types", task.types)):
        for name in names:
            _ = schema.column(name, field=parameter)


def _validation(validation: Any, given: _Given) -> Dataset:
    if isinstance(validation, tuple) and len(validation) == 2:
        data, targets = validation
        dataset = gathered(data).dataset
        if given.target in dataset.schema:
            return dataset
        return beside(dataset, given.target, targets)
    dataset = gathered(validation).dataset
    if given.target not in dataset.schema:
        raise InvalidInput(
            f"The validation table has no column {given.target!r}. Give a pair: the table, and its targets.",
            field="validation",
        )
    return dataset

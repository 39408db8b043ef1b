"""What a run learns from: features, truth and folds, checked once; kept as files that pool processes map."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Shape
from athanor.engine.fitting.folds import count_folds, make_folds, spread_rows
from athanor.engine.memory import cores
from athanor.engine.metrics import METRICS, Metric
from athanor.engine.plan import Plan
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS, Problem
from athanor.engine.schedule import entries, fold_s
from athanor.engine.tables.array_files import bytes_of, mapped
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Rows, Words
from athanor.engine.tables.dataset_files import arrays_of, let_go, open_dataset, save_dataset
from athanor.engine.tables.overrides import with_types
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema
from athanor.engine.target_distribution import TargetDistribution
from athanor.engine.task import Task
from athanor.errors import Impossible, InvalidInput

_FOLDS_OF = " folds of "  # in a fingerprint: it tells their number, too
_BLOCK_BYTES = 16 * 2**20  # hashed in one go
_MOST_TELLING = 100_000  # rows that a metric is tried on, before anything is fitted
_UNUSED = frozenset({ColumnType.ID, ColumnType.CONSTANT, ColumnType.IMAGE})  # no view sees pictures yet


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Rows with a known target, ready to be cross-fitted.

    task      resolved: problem, metric and features are named
    features  the columns that models may see
    folds     (n_rows,) the fold in which each row is validated; -1: in none
    n_dropped rows left out because their target is missing
    """

    task: Task
    features: Dataset
    truth: Truth
    folds: NDArray[np.int16]
    n_dropped: int = 0
    _validated: dict[int, Rows] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def problem(self) -> Problem:
        return PROBLEMS[self.task.problem or ""]

    @property
    def metric(self) -> Metric:
        return METRICS[self.task.metric or ""]

    @property
    def is_sparse(self) -> bool:
        """Whether some of the features are sparse vectors: not every family takes them."""
        return _is_sparse(self.features)

    @property
    def n_folds(self) -> int:
        if not self._validated:  # asked for often, and there may be many rows
            for fold in range(int(self.folds.max()) + 1):
                self._validated[fold] = np.flatnonzero(self.folds == fold)
        return len(self._validated)

    def validated(self, fold: int) -> Rows:
        """The rows that are validated in a fold, in their order."""
        return self._validated[fold] if fold < self.n_folds else np.empty(0, np.int64)

    def fingerprint(self) -> str:
        """A hash of everything that a fold model depends on, but its own configuration and seed."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps([self.task.to_json(), self.features.schema.to_json()], sort_keys=True).encode())
        words = []
        with ThreadPoolExecutor(cores()) as threads:
            for array in (self.truth.y, self.folds, self.truth.weight):
                digest.update(b"" if array is None else _digest(array, threads))
            for name in self.features.schema.names:
                column = self.features.columns[name]
                for array in arrays_of(column).values():
                    digest.update(_digest(array, threads))
                if isinstance(column, Words):
                    words.append(list(column.vocabulary))
        let_go(self.features)
        digest.update(json.dumps([self.truth.classes, *words]).encode())
        return f"{self.n_folds:02d}{_FOLDS_OF}{digest.hexdigest()}"


def folds_of(fingerprint: str) -> int | None:
    """The number of folds of what a fingerprint was made of; None where it tells none."""
    number, middle, _ = fingerprint.partition(_FOLDS_OF)
    return int(number) if middle and number.isdecimal() else None


def _digest(array: NDArray[Any], threads: ThreadPoolExecutor) -> bytes:
    """A hash of the cells, made from where they lie; the blocks of a large array side by side."""
    cells = bytes_of(np.ascontiguousarray(array))
    blocks = [cells[start : start + _BLOCK_BYTES] for start in range(0, len(cells), _BLOCK_BYTES)]
    hashed = map(_hash, blocks) if len(blocks) < 2 else threads.map(_hash, blocks)
    return _hash(b"".join(hashed))


def _hash(cells: memoryview | bytes) -> bytes:
    return hashlib.blake2b(cells, digest_size=32).digest()


def make_training_set(
    dataset: Dataset, task: Task, plan: Plan, *, workers: int = 1, n_folds: int | None = None
) -> TrainingSet:
    """Check `task` against `dataset`, find out what it leaves open, and set up the folds.

    workers  fits at a time
    n_folds  of the run that goes on; None: as many as suit the rows, the preset and the time

    Raises InvalidInput where the task does not fit the table, Impossible where nothing can be learned.
    """
    typed = with_types(dataset, task.types)
    target, target_schema = typed[task.target], typed.schema[task.target]
    known = np.flatnonzero(~target.missing())
    if len(known) == 0:
        raise Impossible(f"The target column {task.target!r} has no values.")
    if len(known) < typed.n_rows:
        typed, target = typed.at(known), target.take(known)
    problem = PROBLEMS[task.problem or find_problem(target, target_schema)]
    truth = problem.truth(target, target_schema, positive=task.positive)
    if task.weight is not None:
        weight = row_weights(typed, task.weight)
        if not weight.any():
            raise InvalidInput(
                f"The weight column {task.weight!r} is 0 in every row with a target: nothing is left to learn from. "
                "Give weights above 0.",
                field="weight",
            )
        truth = replace(truth, weight=weight)
    if task.distribution is not None:
        if truth.classes:
            raise InvalidInput(
                f"A distribution belongs to a regression; {task.target!r} is learned as {len(truth.classes):,} "
                "classes. Leave it out, or choose the problem 'regression'.",
                field="distribution",
            )
        task.distribution.check(truth.y, task.target)
    metric = METRICS[task.metric or task.default_metrics.get(problem.name) or problem.default_metric]
    if problem.name not in metric.problems:
        fitting = ", ".join(name for name in METRICS.names() if problem.name in METRICS[name].problems)
        raise InvalidInput(
            f"The metric {metric.name!r} does not fit a {problem.name} target. These do: {fitting}.", field="metric"
        )
    telling = truth.take(_telling_rows(truth))
    constant = np.tile(problem.baseline(truth), (len(telling.y), 1))
    if np.isnan(metric.score(telling, problem.predictions(constant, truth.classes))):
        raise InvalidInput(
            f"The metric {metric.name!r} is not defined on the values of {task.target!r} and their weights. "
            "Choose another one.",
            field="metric",
        )
    names = _feature_names(typed.schema, task)
    if task.features is None and all(typed.schema[name].type in _UNUSED for name in names):
        raise Impossible(
            f"None of the {len(names):,} feature columns says anything: ids, constant columns and pictures are left "
            "out. Give more columns, or state their types."
        )
    resolved = replace(task, problem=problem.name, metric=metric.name, features=names)
    features = typed.select(names)
    schedule_s = _schedule_s(features, problem, truth, resolved.distribution, plan)
    wanted = count_folds(len(truth.y), plan, schedule_s=schedule_s, workers=workers, before=n_folds)
    return TrainingSet(
        task=resolved,
        features=features,
        truth=truth,
        folds=make_folds(problem, truth, wanted, seed=plan.seed),
        n_dropped=dataset.n_rows - len(known),
    )


def _schedule_s(
    features: Dataset, problem: Problem, truth: Truth, distribution: TargetDistribution | None, plan: Plan
) -> float:
    """Seconds that one fold of everything takes that the plan tries, on one core."""
    is_sparse = _is_sparse(features)
    schedule = entries(problem.name, plan, is_sparse=is_sparse, n_rows=features.n_rows, distribution=distribution)
    shape = Shape(
        n_rows=features.n_rows,
        n_features=sum(column.dim or 1 for column in features.schema.columns),
        n_margins=problem.n_margins(truth),
        is_sparse=is_sparse,
    )
    return fold_s(schedule, shape)


def _is_sparse(features: Dataset) -> bool:
    return any(getattr(column, "is_sparse", False) for column in features.columns.values())


def _telling_rows(truth: Truth) -> Rows:
    """The rows that decide whether a metric is defined: all, or of many some that have the extremes and every class."""
    n_rows = len(truth.y)
    if n_rows <= _MOST_TELLING:
        return np.arange(n_rows)
    chosen = [spread_rows(truth, _MOST_TELLING, seed=0)]
    if truth.classes:
        heaviest = np.zeros(len(truth.classes), np.int64)  # of each class: the last of its rows in ascending order
        order = np.arange(n_rows) if truth.weight is None else np.argsort(truth.weight, kind="stable")
        heaviest[truth.y[order].astype(np.int64)] = order
        chosen.append(heaviest)
    else:
        chosen.append(np.array([truth.y.argmin(), truth.y.argmax(), np.abs(truth.y).argmin()]))
        if truth.weight is not None:
            chosen.append(np.array([truth.weight.argmax()]))
    return np.unique(np.concatenate(chosen))


def used_columns(schema: Schema, task: Task) -> tuple[str, ...]:
    """The columns that `make_training_set` looks at, in their order: what else a dataset has need not be read.

    Raises InvalidInput where the task names a column that is not there.
    """
    for name in (task.target, task.weight, *task.types):
        if name is not None:
            _ = schema[name]
    used = {*_feature_names(schema.with_types(task.types), task), task.target, task.weight, *task.types}
    return tuple(name for name in schema.names if name in used)


def find_problem(target: Column, schema: ColumnSchema) -> str:
    """The name of the problem that claims such a target."""
    for name in PROBLEMS.names():
        if PROBLEMS[name].claims(target, schema):
            return name
    raise Impossible(
        f"Nothing can be learned about the column {schema.name!r}, which holds {schema.type.value} values."
    )


def _feature_names(schema: Schema, task: Task) -> tuple[str, ...]:
    wanted = schema.names if task.features is None else task.features
    for name in wanted:
        _ = schema[name]
    taken = {task.target, task.weight, *task.excluded}
    names = tuple(name for name in dict.fromkeys(wanted) if name not in taken)
    useful = tuple(name for name in names if task.features is not None or schema[name].type not in _UNUSED)
    if useful:
        return useful
    if names:
        return names  # whoever learns from them says what is wrong, once the target is looked at
    raise Impossible("No feature column is left beside the target.")


def row_weights(dataset: Dataset, name: str) -> NDArray[np.float64]:
    """The column of row weights. Raises InvalidInput unless each is a number >= 0."""
    column = dataset[name]
    if not isinstance(column, Numbers):
        raise InvalidInput(f"The weight column {name!r} must hold numbers.", field="weight")
    bad = np.flatnonzero(~(column.values >= 0) | ~np.isfinite(column.values))
    if len(bad):
        raise InvalidInput(
            f"The weight column {name!r} must hold numbers >= 0; row {bad[0] + 1} has {column.values[bad[0]]}.",
            field="weight",
        )
    return column.values


def save_training_set(given: TrainingSet, folder: Path) -> None:
    """Write `given` into `folder`, which must not exist; what lies in files already is given a further name there.

    Not durable: it can be made again.
    """
    save_dataset(given.features, folder / "features")
    np.save(folder / "y.npy", given.truth.y, allow_pickle=False)
    np.save(folder / "folds.npy", given.folds, allow_pickle=False)
    if given.truth.weight is not None:
        np.save(folder / "weight.npy", given.truth.weight, allow_pickle=False)
    head = {"task": given.task.to_json(), "classes": list(given.truth.classes)}
    (folder / "training_set.json").write_text(json.dumps(head))


def open_training_set(folder: Path) -> TrainingSet:
    """Map the files of `folder`: many processes share one copy in memory."""
    head = json.loads((folder / "training_set.json").read_text())
    weight = mapped(folder / "weight.npy") if (folder / "weight.npy").exists() else None
    return TrainingSet(
        task=Task.from_json(head["task"]),
        features=open_dataset(folder / "features"),
        truth=Truth(y=mapped(folder / "y.npy"), classes=tuple(head["classes"]), weight=weight),
        folds=mapped(folder / "folds.npy"),
    )

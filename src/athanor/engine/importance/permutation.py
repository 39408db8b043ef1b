"""What a score owes to a column: how much worse it becomes when the column's cells are dealt out anew among the rows.

Unlike `engine/serving/reliance.py`, which asks the models, this asks rows that no fold's model saw: a column may be
relied on and be of no use. Columns that say the same stand in for each other and look useless one by one; given as one
group, they are dealt out together.

Sources: Breiman (2001), Random forests, Machine Learning 45(1). Fisher, Rudin & Dominici (2019), All models are wrong,
but many are useful, JMLR 20(177).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.seeds import seed_for
from athanor.engine.tables.dataset import Dataset

MAX_ROWS = 2_000  # of a fold
REPEATS = 3
_SLACK = 1.5  # a step may take this much longer than the longest before it

Answers = Callable[[Dataset, int], Predictions]  # rows, and the fold whose model is to answer them


class Clock(Protocol):
    def left_s(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """By how much a score is worse without what some columns say.

    drop   in the metric's unit, positive where the columns help; None where time ran out before them
    error  standard error over the folds, or over repeats where there is one fold; None where there is one of each
    """

    columns: tuple[str, ...]
    drop: float | None
    error: float | None


def permutation_importance(
    dataset: Dataset,
    truth: Truth,
    folds: Sequence[NDArray[np.int64]],
    answers: Answers,
    metric: Metric,
    *,
    groups: Iterable[Sequence[str]],
    seed: int,
    clock: Clock,
    repeats: int = REPEATS,
) -> tuple[Drop, ...]:
    """The drop of each group of columns; the greatest first, those that were not reached last.

    dataset  the features of all rows
    folds    for each fold, the rows that its models did not see
    answers  gives predictions for rows of the dataset by the models of a fold
    groups   of columns, in the order in which they are to be looked at; vectors are one column each

    A group is dealt out in the same way whatever the others are. Folds on which the metric is undefined are left out.
    """
    found: list[Drop] = []
    judged: list[_Fold] = []
    pace = _Pace(clock)
    for number, rows in enumerate(folds):
        if not pace.has_time():
            judged = []
            break
        with pace.step():
            fold = _Fold.of(dataset, truth, number, rows, answers, metric, seed)
        if isfinite(fold.utility):
            judged.append(fold)
    late, pace = not judged, _Pace(clock)
    for group in groups:
        names = tuple(group)
        drops: list[list[float]] = []
        for fold in judged:
            late = late or not pace.has_time()
            if late:
                break
            with pace.step():
                drops.append([fold.drop(answers, metric, names, seed, repeat) for repeat in range(repeats)])
        found.append(Drop(columns=names, drop=None, error=None) if late else _drop_of(names, drops, judged))
    return tuple(sorted(found, key=lambda each: -np.inf if each.drop is None else each.drop, reverse=True))


@dataclass(slots=True)
class _Pace:
    """How long steps of one kind take: none begins that would not end in time."""

    clock: Clock
    _longest_s: float = 0.0

    def has_time(self) -> bool:
        return self.clock.left_s() > _SLACK * self._longest_s

    @contextmanager
    def step(self) -> Iterator[None]:
        before_s = self.clock.left_s()
        yield
        took_s = before_s - self.clock.left_s()
        if isfinite(took_s):
            self._longest_s = max(self._longest_s, took_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """Rows of a fold, and how well its models answer them as they are."""

    number: int
    rows: Dataset
    truth: Truth
    utility: float
    share: float  # the weight of all rows of the fold

    @classmethod
    def of(  # noqa: PLR0917
        cls,
        dataset: Dataset,
        truth: Truth,
        number: int,
        rows: NDArray[np.int64],
        answers: Answers,
        metric: Metric,
        seed: int,
    ) -> _Fold:
        some = rows
        if len(rows) > MAX_ROWS:
            some = np.sort(np.random.default_rng([seed, number]).choice(rows, MAX_ROWS, replace=False))
        there, given = dataset.take(some), truth.take(some)
        weight = float(len(rows)) if truth.weight is None else float(truth.weight[rows].sum())
        utility = metric.utility(given, answers(there, number))
        return cls(number=number, rows=there, truth=given, utility=utility, share=weight)

    def drop(self, answers: Answers, metric: Metric, names: tuple[str, ...], seed: int, repeat: int) -> float:
        """With the cells of these columns dealt out anew, all of them in the same order."""
        rng = np.random.default_rng([seed_for(seed, "/".join(names), self.number), repeat])
        dealt = rng.permutation(self.rows.n_rows)
        columns = {name: self.rows.columns[name] for name in self.rows.schema.names}
        columns |= {name: columns[name].take(dealt) for name in names}
        changed = Dataset(self.rows.schema, columns, self.rows.n_rows)
        return self.utility - metric.utility(self.truth, answers(changed, self.number))


def _drop_of(names: tuple[str, ...], drops: Sequence[Sequence[float]], folds: Sequence[_Fold]) -> Drop:
    """Drops  (n_folds, n_repeats)"""
    of_folds = np.mean(drops, axis=1)
    drop = float(np.average(of_folds, weights=[fold.share for fold in folds]))
    values = of_folds if len(of_folds) > 1 else np.asarray(drops[0])
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return Drop(columns=names, drop=drop, error=error)

"""How many folds, and which rows are validated in which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from athanor.engine.plan import Plan
from athanor.engine.predictions import Truth
from athanor.engine.presets import PRESETS
from athanor.engine.problems import Problem
from athanor.engine.seeds import seed_for
from athanor.engine.tables.dataset import Rows
from athanor.errors import Impossible

# Rows that a fold validates, or that a fit is stopped by, at most. Half a million where a class is so rare that fewer
# rows would not have a hundred of it.
ENOUGH_ROWS, OF_A_CLASS, MOST_ROWS = 50_000, 100, 500_000
LEAST_FOLDS = 5  # however short the time: fewer made scores worse (docs/why/schedule.md)
MOST_CELLS = 4_000_000  # rows x classes: an answer has a number for each class, and the answers of all trials are held


def count_folds(
    n_rows: int, plan: Plan, *, schedule_s: float | None = None, workers: int = 1, before: int | None = None
) -> int:
    """The number of folds for a table of `n_rows`; never more than it has rows.

    As many as the preset has for such tables, or fewer, where the time has no room for all folds of the whole schedule.

    schedule_s  seconds that one fold of everything takes that the plan tries, on one core; None: not known
    workers     fits at a time
    before      the number in the run that goes on: it stays
    """
    if n_rows < 2:
        raise Impossible(f"A model needs at least 2 rows with a known target, got {n_rows}.")
    if before is not None:
        return min(max(before, 2), n_rows)
    wanted = next(folds for limit, folds in PRESETS[plan.preset].folds if limit is None or n_rows <= limit)
    if plan.time_limit_s is not None and schedule_s:
        affordable = int(plan.time_limit_s * workers / schedule_s)
        wanted = min(wanted, max(affordable, LEAST_FOLDS))
    return min(wanted, n_rows)


def make_folds(problem: Problem, truth: Truth, n_folds: int, *, seed: int) -> NDArray[np.int16]:
    """(n_rows,) the fold in which each row is validated; -1: in none, the row is learned from in every fold.

    Folds of a large table validate some of its rows: more of them would cost time and make no score more certain.
    """
    n_rows = len(truth.y)
    most = n_folds * enough_rows(truth)
    if most >= n_rows:
        return problem.folds(truth, n_folds, seed)
    rows = spread_rows(truth, most, seed=seed_for(seed, "validated", n_folds))
    folds = np.full(n_rows, -1, np.int16)
    folds[rows] = problem.folds(truth.take(rows), n_folds, seed)
    return folds


def enough_rows(truth: Truth) -> int:
    """How many rows, spread over all, say enough of a model: more where a class is rare, within bounds."""
    if not truth.classes or len(truth.y) <= ENOUGH_ROWS:
        return ENOUGH_ROWS
    rarest = int(np.bincount(truth.y.astype(np.int16), minlength=len(truth.classes)).min())
    wanted = OF_A_CLASS * len(truth.y) // max(rarest, 1)
    most = max(MOST_CELLS // len(truth.classes), OF_A_CLASS * len(truth.classes))
    return min(max(wanted, ENOUGH_ROWS), MOST_ROWS, most)


def spread_rows(truth: Truth, n_rows: int, *, seed: int) -> Rows:
    """`n_rows` positions, ascending: one from each of so many runs of neighbours, classes in the truth's proportion."""
    edges = np.linspace(0, len(truth.y), n_rows + 1).astype(np.int64)
    places = edges[:-1] + (np.random.default_rng(seed).random(n_rows) * np.diff(edges)).astype(np.int64)
    if not truth.classes:
        return places
    by_class = np.argsort(truth.y.astype(np.int16), kind="stable")  # of 16 bits: a sort in one go
    return np.sort(by_class[places])

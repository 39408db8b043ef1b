"""How many folds, and which rows are validated in which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from athanor.engine.plan import Plan
from athanor.engine.predictions import Truth
from athanor.engine.problems import Problem
from athanor.errors import Impossible

# Rows up to which so many folds pay, per preset: small tables need many (a model goes without 1/K of its rows), large
# ones cannot afford them. Proposals, not yet tuned against each other (docs/why/schedule.md).
_FOLDS = {
    "best_quality": ((1_500, 10), (30_000, 8), (100_000, 5), (None, 3)),
    "high_quality": ((1_500, 8), (100_000, 5), (None, 3)),
    "good_quality": ((100_000, 5), (None, 3)),
    "medium_quality": ((100_000, 3), (None, 2)),
}


def count_folds(n_rows: int, plan: Plan) -> int:
    """The number of folds for a table of `n_rows`; never more than it has rows."""
    if n_rows < 2:
        raise Impossible(f"A model needs at least 2 rows with a known target, got {n_rows}.")
    wanted = next(folds for limit, folds in _FOLDS[plan.preset] if limit is None or n_rows <= limit)
    return min(wanted, n_rows)


def make_folds(problem: Problem, truth: Truth, plan: Plan) -> NDArray[np.int16]:
    """(n_rows,) the fold in which each row is validated."""
    return problem.folds(truth, count_folds(len(truth.y), plan), plan.seed)

"""Splits: in which fold each row is validated, alike in every fold, decided by the seed alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from athanor.errors import InvalidInput

Folds = NDArray[np.int16]


def stratified_by_class(y: NDArray[np.float64], n_folds: int, seed: int) -> Folds:
    """Folds of equal size (to one row) that share each class out evenly (to one row).

    The rows are dealt like cards, class after class, so that a class of 5 rows among 10 folds lands in 5 of them.
    """
    rng = _rng(len(y), n_folds, seed)
    shuffled = rng.permutation(len(y))
    dealt = shuffled[np.argsort(y[shuffled], kind="stable")]
    folds = np.empty(len(y), np.int16)
    folds[dealt] = rng.permutation(n_folds)[np.arange(len(y)) % n_folds]
    return folds


def stratified_by_value(y: NDArray[np.float64], n_folds: int, seed: int) -> Folds:
    """Folds of equal size (to one row) with alike distributions of `y`: each run of neighbours is spread over all."""
    rng = _rng(len(y), n_folds, seed)
    shuffled = rng.permutation(len(y))
    ascending = shuffled[np.argsort(y[shuffled], kind="stable")]
    hands = -(-len(y) // n_folds)
    order = np.argsort(rng.random((hands, n_folds)), axis=1).astype(np.int16)
    if len(y) % n_folds:  # the last hand is short: deal it from the lowest folds up, so that sizes differ by one row
        order[-1] = np.arange(n_folds)
    folds = np.empty(len(y), np.int16)
    folds[ascending] = order.ravel()[: len(y)]
    return folds


def _rng(n_rows: int, n_folds: int, seed: int) -> np.random.Generator:
    if not 2 <= n_folds <= n_rows:
        raise InvalidInput(f"Between 2 folds and one per row are possible: {n_folds} folds of {n_rows} rows are not.")
    return np.random.default_rng([seed, n_folds])

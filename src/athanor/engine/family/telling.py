"""Which features of a wide matrix say most about the target, each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family.target import Floats


def telling_features(X: Any, labels: Floats, weight: Floats | None, most: int) -> NDArray[np.int32]:
    """Ascending places of at most `most` features, none of them the same in all rows.

    X       (n_rows, n_features) float32, dense or CSR
    labels  (n_rows, n_labels) what is to be learned: a quantity, or a column for each class
    """
    share = np.full(X.shape[0], 1.0 / X.shape[0]) if weight is None else weight / weight.sum()
    mean = np.asarray(X.T @ share, np.float64)
    spread = _mean_squares(X, share) - np.square(mean)
    # What single precision leaves of a feature that is the same everywhere is no spread.
    varies = spread > 1e-6 * np.square(mean) + 1e-12
    if np.count_nonzero(varies) <= most:
        return np.flatnonzero(varies).astype(np.int32)
    away = (labels - share @ labels) * share[:, None]
    together = np.square(np.asarray(X.T @ away, np.float64)).sum(axis=1)
    told = np.divide(together, spread, out=np.full(len(spread), -1.0), where=varies)
    return np.sort(np.argsort(-told, kind="stable")[:most]).astype(np.int32)


def _mean_squares(X: Any, share: Floats) -> Floats:
    """(n_features,) of a dense matrix in double precision and without a second matrix of that size."""
    if isinstance(X, np.ndarray):
        return np.asarray(np.einsum("rf,rf,r->f", X, X, share), np.float64)
    return np.asarray(X.multiply(X).T @ share, np.float64)

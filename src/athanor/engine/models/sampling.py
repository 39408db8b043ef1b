"""Rows for a quick fit: the option `max_rows`, honoured alike by every family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from athanor.engine.models import FitInput, Options


def sample_rows(given: FitInput, options: Options) -> FitInput:
    """The same input with at most `max_rows` training and as many validation rows, chosen by its seed."""
    most = options.get("max_rows")
    if most is None:
        return given
    rng = np.random.default_rng([given.seed % 2**32, 1])
    if given.X.shape[0] > int(most):
        rows = np.sort(rng.choice(given.X.shape[0], int(most), replace=False))
        given = replace(given, X=given.X[rows], truth=given.truth.take(rows))
    if given.X_stop.shape[0] > int(most):
        rows = np.sort(rng.choice(given.X_stop.shape[0], int(most), replace=False))
        given = replace(given, X_stop=given.X_stop[rows], truth_stop=given.truth_stop.take(rows))
    return given

"""Rows for a fit that has no time for all it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from athanor.engine.family import FitInput


def sample_rows(given: FitInput, most: int) -> FitInput:
    """The same input with at most `most` rows to fit, and as many to stop by, chosen by its seed."""
    rng = np.random.default_rng([given.seed % 2**32, 1])
    if given.X.shape[0] > most:
        rows = np.sort(rng.choice(given.X.shape[0], most, replace=False))
        given = replace(given, X=given.X[rows], truth=given.truth.take(rows))
    if given.X_stop.shape[0] > most:
        rows = np.sort(rng.choice(given.X_stop.shape[0], most, replace=False))
        given = replace(given, X_stop=given.X_stop[rows], truth_stop=given.truth_stop.take(rows))
    return given

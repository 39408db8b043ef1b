"""Blending: the weighted mean of members' answers, the same bits for a row alone as among a million."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions
from athanor.engine.problems import Problem
from athanor.errors import InvalidInput


def weighted_mean(members: Iterable[NDArray[np.float64]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of equally shaped arrays, added up member by member in their order.

    A matrix product would be shorter, but the order of its additions depends on the number of rows.
    """
    shares = [float(weight) for weight in weights]
    total = sum(shares)
    if not shares or min(shares) < 0 or not total > 0:
        raise InvalidInput(f"Weights must be at least 0, and one of them above it, got {shares}.")
    blended: NDArray[np.float64] | None = None
    for member, share in zip(members, shares, strict=True):
        part = member * (share / total)
        blended = part if blended is None else np.add(blended, part, out=blended)
    assert blended is not None  # noqa: S101  # `shares` is not empty and zip is strict
    return blended


def blend(answers: Mapping[str, Predictions], shares: Mapping[str, float], problem: Problem) -> Predictions:
    """The members' answers, each by its share."""
    trials = sorted(shares)
    return problem.blend([answers[trial] for trial in trials], np.array([shares[trial] for trial in trials]))

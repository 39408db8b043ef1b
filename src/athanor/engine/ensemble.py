"""Weights of an ensemble, selected on out-of-fold predictions.

Greedy selection with replacement: Caruana et al. (2004), Ensemble selection from libraries of models, ICML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import Problem

STEPS = 25  # more change the weights by less than 1/25
MAX_ROWS = 20_000  # the selection's noise is below the metric's own from here on
MAX_MEMBERS = 12
SMALL = 3_000  # rows below which single rows sway the selection: it is averaged over half samples
HALVES = 8


class Clock(Protocol):
    def spent(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Members of an ensemble and their shares, which sum to 1; `utility` is on all rows that were given."""

    shares: Mapping[str, float]
    utility: float


def select_weights(
    answers: Mapping[str, Predictions],
    truth: Truth,
    *,
    problem: Problem,
    metric: Metric,
    seed: int,
    clock: Clock,
) -> Weights:
    """The shares that answer best together; one member with share 1 where no blend is better.

    answers  trial → its out-of-fold predictions for the rows of `truth`
    """
    trials = sorted(answers)
    utilities = {trial: metric.utility(truth, answers[trial]) for trial in trials}
    best = max(trials, key=lambda trial: utilities[trial])
    single = Weights(shares={best: 1.0}, utility=utilities[best])
    if len(trials) == 1 or clock.spent():
        return single
    rng = np.random.default_rng(seed)
    counts = dict.fromkeys(trials, 0.0)
    for rows in _samples(len(truth.y), rng):
        if clock.spent():
            break
        for trial, share in _greedy(answers, truth, rows, problem=problem, metric=metric, clock=clock).items():
            counts[trial] += share
    shares = _normalized(counts)
    if not shares:
        return single
    blended = metric.utility(truth, blend(answers, shares, problem))
    return Weights(shares=shares, utility=blended) if blended > single.utility else single


def blend(answers: Mapping[str, Predictions], shares: Mapping[str, float], problem: Problem) -> Predictions:
    """The members' answers, each by its share."""
    trials = sorted(shares)
    return problem.blend([answers[trial] for trial in trials], np.array([shares[trial] for trial in trials]))


def take(answers: Predictions, rows: NDArray[np.int64]) -> Predictions:
    """The answers for some of the rows."""
    return Predictions(
        classes=answers.classes,
        probabilities=None if answers.probabilities is None else answers.probabilities[rows],
        codes=None if answers.codes is None else answers.codes[rows],
        values=None if answers.values is None else answers.values[rows],
    )


def _samples(n_rows: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    if n_rows > MAX_ROWS:
        return [np.sort(rng.choice(n_rows, MAX_ROWS, replace=False))]
    if n_rows >= SMALL:
        return [np.arange(n_rows)]
    return [np.sort(rng.choice(n_rows, max(n_rows // 2, 1), replace=False)) for _ in range(HALVES)]


def _greedy(
    answers: Mapping[str, Predictions],
    truth: Truth,
    rows: NDArray[np.int64],
    *,
    problem: Problem,
    metric: Metric,
    clock: Clock,
) -> dict[str, float]:
    """Add the member that helps most, again and again; keep the prefix that was best."""
    sample_truth = truth.take(rows)
    sample = {trial: take(given, rows) for trial, given in answers.items()}
    chosen: list[str] = []
    current: Predictions | None = None
    best_utility, best_length = -np.inf, 0
    for step in range(STEPS):
        if chosen and clock.spent():
            break
        options: dict[str, tuple[float, Predictions]] = {}
        for trial in sorted(sample):
            together = sample[trial]
            if current is not None:
                together = problem.blend([current, sample[trial]], np.array([step / (step + 1), 1 / (step + 1)]))
            options[trial] = (metric.utility(sample_truth, together), together)
        trial = max(sorted(options), key=lambda name: options[name][0])
        utility, current = options[trial]
        chosen.append(trial)
        if utility > best_utility:
            best_utility, best_length = utility, len(chosen)
    shares: dict[str, float] = {}
    for trial in chosen[: max(best_length, 1)]:
        shares[trial] = shares.get(trial, 0.0) + 1.0 / max(best_length, 1)
    return shares


def _normalized(counts: Mapping[str, float]) -> dict[str, float]:
    largest = sorted((trial for trial in counts if counts[trial] > 0), key=lambda trial: (-counts[trial], trial))[
        :MAX_MEMBERS
    ]
    total = sum(counts[trial] for trial in largest)
    return {trial: counts[trial] / total for trial in sorted(largest)}

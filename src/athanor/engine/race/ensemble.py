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
from athanor.engine.problems.blending import blend

STEPS = 25  # more change the weights by less than 1/25
MAX_ROWS = 20_000  # the selection's noise is below the metric's own from here on
MAX_MEMBERS = 12
SMALL = 3_000  # rows below which single rows sway the selection: it is averaged over half samples
HALVES = 8


class Clock(Protocol):
    def spent(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Members of an ensemble and their shares, which sum to 1.

    score  of the metric, on rows that neither the members nor the selection of their shares saw; NaN where undefined
    """

    shares: Mapping[str, float]
    score: float


def select_weights(
    answers: Mapping[str, Predictions],
    truth: Truth,
    *,
    problem: Problem,
    metric: Metric,
    seed: int,
    clock: Clock,
    max_members: int = MAX_MEMBERS,
) -> Weights:
    """The shares that answer best together; the best trial alone where no blend is better.

    A blend is better when shares selected on one half of the rows are better on the other half: on the rows that it was
    selected on a blend is always better, in noise too.

    answers  trial → its out-of-fold predictions for the rows of `truth`
    """
    best = best_single(answers, truth, metric)
    if len(answers) == 1 or clock.spent():
        return best
    selection = _Selection(answers, truth, problem, metric, clock, max_members)
    rng = np.random.default_rng(seed)
    shares = selection.shares(np.arange(len(truth.y)), rng)
    if len(shares) < 2:
        return best
    halves = np.array_split(rng.permutation(len(truth.y)), 2)
    parts = [
        blend({trial: answers[trial].take(half) for trial in found}, found, problem)
        for half, other in (halves, halves[::-1])
        for found in [selection.shares(np.sort(other), rng)]
    ]
    held_out, held_truth = Predictions.join(parts), truth.take(np.concatenate(halves))
    if clock.spent() or metric.utility(held_truth, held_out) <= metric.utility(truth, answers[next(iter(best.shares))]):
        return best
    return Weights(shares=shares, score=metric.score(held_truth, held_out))


def alone(trial: str) -> Weights:
    """One trial, whatever it is worth."""
    return Weights(shares={trial: 1.0}, score=float("nan"))


def best_single(answers: Mapping[str, Predictions], truth: Truth, metric: Metric) -> Weights:
    """The best trial, alone."""
    utilities = {trial: metric.utility(truth, answers[trial]) for trial in sorted(answers)}
    best = max(utilities, key=lambda trial: utilities[trial])
    return Weights(shares={best: 1.0}, score=metric.score(truth, answers[best]))


@dataclass(frozen=True, slots=True)
class _Selection:
    """Greedy selection among some trials."""

    answers: Mapping[str, Predictions]
    truth: Truth
    problem: Problem
    metric: Metric
    clock: Clock
    max_members: int

    def shares(self, rows: NDArray[np.int64], rng: np.random.Generator) -> dict[str, float]:
        """The shares that answer these rows best, averaged over samples of them."""
        counts = dict.fromkeys(sorted(self.answers), 0.0)
        for sample in _samples(len(rows), rng):
            if self.clock.spent() and any(counts.values()):
                break
            for trial, share in self._greedy(rows[sample]).items():
                counts[trial] += share
        return _normalized(counts, self.max_members)

    def _greedy(self, rows: NDArray[np.int64]) -> dict[str, float]:
        """Add the member that helps most, again and again; keep the prefix that was best."""
        truth = self.truth.take(rows)
        sample = {trial: self.answers[trial].take(rows) for trial in sorted(self.answers)}
        chosen: list[str] = []
        current: Predictions | None = None
        best_utility, best_length = -np.inf, 1
        for step in range(STEPS):
            if chosen and self.clock.spent():
                break
            candidates: dict[str, tuple[float, Predictions]] = {}
            for trial, alone in sample.items():
                together = alone
                if current is not None:
                    together = self.problem.blend([current, alone], np.array([step / (step + 1), 1 / (step + 1)]))
                candidates[trial] = (self.metric.utility(truth, together), together)
            trial = max(candidates, key=lambda name: candidates[name][0])
            utility, current = candidates[trial]
            chosen.append(trial)
            if utility > best_utility:
                best_utility, best_length = utility, len(chosen)
        kept = chosen[:best_length]
        return {trial: kept.count(trial) / len(kept) for trial in dict.fromkeys(kept)}


def _samples(n_rows: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    if n_rows > MAX_ROWS:
        return [np.sort(rng.choice(n_rows, MAX_ROWS, replace=False))]
    if n_rows >= SMALL:
        return [np.arange(n_rows)]
    return [np.sort(rng.choice(n_rows, max(n_rows // 2, 1), replace=False)) for _ in range(HALVES)]


def _normalized(counts: Mapping[str, float], max_members: int) -> dict[str, float]:
    """The shares of the largest, which sum to 1."""
    chosen = sorted((trial for trial in counts if counts[trial] > 0), key=lambda trial: (-counts[trial], trial))
    largest = chosen[:max_members]
    total = sum(counts[trial] for trial in largest)
    return {trial: counts[trial] / total for trial in sorted(largest)}

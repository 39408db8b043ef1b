"""Intervals that hold the true value, and sets that hold the true class, as often as they are asked to.

Both come from answers to rows that no model saw. An interval is the predicted value and the residuals' quantiles on
both sides of it, taken among rows that were predicted alike: errors of large values are mostly larger. A set holds the
classes whose probability is at least what true classes mostly had, and the predicted one in any case.

On answers made with 4 and 10 classes such sets were 0 to 0.8 classes smaller than those of APS and RAPS, which add up
probabilities, at the same coverage (80, 90 and 95 %).

With n rows, quantiles are those of n + 1, so that rows that are exchangeable with these are covered as often as asked
for in small samples too, as long as a level is not so close to 1 that hardly a row would lie beyond it. There a tail is
assumed that falls exponentially.

Sources: Boström & Johansson (2020), Mondrian conformal regressors, COPA. Barber et al. (2021), Predictive inference
with the jackknife+, Annals of Statistics 49(1). Beran & Hall (1993), Interpolated nonparametric prediction intervals,
JRSS B 55(3). Sadinle, Lei & Wasserman (2019), Least ambiguous set-valued classifiers with bounded error levels, JASA
114(525).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil, floor, log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput

FILE = "quantiles"  # .json and .npy, in the folder they are saved into
MAX_ROWS = 50_000  # looked at
MAX_POINTS = 1000  # quantiles kept of each bin
MAX_SET_POINTS = 10_000  # and of sets, which have one bin and are asked for levels closer to 1
MOST_BINS = 16
LEAST_ROWS = 10  # of a table, below which nothing is said
LEAST_PER_BIN = 50  # rows
LEAST_BEYOND = 3  # rows that must lie beyond each end of an interval in a bin, or larger bins are taken
TAIL = 0.1  # share of the rows on each side from which a tail's fall is read

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Quantiles of something among rows that were predicted alike.

    edges   (n_bins - 1,) predicted values between the bins, rising; a row on an edge belongs above it
    points  (n_bins, n_points) rising: the quantiles j / (n_points + 1) of a bin's rows and one more, j from 1
    """

    edges: Floats
    points: Floats

    @property
    def n_points(self) -> int:
        return int(self.points.shape[1])

    def lower(self, level: float) -> Floats:
        """(n_bins,) what a share `level` lies below."""
        return self._quantile(level, self.points)

    def upper(self, level: float) -> Floats:
        """(n_bins,) what a share `level` lies above."""
        return -self._quantile(level, -self.points[:, ::-1])

    def _quantile(self, level: float, rising: Floats) -> Floats:
        """Between the two points around a level of at most a half."""
        place = level * (self.n_points + 1)
        if place < 1.0:
            return rising[:, 0] - self._tail(level, rising)
        below = floor(place)
        above = min(below, self.n_points - 1)
        return np.asarray(rising[:, below - 1] + (place - below) * (rising[:, above] - rising[:, below - 1]))

    def _tail(self, level: float, rising: Floats) -> Floats:
        """(n_bins,) how far below the first point a share of `level` lies, if beyond it rows become rarer evenly."""
        n_tail = min(max(ceil(TAIL * self.n_points), 1), self.n_points - 1)
        falls = rising[:, n_tail] - rising[:, :n_tail].mean(axis=1)
        return np.asarray(falls * -log(level * (self.n_points + 1)), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Residuals' quantiles in ever coarser bins; the finest that have rows enough for a level answer it."""

    layers: tuple[Bins, ...]

    def interval(self, answers: Predictions, level: float) -> tuple[Floats, Floats]:
        """(n_rows,) ends of the intervals that hold the true value with probability `level`, and the prediction."""
        if answers.values is None:
            raise InvalidInput("Intervals belong to predicted quantities, and the predictions hold none.")
        beyond = (1.0 - checked_level(level)) / 2.0
        fine = (bins for bins in self.layers if (bins.n_points + 1) * beyond >= LEAST_BEYOND)
        bins = next(fine, self.layers[-1])
        place = np.searchsorted(bins.edges, answers.values, side="right")
        lower = answers.values + np.minimum(bins.lower(beyond), 0.0)[place]
        upper = answers.values + np.maximum(bins.upper(beyond), 0.0)[place]
        return lower, upper


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """Quantiles of the probability that true classes were given.

    points  (n_points,) rising: the quantiles j / (n_points + 1) of the rows and one more, j from 1
    """

    points: Floats

    def sets(self, answers: Predictions, level: float) -> NDArray[np.bool_]:
        """(n_rows, n_classes) which classes are in the set that holds the true one with probability `level`."""
        if answers.probabilities is None or answers.codes is None:
            raise InvalidInput("Sets belong to predicted classes, and the predictions hold none.")
        place = floor((1.0 - checked_level(level)) * (len(self.points) + 1) + 1e-9)
        least = self.points[place - 1] if place else 0.0  # of cases so rare nothing is known: all classes
        found = answers.probabilities >= least
        found[np.arange(len(found)), answers.codes] = True
        return np.asarray(found, np.bool_)


Conformal = Intervals | Sets
_NOT_OURS = "{} does not hold the quantiles of intervals or sets that Athanor wrote."


def checked_level(level: float) -> float:
    """`level`, if it is one."""
    if not 0.0 < level < 1.0:
        raise InvalidInput(f"A level is a probability between 0 and 1, such as 0.9; got {level}.", field="level")
    return level


def fit_intervals(answers: Predictions, truth: Truth, *, seed: int) -> Intervals | None:
    """From predicted values of rows that no model saw; None for fewer than 10 rows."""
    if answers.values is None:
        raise InvalidInput("Intervals belong to predicted quantities, and the predictions hold none.")
    rows = _sample(truth, seed)
    if len(rows) < LEAST_ROWS:
        return None
    rows = rows[np.argsort(answers.values[rows], kind="stable")]
    values, residuals = answers.values[rows], truth.y[rows] - answers.values[rows]
    weight = None if truth.weight is None else truth.weight[rows]
    layers: list[Bins] = []
    n_bins = MOST_BINS
    while n_bins >= 1:
        cuts = _cuts(values, n_bins)
        if not layers or len(cuts) < len(layers[-1].edges):
            layers.append(_bins(values, residuals, weight, cuts))
        n_bins //= 2
    return Intervals(layers=tuple(layers))


def fit_sets(answers: Predictions, truth: Truth, *, seed: int) -> Sets | None:
    """From probabilities of rows that no model saw, calibrated if those will be; None for fewer than 10 rows."""
    if answers.probabilities is None:
        raise InvalidInput("Sets belong to predicted classes, and the predictions hold none.")
    rows = _sample(truth, seed)
    if len(rows) < LEAST_ROWS:
        return None
    given = answers.probabilities[rows, truth.y[rows].astype(np.int64)]
    weight = None if truth.weight is None else truth.weight[rows]
    return Sets(points=_quantiles(given, weight, min(_size(len(given), weight), MAX_SET_POINTS)))


def save_conformal(conformal: Conformal, folder: Path) -> None:
    """Write the tables into a folder."""
    if isinstance(conformal, Sets):
        shapes, cells = [], [conformal.points]
    else:
        shapes = [list(bins.points.shape) for bins in conformal.layers]
        cells = [part.ravel() for bins in conformal.layers for part in (bins.edges, bins.points)]
    (folder / f"{FILE}.json").write_text(json.dumps({"kind": type(conformal).__name__.lower(), "shapes": shapes}))
    np.save(folder / f"{FILE}.npy", np.concatenate(cells), allow_pickle=False)


def load_conformal(folder: Path) -> Conformal:
    """What `save_conformal` wrote. Raises InvalidInput."""
    try:
        head = json.loads((folder / f"{FILE}.json").read_text())
        cells = np.asarray(np.load(folder / f"{FILE}.npy", allow_pickle=False), np.float64)
        if head["kind"] == "sets":
            return Sets(points=cells)
        layers: list[Bins] = []
        for n_bins, n_points in head["shapes"]:
            edges, points, cells = np.split(cells, [n_bins - 1, n_bins - 1 + n_bins * n_points])
            layers.append(Bins(edges=edges, points=points.reshape(n_bins, n_points)))
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise InvalidInput(_NOT_OURS.format(folder)) from error
    if len(cells):
        raise InvalidInput(_NOT_OURS.format(folder))
    return Intervals(layers=tuple(layers))


def _sample(truth: Truth, seed: int) -> NDArray[np.int64]:
    rows = np.arange(len(truth.y)) if truth.weight is None else np.flatnonzero(truth.weight > 0.0)
    if len(rows) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_ROWS, replace=False))
    return rows


def _cuts(values: Floats, n_bins: int) -> NDArray[np.int64]:
    """Where to cut sorted values into at most so many bins of about equal size; equal values stay together."""
    least = max(LEAST_PER_BIN, len(values) // (2 * n_bins))
    cuts: list[int] = []
    for place in range(1, n_bins):
        cut = int(np.searchsorted(values, values[place * len(values) // n_bins]))
        if cut - (cuts[-1] if cuts else 0) >= least and len(values) - cut >= least:
            cuts.append(cut)
    return np.array(cuts, np.int64)


def _bins(values: Floats, residuals: Floats, weight: Floats | None, cuts: NDArray[np.int64]) -> Bins:
    parts = np.split(residuals, cuts)
    weights = [None] * len(parts) if weight is None else np.split(weight, cuts)
    sizes = [_size(len(part), weighed) for part, weighed in zip(parts, weights, strict=True)]
    n_points = min(*sizes, MAX_POINTS)
    points = [_quantiles(part, weighed, n_points) for part, weighed in zip(parts, weights, strict=True)]
    edges = values[cuts - 1] / 2.0 + values[cuts] / 2.0
    return Bins(edges=edges, points=np.stack(points))


def _size(n_rows: int, weight: Floats | None) -> int:
    """Rows of equal weight that would tell as much (Kish 1965)."""
    return n_rows if weight is None else max(int(weight.sum() ** 2 / np.square(weight).sum()), 2)


def _quantiles(values: Floats, weight: Floats | None, n_points: int) -> Floats:
    """(n_points,) the quantiles j / (n_points + 1) of the values and one more, rounded away from the median."""
    order = np.argsort(values, kind="stable")
    levels = np.arange(1, n_points + 1) / (n_points + 1)
    if weight is None:
        exact = levels * (len(values) + 1)
        outward = np.where(levels < 0.5, np.floor(exact + 1e-6), np.ceil(exact - 1e-6))
        places = outward.astype(np.int64) - 1
    else:
        behind = np.cumsum(weight[order])
        whole = behind[-1] + behind[-1] / n_points  # one more row of middling weight
        places = np.searchsorted(behind, levels * whole * (1.0 - 1e-12))
    return np.asarray(values[order[np.clip(places, 0, len(values) - 1)]], np.float64)

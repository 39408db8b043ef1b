"""The evidence of a Gaussian process: how likely its rows' values are under a kernel and its noise, with the gradient.

Source: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, sections 2.2 and 5.4. The priors keep the
length scale of a feature that the rows say nothing about where the others are; that of the length scales grows with the
number of features, as in Hvarfner et al. (2024), arxiv.org/abs/2402.02229.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from athanor.engine.family.target import Floats
from athanor.engine.gaussian.kernel import matern_and_slope, squared_distances
from athanor.engine.linear.lbfgs import Point

_LEAST_NOISE = 1e-6  # so that equal rows do not make the matrix singular
_FARTHEST = 12.0  # logarithms beyond are never looked at
# Of the logarithms of amplitude and noise: where they are expected, and how far from there.
_AMPLITUDE, _AMPLITUDE_SPREAD, _NOISE, _NOISE_SPREAD = 0.0, 2.0, -3.0, 3.0
_FIRST_NOISE = 0.1


@dataclass(frozen=True, slots=True)
class Settings:
    """lengths  (n_features,) scales: rows so far apart in one feature are as unlike as one length unit"""

    lengths: Floats
    amplitude: float
    noise: float


@dataclass(frozen=True, slots=True)
class Solved:
    """A point where the evidence was asked for, and what is known there: `values` = (kernel + noise) @ `alpha`."""

    point: Point
    settings: Settings
    alpha: Floats


@dataclass(slots=True)
class Evidence:
    """Its negative logarithm per row and output, as a function of logarithms: length scales, amplitude, noise.

    rows      (n_rows, n_features)
    values    (n_rows, n_outputs) about 0, of about unit size
    noises    (n_rows,) of each row in the whole noise: its weight turned over
    has_ways  each feature has a length scale of its own; otherwise they share one
    last      the point that was asked for last, unless nothing could be said there
    """

    rows: Floats
    values: Floats
    noises: Floats
    has_ways: bool
    last: Solved | None = field(default=None, init=False)

    @property
    def start(self) -> Point:
        n_lengths = self.rows.shape[1] if self.has_ways else 1
        return np.concatenate((np.full(n_lengths, self._usual_length), (0.0, np.log(_FIRST_NOISE))))

    @property
    def _usual_length(self) -> float:
        return 0.5 * float(np.log(self.rows.shape[1]))

    def settings(self, point: Point) -> Settings:
        lengths = np.broadcast_to(np.exp(point[:-2]), self.rows.shape[1:])
        return Settings(lengths, float(np.exp(point[-2])), float(np.exp(point[-1])) + _LEAST_NOISE)

    def __call__(self, point: Point) -> tuple[float, Point]:
        from scipy.linalg import LinAlgError

        if np.abs(point).max() > _FARTHEST:
            return np.inf, np.zeros_like(point)
        settings = self.settings(point)
        scaled = self.rows / settings.lengths
        distances = squared_distances(scaled, scaled)
        np.fill_diagonal(distances, 0.0)
        kernel, slope = matern_and_slope(distances)
        try:
            factor = factor_of(kernel, settings.amplitude, settings.noise * self.noises)
        except LinAlgError:
            return np.inf, np.zeros_like(point)
        alpha = solved(factor, self.values)
        self.last = Solved(point, settings, alpha)
        n_outputs = self.values.shape[1]
        value = 0.5 * float((self.values * alpha).sum()) + n_outputs * float(np.log(np.diag(factor)).sum())
        # What the value gains where the kernel matrix grows: by the values, less by the volume.
        pull = alpha @ alpha.T
        pull -= n_outputs * inverse_of(factor)
        gradient = np.empty_like(point)
        gradient[-1] = -0.5 * float(np.diag(pull) @ self.noises) * (settings.noise - _LEAST_NOISE)
        gradient[-2] = -0.5 * settings.amplitude * float(np.einsum("rc,rc->", pull, kernel))
        slope *= pull
        slope *= settings.amplitude
        along = -2.0 * (slope.sum(axis=1) @ np.square(scaled) - (scaled * (slope @ scaled)).sum(axis=0))
        gradient[:-2] = along if self.has_ways else along.sum()
        for part, expected, spread in (
            (slice(-2), self._usual_length, 1.0),
            (slice(-2, -1), _AMPLITUDE, _AMPLITUDE_SPREAD),
            (slice(-1, None), _NOISE, _NOISE_SPREAD),
        ):
            away = (point[part] - expected) / spread
            value += 0.5 * float(away @ away)
            gradient[part] += away / spread
        return value / self.values.size, gradient / self.values.size


def factor_of(kernel: Floats, amplitude: float, noises: Floats) -> Any:
    """The lower Cholesky factor of amplitude * kernel + diagonal(noises). Raises LinAlgError."""
    from scipy.linalg import cholesky

    matrix = amplitude * kernel
    matrix[np.diag_indices_from(matrix)] += noises
    return cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)  # symmetric, and as LAPACK stores it


def solved(factor: Floats, values: Floats) -> Floats:
    """What the factored matrix makes `values` of."""
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((factor, True), values, check_finite=False), np.float64)


def inverse_of(factor: Floats) -> Floats:
    """Of the factored matrix, whole. Overwrites the factor."""
    from scipy.linalg.lapack import dpotri

    lower, _ = dpotri(factor, lower=1, overwrite_c=1)
    upper = np.tril(lower, -1).T
    inverse: Floats = np.tril(lower)
    inverse += upper
    return inverse

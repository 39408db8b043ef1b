"""Classes by a Gaussian process: the latent values that are likeliest under the process and the rows' classes.

Which is the mode of Laplace's approximation: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning,
section 3.4. Found by L-BFGS on values that the kernel's factor makes independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from athanor.engine.family.target import Floats
from athanor.engine.linear.lbfgs import Point, descend
from athanor.engine.linear.losses import Loss


@dataclass(frozen=True, slots=True)
class Mode:
    """alpha (n_rows, n_outputs), intercept (n_outputs,): a row's outputs are its kernel @ alpha + intercept."""

    alpha: Floats
    intercept: Floats


@dataclass(frozen=True, slots=True)
class ClassRows:
    """factor  (n_rows, n_rows) lower Cholesky factor of the kernel between the rows
    y       (n_rows,) codes of the classes
    weight  (n_rows,) about 1
    loss    `logistic` or `softmax`
    """

    factor: Floats
    y: Floats
    weight: Floats
    loss: Loss

    def mode(
        self, strength: float, start: Mode, *, steps: int, watch: Callable[[Callable[[], Mode]], bool]
    ) -> tuple[Mode, bool]:
        """The mode for a kernel that is `strength` squared times as large, and whether `watch` ended the way there.

        start  a guess, for these rows
        watch  asked at each step whether to end there, and given what makes the mode of the point reached
        """
        root, shape = strength * self.factor, start.alpha.shape
        n_rows = shape[0]

        def objective(point: Point) -> tuple[float, Point]:
            free, intercept = point[: -shape[1]].reshape(shape), point[-shape[1] :]
            losses, slopes = self.loss(root @ free + intercept, self.y)
            slopes *= self.weight[:, None]
            value = float(self.weight @ losses) + 0.5 * float(np.square(free).sum())
            gradient = np.concatenate(((root.T @ slopes + free).ravel(), slopes.sum(axis=0)))
            return value / n_rows, gradient / n_rows

        def mode_at(point: Point) -> Mode:
            from scipy.linalg import solve_triangular

            free = point[: -shape[1]].reshape(shape)
            alpha = solve_triangular(self.factor, strength * free, lower=True, trans="T", check_finite=False)
            return Mode(alpha, point[-shape[1] :])

        begin = np.concatenate(((self.factor.T @ start.alpha / strength).ravel(), start.intercept))
        reached = descend(objective, begin, steps=steps, watch=lambda point: watch(lambda: mode_at(point)))
        return mode_at(reached.point), reached.is_stopped

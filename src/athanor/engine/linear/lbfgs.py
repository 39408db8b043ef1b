"""L-BFGS: minimise a smooth convex function step by step, and keep the point reached when told to end.

With a price on the size of each component (L1) it is OWL-QN: a step stays on one side of 0, and what would cross is 0.

Sources: Nocedal & Wright (2006), Numerical Optimization, 2nd edition, algorithms 3.1 and 7.4; Andrew & Gao (2007),
Scalable training of L1-regularized log-linear models. Written here because the library's routine handles bounds too,
and spends most of a small fit on them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = NDArray[np.float64]  # (n,)
Function = Callable[[Point], tuple[float, Point]]  # a point's value and gradient

_MEMORY = 10  # pairs of steps and gradient changes that stand for the curvature
_ENOUGH = 1e-4  # of the decrease that the slope promises
_MOST_HALVINGS = 20


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a descent ended, and whether it was told to end there."""

    point: Point
    is_stopped: bool


def descend(
    function: Function,
    start: Point,
    *,
    steps: int,
    watch: Callable[[Point], bool],
    l1: Point | None = None,
    gradient_tolerance: float = 1e-5,
    value_tolerance: float = 1e-7,
) -> Reached:
    """At most `steps` steps from `start`; `watch` is asked after each, with the point reached, whether to end there.

    l1  (n,) what each component's size costs on top of the function, >= 0

    Ends when no component of the gradient exceeds `gradient_tolerance`, or when a step lowers the value by less than
    `value_tolerance` times its size.
    """
    point = start
    value, gradient = function(point)
    value += _price(point, l1)
    pairs: deque[tuple[Point, Point, float]] = deque(maxlen=_MEMORY)
    for _ in range(steps):
        uphill = gradient if l1 is None else _uphill(point, gradient, l1)
        if np.abs(uphill).max(initial=0.0) <= gradient_tolerance:
            break
        direction = _direction(uphill, pairs)
        if l1 is not None:
            direction[(direction * uphill >= 0.0) & (l1 > 0.0)] = 0.0
        # The first direction has the gradient's length, which says nothing about how far to go.
        size = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(uphill).sum()))
        for _ in range(_MOST_HALVINGS):
            next_point = point + size * direction
            if l1 is not None:
                side = np.where(point == 0.0, -uphill, point)
                next_point[(next_point * side <= 0.0) & (l1 > 0.0)] = 0.0
            next_value, next_gradient = function(next_point)
            next_value += _price(next_point, l1)
            if next_value <= value + _ENOUGH * float(uphill @ (next_point - point)):
                break
            size *= 0.5
        else:  # no step goes down: the function's rounding is reached
            break
        step, change = next_point - point, next_gradient - gradient
        curvature = float(step @ change)
        if curvature > 1e-10 * float(change @ change):
            pairs.append((step, change, curvature))
        is_flat = value - next_value <= value_tolerance * max(abs(value), abs(next_value), 1e-12)
        point, value, gradient = next_point, next_value, next_gradient
        if watch(point):
            return Reached(point, is_stopped=True)
        if is_flat:
            break
    return Reached(point, is_stopped=False)


def _price(point: Point, l1: Point | None) -> float:
    return 0.0 if l1 is None else float(l1 @ np.abs(point))


def _uphill(point: Point, gradient: Point, l1: Point) -> Point:
    """The gradient with the price; at 0 of the side on which it goes down, 0 where it goes down on neither."""
    at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - l1, 0.0)
    return np.where(point == 0.0, at_zero, gradient + l1 * np.sign(point))


def _direction(gradient: Point, pairs: deque[tuple[Point, Point, float]]) -> Point:
    """Down the gradient, bent by the curvature that the last steps met (the two-loop recursion)."""
    direction = -gradient
    shares: list[float] = []
    for step, change, curvature in reversed(pairs):
        share = float(step @ direction) / curvature
        direction -= share * change
        shares.append(share)
    if pairs:
        _, change, curvature = pairs[-1]
        direction *= curvature / float(change @ change)
    for (step, change, curvature), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - float(change @ direction) / curvature) * step
    return direction

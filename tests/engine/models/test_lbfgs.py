"""Minimising smooth convex functions."""

from __future__ import annotations

import numpy as np

from athanor.engine.models.lbfgs import descend

RNG = np.random.default_rng(0)
A = RNG.normal(size=(30, 10)) * np.logspace(0, 2, 10)
B = RNG.normal(size=30)


def squares(x):
    error = A @ x - B
    return 0.5 * float(error @ error), A.T @ error


def logistic(x):
    margins = A @ x * np.sign(B) / 10
    return float(np.logaddexp(0, -margins).sum() + 0.05 * x @ x), (
        A.T @ (-np.sign(B) / 10 / (1 + np.exp(margins))) + 0.1 * x
    )


def never(point):
    return False


def test_least_squares_are_found():
    reached = descend(squares, np.zeros(10), steps=500, watch=never, gradient_tolerance=1e-8, value_tolerance=0.0)
    np.testing.assert_allclose(reached.point, np.linalg.lstsq(A, B, rcond=None)[0], rtol=1e-4, atol=1e-8)
    assert not reached.is_stopped


def test_the_gradient_vanishes_where_a_descent_ends():
    reached = descend(logistic, np.zeros(10), steps=500, watch=never, value_tolerance=0.0)
    assert np.abs(logistic(reached.point)[1]).max() < 1e-3


def test_no_step_goes_up():
    points = [descend(squares, np.zeros(10), steps=steps, watch=never).point for steps in range(15)]
    values = [squares(point)[0] for point in points]
    assert values == sorted(values, reverse=True)


def test_a_descent_told_to_stop_keeps_its_first_step():
    reached = descend(squares, np.zeros(10), steps=500, watch=lambda point: True)
    assert reached.is_stopped
    assert squares(reached.point)[0] < squares(np.zeros(10))[0]


def test_the_minimum_is_left_alone():
    start = np.linalg.lstsq(A, B, rcond=None)[0]
    assert (descend(squares, start, steps=5, watch=never).point == start).all()

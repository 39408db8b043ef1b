"""Minimising smooth convex functions."""

from __future__ import annotations

import numpy as np

from athanor.engine.linear.lbfgs import descend

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


def priced(x, price):
    return squares(x)[0] + float(price @ np.abs(x))


def test_components_that_are_not_worth_their_price_are_exactly_0():
    """At the least cost the slope of each other component is its price, and that of a 0 less than it."""
    price = np.full(10, 60.0)
    price[0] = 0.0
    reached = descend(squares, np.zeros(10), steps=1000, watch=never, l1=price, value_tolerance=0.0)
    x, gradient = reached.point, squares(reached.point)[1]
    assert 0 < np.count_nonzero(x == 0.0) < 9
    assert x[0] != 0.0
    np.testing.assert_allclose(gradient[x != 0.0], -price[x != 0.0] * np.sign(x[x != 0.0]), atol=0.05)
    assert (np.abs(gradient[x == 0.0]) <= price[x == 0.0]).all()


def test_no_step_goes_up_with_a_price():
    price = np.full(10, 5.0)
    points = [descend(squares, np.ones(10), steps=steps, watch=never, l1=price).point for steps in range(15)]
    values = [priced(point, price) for point in points]
    assert values == sorted(values, reverse=True)


def test_no_price_is_no_change():
    bare, free = (
        descend(squares, np.zeros(10), steps=30, watch=never, l1=price).point for price in (None, np.zeros(10))
    )
    np.testing.assert_allclose(bare, free)


def test_a_price_too_high_keeps_everything_at_0():
    price = np.abs(squares(np.zeros(10))[1]) * 1.01
    assert not descend(squares, np.zeros(10), steps=50, watch=never, l1=price).point.any()

"""The losses that linear models are fitted by."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance, mean_tweedie_deviance

from athanor.engine.family.target import Classes, Fittable, Positive, Quantity
from athanor.engine.linear.losses import absolute, gamma, logistic, poisson, softmax, squared, start_of, tweedie

RNG = np.random.default_rng(2)
OUTPUTS = RNG.normal(size=(50, 1))
POSITIVE = RNG.gamma(2.0, size=50)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (squared, RNG.normal(size=50)),
        (absolute, RNG.normal(size=50)),
        (poisson, POSITIVE),
        (gamma, POSITIVE),
        (partial(tweedie, power=1.3), np.where(POSITIVE < 1.0, 0.0, POSITIVE)),
        (logistic, RNG.integers(0, 2, 50).astype(float)),
    ],
    ids=["squared", "absolute", "poisson", "gamma", "tweedie", "logistic"],
)
def test_the_slope_is_the_derivative(loss, y):
    up, down = (loss(OUTPUTS + step, y)[0] for step in (1e-6, -1e-6))
    np.testing.assert_allclose(loss(OUTPUTS, y)[1][:, 0], (up - down) / 2e-6, atol=1e-6)


def test_the_slopes_of_many_classes_are_the_derivatives():
    outputs, y = RNG.normal(size=(50, 3)), RNG.integers(0, 3, 50).astype(float)
    slopes = softmax(outputs, y)[1]
    for column in range(3):
        step = np.zeros(3)
        step[column] = 1e-6
        expected = (softmax(outputs + step, y)[0] - softmax(outputs - step, y)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:, column], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "deviance"),
    [
        (poisson, mean_poisson_deviance),
        (gamma, mean_gamma_deviance),
        (partial(tweedie, power=1.3), partial(mean_tweedie_deviance, power=1.3)),
    ],
    ids=["poisson", "gamma", "tweedie"],
)
def test_a_likelihood_falls_as_the_deviance_does(loss, deviance):
    """They differ by what depends on the target alone, and by a factor of two."""
    others = OUTPUTS + 0.3
    fallen = loss(others, POSITIVE)[0].mean() - loss(OUTPUTS, POSITIVE)[0].mean()
    expected = deviance(POSITIVE, np.exp(others[:, 0])) - deviance(POSITIVE, np.exp(OUTPUTS[:, 0]))
    assert fallen == pytest.approx(expected / 2)


@pytest.mark.parametrize("loss", [poisson, gamma, partial(tweedie, power=1.5)], ids=["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("far", [-1e4, 1e4])
def test_a_step_too_far_is_never_better(loss, far):
    value = loss(np.array([[far]]), np.array([2.0]))[0][0]
    assert not value <= loss(np.zeros((1, 1)), np.array([2.0]))[0][0]


@pytest.mark.parametrize("loss", [squared, absolute, poisson, gamma], ids=lambda loss: loss.__name__)
def test_a_fit_starts_where_no_constant_is_better(loss):
    y, weight = RNG.gamma(2.0, size=400), RNG.random(400)
    target = Quantity(0.0, 1.0) if loss in (squared, absolute) else Positive(1.0, False, True)
    start = start_of(loss, target, Fittable(np.arange(400), y, weight))

    def total(output):
        return weight @ loss(np.full((400, 1), output), y)[0]

    assert total(start[0]) < min(total(start[0] + 0.1), total(start[0] - 0.1))


def test_a_class_whose_rows_have_no_weight_starts_far_below_the_others():
    fittable = Fittable(np.arange(4), np.array([0.0, 1.0, 2.0, 2.0]), np.array([1.0, 1.0, 0.0, 0.0]))
    start = start_of(softmax, Classes((0, 1, 2), 3, 4), fittable)
    assert np.isfinite(start).all()
    assert start[2] < start[0] - 10.0

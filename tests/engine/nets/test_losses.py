import numpy as np
import pytest

from athanor.engine.nets.losses import Huber, Logistic, Pinball, Softmax, Squared
from support.plain_nets import differences

QUANTITIES = [Squared(), Pinball(), Pinball(0.9), Huber(0.7)]


def slopes_by_trying(loss, outputs, y):
    """Losses are single numbers in single precision: tried by large steps, on rows away from any bend."""
    found = []
    for row, target in zip(outputs.astype(np.float64), y, strict=True):

        def of_row(point, target=target):
            return float(loss.losses(np.array([point]), np.array([target]))[0])

        found.append(differences(of_row, list(row), step=1e-2))
    return np.array(found)


@pytest.mark.parametrize("loss", QUANTITIES)
def test_slopes_of_a_quantity_are_the_derivatives_of_its_losses(loss):
    outputs = np.array([[-2.0], [-0.4], [0.3], [1.9]], np.float32)
    y = np.array([0.1, 0.0, 0.1, 0.2], np.float32)
    np.testing.assert_allclose(loss.slopes(outputs, y), slopes_by_trying(loss, outputs, y), atol=2e-3)


@pytest.mark.parametrize(("loss", "n_outputs"), [(Logistic(), 1), (Softmax(), 3)])
def test_slopes_of_classes_are_the_derivatives_of_their_losses(loss, n_outputs):
    outputs = np.random.default_rng(0).normal(size=(6, n_outputs)).astype(np.float32)
    y = np.array([0, 1, 0, 1, 1, 0], np.float32) * (n_outputs - 1 or 1)
    np.testing.assert_allclose(loss.slopes(outputs, y), slopes_by_trying(loss, outputs, y), atol=2e-3)


def test_the_logistic_loss_is_the_softmax_of_two_classes():
    log_odds, y = np.array([[-1.5], [0.2], [30.0]], np.float32), np.array([1, 0, 1], np.float32)
    both = np.concatenate((np.zeros_like(log_odds), log_odds), axis=1)
    np.testing.assert_allclose(Logistic().losses(log_odds, y), Softmax().losses(both, y), rtol=1e-5, atol=1e-7)
    one, two = Logistic().slopes(log_odds, y), Softmax().slopes(both, y)
    np.testing.assert_allclose(one[:, 0], two[:, 1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [Logistic(), Softmax()])
def test_outputs_far_from_zero_have_finite_losses(loss):
    outputs = np.array([[-500.0, 500.0]], np.float32)[:, : 1 if isinstance(loss, Logistic) else 2]
    with np.errstate(over="raise", invalid="raise"):
        assert loss.losses(outputs, np.array([1.0], np.float32))[0] in {0.0, 500.0}
        assert np.isfinite(loss.slopes(outputs, np.array([1.0], np.float32))).all()


def test_one_net_and_many_are_judged_alike():
    rng = np.random.default_rng(0)
    outputs, y = rng.normal(size=(3, 5, 4)).astype(np.float32), rng.integers(0, 4, (3, 5)).astype(np.float32)
    for net in range(3):
        assert (Softmax().losses(outputs, y)[net] == Softmax().losses(outputs[net], y[net])).all()
        assert (Softmax().slopes(outputs, y)[net] == Softmax().slopes(outputs[net], y[net])).all()

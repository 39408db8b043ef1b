from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.nets.inputs import Inputs
from athanor.engine.nets.layers import Architecture, Parameters
from athanor.engine.nets.losses import Softmax, Squared
from athanor.engine.nets.training import Net, Rows, Schedule, Training
from support.plain_nets import PlainNet, PlainTraining

SCHEDULE, SQUARED = Schedule(n_rows=16, n_steps=40), Squared()
AS_THEY_ARE = Inputs(np.arange(4), np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.float32))


def some_rows(n_rows=60, seed=0, *, n_classes=None, weighted=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4)).astype(np.float32)
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    if n_classes:
        y = np.digitize(y, np.linspace(-1, 1, n_classes - 1))
    weight = rng.uniform(0.2, 1.8, n_rows).astype(np.float32) if weighted else None
    return Rows(X, AS_THEY_ARE, y.astype(np.float32), weight)


def a_net(rows=None, **changes):
    return replace(Net(rows=rows or some_rows(), seed=7, rate=0.05, decay=0.1, dropout=0.0), **changes)


def training_of(*nets, hidden=(6, 5), n_outputs=1, schedule=SCHEDULE, loss=SQUARED):
    architecture = Architecture(n_inputs=nets[0].rows.inputs.width, hidden=hidden, n_outputs=n_outputs)
    return Training(architecture, nets, schedule, loss)


def after(training, n_steps):
    for _ in range(n_steps):
        training.step()
    return training.parameters


def batches_of(net, schedule):
    """As they are drawn: passes over all rows in a new order each, what is left over of less than a batch out."""
    rng = np.random.Generator(np.random.SFC64([net.seed, 1]))
    while True:
        order = rng.permutation(len(net.rows))
        for start in range(0, len(order) - schedule.n_rows + 1, schedule.n_rows):
            yield order[start : start + schedule.n_rows]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_outputs", "loss"), [(1, Squared()), (3, Softmax())])
def test_steps_are_those_of_the_plain_net(n_outputs, loss, weighted):
    rows = [some_rows(50 + seed, seed, n_classes=n_outputs - 1 and 3, weighted=weighted) for seed in range(2)]
    nets = [a_net(rows[0], rate=0.02), a_net(rows[1], seed=8, decay=0.0)]
    training = training_of(*nets, n_outputs=n_outputs, loss=loss)
    plain = [
        PlainTraining(
            PlainNet.of(Parameters.of(training.architecture, training.parameters), place), net, training.schedule, loss
        )
        for place, net in enumerate(nets)
    ]
    after(training, 8)
    for place, net in enumerate(nets):
        batches = batches_of(net, training.schedule)
        for _ in range(8):
            drawn = next(batches)
            weight = np.ones(len(drawn)) if net.rows.weight is None else net.rows.weight[drawn]
            plain[place].step(net.rows.X[drawn], net.rows.y[drawn], weight)
        np.testing.assert_allclose(training.parameters[place], plain[place].net.numbers(), rtol=2e-3, atol=2e-4)


def test_a_net_has_the_same_bits_whoever_is_trained_beside_it():
    """Other rows, more or fewer of them, other rates, seeds and dropout."""
    nets = [
        a_net(some_rows(40 + 9 * place, place), seed=place, rate=0.01 * (place + 1), dropout=0.1 * place)
        for place in range(9)
    ]
    together = training_of(*nets, hidden=(40, 40))
    after(together, 12)
    for place in (0, 4, 8):
        alone = training_of(nets[place], hidden=(40, 40))
        assert after(alone, 12)[0].tobytes() == together.parameters[place].tobytes()
        rows = some_rows(33, 77)
        assert alone.outputs(rows)[0].tobytes() == together.outputs(rows)[place].tobytes()


def test_nets_that_do_not_fit_into_the_cache_together_have_the_same_bits(monkeypatch):
    nets = [a_net(seed=seed, dropout=0.2) for seed in range(5)]
    expected = after(training_of(*nets), 6)
    monkeypatch.setattr("athanor.engine.nets.training._CACHED", 2 * 16 * 6)
    assert after(training_of(*nets), 6).tobytes() == expected.tobytes()


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    first, second, other = (after(training_of(a_net(seed=seed, dropout=0.3)), 5) for seed in (1, 1, 2))
    assert first.tobytes() == second.tobytes() != other.tobytes()


def test_sparse_rows_give_the_same_bits_as_dense_ones():
    rows = some_rows()
    X = np.where(np.abs(rows.X) < 0.8, np.float32(0.0), rows.X)
    dense, thin = replace(rows, X=X), replace(rows, X=sparse.csr_matrix(X))
    assert after(training_of(a_net(dense)), 9).tobytes() == after(training_of(a_net(thin)), 9).tobytes()


def test_a_training_learns():
    rows = some_rows(400)
    training = training_of(a_net(rows), hidden=(32, 32), schedule=Schedule(n_rows=32, n_steps=400))
    before = Squared().losses(training.outputs(rows)[0], rows.y).mean()
    after(training, 400)
    assert Squared().losses(training.outputs(rows)[0], rows.y).mean() < 0.05 * before


def test_outputs_are_those_of_all_rows_in_any_number():
    training = training_of(a_net(), a_net(seed=3))
    after(training, 3)
    rows = some_rows(50)
    parameters = Parameters.of(training.architecture, training.parameters)
    outputs = training.outputs(rows)
    for net in range(2):
        plain = PlainNet.of(parameters, net)
        np.testing.assert_allclose(outputs[net], [plain.answer(row) for row in rows.X], rtol=1e-4, atol=1e-5)


def test_dropout_drops_its_share_and_makes_up_for_it():
    training = training_of(a_net(dropout=0.25), hidden=(64, 64))
    first, second = training._kept(slice(0, 1))
    for factors in (first, second):
        assert (factors == 0.0).mean() == pytest.approx(0.25, abs=0.06)
        assert factors.max() == pytest.approx(1 / 0.75)
    assert (first[0] != first[0, 0]).any(axis=1).sum() > 10, "each row has its own"


def test_the_schedule_rises_falls_and_ends_at_nothing():
    schedule = Schedule(n_rows=8, n_steps=1000)
    rates = [schedule.rate(step) for step in range(1001)]
    top = int(np.argmax(rates))
    assert rates[0] == 0.0
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)
    assert max(rates) == pytest.approx(1.0, abs=1e-4)
    assert 400 < top < 430
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()


def test_decay_and_dropout_fade_in_the_second_half():
    schedule = Schedule(n_rows=8, n_steps=100)
    assert schedule.firmness(0) == schedule.firmness(50) == 1.0
    assert schedule.firmness(75) == pytest.approx(0.5)
    assert schedule.firmness(100) == pytest.approx(0.0)

import numpy as np
import pytest

from athanor.engine.nets.layers import Architecture, Parameters, Passage, started
from support.plain_nets import PlainNet, differences

ARCHITECTURES = [
    Architecture(n_inputs=3, hidden=(4,), n_outputs=1),
    Architecture(n_inputs=5, hidden=(4, 6), n_outputs=3),
    Architecture(n_inputs=1, hidden=(2, 3, 2), n_outputs=2),
]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def some_nets(architecture, n_nets=3, seed=5):
    """Nets with something in every parameter."""
    flat = started(architecture, [np.random.default_rng([seed, net]) for net in range(n_nets)])
    flat += 0.3 * np.random.default_rng(seed).standard_normal(flat.shape, np.float32)
    return flat


def on_the_way(architecture, n_nets, n_rows, seed=9):
    passage = Passage.of(architecture, n_nets, n_rows)
    passage.values[0][:] = np.random.default_rng(seed).standard_normal(passage.values[0].shape)
    return passage


def factors_for(architecture, n_nets, n_rows):
    rng = np.random.default_rng(2)
    return [(rng.random((n_nets, n_rows, width)) < 0.7).astype(np.float32) / 0.7 for width in architecture.hidden]


@every_architecture
def test_each_net_says_what_the_plain_one_says(architecture):
    parameters = Parameters.of(architecture, some_nets(architecture))
    passage = on_the_way(architecture, 3, 4)
    outputs = passage.forward(parameters)
    for net in range(3):
        plain = PlainNet.of(parameters, net)
        expected = [plain.answer(row) for row in passage.values[0][net]]
        np.testing.assert_allclose(outputs[net], expected, rtol=1e-5, atol=1e-5)


@every_architecture
@pytest.mark.parametrize("drops", [False, True])
def test_the_way_back_gives_the_derivatives_of_the_plain_net(architecture, drops):
    parameters = Parameters.of(architecture, some_nets(architecture))
    passage = on_the_way(architecture, 3, 4)
    kept = factors_for(architecture, 3, 4) if drops else None
    by_outputs = np.random.default_rng(1).standard_normal(passage.forward(parameters, kept).shape, np.float32)
    found = np.full((3, architecture.n_parameters), np.nan, np.float32)
    passage.backward(parameters, by_outputs, Parameters.of(architecture, found))
    for net in range(3):
        plain = PlainNet.of(parameters, net)
        of_rows = [
            plain.gradient(row, by_outputs[net, place], kept and [layer[net, place] for layer in kept])
            for place, row in enumerate(passage.values[0][net])
        ]
        np.testing.assert_allclose(found[net], np.sum(of_rows, axis=0), rtol=1e-4, atol=1e-5)


@every_architecture
def test_the_plain_derivatives_are_those_found_by_trying(architecture):
    plain = PlainNet.of(Parameters.of(architecture, some_nets(architecture)), 1)
    row = np.random.default_rng(3).normal(size=architecture.n_inputs)
    wanted = np.random.default_rng(4).normal(size=architecture.n_outputs)

    def together(numbers):
        return sum(part * share for part, share in zip(plain.changed(numbers).answer(row), wanted, strict=True))

    np.testing.assert_allclose(
        plain.gradient(row, wanted), differences(together, plain.numbers()), rtol=1e-6, atol=1e-8
    )


def test_nets_start_with_the_answer_of_their_last_biases():
    architecture = Architecture(n_inputs=4, hidden=(8, 8), n_outputs=2)
    flat = started(architecture, [np.random.default_rng(net) for net in range(2)])
    parameters = Parameters.of(architecture, flat)
    parameters.biases[-1][:] = (0.5, -1.0)
    outputs = on_the_way(architecture, 2, 6).forward(parameters)
    assert (outputs == np.array([0.5, -1.0], np.float32)).all()


def test_sums_far_from_zero_neither_overflow_nor_warn():
    architecture = Architecture(n_inputs=1, hidden=(2,), n_outputs=1)
    flat = np.ones((1, architecture.n_parameters), np.float32)
    passage = Passage.of(architecture, 1, 3)
    passage.values[0][0, :, 0] = (-1e4, 0.0, 1e4)
    with np.errstate(all="raise", under="ignore"):
        outputs = passage.forward(Parameters.of(architecture, flat))
    assert outputs[0, 0, 0] == pytest.approx(1.0)
    assert outputs[0, 2, 0] == pytest.approx(2e4, rel=1e-3)
    assert np.isfinite(np.concatenate([slopes.ravel() for slopes in passage.slopes])).all()

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.nets.inputs import Inputs
from athanor.engine.nets.layers import Parameters
from athanor.engine.nets.serving import BLOCK, Fold, Stack
from support.plain_nets import PlainNet


def a_fold(n_features=5, widths=(3, 8, 6, 1), seed=0, places=None):
    """widths: nets, then the outputs of each layer. The first two features have bins."""
    rng = np.random.default_rng(seed)
    places = np.arange(n_features) if places is None else np.array(places)
    of = np.repeat(np.arange(min(2, len(places))), 3)
    low = np.tile(np.array([-1.0, -0.2, 0.5], np.float32), len(of) // 3)
    inputs = Inputs(places, of, low, np.full(len(of), 1.3, np.float32))
    sizes, n_in = 0, inputs.width
    for n_out in widths[1:]:
        sizes, n_in = sizes + n_in * n_out + n_out, n_out
    return Fold.of(inputs, widths[1:], 0.4 * rng.standard_normal((widths[0], sizes), np.float32))


def same_bits(first, second):
    assert first.shape == second.shape
    assert first.tobytes() == second.tobytes()


def rows_for(n_rows, n_features=5, seed=3):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)).astype(np.float32)


@pytest.mark.parametrize("n_features", [1, 2, 7, 16, 33, 130, 500])
@pytest.mark.parametrize("widths", [(1, 16, 1), (4, 64, 64, 1), (3, 96, 96, 3), (2, 128, 40, 128, 26), (2, 5, 3, 2)])
def test_a_row_gets_the_same_bits_wherever_it_stands(n_features, widths):
    stack = Stack.of([a_fold(n_features, widths)])
    X = rows_for(3 * BLOCK, n_features)
    expected = stack.outputs(X)
    for start in range(BLOCK):
        for n_rows in (1, 2, 3, BLOCK, BLOCK + 1):
            same_bits(stack.outputs(X[start : start + n_rows]), expected[:, start : start + n_rows])
    order = np.random.default_rng(0).permutation(len(X))
    same_bits(stack.outputs(X[order]), expected[:, order])


def test_many_rows_get_the_bits_of_few():
    stack = Stack.of([a_fold(widths=(4, 64, 64, 3))])
    X = rows_for(3001)
    expected = stack.outputs(X)
    for rows in (slice(0, 1), slice(1500, 1507), slice(2000, 3001)):
        same_bits(stack.outputs(X[rows]), expected[:, rows])


@pytest.mark.parametrize("widths", [(4, 16, 16, 1), (2, 24, 7)])
def test_a_fold_says_in_a_stack_what_it_says_alone(widths):
    folds = [
        a_fold(seed=fold, widths=widths, places=places)
        for fold, places in enumerate(([0, 1, 2], [1, 3, 4, 5], [5], [0, 1, 2, 3, 4, 5]))
    ]
    X = rows_for(37, 6)
    together = Stack.of(folds).outputs(X)
    for outputs, fold in zip(together, folds, strict=True):
        same_bits(outputs, Stack.of([fold]).outputs(X)[0])


def test_a_fold_says_the_mean_of_what_its_plain_nets_say():
    fold = a_fold()
    X = rows_for(6)
    inputs = np.empty((6, fold.inputs.width), np.float32)
    fold.inputs.fill(X, inputs)
    scale = np.ones((3, fold.inputs.width), np.float32)
    nets = [PlainNet.of(Parameters(scale, fold.weights, fold.biases), net) for net in range(3)]
    expected = [np.mean([net.answer(row) for net in nets], axis=0) for row in inputs]
    np.testing.assert_allclose(Stack.of([fold]).outputs(X)[0], expected, rtol=1e-5, atol=1e-5)


def test_sparse_rows_get_the_bits_of_dense_ones():
    X = rows_for(40, 9)
    X[np.abs(X) < 0.8] = 0.0
    stack = Stack.of([a_fold(places=[1, 4, 8]), a_fold(places=[0, 1, 7], seed=2)])
    same_bits(stack.outputs(sparse.csr_matrix(X)), stack.outputs(X))


def test_no_rows_have_no_outputs():
    assert Stack.of([a_fold()]).outputs(rows_for(0)).shape == (1, 0, 1)


def test_a_fold_is_the_same_from_its_numbers():
    fold = a_fold(widths=(3, 8, 4, 2))
    again = Fold.of(fold.inputs, fold.widths[1:], fold.flat())
    assert again.widths == fold.widths == (3, 8, 4, 2)
    for first, second in zip((*fold.weights, *fold.biases), (*again.weights, *again.biases), strict=True):
        same_bits(first, second)


def test_features_without_a_way_to_the_outputs_reach_nothing():
    fold = a_fold(n_features=4)
    fold.weights[0][:, 3] = 0.0
    reach = fold.reach()
    assert reach[3] == 0.0
    assert (reach[:3] > 0.0).all()
    fold.weights[-1][:] = 0.0
    assert not fold.reach().any()

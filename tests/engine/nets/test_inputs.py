import numpy as np
import pytest
from scipy import sparse

from athanor.engine.nets.inputs import choose_inputs


def table(n_rows=400, n_features=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)).astype(np.float32)


def inputs_of(X, y=None, *, most=512, bins=0, weight=None):
    y = np.zeros((X.shape[0], 1)) if y is None else y
    return choose_inputs(X, y, weight, most=most, bins=bins)


def filled(inputs, X):
    seen = np.ascontiguousarray(X[:, inputs.places])
    cells = np.full((len(X), inputs.width), np.nan, np.float32)
    inputs.fill(seen, cells)
    return cells


def test_without_bins_features_are_seen_as_they_are():
    X = table()
    assert (filled(inputs_of(X), X) == X).all()


def test_features_that_are_the_same_in_all_rows_are_not_seen():
    X = table()
    X[:, 1], X[:, 4] = 0.0, 2.7
    assert inputs_of(X).places.tolist() == [0, 2, 3, 5]


def test_where_nothing_varies_one_feature_is_seen():
    assert inputs_of(np.ones((20, 3), np.float32), bins=8).places.tolist() == [0]


def test_rows_without_weight_do_not_make_a_feature_vary():
    X = np.ones((100, 2), np.float32)
    X[:50, 0], X[:, 1] = table(50, 1)[:, 0], table(100, 1)[:, 0]
    assert inputs_of(X, weight=np.repeat([0.0, 1.0], 50)).places.tolist() == [1]


@pytest.mark.parametrize("is_sparse", [False, True])
def test_of_too_many_features_those_that_say_most_are_seen(is_sparse):
    X = table(n_features=60)
    y = X[:, [41]] * 3.0 - X[:, [7]] * 2.0 + X[:, [20]]
    assert inputs_of(sparse.csr_matrix(X) if is_sparse else X, y, most=3).places.tolist() == [7, 20, 41]


def test_a_bin_is_0_before_it_and_1_behind_it_and_rises_within():
    X = np.linspace(0.0, 8.0, 801, dtype=np.float32)[:, None]
    cells = filled(inputs_of(X, bins=4), X)
    at = {value: cells[round(value * 100)] for value in (0.0, 2.0, 3.0, 8.0)}
    np.testing.assert_allclose(at[0.0][1:], [0, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(at[2.0][1:], [1, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(at[3.0][1:], [1, 0.5, 0, 0], atol=1e-5)
    np.testing.assert_allclose(at[8.0][1:], [1, 1, 1, 1], atol=1e-5)


def test_bins_hold_about_as_many_rows_each():
    X = np.exp(table(4000, 1))
    bins = filled(inputs_of(X, bins=8), X)[:, 1:]
    np.testing.assert_allclose(((bins > 0) & (bins < 1)).mean(axis=0), 1 / 8, atol=0.01)


def test_features_of_few_values_have_no_bins():
    X = np.stack((np.arange(300) % 3, np.arange(300) % 30), axis=1).astype(np.float32)
    inputs = inputs_of(X, bins=5)
    assert set(inputs.of.tolist()) == {1}


def test_there_are_no_more_inputs_than_asked_for():
    X = table(n_features=20)
    assert inputs_of(X, bins=16, most=100).width <= 100
    assert inputs_of(X, bins=16, most=30).width == 20


def test_cells_outside_the_range_of_the_training_rows_end_at_0_and_1():
    X = table(n_features=1)
    inputs = inputs_of(X, bins=6)
    bins = filled(inputs, np.array([[-1e6], [1e6]], np.float32))[:, 1:]
    assert (bins == [[0.0], [1.0]]).all()


def test_sparse_matrices_are_cut_as_dense_ones():
    X = np.where(np.abs(table()) < 0.7, np.float32(0.0), table())
    dense, thin = inputs_of(X, bins=6), inputs_of(sparse.csr_matrix(X), bins=6)
    assert dense.low.tolist() == thin.low.tolist()
    assert dense.of.tolist() == thin.of.tolist()


def test_inputs_can_be_asked_of_a_matrix_with_other_features_between():
    X = table()
    wide = np.concatenate((table(seed=9), X), axis=1)
    inputs = inputs_of(X, bins=4)
    moved = inputs.among(np.arange(6, 12))
    assert (filled(moved, wide) == filled(inputs, X)).all()


def test_what_bins_reach_counts_for_their_feature():
    X = np.stack((np.arange(300) % 2, np.arange(300)), axis=1).astype(np.float32)
    inputs = inputs_of(X, bins=3)
    assert inputs.by_feature(np.array([1.0, 2.0, 3.0, 3.0, 3.0])).tolist() == [1.0, 5.0]

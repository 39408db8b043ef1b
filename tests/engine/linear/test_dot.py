"""Rows times weights: the same bits whoever else is asked about."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.linear.dot import Lanes, dense_dot, sparse_dot

RNG = np.random.default_rng(4)


def one_after_the_other(row, weights):
    """The sums as a person would write them."""
    total = np.zeros(weights.shape[1])
    for value, each in zip(row.astype(np.float64), weights, strict=True):
        total = total + value * each
    return total


@pytest.mark.parametrize(("n_features", "n_outputs"), [(1, 1), (7, 1), (7, 3), (300, 1), (300, 10)])
@pytest.mark.parametrize("n_rows", [1, 2, 9, 65])
def test_products_are_added_feature_by_feature(n_features, n_outputs, n_rows):
    X = RNG.normal(size=(n_rows, n_features)).astype(np.float32)
    weights = RNG.normal(size=(n_features, n_outputs))
    expected = np.array([one_after_the_other(row, weights) for row in X])
    assert dense_dot(X, weights).tobytes() == expected.tobytes()


@pytest.mark.parametrize("n_rows", [1, 3, 40, 900])
@pytest.mark.parametrize("outputs", [(1,), (1, 1, 1), (3, 2, 3)], ids=str)
def test_models_side_by_side_get_the_bits_that_each_gets_alone(n_rows, outputs):
    """Features are taken from anywhere in the shared matrix, and not every model has as many."""
    X = RNG.normal(size=(n_rows, 50)).astype(np.float32)
    places = [RNG.permutation(50)[: 20 + number] for number in range(len(outputs))]
    weights = [RNG.normal(size=(len(place), n)) for place, n in zip(places, outputs, strict=True)]
    for found, place, each in zip(Lanes.of(weights, places).dot(X), places, weights, strict=True):
        assert np.array_equal(found, dense_dot(np.ascontiguousarray(X[:, place]), each))


def test_models_without_features_or_outputs_say_nothing():
    X = np.ones((2, 3), np.float32)
    nothing, one = Lanes.of([np.zeros((3, 0)), np.ones((3, 1))], [np.arange(3)] * 2).dot(X)
    assert nothing.shape == (2, 0)
    assert one.tolist() == [[3.0], [3.0]]
    (empty,) = Lanes.of([np.zeros((0, 1))], [np.arange(0)]).dot(X)
    assert empty.tolist() == [[0.0], [0.0]]


def test_more_weights_than_are_worth_gathering_give_the_same_bits():
    X = RNG.normal(size=(1, 700)).astype(np.float32)
    weights = RNG.normal(size=(700, 200))
    lanes = Lanes.of([weights, weights], [np.arange(700)] * 2)
    assert lanes.lanes is None
    assert all(np.array_equal(found, dense_dot(X, weights)) for found in lanes.dot(X))


def test_sparse_rows_are_added_up_each_on_its_own():
    X = sparse.random(30, 40, density=0.2, format="csr", dtype=np.float32, random_state=0)
    weights = RNG.normal(size=(40, 2))
    every = sparse_dot(X, weights)
    np.testing.assert_allclose(every, X.toarray() @ weights, rtol=1e-6)
    assert np.array_equal(sparse_dot(X[7], weights), every[7:8])

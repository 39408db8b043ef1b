"""Features that say something about the target."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.family.telling import telling_features

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 10)).astype(np.float32)
X[:, 3] = 7.5
Y = (X[:, 8] - 3.0 * X[:, 5] + 0.1 * RNG.normal(size=200))[:, None]


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_those_that_go_with_the_target_are_taken_in_their_order(make):
    assert telling_features(make(X), Y, None, 2).tolist() == [5, 8]


def test_what_is_the_same_everywhere_says_nothing():
    assert telling_features(X, Y, None, 100).tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_rows_without_weight_are_not_looked_at():
    spoiled = X.copy()
    spoiled[100:, 0] = 100.0 * Y[100:, 0]
    assert 0 not in telling_features(spoiled, Y, (np.arange(200) < 100) * 1.0, 2)


def test_every_class_has_a_say():
    classes = np.digitize(X[:, 8], [-1.0, 1.0])
    labels = (classes[:, None] == np.arange(3)) * 1.0
    assert telling_features(X, labels, None, 1).tolist() == [8]


def test_numbers_whose_squares_single_precision_cannot_hold_are_weighed_all_the_same():
    large = X * np.float32(1e25)
    assert telling_features(large, Y, None, 2).tolist() == [5, 8]

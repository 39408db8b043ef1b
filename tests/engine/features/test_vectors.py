"""Vector columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.dataset import Vectors
from athanor.engine.features.vectors import Block, ScaledBlock
from athanor.errors import InvalidInput

MATRIX = np.array([[3.0, 0.0, 0.0], [4.0, 0.5, 0.0]], np.float32)


def test_a_column_fitted_sparse_takes_dense_vectors_too_and_the_other_way_round():
    dense, thin = Vectors(MATRIX), Vectors(sparse.csr_matrix(MATRIX))
    assert (Block.of(thin).encode(dense) != thin.matrix).nnz == 0
    assert (Block.of(dense).encode(thin) == MATRIX).all()


def test_vectors_of_another_length_are_refused():
    with pytest.raises(InvalidInput, match="length 3 are needed here, got 2"):
        Block.of(Vectors(MATRIX)).encode(Vectors(MATRIX[:, :2]))


def test_components_of_sparse_vectors_are_scaled_and_zeros_stay():
    encoder = ScaledBlock.of(Vectors(sparse.csr_matrix(MATRIX)))
    found = encoder.encode(Vectors(sparse.csr_matrix(MATRIX)))
    np.testing.assert_allclose(found.toarray(), MATRIX / [12.5**0.5, 0.5, 1.0], rtol=1e-6)
    assert found.nnz == 3

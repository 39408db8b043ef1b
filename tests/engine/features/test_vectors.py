"""Vector columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.features.codes import CODES
from athanor.engine.features.scaling import Scaled
from athanor.engine.features.vectors import LEAST_ROWS, MOST_COMPONENTS, Block, FrequentBlock, ScaledBlock
from athanor.engine.tables.dataset import Dataset, Vectors
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
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


def a_wide_table(dim=MOST_COMPONENTS + 500, n_rows=300):
    """Component 7 stands in every row, each other one in the less rows the higher it is."""
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(n_rows), 21)
    places = np.tile([7] + [0] * 20, n_rows)
    places[places == 0] = (dim * rng.random(20 * n_rows) ** 3).astype(int)
    matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, places)), shape=(n_rows, dim))
    schema = ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=dim)
    return Dataset(Schema((schema,)), {"v": Vectors(matrix)}, n_rows)


def test_trees_see_the_components_that_most_rows_have(monkeypatch):
    table = a_wide_table()
    column = table["v"]
    rows = np.bincount(column.matrix.indices, minlength=column.matrix.shape[1])
    encoder = FrequentBlock.of(column)
    assert 7 in encoder.places
    assert rows[encoder.places].min() >= LEAST_ROWS
    assert encoder.width == (rows >= LEAST_ROWS).sum()
    monkeypatch.setattr("athanor.engine.features.vectors.MOST_COMPONENTS", 10)
    few = FrequentBlock.of(column)
    assert few.width == 10
    assert rows[few.places].min() >= np.sort(rows)[-10]
    np.testing.assert_array_equal(few.encode(column).toarray(), column.matrix.toarray()[:, few.places])


def test_the_view_for_trees_takes_the_frequent_part_of_wide_vectors_only(tmp_path):
    table = a_wide_table()
    view = CODES.fit(table)
    assert view.n_features < MOST_COMPONENTS
    view.save(tmp_path)
    again = CODES.load(tmp_path).transform(table)
    assert sparse.issparse(again)
    assert (again != view.transform(table)).nnz == 0
    narrow = a_wide_table(dim=100)
    assert CODES.fit(narrow).n_features == 100


def test_scaling_goes_by_parts_that_do_not_show(monkeypatch):
    column = Vectors(np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32))
    encoder = Scaled.of(Block.of(column), column)
    whole = encoder.encode(column)
    monkeypatch.setattr("athanor.engine.features.scaling._ROWS", 7)
    np.testing.assert_array_equal(encoder.encode(column), whole)


def test_a_view_of_one_dense_column_is_made_without_a_copy():
    column = Vectors(np.ones((4, 3), np.float32))
    schema = Schema((ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=3),))
    table = Dataset(schema, {"v": column}, 4)
    assert np.shares_memory(CODES.fit(table).transform(table), column.matrix)

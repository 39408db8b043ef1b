"""What a model reads, found in data of another layout."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from athanor.engine.tables.dataset import Dataset, Numbers, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import InvalidInput
from athanor.services.collections.batches import VectorBatch, bare_table
from athanor.services.collections.inputs import ModelInputs, fitted, match_columns, needed

MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)


def number(name, storage=Storage.FLOAT):
    return ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=storage)


def text(name):
    return ColumnSchema(name=name, type=ColumnType.CATEGORICAL, storage=Storage.STRING)


def vector(dim, storage=Storage.DENSE, name="vector", *, is_given=False):
    return ColumnSchema(name=name, type=ColumnType.VECTOR, storage=storage, dim=dim, is_given=is_given)


def inputs(*features, others=()):
    task = Task(target="label", features=tuple(column.name for column in features))
    return ModelInputs.of(Schema(features), task, Schema((*features, text("label"), *others)))


def table(**columns):
    """A table whose columns are lists of numbers or texts, or matrices."""
    schemas, made = [], {}
    for name, cells in columns.items():
        if isinstance(cells, list) and isinstance(cells[0], (str, type(None))):
            schemas.append(text(name))
            made[name] = Words.of(cells)
        elif isinstance(cells, list):
            schemas.append(number(name))
            made[name] = Numbers(np.array(cells, np.float64))
        else:
            is_dense = isinstance(cells, np.ndarray)
            schemas.append(vector(cells.shape[1], Storage.DENSE if is_dense else Storage.SPARSE, name))
            made[name] = Vectors(cells)
    n_rows = 2
    return Dataset(Schema(tuple(schemas)), made, n_rows)


def matrix_of(found, name="vector"):
    matrix = found[name].matrix
    return (matrix if isinstance(matrix, np.ndarray) else matrix.toarray()).tolist()


BARE = inputs(vector(3), text("plan"), others=(text("note"), number("price")))
NAMED = inputs(number("a"), number("b"), text("plan"))


def test_columns_of_the_names_of_training_are_taken_and_others_left():
    given = table(extra=[9.0, 9.0], b=[1.0, 2.0], plan=["x", None], a=[3.0, 4.0], label=["0", "1"])
    found = fitted(given, NAMED)
    assert found.schema.names == ("a", "b", "plan", "label")
    assert found["a"].values.tolist() == [3.0, 4.0]


def test_missing_columns_of_numbers_are_named():
    with pytest.raises(InvalidInput, match=r"2 columns are missing.*'a', 'b'"):
        fitted(table(c=[1.0, 2.0], plan=["x", "y"]), NAMED)


def test_a_missing_attribute_is_named_whatever_the_layout():
    with pytest.raises(InvalidInput, match=r"attribute is missing.*'plan'"):
        fitted(table(vector=MATRIX), BARE)
    with pytest.raises(InvalidInput, match="'plan'"):
        fitted(table(a=[1.0, 2.0], b=[1.0, 2.0]), NAMED)


def test_numbers_of_a_table_become_a_bare_vector_in_their_order():
    given = table(z=[0.0, 3.0], plan=["x", "y"], y=[1.0, 4.0], label=["0", "1"], x=[2.0, 5.0])
    found = fitted(given, BARE)
    assert matrix_of(found) == MATRIX.tolist()
    assert found.schema.names == ("vector", "plan", "label")


def test_neither_labels_nor_ids_nor_what_was_an_attribute_at_training_is_a_component():
    given = table(
        string_id=[7.0, 8.0],
        z=[0.0, 3.0],
        price=[1.0, 1.0],
        plan=["x", "y"],
        y=[1.0, 4.0],
        x=[2.0, 5.0],
        label=[0.0, 1.0],
    )
    assert matrix_of(fitted(given, BARE)) == MATRIX.tolist()


def test_a_missing_number_cannot_be_part_of_a_vector():
    given = table(z=[0.0, 3.0], y=[1.0, float("nan")], x=[2.0, 5.0], plan=["x", "y"])
    with pytest.raises(InvalidInput, match="Row 2, column 'y'"):
        fitted(given, BARE)


def test_a_vector_is_split_over_named_columns():
    found = fitted(table(vector=MATRIX[:, :2].copy(), plan=["x", "y"]), NAMED)
    assert found["b"].values.tolist() == [1.0, 4.0]


def test_a_vector_of_another_name_is_the_vector():
    assert matrix_of(fitted(table(features=MATRIX, plan=["x", "y"]), BARE)) == MATRIX.tolist()


@pytest.mark.parametrize("columns", [{"vector": MATRIX[:, :2]}, {"x": [1.0, 2.0], "y": [1.0, 2.0]}])
def test_a_wrong_dimension_is_refused_with_both_numbers(columns):
    with pytest.raises(InvalidInput, match=r"takes 3 numbers.*is 2"):
        fitted(table(**columns, plan=["x", "y"]), BARE)
    with pytest.raises(InvalidInput, match=r"takes 2 numbers.*is 3"):
        fitted(table(vector=MATRIX, plan=["x", "y"]), NAMED)


def test_sparse_vectors_may_be_shorter_and_longer_where_nobody_said_their_length():
    model = inputs(vector(3, Storage.SPARSE))
    for dim in (2, 4):
        fitted(table(vector=csr_matrix((2, dim), dtype=np.float32)), model)


def test_sparse_vectors_must_not_be_longer_where_the_length_of_the_model_was_said():
    for model in (inputs(vector(3, Storage.SPARSE, is_given=True)), inputs(vector(3))):
        fitted(table(vector=csr_matrix((2, 2), dtype=np.float32)), model)
        with pytest.raises(InvalidInput, match="dimension of the data is 4"):
            fitted(table(vector=csr_matrix((2, 4), dtype=np.float32)), model)


def test_columns_that_nobody_named_are_taken_by_position():
    model = inputs(number("a"), number("b"))
    found = fitted(table(**{"0": [1.0, 2.0], "1": [3.0, 4.0]}), model, has_names=False)
    assert found["b"].values.tolist() == [3.0, 4.0]


def test_attributes_that_came_as_numbers_are_the_texts_of_training():
    found = fitted(table(vector=MATRIX, plan=[3.0, 1.5]), BARE)
    plan = found["plan"]
    assert [plan.vocabulary[code] for code in plan.codes] == ["3", "1.5"]


def test_only_what_the_model_reads_is_read_of_a_collection():
    schema = table(vector=MATRIX, plan=["x", "y"], label=["0", "1"], note=["a", "b"]).schema
    assert needed(match_columns(schema, BARE), BARE) == ("vector", "plan", "label")


def test_a_batch_has_an_attribute_where_one_row_has_it():
    batch = VectorBatch(matrix=MATRIX, attributes=[{"plan": "x"}, {"label": "1"}])
    found = fitted(bare_table(batch), BARE)
    assert found["plan"].codes.tolist() == [0, -1]
    assert found["label"].codes.tolist() == [-1, 0]

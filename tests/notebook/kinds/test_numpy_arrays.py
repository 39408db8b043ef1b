"""numpy arrays: columns by number, or one vector where there are very many."""

import numpy as np
import pytest

from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput
from athanor.notebook.frames import as_trained, gathered
from athanor.notebook.kinds.numpy_arrays import MOST_COLUMNS


def test_the_columns_of_a_matrix_are_named_by_their_number_and_nan_is_missing():
    dataset = gathered(np.array([[1.5, np.nan], [3.0, 4.0]])).dataset
    assert dataset.schema.names == ("x0", "x1")
    assert np.isnan(dataset["x1"].values[0])


def test_a_structured_array_has_its_own_names():
    rows = np.array([(1, "x"), (2, "y")], dtype=[("number", "i4"), ("word", "U3")])
    dataset = gathered(rows).dataset
    assert [(column.name, column.storage) for column in dataset.schema.columns] == [
        ("number", Storage.INTEGER),
        ("word", Storage.STRING),
    ]


def test_objects_are_looked_at_column_by_column():
    dataset = gathered(np.array([["a", 1], [None, 2.5]], dtype=object)).dataset
    assert [column.storage for column in dataset.schema.columns] == [Storage.STRING, Storage.FLOAT]


def test_a_matrix_of_very_many_columns_is_one_vector_unless_numbers_are_missing():
    wide = np.arange(2.0 * (MOST_COLUMNS + 1)).reshape(2, -1)
    assert gathered(wide).dataset.schema.names == ("features",)
    wide[0, 0] = np.nan
    assert len(gathered(wide).dataset.schema.names) == MOST_COLUMNS + 1


def test_rows_to_be_answered_take_the_form_that_training_had():
    wide = np.arange(2.0 * (MOST_COLUMNS + 1)).reshape(2, -1)
    schema = gathered(wide).dataset.schema
    assert as_trained(wide[:1], schema)["features"].matrix.shape == (1, MOST_COLUMNS + 1)


def test_bytes_in_another_order_are_the_same_numbers():
    assert gathered(np.ones((2, 1), ">f8")).dataset["x0"].values.tolist() == [1.0, 1.0]


def test_a_masked_number_is_missing():
    dataset = gathered(np.ma.masked_array([[1.0, 2.0]], [[True, False]])).dataset
    assert np.isnan(dataset["x0"].values[0])
    with pytest.raises(InvalidInput, match="masked array of int64"):
        gathered(np.ma.masked_array([[1, 2]], [[True, False]]))


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((2, 0)), np.zeros((2, 2, 2))])
def test_what_is_no_matrix_is_refused_with_its_shape(array):
    with pytest.raises(InvalidInput, match="got an array of the shape"):
        gathered(array)


def test_fewer_columns_than_the_model_was_trained_on_are_refused():
    schema = gathered(np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]])).dataset.schema
    with pytest.raises(InvalidInput, match="trained on more, up to x2"):
        as_trained(np.ones((1, 2)), schema)


def test_an_array_has_no_names_for_a_model_that_was_trained_by_name():
    schema = gathered({"age": [1, 2], "region": ["a", "b"]}).dataset.schema
    with pytest.raises(
        InvalidInput, match="no column names, and this model was trained on columns by name: age, region"
    ):
        as_trained(np.ones((1, 2)), schema)

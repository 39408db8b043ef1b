from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from athanor.engine.tables.dataset import Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput
from athanor.services.collections.layout import as_layout, layout_of, vector_schema, with_texts


def column(name, storage):
    return ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=storage)


def a_table(**numbers):
    """Two rows: ids, a numeric column for each pair of numbers, and an attribute."""
    columns = {"id": Words.of(["a", "b"]), "kind": Words.of(["A", "B"])}
    columns |= {name: Numbers(np.array(cells, np.float64)) for name, cells in numbers.items()}
    storages = dict.fromkeys(columns, Storage.STRING) | dict.fromkeys(numbers, Storage.FLOAT)
    table = Dataset(Schema(tuple(column(name, storage) for name, storage in storages.items())), columns, 2)
    return table, layout_of(table.schema, "id")


def a_block(matrix, *, is_fixed=False):
    storage = Storage.DENSE if isinstance(matrix, np.ndarray) else Storage.SPARSE
    schemas = (column("string_id", Storage.STRING), vector_schema(storage, matrix.shape[1], is_fixed=is_fixed))
    columns = {"string_id": Words.of(["a", "b"]), "vector": Vectors(matrix)}
    table = Dataset(Schema(schemas), columns, 2)
    return table, layout_of(table.schema, "string_id")


DENSE = np.array([[1, 2], [3, 4]], np.float32)


def test_a_table_with_a_vector_column_is_a_block():
    storages = {"id": "string", "n": "integer", "v": "dense", "w": "sparse", "word": "string"}
    schema = Schema(tuple(column(name, Storage(storage)) for name, storage in storages.items()))
    layout = layout_of(schema, "id")
    assert (layout.vector, layout.components, layout.attributes) == (schema["v"], (), ("n", "word"))


def test_numbers_of_a_table_without_one_are_its_components():
    storages = {"x": "float", "id": "integer", "n": "integer", "flag": "boolean", "at": "datetime", "word": "string"}
    layout = layout_of(Schema(tuple(column(name, Storage(storage)) for name, storage in storages.items())), "id")
    assert (layout.vector, layout.components, layout.attributes) == (None, ("x", "n"), ("flag", "at", "word"))
    assert (layout.dim, layout.is_sparse) == (2, False)


@pytest.mark.parametrize("wanted", [DENSE, csr_matrix(DENSE)])
def test_components_are_packed_into_vectors_in_their_order(wanted):
    made = as_layout(*a_table(x=(1, 3), y=(2, 4)), a_block(wanted)[1])
    assert made.schema.names == ("string_id", "vector", "kind")
    matrix = made["vector"].matrix
    assert isinstance(matrix, np.ndarray) == isinstance(wanted, np.ndarray)
    np.testing.assert_array_equal(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), DENSE)


@pytest.mark.parametrize("given", [DENSE, csr_matrix(DENSE)])
def test_vectors_are_taken_apart_into_components(given):
    made = as_layout(*a_block(given), a_table(x=(0, 0), y=(0, 0))[1])
    assert made.schema.names == ("id", "x", "y")
    assert made["y"].values.tolist() == [2, 4]


@pytest.mark.parametrize(("given", "wanted"), [(DENSE, csr_matrix(DENSE)), (csr_matrix(DENSE), DENSE)])
def test_dense_vectors_become_sparse_ones_and_back(given, wanted):
    matrix = as_layout(*a_block(given), a_block(wanted)[1])["vector"].matrix
    assert isinstance(matrix, np.ndarray) == isinstance(wanted, np.ndarray)


def test_a_number_that_is_an_attribute_in_the_other_layout_is_one():
    wanted = a_block(DENSE)
    table = Dataset(
        Schema((*wanted[0].schema.columns, column("y", Storage.STRING))),
        {**wanted[0].columns, "y": Words.of(["1", "2"])},
        2,
    )
    made = as_layout(*a_table(x=(1, 3), y=(7, 8), z=(2, 4)), layout_of(table.schema, "string_id"))
    np.testing.assert_array_equal(made["vector"].matrix, DENSE)
    assert made["y"].vocabulary == ("7", "8")


def test_a_missing_number_is_named_by_row_and_column():
    with pytest.raises(InvalidInput, match="Row 12, column 'y': the number is missing"):
        as_layout(*a_table(x=(1, 3), y=(2, np.nan)), a_block(DENSE)[1], first_row=11)


def test_as_many_numbers_are_needed_as_the_vectors_have():
    with pytest.raises(InvalidInput, match="1 numbers each, and the vectors of the collection 2"):
        as_layout(*a_table(x=(1, 3)), a_block(DENSE)[1])
    with pytest.raises(InvalidInput, match="3 numbers each"):
        as_layout(*a_table(x=(1, 3), y=(1, 3), z=(1, 3)), a_block(DENSE)[1])


def test_sparse_vectors_grow_unless_their_length_was_said():
    longer = a_block(csr_matrix(np.array([[0, 0, 5], [0, 0, 0]], np.float32)))
    assert as_layout(*longer, a_block(csr_matrix(DENSE))[1]).schema["vector"].dim == 3
    with pytest.raises(InvalidInput, match="component 2"):
        as_layout(*longer, a_block(csr_matrix(DENSE), is_fixed=True)[1])
    shorter = a_block(csr_matrix(np.ones((2, 1), np.float32)))
    assert as_layout(*shorter, a_block(csr_matrix(DENSE))[1])["vector"].matrix.shape == (2, 2)


def test_attributes_of_vectors_are_texts():
    columns = {
        "whole": Numbers(np.array([1, np.nan])),
        "number": Numbers(np.array([1, 1.5])),
        "flag": Numbers(np.array([1, 0])),
        "at": Times(np.array(["2030-01-02", "NaT"], "datetime64[us]")),
        "none": Numbers(np.array([np.nan, np.nan])),
    }
    storages = (Storage.INTEGER, Storage.FLOAT, Storage.BOOLEAN, Storage.DATETIME, Storage.FLOAT)
    schema = Schema(tuple(column(name, storage) for name, storage in zip(columns, storages, strict=True)))
    made = with_texts(Dataset(schema, columns, 2), schema.names)
    texts = {
        name: [None if code < 0 else words.vocabulary[code] for code in words.codes.tolist()]
        for name, words in made.columns.items()
    }
    assert texts == {
        "whole": ["1", None],
        "number": ["1", "1.5"],
        "flag": ["true", "false"],
        "at": ["2030-01-02T00:00:00", None],
        "none": [None, None],
    }
    assert {each.storage for each in made.schema.columns} == {Storage.STRING}

"""Rows of numbers made matrices, and exactly what is wrong with them otherwise."""

import json

import numpy as np
import pytest

from athanor.api.dialects.vecml.json_body import read_fields
from athanor.api.dialects.vecml.matrices import matrix_of
from athanor.errors import InvalidInput


def bulk(data):
    return read_fields(json.dumps({"data": data}).encode(), ("data",))["data"]


def test_rows_become_a_float32_matrix():
    for data in ([[1, 2.5], [-3, 4]], bulk([[1, 2.5], [-3, 4]])):
        made = matrix_of(data, is_sparse=False, dim=2)
        assert made.dtype == np.float32
        assert made.tolist() == [[1.0, 2.5], [-3.0, 4.0]]


def test_a_large_body_reads_as_a_small_one():
    rows = np.random.default_rng(3).normal(size=(2000, 40)).tolist()
    assert np.array_equal(matrix_of(bulk(rows), is_sparse=False, dim=40), matrix_of(rows, is_sparse=False))
    sparse = [{str(place): row[place] for place in range(0, 40, 7)} for row in rows]
    assert (matrix_of(bulk(sparse), is_sparse=True) != matrix_of(sparse, is_sparse=True)).nnz == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[1, 2, 3], [1, 2]], "`data`: row 2 has 2 numbers; vectors have 3 here."),
        ([[1, 2]], "`data`: row 1 has 2 numbers; vectors have 3 here."),
        ([[1, 2, 3], [1, "x", 3]], "`data`: row 2, position 2: a number is expected, the text 'x' came."),
        ([[1, 2, True]], "`data`: row 1, position 3: a number is expected, true came."),
        ([[1, None, 3]], "`data`: row 1, position 2: a number is expected, null came."),
        ([[1, [2], 3]], "`data`: row 1, position 2: a number is expected, a list came."),
        ([[1, float("nan"), 3]], "row 1, position 2: nan is no finite number of 32 bits"),
        ([[1, float("inf"), 3]], "row 1, position 2: inf is no finite number of 32 bits"),
        ([[1, 2, 1e39]], "row 1, position 3: 1e+39 is no finite number of 32 bits"),
        ([[1, 2, 10**400]], "row 1, position 3: 10000"),
        ([5], "row 1 must be a list of 3 numbers, 5 came"),
        ([{"0": 1}], "row 1 must be a list of 3 numbers, an object came"),
        ("x", "must be a list with one row a vector, the text 'x' came"),
        ({}, "must be a list with one row a vector, an object came"),
        (None, "must be a list with one row a vector, null came"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_position(data, message):
    with pytest.raises(InvalidInput) as refused:
        matrix_of(data, is_sparse=False, dim=3)
    assert message in str(refused.value)
    assert refused.value.field == "data"


def test_in_a_large_body_rows_are_counted_through_all_parts():
    rows = [[0.25] * 100] * 5000
    rows[4321] = [0.25] * 99
    with pytest.raises(InvalidInput, match="row 4322 has 99 numbers; vectors have 100 here"):
        matrix_of(bulk(rows), is_sparse=False)


@pytest.mark.parametrize("as_bulk", [False, True])
@pytest.mark.parametrize(
    "rows",
    [[{"0": 1.5, "3": -2}, {}, {"1": 4}], [[[0, 1.5], [3, -2]], [], [[1, 4]]], [[[3, -2], [0, 1.5]], [], [[1, 4]]]],
)
def test_sparse_rows_come_as_objects_or_as_pairs(rows, as_bulk):
    made = matrix_of(bulk(rows) if as_bulk else rows, is_sparse=True)
    assert made.dtype == np.float32
    assert made.toarray().tolist() == [[1.5, 0, 0, -2], [0, 0, 0, 0], [0, 4, 0, 0]]
    assert matrix_of(rows, is_sparse=True, dim=9).shape == (3, 9)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"x": 1}, "row 1: an index is a whole number from 0, the text 'x' came"),
        ({"-1": 1}, "an index is a whole number"),
        ({"1.5": 1}, "an index is a whole number"),
        ([[True, 1]], "an index is a whole number from 0, true came"),
        ([[1.0, 1]], "an index is a whole number from 0, 1.0 came"),
        ([[10**30, 1]], "an index is a whole number"),
        ({"9" * 30: 1}, "an index is a whole number"),
        ({"1": "x"}, "row 1, index 1: a number is expected, the text 'x' came"),
        ({"1": float("nan")}, "row 1, index 1: nan is no finite"),
        ([[1, 2], [1, 3]], "row 1 has the index 1 twice"),
        ({"1": 2, "01": 3}, "row 1 has the index 1 twice"),
        ([[1, 2, 3]], "row 1 must be"),
        ([[1, 2], 5], "row 1 must be"),
        ("x", "row 1 must be"),
        ({"7": 1}, "row 1 has the index 7; vectors have 5 numbers here"),
    ],
)
def test_what_is_wrong_with_a_sparse_row_is_named(row, message):
    with pytest.raises(InvalidInput) as refused:
        matrix_of([row], is_sparse=True, dim=5)
    assert message in str(refused.value)


def test_a_sparse_collection_takes_plain_lists_too():
    assert matrix_of([[1, 2], [3, 4]], is_sparse=True).tolist() == [[1, 2], [3, 4]]

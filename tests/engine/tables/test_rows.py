# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Rows as they come with a request."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest

from athanor.engine.tables.rows import rows_to_dataset
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput

SCHEMA = Schema(
    (
        ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
        ColumnSchema(name="n", type=ColumnType.NUMERIC, storage=Storage.INTEGER),
        ColumnSchema(name="flag", type=ColumnType.BOOLEAN, storage=Storage.BOOLEAN),
        ColumnSchema(name="word", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
        ColumnSchema(name="when", type=ColumnType.DATETIME, storage=Storage.DATETIME),
    )
)
VECTOR = Schema((ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=2),))


def cell(name, value):
    """What `value` becomes in column `name`, None where it is missing."""
    column = rows_to_dataset([{name: value}], SCHEMA)[name]
    if column.missing()[0]:
        return None
    if name == "word":
        return column.vocabulary[column.codes[0]]
    return column.values[0].item()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x", 1.5, 1.5),
        ("x", 2, 2.0),
        ("x", " 1e3 ", 1000.0),
        ("x", "007", 7.0),
        ("x", "NA", None),
        ("x", "None", None),
        ("x", math.nan, None),
        ("x", math.inf, None),
        ("x", "inf", None),
        ("x", 10**400, None),
        ("x", None, None),
        ("x", np.float32(0.5), 0.5),
        ("n", np.int64(3), 3.0),
        ("n", 3.5, 3.5),
        ("flag", True, 1.0),
        ("flag", "FALSE", 0.0),
        ("flag", 1, 1.0),
        ("flag", "", None),
        ("flag", np.bool_(True), 1.0),
        ("word", " a ", "a"),
        ("word", "None", "None"),
        ("word", "?", None),
        ("word", 7, "7"),
        ("word", 7.0, "7.0"),
        ("word", 1e16, "1e+16"),
        ("word", True, "True"),
        ("word", math.nan, None),
        ("when", "2024-03-01T12:00:00+02:00", datetime(2024, 3, 1, 10)),
        ("when", "2024-03-01", datetime(2024, 3, 1)),
        ("when", datetime(2024, 3, 1, 12, tzinfo=UTC), datetime(2024, 3, 1, 12)),
        ("when", date(2024, 3, 1), datetime(2024, 3, 1)),
        ("when", np.datetime64("2024-03-01T12:00"), datetime(2024, 3, 1, 12)),
        ("when", np.datetime64("NaT"), None),
        ("when", " ", None),
    ],
)
def test_a_cell_becomes_what_a_file_would_make_of_it(name, value, expected):
    assert cell(name, value) == expected


@pytest.mark.parametrize(
    ("spelling", "value", "expected"),
    [
        ("decimal comma", "1.234,5", 1234.5),
        ("decimal comma", "1.234", 1234.0),
        ("decimal comma", 1.234, 1.234),
        ("decimal comma", "0.5", 0.5),
        ("decimal comma", "NA", None),
        ("% decimal point", "12 %", 12.0),
        ("% decimal point", 12, 12.0),
        ("day.month.year", "01.03.2024", datetime(2024, 3, 1)),
        ("day.month.year", "2024-03-01", datetime(2024, 3, 1)),
        ("day.month.year", "-", None),
        ("month/day/year", "03/01/2024 1:05 PM", datetime(2024, 3, 1, 13, 5)),
        ("yearmonthday", 20240301, datetime(2024, 3, 1)),
        ("seconds since 1970", 1709251200, datetime(2024, 3, 1)),
        ("seconds since 1970", 1709251200.0, datetime(2024, 3, 1)),
        ("seconds since 1970", "1709251200", datetime(2024, 3, 1)),
        ("seconds since 1970", "2024-03-01", datetime(2024, 3, 1)),
        ("seconds since 1970", math.nan, None),
    ],
)
def test_a_cell_may_be_spelled_as_in_the_file_that_was_learned_from(spelling, value, expected):
    storage = Storage.FLOAT if isinstance(expected, float) or "decimal" in spelling else Storage.DATETIME
    kind = ColumnType.NUMERIC if storage is Storage.FLOAT else ColumnType.DATETIME
    schema = Schema((ColumnSchema(name="x", type=kind, storage=storage, spelling=spelling),))
    column = rows_to_dataset([{"x": value}], schema)["x"]
    assert (None if column.missing()[0] else column.values[0].item()) == expected


@pytest.mark.parametrize(
    ("spelling", "value"),
    [("day.month.year", 20240301), ("seconds since 1970", 1.5), ("seconds since 1970", True), ("", 1709251200),
     ("day.month.year", "03/01/2024"), ("seconds since 1970", math.inf)],
)  # fmt: skip
def test_what_is_no_time_in_its_column_is_refused(spelling, value):
    column = ColumnSchema(name="x", type=ColumnType.DATETIME, storage=Storage.DATETIME, spelling=spelling)
    with pytest.raises(InvalidInput, match="Row 1, column 'x': expected a date or time"):
        rows_to_dataset([{"x": value}], Schema((column,)))


def test_unknown_keys_are_ignored_and_keys_that_lack_are_missing():
    dataset = rows_to_dataset([{"x": 1, "stranger": []}, {}], SCHEMA)
    assert dataset.n_rows == 2
    assert dataset["x"].missing().tolist() == [False, True]
    assert set(dataset.columns) == set(SCHEMA.names)


def test_no_rows_are_an_empty_dataset():
    assert rows_to_dataset([], SCHEMA).n_rows == 0
    assert rows_to_dataset([], VECTOR)["v"].matrix.shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x", "abc", "Row 2, column 'x': expected a number, got 'abc'"),
        ("x", True, "Row 2, column 'x': expected a number, got True"),
        ("x", [1], "got a list of 1"),
        ("x", {"a": 1}, "got an object"),
        ("flag", "maybe", "expected true or false, got 'maybe'"),
        ("flag", 2, "expected true or false, got 2"),
        ("word", ["a"], "expected a text, got a list of 1"),
        ("when", "yesterday", "expected a date or time such as"),
        ("when", 20240301, "expected a date or time"),
        ("x", "y" * 1000, r"got 'y{56}\.\.\."),
    ],
)
def test_a_wrong_type_is_named_with_row_and_column(name, value, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        rows_to_dataset([{}, {name: value}], SCHEMA)
    assert caught.value.field == name


def test_a_row_that_is_no_object_is_named():
    with pytest.raises(InvalidInput, match="Row 2 is not an object of column names and values but a list of 2"):
        rows_to_dataset([{}, [1, 2]], SCHEMA)


def test_vectors_come_as_lists():
    dataset = rows_to_dataset([{"v": [1, 2]}, {"v": (3.5, 4)}, {"v": np.array([5, 6])}], VECTOR)
    assert dataset["v"].matrix.tolist() == [[1, 2], [3.5, 4], [5, 6]]
    assert dataset["v"].matrix.dtype == np.float32


@pytest.mark.parametrize("value", [None, [1], [1, 2, 3], "12", [1, "x"], [1, None], [1, math.inf], [[1], [2]], 5])
def test_vectors_of_another_shape_are_refused(value):
    with pytest.raises(InvalidInput, match="Row 1, column 'v': expected a list of 2 numbers"):
        rows_to_dataset([{"v": value}], VECTOR)


def test_sparse_vectors_become_a_sparse_matrix():
    sparse = Schema((ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=2),))
    assert rows_to_dataset([{"v": [0, 2]}], sparse)["v"].is_sparse


def test_serving_processes_load_no_data_frames():
    script = "import sys, json, athanor.engine.tables.rows; print(json.dumps([m in sys.modules for m in ('polars', 'pandas')]))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert json.loads(shown) == [False, False]


SPARSE = Schema((ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=5),))


def test_a_sparse_vector_is_indices_and_values_or_a_whole_list():
    rows = [
        {"v": {"indices": [4, 1], "values": [2.0, 0.5]}},
        {"v": {"indices": [], "values": []}},
        {"v": [0, 0, 3, 0, 0]},
    ]
    found = rows_to_dataset(rows, SPARSE)["v"]
    assert found.is_sparse
    assert found.matrix.has_sorted_indices
    assert found.matrix.toarray().tolist() == [[0, 0.5, 0, 0, 2], [0] * 5, [0, 0, 3, 0, 0]]
    assert rows_to_dataset([], SPARSE)["v"].matrix.shape == (0, 5)


@pytest.mark.parametrize(
    "cell",
    [
        None,
        {},
        {"indices": [1]},
        {"indices": [1], "values": [1, 2]},
        {"indices": [5], "values": [1]},
        {"indices": [-1], "values": [1]},
        {"indices": [1, 1], "values": [1, 2]},
        {"indices": [0.5], "values": [1]},
        {"indices": ["a"], "values": [1]},
        {"indices": [True], "values": [1]},
        {"indices": [[1]], "values": [[1]]},
        {"indices": [1], "values": ["a"]},
        {"indices": [1], "values": [None]},
        {"indices": [1], "values": [1e300]},
        {"indices": 1, "values": 1},
        {"indices": [2**70], "values": [1]},
        [1, 2],
        [1, 2, 3, 4, None],
    ],
)
def test_a_broken_sparse_vector_is_refused_by_row_and_column(cell):
    with pytest.raises(InvalidInput, match="Row 2, column 'v'"):
        rows_to_dataset([{"v": [1, 2, 3, 4, 5]}, {"v": cell}], SPARSE)

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Datasets of arrays."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime

import numpy as np
import pytest
from scipy import sparse

import athanor
from athanor.engine.learn import learn
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import InlinePool
from athanor.engine.tables.arrays import dataset_of
from athanor.engine.tables.dataset import Numbers, Times, Words
from athanor.engine.tables.schema import ColumnType, Storage
from athanor.engine.task import Task
from athanor.errors import InvalidInput

RNG = np.random.default_rng(0)


def test_a_matrix_is_one_vector_column_and_is_not_copied():
    X = RNG.normal(size=(5, 3)).astype(np.float32)
    dataset = dataset_of(X, ["a", "b", "a", "b", "a"])
    assert dataset.schema.names == ("features", "target")
    assert dataset.schema["features"].type is ColumnType.VECTOR
    assert dataset.schema["features"].dim == 3
    assert dataset["features"].matrix is X
    assert dataset["target"].vocabulary == ("a", "b")


@pytest.mark.parametrize("dtype", ["f8", "i4", "u1", "?", ">f4"])
def test_other_numbers_become_float32(dtype):
    X = np.array([[1, 0], [0, 1]]).astype(dtype)
    matrix = dataset_of(X)["features"].matrix
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[1, 0], [0, 1]]


def test_a_sparse_matrix_stays_sparse_and_is_left_as_it_is():
    X = sparse.coo_matrix(([1.0, 2.0, 3.0], ([0, 0, 1], [2, 2, 0])), shape=(2, 4))
    dataset = dataset_of(X, [0, 1], features="words", target="label")
    assert dataset.schema["words"].storage is Storage.SPARSE
    assert dataset["words"].matrix.toarray().tolist() == [[0, 0, 3, 0], [3, 0, 0, 0]]
    assert X.nnz == 3


def test_columns_by_name_have_the_shape_of_their_cells():
    dataset = dataset_of(
        {
            "x": np.array([1.5, np.nan]),
            "n": [1, None],
            "flag": [True, False],
            "word": np.array(["b", "a"]),
            "mixed": np.array(["b", None], object),
            "when": [datetime(2024, 1, 1), None],
            "day": [date(2024, 1, 1), date(2024, 1, 2)],
            "stamp": np.array(["2024-01-01", "NaT"], "datetime64[s]"),
            "vector": np.ones((2, 4)),
        }
    )
    shapes = [type(dataset[name]) for name in dataset.schema.names[:-1]]
    assert shapes == [Numbers, Numbers, Numbers, Words, Words, Times, Times, Times]
    assert dataset.schema["vector"].dim == 4
    assert dataset["x"].missing().tolist() == dataset["n"].missing().tolist() == [False, True]
    assert dataset["stamp"].missing().tolist() == dataset["when"].missing().tolist() == [False, True]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.array([[1.0], [np.nan]]), None, "in row 2 that is missing"),
        (np.array([[1.0], [1e300]]), None, "beyond float32"),
        (sparse.csr_matrix([[np.inf]]), None, "infinite"),
        (np.zeros(3), None, r"shape \(3,\)"),
        (np.array([["a"]]), None, "matrix of numbers"),
        (np.zeros((2, 1)), [1, 2, 3], "X has 2 rows and y 3"),
        ({"a": [1, 2], "b": [1]}, None, "'a' 2, 'b' 1"),
        ({}, None, "no column"),
        ({"a": [1, "x"]}, None, "Column 'a' must hold"),
        ({"a": [{"b": 1}]}, None, "no cell of a table"),
    ],
)
def test_what_is_no_table_is_refused(X, y, message):
    with pytest.raises(InvalidInput, match=message):
        dataset_of(X, y)


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix])
def test_something_is_learned_from_a_matrix(as_matrix):
    X = RNG.normal(size=(200, 6)).astype(np.float32)
    X[np.abs(X) < 0.5] = 0
    dataset = dataset_of(as_matrix(X), np.where(X[:, 2] > 0, "yes", "no"))
    plan = Plan(max_trials=1, time_limit_s=None)
    result = learn(dataset, Task(target="target"), plan, pool=InlinePool())
    assert result.score > 0.9


def test_a_notebook_finds_it_under_the_packages_name_which_loads_nothing_before():
    assert athanor.dataset_of is dataset_of
    with pytest.raises(AttributeError, match="no attribute 'dataset'"):
        _ = athanor.dataset
    loaded = "import sys, athanor; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0

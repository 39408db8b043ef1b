"""Single rows through the library's prepared calls."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest

from athanor.engine.trees import one_row
from athanor.engine.trees.one_row import RowByRow

RNG = np.random.default_rng(4)
X = RNG.normal(size=(400, 6)).astype(np.float32)
X[RNG.random(X.shape) < 0.1] = np.nan
X[:, 5] = RNG.integers(0, 40, 400)


def booster(n_outputs=1):
    y = np.digitize(np.nan_to_num(X[:, 0]) + (X[:, 5] % 3), [0.0, 1.0]).astype(float)
    parameters = {"objective": "regression", "num_leaves": 15, "verbosity": -1, "num_threads": 1}
    if n_outputs > 1:
        parameters |= {"objective": "multiclass", "num_class": n_outputs}
    return lightgbm.train(parameters, lightgbm.Dataset(X, y, categorical_feature=[5]), num_boost_round=20)


def raw(of, rows):
    return of.predict(rows, raw_score=True, num_threads=1).reshape(len(rows), -1)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_gets_the_bits_that_it_gets_among_others(n_outputs, dtype):
    of = booster(n_outputs)
    rows = X.astype(dtype)
    found = RowByRow.of(of).outputs(rows)
    assert found.tobytes() == raw(of, rows).tobytes()
    assert found.shape == (400, n_outputs)


def test_rows_need_not_lie_one_after_the_other():
    of = booster()
    for rows in (np.asfortranarray(X[:5]), X[::-7], X[10:5:-1]):
        assert RowByRow.of(of).outputs(rows).tobytes() == raw(of, rows).tobytes()


def test_an_answer_stands_when_the_next_row_is_asked_for():
    rows = RowByRow.of(booster())
    first = rows.outputs(X[:1])
    kept = first.copy()
    rows.outputs(X[1:9])
    assert (first == kept).all()


def test_many_threads_ask_at_once_and_calls_are_used_again():
    of = booster(3)
    rows, expected = RowByRow.of(of), raw(of, X)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda row: rows.outputs(X[row : row + 1]), list(range(400)) * 5))
    assert np.concatenate(found).tobytes() == np.tile(expected, (5, 1)).tobytes()
    assert 1 <= len(rows._free) <= 4


def test_calls_go_with_their_booster():
    rows = RowByRow.of(booster())
    rows.outputs(X[:1])
    call, of = weakref.ref(rows._free[0]), weakref.ref(rows.booster)
    del rows
    gc.collect()
    assert call() is None
    assert of() is None


@pytest.mark.parametrize("name", ["_LIBRARY", "_CALL"])
def test_a_library_without_such_calls_is_told(name, monkeypatch):
    monkeypatch.setattr(one_row, name, "no_such_name")
    assert RowByRow.of(booster()) is None

"""A quantity."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Storage
from athanor.errors import Impossible, InvalidInput

REGRESSION = PROBLEMS["regression"]


def test_words_are_refused_with_the_first_that_is_no_number():
    schema = ColumnSchema(name="price", type=ColumnType.TEXT, storage=Storage.STRING)
    with pytest.raises(InvalidInput, match=r"'price' holds string values.*'n/a' in row 2"):
        REGRESSION.truth(Words.of(["3.5", "n/a"]), schema)


def test_every_fold_has_small_and_large_values():
    y = np.random.default_rng(0).permutation(np.arange(100.0))
    folds = REGRESSION.folds(Truth(y=y), 5, seed=1)
    for fold in range(5):
        assert np.diff(np.sort(y[folds == fold])).max() < 10
        assert abs(y[folds == fold].mean() - 49.5) < 2


def test_values_come_back_as_they_are():
    schema = ColumnSchema(name="y", type=ColumnType.NUMERIC, storage=Storage.FLOAT)
    truth = REGRESSION.truth(Numbers(np.array([1.5, -2.0])), schema)
    assert truth.classes == ()
    assert REGRESSION.predictions(truth.y[:, None], ()).labels() == [1.5, -2.0]


def test_values_whose_squares_are_no_numbers_are_refused_in_words():
    column = Numbers(np.array([1.0, 2.0, 1e150]))
    schema = ColumnSchema(name="y", type=ColumnType.NUMERIC, storage=Storage.FLOAT)
    with pytest.raises(Impossible, match=r"as large as 1e\+150, whose squares are no numbers any more. Scale it below"):
        REGRESSION.truth(column, schema)

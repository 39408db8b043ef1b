"""Which problem a target is when nobody says."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.problems.natural import natural_problem
from athanor.engine.tables.dataset import Numbers, Times, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput


def a_column(kind=ColumnType.NUMERIC, storage=Storage.FLOAT):
    return ColumnSchema(name="y", type=kind, storage=storage)


@pytest.mark.parametrize("cells", [[0.0, 1.0], [-1.5, 1.5], [1.0, 2.0, np.nan]])
def test_two_distinct_numbers_are_binary(cells):
    assert natural_problem(Numbers(np.array(cells * 5)), a_column()) == "binary"


def test_dates_are_no_target_and_the_message_says_what_to_do():
    days = Times(np.array(["2024-01-01", "2024-01-02"], "datetime64[us]"))
    with pytest.raises(InvalidInput, match=r"'y' holds dates.*Choose another target") as told:
        natural_problem(days, a_column(ColumnType.DATETIME, Storage.DATETIME))
    assert told.value.field == "target"
    assert "regression" not in str(told.value)


def test_two_distinct_words_are_binary_whatever_the_vocabulary_holds():
    assert natural_problem(Words(np.array([0, 2, -1], np.int32), ("a", "b", "c")), a_column()) == "binary"


def test_more_words_are_multiclass():
    assert natural_problem(Words.of(["a", "b", "c"]), a_column()) == "multiclass"


def test_few_whole_numbers_that_repeat_often_are_classes():
    assert natural_problem(Numbers(np.array([3.0, 4.0, 5.0] * 10)), a_column()) == "multiclass"


@pytest.mark.parametrize(
    "cells", [[3.0, 4.0, 5.5] * 10, [3.0, 4.0, 5.0] * 9, list(range(21)) * 10], ids=["fractions", "seldom", "many"]
)
def test_other_numbers_are_a_quantity(cells):
    assert natural_problem(Numbers(np.array(cells, float)), a_column()) == "regression"


def test_the_type_that_the_user_gave_decides():
    numbers = Numbers(np.arange(30.0))
    ratings = Numbers(np.array([1.0, 2.0, 3.0] * 20))
    schema = Schema((a_column(),))
    as_classes = schema.with_types({"y": ColumnType.CATEGORICAL})["y"]
    as_quantity = schema.with_types({"y": ColumnType.NUMERIC})["y"]
    assert natural_problem(numbers, as_classes) == "multiclass"
    assert natural_problem(ratings, as_quantity) == "regression"


def test_a_type_that_was_only_inferred_does_not_decide_whatever_its_reason_says():
    inferred = ColumnSchema(name="y", type=ColumnType.CATEGORICAL, storage=Storage.FLOAT, reason="given by the user")
    assert natural_problem(Numbers(np.arange(30.0)), inferred) == "regression"

"""Labels keep the type in which their owner stored them."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.problems.labels import distinct_labels, find_label
from athanor.engine.tables.dataset import Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Storage
from athanor.errors import Impossible, InvalidInput


def a_schema(storage):
    return ColumnSchema(name="y", type=ColumnType.CATEGORICAL, storage=storage)


@pytest.mark.parametrize(
    ("storage", "labels"),
    [(Storage.BOOLEAN, (False, True)), (Storage.INTEGER, (0, 1)), (Storage.FLOAT, (0.0, 1.0))],
)
def test_numbers_are_spelled_in_their_stored_type(storage, labels):
    found, places = distinct_labels(Numbers(np.array([1.0, 0.0, 1.0])), a_schema(storage))
    assert found == labels
    assert [type(label) for label in found] == [type(label) for label in labels]
    assert places.tolist() == [1, 0, 1]


def test_words_are_sorted_and_those_that_do_not_occur_are_left_out():
    column = Words(np.array([3, 1, 3], np.int32), ("zebra", "bee", "cow", "ape"))
    labels, places = distinct_labels(column, a_schema(Storage.STRING))
    assert labels == ("ape", "bee")
    assert places.tolist() == [0, 1, 0]


def test_more_than_a_thousand_classes_are_too_many():
    with pytest.raises(Impossible, match="1,001 distinct values"):
        distinct_labels(Numbers(np.arange(1001.0)), a_schema(Storage.INTEGER))


@pytest.mark.parametrize(
    "column", [Times(np.array(["2020-01-01"], "datetime64[us]")), Vectors(np.ones((1, 2), np.float32))]
)
def test_times_and_vectors_cannot_be_classes(column):
    with pytest.raises(InvalidInput, match="cannot be classes"):
        distinct_labels(column, a_schema(Storage.DENSE))


@pytest.mark.parametrize(
    ("wanted", "classes", "place"),
    [
        ("yes", ("no", "yes"), 1),
        ("YES", ("no", "yes"), 1),
        ("1", (0, 1), 1),
        (0, (0.0, 1.0), 0),
        ("1.0", (1, 2), 0),
        ("true", (False, True), 1),
        (False, (False, True), 0),
        ("a", ("A", "a"), 1),
    ],
)
def test_a_positive_label_is_found_by_value_or_spelling(wanted, classes, place):
    assert find_label(wanted, classes, a_schema(Storage.STRING)) == place


def test_a_positive_label_that_does_not_occur_is_refused_with_those_that_do():
    with pytest.raises(InvalidInput, match=r"'maybe' does not occur in 'y'\. Its labels are: 'no', 'yes'"):
        find_label("maybe", ("no", "yes"), a_schema(Storage.STRING))

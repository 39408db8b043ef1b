"""Two classes."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Storage
from athanor.errors import Impossible, InvalidInput

BINARY = PROBLEMS["binary"]
WORD = ColumnSchema(name="y", type=ColumnType.CATEGORICAL, storage=Storage.STRING)


def test_the_last_label_in_sort_order_is_positive():
    truth = BINARY.truth(Words.of(["yes", "no", "yes"]), WORD)
    assert truth.classes == ("no", "yes")
    assert truth.y.tolist() == [1.0, 0.0, 1.0]


def test_another_positive_label_moves_to_the_end():
    truth = BINARY.truth(Words.of(["yes", "no", "yes"]), WORD, positive="no")
    assert truth.classes == ("yes", "no")
    assert truth.y.tolist() == [0.0, 1.0, 0.0]


def test_one_class_only_is_impossible():
    with pytest.raises(Impossible, match="'yes' in every row; two classes are needed"):
        BINARY.truth(Words.of(["yes", "yes"]), WORD)


def test_three_classes_are_not_binary():
    with pytest.raises(InvalidInput, match=r"3 distinct values.*'multiclass'"):
        BINARY.truth(Words.of(["a", "b", "c"]), WORD)


def test_a_margin_is_the_log_odds_of_the_last_class():
    answers = BINARY.predictions(np.log([[3.0], [1.0], [0.25]]), ("no", "yes"))
    np.testing.assert_allclose(answers.probabilities, [[0.25, 0.75], [0.5, 0.5], [0.8, 0.2]])
    assert answers.labels() == ["yes", "no", "no"]


def test_labels_come_back_in_their_stored_type():
    schema = ColumnSchema(name="y", type=ColumnType.NUMERIC, storage=Storage.INTEGER)
    truth = BINARY.truth(Numbers(np.array([3.0, 7.0])), schema)
    labels = BINARY.predictions(np.array([[-1.0], [1.0]]), truth.classes).labels()
    assert labels == [3, 7]
    assert type(labels[0]) is int


def test_small_probabilities_keep_their_digits():
    answers = BINARY.predictions(np.array([[40.0], [-40.0]]), ("no", "yes"))
    np.testing.assert_allclose(answers.probabilities[:, 0], [np.exp(-40.0), 1.0])
    np.testing.assert_allclose(answers.probabilities[:, 1], [1.0, np.exp(-40.0)])


def test_blending_averages_probabilities():
    members = [BINARY.predictions(np.log([[odds]]), ("no", "yes")) for odds in (3.0, 1 / 3)]
    blended = BINARY.blend(members, np.array([3.0, 1.0]))
    np.testing.assert_allclose(blended.probabilities, [[0.375, 0.625]])
    assert blended.labels() == ["yes"]

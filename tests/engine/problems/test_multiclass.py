"""Several classes."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Storage
from athanor.errors import Impossible, InvalidInput

MULTICLASS = PROBLEMS["multiclass"]
WORD = ColumnSchema(name="y", type=ColumnType.CATEGORICAL, storage=Storage.STRING)


def test_a_margin_is_the_logarithm_of_a_probability_up_to_a_constant():
    shares = np.array([[0.2, 0.3, 0.5], [0.7, 0.1, 0.2]])
    answers = MULTICLASS.predictions(np.log(shares) + 17.0, ("a", "b", "c"))
    np.testing.assert_allclose(answers.probabilities, shares)
    assert answers.labels() == ["c", "a"]


@pytest.mark.parametrize("n_classes", [3, 5])
def test_as_many_classes_as_half_of_the_rows_can_be_learned(n_classes):
    words = [f"w{row % n_classes}" for row in range(2 * n_classes)]
    assert len(MULTICLASS.truth(Words.of(words), WORD).classes) == n_classes


def test_more_classes_than_half_of_the_rows_cannot_be_learned():
    with pytest.raises(Impossible, match="'y' has 4 distinct values in 7 rows: nearly every row is a class of its own"):
        MULTICLASS.truth(Words.of(["a", "b", "c", "d", "a", "b", "c"]), WORD)


def test_a_positive_label_is_refused():
    with pytest.raises(InvalidInput, match="belongs to a binary problem"):
        MULTICLASS.truth(Words.of(["a", "b", "c"]), WORD, positive="a")


def test_a_class_of_five_rows_is_spread_over_five_of_ten_folds():
    y = np.repeat([0.0, 1.0, 2.0], [5, 20, 400])
    folds = MULTICLASS.folds(Truth(y=y, classes=("rare", "some", "most")), 10, seed=3)
    assert np.bincount(folds[y == 0.0], minlength=10).max() == 1
    assert (np.bincount(folds[y == 1.0], minlength=10) == 2).all()
    assert (np.bincount(folds[y == 2.0], minlength=10) == 40).all()


def test_a_class_absent_from_the_rows_keeps_a_small_probability():
    truth = Truth(y=np.array([0.0, 1.0, 1.0]), classes=("a", "b", "c"))
    answers = MULTICLASS.predictions(MULTICLASS.baseline(truth)[None], truth.classes)
    assert 0.0 < answers.probabilities[0, 2] < answers.probabilities[0, 0] < answers.probabilities[0, 1]

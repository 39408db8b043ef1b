"""Categorical columns for trees and for models that add up."""

from __future__ import annotations

import numpy as np

from athanor.engine.features.categories import MANY_LEVELS, MOST_COLUMNS, CategoryCodes, OneHot
from athanor.engine.features.vocabulary import Vocabulary
from athanor.engine.tables.dataset import Words

FEW = Words.of(["a", "a", "a", "b", "b", "once", None])


def many(n_levels):
    """Level w0 stands in two rows, w1 in three, ..."""
    return Words.of([f"w{level}" for level in range(n_levels) for _ in range(level + 2)])


def test_codes_are_zero_for_rare_and_unseen_levels_and_nan_for_missing():
    encoder = CategoryCodes(Vocabulary.of(FEW))
    found = encoder.encode(Words.of(["a", "b", "once", "never", None]))
    np.testing.assert_array_equal(found, [[1.0], [2.0], [0.0], [0.0], [np.nan]])
    assert encoder.categorical == (0,)


def test_many_levels_bring_the_number_of_training_rows_as_a_feature():
    encoder = CategoryCodes(Vocabulary.of(many(MANY_LEVELS + 1)))
    found = encoder.encode(Words.of(["w0", f"w{MANY_LEVELS}", "never", None]))
    np.testing.assert_array_equal(found[:, 1], [2.0, MANY_LEVELS + 2, 0.0, np.nan])
    assert CategoryCodes(Vocabulary.of(many(MANY_LEVELS))).width == 1


def test_one_hot_has_a_column_for_other_levels_and_one_for_missing():
    encoder = OneHot(Vocabulary.of(FEW))
    found = encoder.encode(Words.of(["a", "b", "once", "never", None]))
    assert found.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_one_hot_keeps_the_most_frequent_levels():
    encoder = OneHot(Vocabulary.of(many(MOST_COLUMNS + 5)))
    found = encoder.encode(Words.of([f"w{MOST_COLUMNS + 4}", "w0"]))
    assert encoder.width == MOST_COLUMNS + 2
    assert found.argmax(axis=1).tolist() == [0, MOST_COLUMNS]

"""Numeric columns, as they are and scaled."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.features.numbers import CountedNumber, Number, looks_like_ids
from athanor.engine.features.scaling import Scaled
from athanor.engine.features.vocabulary import Vocabulary
from athanor.engine.tables.dataset import Numbers, Words

RNG = np.random.default_rng(0)


def test_numbers_stay_as_they_are_in_single_precision():
    found = Number().encode(Numbers(np.array([0.1, np.nan, np.inf, -1e300])))
    largest = np.finfo(np.float32).max
    np.testing.assert_array_equal(found[:, 0], np.array([0.1, np.nan, largest, -largest], np.float32))


def test_numeric_words_are_read():
    found = Number().encode(Words.of(["3.5", "?", None]))
    np.testing.assert_array_equal(found[:, 0], np.array([3.5, np.nan, np.nan], np.float32))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (RNG.integers(0, 100, 1000) * 977.0, True),
        (RNG.integers(0, 100, 1000) * 1.0, False),  # a count: dense
        (RNG.integers(0, 10, 1000) * 977.0, False),  # few levels
        (RNG.permutation(1000) * 977.0, False),  # a key: nothing comes back
        (RNG.integers(0, 100, 1000) * 977.5, False),  # fractions
    ],
    ids=["ids", "count", "few", "key", "fractions"],
)
def test_whole_numbers_that_come_back_over_a_wide_range_look_like_ids(cells, expected):
    assert looks_like_ids(Numbers(cells)) is expected


def test_numbers_that_look_like_ids_bring_how_often_they_stand_in_training_rows():
    encoder = CountedNumber(Vocabulary.of(Numbers(np.array([5.0, 5.0, 5.0, 9.0, 9.0, 1.0]))))
    found = encoder.encode(Numbers(np.array([5.0, 9.0, 1.0, 2.0, np.nan])))
    np.testing.assert_array_equal(found[:, 1], [3.0, 2.0, 0.0, 0.0, np.nan])


def scaled(cells, others=None):
    column = Numbers(np.array(cells, float))
    return Scaled.of(Number(), column).encode(column if others is None else Numbers(np.array(others, float)))


def test_the_middle_half_is_scaled_to_length_one_around_the_median():
    found = scaled(np.arange(101.0), [25.0, 50.0, 75.0])[:, 0]
    expected = 0.5 / np.sqrt(1 + (0.5 / 3) ** 2)
    np.testing.assert_allclose(found, [-expected, 0.0, expected], rtol=1e-6)


def test_outliers_are_drawn_in_softly_and_keep_their_order():
    found = scaled(np.arange(101.0), [1e3, 1e6, 1e300])[:, 0]
    assert found[0] < found[1] <= found[2] <= 3.0


def test_missing_becomes_the_median_and_a_flag_where_training_rows_had_it():
    found = scaled([1.0, 2.0, np.nan, 3.0])
    assert found.shape == (4, 2)
    assert found[2].tolist() == [0.0, 1.0]
    assert found[:, 1].sum() == 1.0


def test_missing_that_training_rows_never_had_becomes_the_median():
    assert scaled([1.0, 2.0, 3.0], [np.nan, 2.0]).tolist() == [[0.0], [0.0]]


def test_a_column_that_is_mostly_zero_is_scaled_by_its_range():
    assert scaled([0.0] * 9 + [10.0], [0.0, 10.0])[:, 0] == pytest.approx([0.0, 2 / np.sqrt(1 + 4 / 9)])


def test_a_constant_column_is_zero():
    assert not scaled([5.0, 5.0], [5.0, 6.0]).any()


def test_large_numbers_close_together_are_told_apart():
    found = scaled(1e7 + np.arange(100.0))
    assert len(np.unique(found)) == 100

"""What is remembered of a categorical column."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from athanor.engine.features.vocabulary import MISSING, UNKNOWN, Vocabulary
from athanor.engine.features.words import numbers_in, occurring
from athanor.engine.tables.dataset import Numbers, Times, Words
from athanor.errors import InvalidInput


def test_levels_stand_by_frequency_then_by_name_without_those_of_single_rows():
    vocabulary = Vocabulary.of(Words.of(["b", "c", "a", "c", "b", None, "c", "a", "once"]))
    assert vocabulary.levels == ("c", "a", "b")
    assert vocabulary.counts == (3, 2, 2)


def test_places_know_missing_and_unknown_apart():
    vocabulary = Vocabulary.of(Words.of(["a", "a", "b", "b", "b"]))
    assert vocabulary.places(Words.of(["a", None, "never", "b"])).tolist() == [1, MISSING, UNKNOWN, 0]


def test_numbers_are_levels_by_value():
    vocabulary = Vocabulary.of(Numbers(np.array([7.0, 7.0, 0.5, 0.5, 0.5, np.nan, 3.0])))
    assert vocabulary.levels == (0.5, 7.0)
    assert vocabulary.places(Numbers(np.array([7.0, np.nan, 3.0]))).tolist() == [1, MISSING, UNKNOWN]


def test_a_vocabulary_comes_back_from_json():
    for column in (Words.of(["ü", "ü", "a", "a"]), Numbers(np.array([0.1, 0.1, 1e300, 1e300]))):
        vocabulary = Vocabulary.of(column)
        assert Vocabulary.from_facts(json.loads(json.dumps(vocabulary.facts()))) == vocabulary


def test_other_columns_are_refused():
    with pytest.raises(InvalidInput, match="Categories are words or numbers, got Times"):
        Vocabulary.of(Times(np.array(["2020-01-01"], "datetime64[us]")))


def test_one_row_is_looked_up_quickly_beside_a_large_vocabulary():
    """A row of a large table carries the whole table's vocabulary; its look-up must not walk through it."""
    words = tuple(f"w{place}" for place in range(300_000))
    column = Words(np.array([299_999], np.int32), words)
    started = time.process_time()
    for _ in range(100):
        assert occurring(column)[0] == ["w299999"]
    assert time.process_time() - started < 0.5


def test_words_are_read_as_numbers_where_they_are():
    found = numbers_in(Words.of(["1.5", "n/a", None, "1e3"]))
    np.testing.assert_array_equal(found, [1.5, np.nan, np.nan, 1000.0])

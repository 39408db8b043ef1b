"""Texts as statistics and as hashed words."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.features.texts import N_HASHES, HashedWords, TextStatistics
from athanor.engine.tables.dataset import Words


def test_a_text_has_length_words_digits_and_capitals():
    found = TextStatistics(()).encode(Words.of(["Ab 12", None, ""]))
    np.testing.assert_array_equal(found[0], np.array([5, 2, 2 / 5, 1 / 5], np.float32))
    assert np.isnan(found[1]).all()
    assert found[2].tolist() == [0, 0, 0, 0]


def test_top_words_are_those_whose_presence_varies_most():
    texts = ["the cat", "the dog", "the cat sat", "the bird"] * 10
    assert TextStatistics.of(Words.of(texts), top_words=2).top_words == ("cat", "bird")


def test_how_often_a_top_word_occurs_is_counted():
    found = TextStatistics(("cat", "dog")).encode(Words.of(["Cat cat CAT dog", "bird"]))
    assert found[:, 4:].tolist() == [[3, 1], [0, 0]]


def test_hashed_words_have_unit_length_and_missing_texts_are_empty():
    found = HashedWords().encode(Words.of(["one two two", None, "", "one"])).toarray()
    assert found.shape == (4, N_HASHES)
    np.testing.assert_allclose(np.square(found).sum(axis=1), [1, 0, 0, 1], rtol=1e-6)
    assert sorted(found[0][found[0] > 0]) == pytest.approx([1 / 5**0.5, 2 / 5**0.5])


def test_words_fall_into_the_same_column_in_every_process():
    found = HashedWords().encode(Words.of(["athanor"]))
    assert found.indices.tolist() == [2624]

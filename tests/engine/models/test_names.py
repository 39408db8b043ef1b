"""Families are called by many words."""

from __future__ import annotations

import pytest

from athanor.engine.models import FAMILIES, families_meant, family_meant
from athanor.errors import InvalidInput


@pytest.mark.parametrize("name", FAMILIES.names())
def test_a_family_is_meant_by_its_name_its_label_and_other_words(name):
    family = FAMILIES[name]
    for word in (name, family.label, *family.aliases):
        assert family_meant(f" {word.upper()} ") == name


def test_no_word_means_two_families():
    words = [
        word for name in FAMILIES.names() for word in {name, FAMILIES[name].label.lower(), *FAMILIES[name].aliases}
    ]
    assert len(words) == len(set(words))


def test_each_family_is_named_once():
    words = ["rf", "XGB", "random_forest", "LightGBM"]
    assert families_meant(words, field="without") == ("random_forest", "xgboost", "lightgbm")


def test_a_word_that_means_no_family_is_told_with_those_that_do():
    with pytest.raises(
        InvalidInput, match=r"No model family named 'oracle'\. Known: catboost, extra_trees, "
    ) as caught:
        families_meant(["rf", "oracle"], field="without")
    assert caught.value.field == "without"

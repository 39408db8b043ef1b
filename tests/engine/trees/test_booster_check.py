"""Boosters that the library wrote, or that were written for it, are taken; those that lead nowhere are not.

What a forger may do with the files of whole models is in tests/engine/test_tampered_models.py.
"""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from athanor.engine.trees.booster_check import check_booster
from athanor.engine.trees.text import Tree, booster_text, merged_text, parted


@pytest.fixture(scope="module")
def rows():
    """Numbers with holes, and a category of 70 levels."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(600, 5))
    X[:, 3] = rng.integers(0, 70, 600)
    X[rng.random((600, 5)) < 0.1] = np.nan
    return X, rng.integers(0, 3, 600)


def a_text(rows, *, rounds=5, **options):
    X, y = rows
    params = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1, **options}
    if params["objective"] != "multiclass":
        del params["num_class"]
    return lightgbm.train(params, lightgbm.Dataset(X, y, categorical_feature=[3]), rounds).model_to_string()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_leaves": 2},
        {"min_data_in_leaf": 590},  # no tree has a split
        {"max_cat_to_onehot": 100},
        {"extra_trees": True, "num_leaves": 127, "min_data_in_leaf": 1},
        {"objective": "regression"},
        {"objective": "quantile", "alpha": 0.9},
        {"objective": "tweedie"},
        {"rounds": 1},
    ],
    ids=str,
)
def test_what_the_library_writes_is_taken(rows, options):
    text = a_text(rows, **options)
    check_booster(text)
    check_booster(lightgbm.Booster(model_str=text).model_to_string(num_iteration=1))


def test_what_is_written_for_the_library_is_taken(rows):
    text = a_text(rows)
    for part in parted(text, 4):
        check_booster(part)
    check_booster(merged_text([text, text], [np.arange(5), np.arange(5) + 3], 8))
    none = np.zeros(0, np.intp)
    leaf = tree(
        feature=none, threshold=np.zeros(0), left=none, right=none, missing_left=none > 0, categories=None,
        value=np.ones(1), gain=np.zeros(0),
    )  # fmt: skip
    check_booster(booster_text([leaf, leaf], n_outputs=2, n_features=1))
    check_booster(booster_text([], n_outputs=1, n_features=3))


def tree(**changed):
    """Two splits: by a number, and on its right by a category."""
    found = {
        "feature": np.array([0, 1]),
        "threshold": np.array([0.5, 0.0]),
        "left": np.array([~0, ~1]),
        "right": np.array([1, ~2]),
        "missing_left": np.array([True, False]),
        "categories": [None, [1, 40]],
        "value": np.array([1.0, 2.0, 3.0]),
        "gain": np.array([5.0, 4.0]),
    }
    return Tree(**found | changed)


def check_tree(**changed):
    check_booster(booster_text([tree(**changed)], n_outputs=1, n_features=2))


def test_a_tree_as_it_should_be_is_taken():
    check_tree()
    check_tree(threshold=np.array([np.inf, 0.0]))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"left": np.array([0, ~1])}, "leads to none"),
        ({"left": np.array([~0, 0])}, "leads to none"),
        ({"right": np.array([2, ~2])}, "leads to none"),
        ({"right": np.array([1, ~3])}, "leads to none"),
        ({"feature": np.array([0, 2])}, "a feature that there is not"),
        ({"feature": np.array([-1, 1])}, "a feature that there is not"),
        ({"value": np.array([1.0, np.nan, 3.0])}, "something else than numbers"),
        ({"value": np.array([1.0, np.inf, 3.0])}, "a leaf has no number"),
        ({"value": np.array([1.0, 2.0])}, "has 2 numbers"),
        ({"left": np.array([~0])}, "has 1 numbers"),
        ({"threshold": np.array([np.nan, 0.0])}, "something else than numbers"),
    ],
    ids=str,
)
def test_a_tree_that_leads_nowhere_is_not_taken(changed, why):
    with pytest.raises(ValueError, match=why):
        check_tree(**changed)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("threshold=0.5 0.0", "threshold=0.5 1.0", "categories that there are not"),
        ("threshold=0.5 0.0", "threshold=0.5 -1.0", "categories that there are not"),
        ("threshold=0.5 0.0", "threshold=0.5 0.5", "categories that there are not"),
        ("threshold=0.5 0.0", "threshold=0.5  0.0", "has 3 numbers"),
        ("threshold=0.5 0.0", "threshold=0.5 0.0.0", "something else than numbers|could not be read to its end"),
        ("cat_boundaries=0 2", "cat_boundaries=1 2", "in no order"),
        ("cat_boundaries=0 2", "cat_boundaries=0 9", "has 2 numbers"),
        ("cat_boundaries=0 2", "cat_boundaries=0 -2", "in no order"),
        ("cat_threshold=2 ", "cat_threshold=-2 ", "are none"),
        ("cat_threshold=2 ", "cat_threshold=9999999999 ", "are none"),
        ("Tree=0\n", "Tree=1\n", "not in its place"),
        ("Tree=0\n", "Tree=0\n\n", "a line that is none"),
        ("\n\nend of trees", "\n\nleft_child=7\n\nend of trees", "not in its place"),
        ("end of trees\n", "end of trees", "not a booster"),
        ("end of trees\n", "end of trees\nmore", "behind its trees"),
        ("num_class=1\n", "num_class=1\r", "not a booster"),
        ("tree\n", "forest\n", "not a booster"),
        ("num_class=1\n", "num_class=1\naverage_output\n", "a line that is none"),
        ("num_class=1\n", "num_class=-1\n", "is no number"),
        ("num_class=1\n", "num_class=1\nnum_class=1\n", "a line that is none"),
        ("feature_names=Column_0 ", "feature_names=", "not those that it names"),
    ],
)
def test_a_text_that_is_another_is_not_taken(old, new, why):
    text = booster_text([tree()], n_outputs=1, n_features=2)
    assert old in text
    with pytest.raises(ValueError, match=why):
        check_booster(text.replace(old, new, 1))

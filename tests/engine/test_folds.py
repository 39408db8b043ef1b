"""How many folds a table gets, and which rows are validated in which."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.folds import count_folds, make_folds
from athanor.engine.plan import PRESETS, Plan
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.errors import Impossible

BINARY = Truth(y=np.array([0.0] * 60 + [1.0] * 30), classes=("no", "yes"))


@pytest.mark.parametrize(
    ("preset", "n_rows", "folds"),
    [
        ("best_quality", 1_500, 10),
        ("best_quality", 1_501, 8),
        ("best_quality", 30_000, 8),
        ("best_quality", 100_000, 5),
        ("best_quality", 100_001, 3),
        ("high_quality", 1_500, 8),
        ("high_quality", 1_501, 5),
        ("good_quality", 100_000, 5),
        ("medium_quality", 100_000, 3),
        ("medium_quality", 100_001, 2),
    ],
)
def test_small_tables_get_many_folds_and_large_ones_few(preset, n_rows, folds):
    assert count_folds(n_rows, Plan(preset=preset)) == folds


@pytest.mark.parametrize("preset", PRESETS)
def test_there_are_never_more_folds_than_rows(preset):
    assert count_folds(2, Plan(preset=preset)) == 2


@pytest.mark.parametrize("n_rows", [0, 1])
def test_one_row_is_too_few_to_validate(n_rows):
    with pytest.raises(Impossible, match=f"at least 2 rows with a known target, got {n_rows}"):
        count_folds(n_rows, Plan())


@pytest.mark.parametrize("problem", PROBLEMS.names())
def test_every_row_is_validated_once_and_every_fold_has_its_share(problem):
    y = np.arange(90.0) if problem == "regression" else np.arange(90.0) % (2 if problem == "binary" else 3)
    classes = () if problem == "regression" else tuple(range(int(y.max()) + 1))
    folds = make_folds(PROBLEMS[problem], Truth(y=y, classes=classes), Plan(preset="good_quality"))
    assert np.bincount(folds, minlength=5).tolist() == [18] * 5


def test_each_fold_has_the_classes_in_the_table_s_proportion():
    folds = make_folds(PROBLEMS["binary"], BINARY, Plan(preset="good_quality"))
    assert [int(BINARY.y[folds == fold].sum()) for fold in range(5)] == [6] * 5


def test_the_seed_alone_decides_who_is_in_which_fold():
    first, again, other = (make_folds(PROBLEMS["binary"], BINARY, Plan(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

"""How many folds a table gets, and which rows are validated in which."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.fitting import folds as folding
from athanor.engine.fitting.folds import count_folds, enough_rows, make_folds, spread_rows
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


@pytest.mark.parametrize(
    ("limit_s", "workers", "folds"),
    [
        (3600.0, 1, 8),  # 36 folds of everything
        (600.0, 1, 6),
        (600.0, 2, 8),
        (60.0, 1, 5),
        (1.0, 1, 5),
        (None, 1, 8),
    ],
)
def test_a_short_time_has_room_for_fewer_folds_but_not_for_fewer_than_five(limit_s, workers, folds):
    plan = Plan(time_limit_s=limit_s, max_trials=9)
    assert count_folds(2_000, plan, schedule_s=100.0, workers=workers) == folds


def test_time_makes_no_more_folds_than_the_preset_has():
    plan = Plan(preset="medium_quality", time_limit_s=1.0)
    assert count_folds(2_000, plan, schedule_s=100.0) == 3


@pytest.mark.parametrize(("n_rows", "before", "folds"), [(2_000, 6, 6), (5, 6, 5), (2_000, 1, 2)])
def test_a_run_that_goes_on_has_the_folds_it_had_if_there_can_be_so_many(n_rows, before, folds):
    assert count_folds(n_rows, Plan(time_limit_s=1.0), schedule_s=100.0, before=before) == folds


@pytest.mark.parametrize("n_rows", [0, 1])
def test_one_row_is_too_few_to_validate(n_rows):
    with pytest.raises(Impossible, match=f"at least 2 rows with a known target, got {n_rows}"):
        count_folds(n_rows, Plan())


@pytest.mark.parametrize("problem", PROBLEMS.names())
def test_every_row_is_validated_once_and_every_fold_has_its_share(problem):
    y = np.arange(90.0) if problem == "regression" else np.arange(90.0) % (2 if problem == "binary" else 3)
    classes = () if problem == "regression" else tuple(range(int(y.max()) + 1))
    folds = make_folds(PROBLEMS[problem], Truth(y=y, classes=classes), 5, seed=0)
    assert np.bincount(folds, minlength=5).tolist() == [18] * 5


def test_each_fold_has_the_classes_in_the_table_s_proportion():
    folds = make_folds(PROBLEMS["binary"], BINARY, 5, seed=0)
    assert [int(BINARY.y[folds == fold].sum()) for fold in range(5)] == [6] * 5


def test_the_seed_alone_decides_who_is_in_which_fold():
    first, again, other = (make_folds(PROBLEMS["binary"], BINARY, 8, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# --- many rows --------------------------------------------------------------------------------------------------------

MANY = Truth(y=(np.arange(60_000) % 10 < 3).astype(float), classes=("no", "yes"))


@pytest.fixture
def enough(monkeypatch):
    monkeypatch.setattr(folding, "ENOUGH_ROWS", 1000)
    monkeypatch.setattr(folding, "MOST_ROWS", 5000)


@pytest.mark.parametrize("problem", PROBLEMS.names())
def test_of_many_rows_some_are_validated_and_the_others_are_in_no_fold(problem, enough):
    rng = np.random.default_rng(0)
    n_classes = {"regression": 0, "binary": 2}.get(problem, 3)
    y = rng.integers(0, n_classes, 60_000).astype(float) if n_classes else rng.normal(size=60_000)
    found = make_folds(PROBLEMS[problem], Truth(y=y, classes=tuple(range(n_classes))), 5, seed=0)
    assert np.bincount(found + 1).tolist() == [55_000, 1000, 1000, 1000, 1000, 1000]


def test_what_is_validated_has_the_classes_in_the_table_s_proportion(enough):
    found = make_folds(PROBLEMS["binary"], MANY, 5, seed=0)
    assert [int(MANY.y[found == fold].sum()) for fold in range(5)] == [300] * 5


def test_the_rows_that_are_validated_come_from_everywhere_and_change_with_the_seed(enough):
    first, again, other = (make_folds(PROBLEMS["binary"], MANY, 5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first >= 0, other >= 0)
    by_place = np.add.reduceat(first >= 0, np.arange(0, 60_000, 6000))
    assert by_place.min() > 400  # of 500


def test_where_a_class_is_rare_more_rows_are_validated_within_bounds(enough):
    for rare, wanted in ((30_000, 1000), (3000, 2000), (1200, 5000), (3, 5000)):
        y = (np.arange(60_000) < rare).astype(float)
        assert enough_rows(Truth(y=y, classes=("no", "yes"))) == wanted
    assert enough_rows(Truth(y=np.arange(60_000.0))) == 1000


def test_spread_rows_are_all_different_and_ascending():
    rows = spread_rows(MANY, 7001, seed=3)
    assert len(rows) == 7001
    assert (np.diff(rows) > 0).all()

"""The views of all folds as one matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from athanor.engine.features import VIEWS, joint
from athanor.engine.features.joint import joint_view
from athanor.engine.tables.dataset import Dataset, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from support.mixed import mixed_table

every_view = pytest.mark.parametrize("name", VIEWS.names())


def a_table(n_rows: int = 600) -> Dataset:
    """Every kind of column but texts, with levels that only some folds know and numbers that look like ids."""
    rng = np.random.default_rng(2)
    mixed = mixed_table(n_rows)
    mixed = mixed.select(tuple(name for name in mixed.schema.names if name != "note"))
    grade = np.where(rng.random(n_rows) < 0.1, np.nan, rng.integers(1, 9, n_rows) / 2)
    more = {
        "agent": (Numbers(7919.0 * rng.integers(0, 150, n_rows)), ColumnType.NUMERIC, Storage.INTEGER),
        "grade": (Numbers(grade), ColumnType.CATEGORICAL, Storage.FLOAT),
        "rare": (
            Words.of([f"r{place}" for place in rng.integers(0, n_rows // 2, n_rows)]),
            ColumnType.CATEGORICAL,
            Storage.STRING,
        ),
        "never": (Words(np.full(n_rows, -1, np.int32), ()), ColumnType.CATEGORICAL, Storage.STRING),
    }
    schema = Schema(
        (
            *mixed.schema.columns,
            *(ColumnSchema(name=name, type=kind, storage=storage) for name, (_, kind, storage) in more.items()),
        )
    )
    return Dataset(schema, {**mixed.columns, **{name: column for name, (column, _, _) in more.items()}}, n_rows)


def folds_of(table: Dataset, name: str, n: int = 4):
    fold = np.arange(table.n_rows) % n
    return [VIEWS[name].fit(table.take(np.flatnonzero(fold != each))) for each in range(n)]


def same_bits(first, second):
    assert np.array_equal(np.ascontiguousarray(first).view(np.uint32), np.ascontiguousarray(second).view(np.uint32))


@every_view
@pytest.mark.parametrize("most_cells", [joint._MOST_CELLS, 1000], ids=["tables", "without large tables"])
def test_every_fold_finds_its_own_features_to_the_last_bit(name, most_cells, monkeypatch):
    monkeypatch.setattr(joint, "_MOST_CELLS", most_cells)
    table = a_table()
    views = folds_of(table, name)
    together = joint_view(views)
    rng = np.random.default_rng(4)
    for rows in (np.arange(table.n_rows), np.array([17]), rng.integers(0, table.n_rows, 7)):
        some = table.take(rows)
        X = together.transform(some)
        assert X.shape == (len(rows), together.n_features)
        for view, places in zip(views, together.places, strict=True):
            same_bits(X[:, places], view.transform(some))


@every_view
def test_what_no_fold_has_seen_is_what_each_fold_makes_of_it(name):
    table = a_table()
    views = folds_of(table, name)
    together = joint_view(views)
    strange = table.take(np.arange(5))
    columns = dict(strange.columns)
    columns["town"] = Words(np.array([0, 1, -1, 2, 0], np.int32), ("Oslo", "Ulm", "Ulm ", "unused"))
    columns["rare"] = Words.of(["r1", None, "", "r1?", "R1"])
    columns["grade"] = Numbers(np.array([0.25, np.nan, -0.0, 1e300, 2.0]))
    columns["agent"] = Numbers(np.array([1.0, np.nan, 1e39, -1e39, 7919.0]))
    columns["size"] = Numbers(np.array([np.inf, -np.inf, 1e300, np.nan, 0.0]))
    strange = replace(strange, columns=columns)
    X = together.transform(strange)
    for view, places in zip(views, together.places, strict=True):
        same_bits(X[:, places], view.transform(strange))


def test_features_that_all_folds_share_are_made_once():
    table = a_table().select(("size", "lift", "built", "town"))
    views = folds_of(table, "codes")
    assert joint_view(views).n_features < 2 * views[0].n_features


def test_sparse_views_stay_apart():
    table = mixed_table()
    views = folds_of(table, "scaled")
    assert views[0].is_sparse, "the words of a text are counted"
    assert joint_view(views) is None

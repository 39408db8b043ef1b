"""Shares of columns and components, put together from what fold models say of their features."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from athanor.engine.features import Source
from athanor.engine.serving.reliance import Reliance, importance
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

SCHEMA = Schema(
    (
        ColumnSchema(name="age", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
        ColumnSchema(name="vector", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=4),
        ColumnSchema(name="colour", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
    )
)


@dataclass
class View:
    """Two features of the age, the components 3 and 1 of the vector, and three of the colour."""

    n_features: int = 7
    sources: tuple = (
        Source("age", 2),
        Source("vector", 2, np.array([3, 1])),
        Source("colour", 3),
    )


@dataclass
class Model:
    sizes: tuple

    def importance(self, n_features):
        assert n_features == len(self.sizes)
        return np.array(self.sizes, np.float64)


def relying_on(*sizes, part=1.0):
    return Reliance(model=Model(sizes), view=View(), part=part)


def shares(*reliances):
    return [(each.column, each.component, each.share) for each in importance(SCHEMA, reliances)]


def test_features_add_up_to_the_column_or_the_component_that_they_were_made_from():
    assert shares(relying_on(1, 1, 4, 3, 0, 0.5, 0.5)) == [
        ("vector", 3, 0.4),
        ("vector", 1, pytest.approx(0.3)),
        ("age", None, 0.2),
        ("colour", None, 0.1),
    ]


def test_components_of_sparse_vectors_that_nothing_relies_on_are_left_out_and_no_columns():
    schema = Schema((*SCHEMA.columns, ColumnSchema(name="dense", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=2)))
    found = [(each.column, each.component) for each in importance(schema, [relying_on(0, 0, 1, 0, 0, 0, 0)])]
    assert found == [("vector", 3), ("age", None), ("colour", None), ("dense", 0), ("dense", 1)]


def test_of_a_vector_with_millions_of_components_the_greatest_are_told():
    column = ColumnSchema(name="vector", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=4_000_000)
    sizes = np.arange(1.0, 30_001.0)
    view = SimpleNamespace(n_features=30_000, sources=(Source("vector", 30_000, np.arange(0, 3_000_000, 100)),))
    model = SimpleNamespace(importance=lambda _: sizes)
    found = importance(Schema((column,)), [Reliance(model=model, view=view, part=1.0)])
    assert [each.component for each in found] == [place * 100 for place in range(29_999, 19_999, -1)]
    assert found[0].share == pytest.approx(30_000 / sizes.sum())


def test_equal_shares_stand_in_the_order_of_the_columns():
    found = shares(relying_on(0.5, 0.5, 1, 1, 1, 0, 0))
    assert [each[:2] for each in found] == [
        ("age", None),
        ("vector", 1),
        ("vector", 3),
        ("colour", None),
    ]


def test_a_unit_of_its_own_gives_no_model_more_weight():
    """Gains of a loss go into millions, weights of scaled features are about 1."""
    found = shares(
        relying_on(0, 0, 0, 0, 1e300, 1e300, 1e300, part=0.25),
        relying_on(1e-3, 0, 0, 0, 0, 0, 0, part=0.75),
    )
    assert found[:2] == [("age", None, 0.75), ("colour", None, 0.25)]


def test_a_model_that_relies_on_nothing_says_nothing():
    found = shares(relying_on(0, 0, 0, 0, 0, 0, 0, part=0.9), relying_on(3, 0, 1, 0, 0, 0, 0, part=0.1))
    assert found[:2] == [("age", None, pytest.approx(0.75)), ("vector", 3, pytest.approx(0.25))]


def test_where_no_model_says_anything_all_shares_are_equal():
    found = shares(relying_on(0, 0, 0, 0, 0, 0, 0))
    assert [each[:2] for each in found] == [
        ("age", None),
        ("vector", 0),
        ("vector", 1),
        ("vector", 2),
        ("vector", 3),
        ("colour", None),
    ]
    assert {each[2] for each in found} == {1 / 6}

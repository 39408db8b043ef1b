"""How columns go with a target and with each other."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from athanor.engine.tables.association import MOST_CORRELATED, associations, correlations
from athanor.engine.tables.facts import Source
from athanor.engine.tables.inference import infer

N = 500
RNG = np.random.default_rng(3)
X = RNG.normal(size=N)
NOISE = RNG.normal(size=N)
SIX = np.array(list("abcdef"))[RNG.integers(0, 6, N)]


def measured(target, **columns):
    frame = pl.DataFrame(columns)
    found = associations(Source(frame), infer(frame), target)
    return {one.column: {measure.name: measure.value for measure in one.measures} for one in found}


def test_numbers_go_with_numbers_by_pearson_and_spearman():
    found = measured("y", y=X, line=-2 * X + 1, curve=np.exp(3 * X), noise=NOISE)
    assert found["line"] == pytest.approx({"pearson": -1, "spearman": -1})
    assert found["curve"]["spearman"] == pytest.approx(1)
    assert found["curve"]["pearson"] < 0.9
    assert abs(found["noise"]["pearson"]) < 0.15


def test_rows_where_one_is_missing_are_left_out():
    x, y = [None, *X[1:]], [*X[:-1], None]
    assert measured("y", y=y, x=x)["x"] == pytest.approx({"pearson": 1, "spearman": 1})


def test_numbers_go_with_classes_by_eta_either_way():
    classes = np.where(X > 0, "yes", "no")
    forth, back = measured("y", y=classes, x=X)["x"], measured("y", y=X, x=classes)["x"]
    assert forth == pytest.approx(back)
    assert forth["eta"] == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)


def test_classes_go_with_classes_by_cramers_v():
    found = measured(
        "y", y=SIX, same=[f"level {one}" for one in SIX], noise=np.array(list("xyz"))[RNG.integers(0, 3, N)]
    )
    assert found["same"] == pytest.approx({"cramers_v": 1}, abs=1e-6)
    assert found["noise"]["cramers_v"] < 0.1


def test_many_classes_that_say_nothing_are_not_strong():
    many = [f"k{i}" for i in RNG.integers(0, 150, N)]
    assert measured("y", y=NOISE, x=many)["x"]["eta"] < 0.25
    assert measured("y", y=SIX, x=many)["x"]["cramers_v"] < 0.25


def test_times_are_numbers_and_truth_values_classes():
    days = [datetime(2024, 1, 1) + timedelta(days=i) for i in range(N)]  # noqa: DTZ001 - tables keep no zone
    found = measured("y", y=np.arange(N) + NOISE, day=days, late=[i > N / 2 for i in range(N)])
    assert found["day"]["spearman"] > 0.99
    assert found["late"]["eta"] > 0.8


def test_the_strongest_come_first_and_what_has_no_measure_is_left_out():
    found = measured("y", y=X, noise=NOISE, near=X + 0.1 * NOISE, same=[1.0] * N, row=range(N))
    assert list(found) == ["near", "noise"]


def test_a_target_that_is_neither_numbers_nor_classes_goes_with_nothing():
    assert measured("y", y=[f"a sentence about item number {i}" for i in range(N)], x=X) == {}


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_numbers_near_the_ends_of_what_floats_hold_do_no_harm(scale):
    assert measured("y", y=SIX, x=X * scale)["x"] == pytest.approx(measured("y", y=SIX, x=X)["x"], abs=1e-6)


def test_correlations_are_between_the_first_columns_of_numbers():
    frame = pl.DataFrame({"a": X, "b": -X, "w": SIX, "c": [1.5] * N} | {f"n{i}": NOISE + i * X for i in range(40)})
    found = correlations(Source(frame), infer(frame))
    assert found.columns[:3] == ("a", "b", "n0")
    assert len(found.columns) == len(found.matrix) == MOST_CORRELATED
    assert found.matrix[0][:2] == pytest.approx((1, -1))
    assert found.matrix[5][2] == found.matrix[2][5]


def test_a_column_that_does_not_vary_correlates_with_none():
    frame = pl.DataFrame({"a": X, "b": [None, *[2.0] * (N - 1)]})
    assert correlations(Source(frame), infer(frame)).matrix[1] == (None, None)


def test_one_column_of_numbers_has_no_correlations():
    frame = pl.DataFrame({"a": X, "w": SIX})
    assert correlations(Source(frame), infer(frame)) is None

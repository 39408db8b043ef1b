"""What a column is taken to mean, and why."""

from __future__ import annotations

import polars as pl
import pytest

from athanor.engine.inference import infer, infer_column
from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage

N = 100


def meaning(values, name="x"):
    return infer_column(pl.Series(name, values)).type.value


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("x", [0.5 * i for i in range(N)], "numeric"),
        ("age", [i % 7 for i in range(N)], "numeric"),
        ("survived", [i % 2 for i in range(N)], "numeric"),
        ("x", list(range(1, N + 1)), "id"),
        ("x", list(range(N))[::-1], "id"),
        ("year", list(range(1920, 1920 + N)), "numeric"),
        ("x", [i * i for i in range(N)], "numeric"),
        ("customer_id", [i * i for i in range(N)], "id"),
        ("PassengerId", [i * i for i in range(N)], "id"),
        ("itemID", [i // 2 * 10 + 10 for i in range(N + 1)], "id"),
        ("store_id", [i % 10 for i in range(N)], "categorical"),
        ("zip code", [10115 + i % 10 for i in range(N)], "categorical"),
        ("has_id", [i % 2 for i in range(N)], "numeric"),
        ("grid", [i % 10 for i in range(N)], "numeric"),
        ("x", [1, 2, 3], "numeric"),
        ("x", [True, False, None], "boolean"),
        ("x", ["a", "b", "a"], "categorical"),
        ("x", [f"w{i % 50}" for i in range(N)], "categorical"),
        ("x", [f"7590-{i:05}" for i in range(N)], "id"),
        ("x", [f"w{i}" for i in range(10)], "categorical"),
        ("x", [f"Mr. Owen Harris the {i}th" for i in range(N)], "text"),
        ("x", [f"I am still waiting for card number {i}" for i in range(N)], "text"),
        ("x", ["United States of America", "United Kingdom of Great Britain"] * N, "categorical"),
        ("x", [f"今日は天気がとても良いので散歩に行きました{i}" for i in range(N)], "text"),
        ("x", [7.0] * N, "constant"),
        ("x", ["same"] * N, "constant"),
        ("x", [None] * N, "constant"),
        ("x", [None] * 50 + ["there"] * 50, "categorical"),
        ("x", [None] * 50 + [1] * 50, "numeric"),
    ],
)
def test_a_column_means_what_its_owner_would_say(name, values, expected):
    assert meaning(pl.Series(values, dtype=pl.String) if values[0] is None is values[-1] else values, name) == expected


def test_every_meaning_comes_with_a_reason():
    frame = pl.DataFrame({"a": range(N), "b": ["x", "y"] * 50, "c": [1.5] * N, "d": [True, False] * 50})
    for column in infer(frame).columns:
        assert column.reason
    assert infer(frame)["a"].reason == "the whole numbers 0 to 99, each once: a row number"


def test_what_is_known_of_a_column_stands():
    known = ColumnSchema(name="a", type=ColumnType.NUMERIC, storage=Storage.INTEGER, reason="given by the user")
    schema = infer(pl.DataFrame({"a": range(N), "b": range(N)}), Schema((known,)))
    assert schema["a"] == known
    assert schema["b"].type is ColumnType.ID


def test_a_long_reason_is_cut():
    assert len(infer_column(pl.Series("x", ["long " * 100] * 3)).reason) < 80

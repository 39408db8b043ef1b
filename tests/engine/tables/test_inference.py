"""What a column is taken to mean, and why."""

from __future__ import annotations

import polars as pl
import pytest

from athanor.engine.tables import facts
from athanor.engine.tables.inference import infer
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput

N = 100


def meaning(values, name="x"):
    return infer(pl.DataFrame({name: values}))[name].type.value


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
        ("id_store", [i % 10 for i in range(N)], "categorical"),
        ("ROLE_CODE", [i % 30 * 977 for i in range(N)], "categorical"),
        ("order_key", [i * i for i in range(N)], "id"),
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
        ("x", [f"photos/{i}.JPG" for i in range(N)], "image"),
        ("x", [f"https://example.org/{i % 7}.png?size=2" for i in range(N)], "image"),
        ("x", [f"{i}.jpg" for i in range(N - 4)] + ["none", "to be taken", "later", "x"], "image"),
        ("x", [f"{i}.jpg" for i in range(50)] + [f"{i}.txt" for i in range(50)], "id"),
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
    assert len(infer(pl.DataFrame({"x": ["long " * 100] * 3}))["x"].reason) < 80


def test_a_scan_means_what_its_table_in_memory_means(tmp_path):
    frame = pl.DataFrame(
        {
            "row": range(N),
            "x": [float(i) if i % 3 else None for i in range(N)],
            "word": ["a", "b"] * 50,
            "same": ["s"] * N,
            "text": [f"This is sentence number {i}" for i in range(N)],
            "when": pl.Series([i * 10**12 for i in range(N)]).cast(pl.Datetime("us")),
            "photo": [f"{i}.png" for i in range(N)],
            "none": pl.Series([None] * N, dtype=pl.Null),
        }
    )
    frame.drop("none").write_parquet(tmp_path / "part.parquet")
    assert infer(pl.scan_parquet(tmp_path / "part.parquet")) == infer(frame.drop("none"))
    assert infer(frame.lazy()) == infer(frame)


def test_vectors_have_their_number_of_components():
    dense = pl.Series([[1.0, 2.0]] * 3, dtype=pl.Array(pl.Float32, 2))
    sparse = pl.Series([{"indices": [1, 4], "values": [1.0, 2.0]}, {"indices": [], "values": []}, None])
    schema = infer(pl.DataFrame({"d": dense, "s": sparse, "t": sparse}), dims={"t": 100})
    assert [column.type for column in schema.columns] == [ColumnType.VECTOR] * 3
    assert [column.storage for column in schema.columns] == [Storage.DENSE, Storage.SPARSE, Storage.SPARSE]
    assert [column.dim for column in schema.columns] == [2, 5, 100]


def test_neither_nan_nor_infinity_is_a_value():
    schema = infer(pl.DataFrame({"x": [float("nan"), float("inf"), None], "y": [1.0, float("nan"), 1.0]}))
    assert schema["x"].reason == "no row has a value"
    assert schema["y"].reason == "2 numbers"


def test_the_spelling_of_a_column_stays_with_it():
    times = pl.Series([0, 10**12]).cast(pl.Datetime("us"))
    schema = infer(pl.DataFrame({"x": times}), spellings={"x": "day.month.year"})
    assert schema["x"].spelling == "day.month.year"
    assert schema["x"].reason == "all 2 values are dates or times, spelled day.month.year"


def test_distinct_values_of_a_long_table_are_estimated_and_the_reason_says_so(monkeypatch):
    monkeypatch.setattr(facts, "COUNTED_EXACTLY", 50)
    monkeypatch.setattr(facts, "FEW_DISTINCT", 50)
    schema = infer(pl.DataFrame({"a": [i % 7 for i in range(N)], "row": range(N), "many": [i * i for i in range(N)]}))
    assert schema["a"].reason == "100 whole numbers, 7 distinct"
    assert schema["row"].type is ColumnType.ID
    assert "about " in schema["many"].reason


def test_a_table_without_rows_has_a_schema():
    schema = infer(pl.DataFrame({"a": pl.Series([], dtype=pl.Float64), "b": pl.Series([], dtype=pl.String)}))
    assert [column.type for column in schema.columns] == [ColumnType.CONSTANT] * 2


def test_what_no_reader_makes_is_refused():
    with pytest.raises(InvalidInput, match="Column 'x' holds Duration"):
        infer(pl.DataFrame({"x": pl.Series([1]).cast(pl.Duration("us"))}))


def test_columns_of_a_scan_that_is_too_large_for_memory_are_asked_some_at_a_time(monkeypatch):
    columns = {"x": [0.5 * i for i in range(N)], "y": list(range(N)), "z": [f"w{i % 9}" for i in range(N)]}
    frame = pl.DataFrame(columns | {"nan": [float("nan")] * N, "inf": [float("inf"), *range(1, N)]})
    monkeypatch.setattr("athanor.engine.tables.inference._BESIDE", 2)
    assert infer(frame.lazy(), held_bytes=1) == infer(frame)

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Parquet: every plain type finds its place, every other is refused in words."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import polars as pl
import pytest

from athanor.engine.frames import to_dataset
from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput


def parquet(*columns: pl.Series) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(list(columns)).write_parquet(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("column", "storage", "values"),
    [
        (pl.Series([1, None, 3], dtype=pl.Int8), "integer", [1, None, 3]),
        (pl.Series([1, 255], dtype=pl.UInt8), "integer", [1, 255]),
        (pl.Series([1, 2**40], dtype=pl.UInt64), "integer", [1, 2**40]),
        (pl.Series([1, 2**64 - 1], dtype=pl.UInt64), "string", ["1", "18446744073709551615"]),
        (pl.Series([1, -(2**60)], dtype=pl.Int64), "string", ["1", "-1152921504606846976"]),
        (pl.Series([0.5, None, float("nan"), float("inf")], dtype=pl.Float32), "float", [0.5, None, None, None]),
        (pl.Series([Decimal("1.25"), None]), "float", [1.25, None]),
        (pl.Series([True, None]), "boolean", [True, None]),
        (pl.Series([" a ", "NA", "None", ""]), "string", ["a", None, "None", None]),
        (pl.Series(["a", "b", None], dtype=pl.Categorical), "string", ["a", "b", None]),
        (pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])), "string", ["a", "b"]),
        (pl.Series([None, None], dtype=pl.Null), "string", [None, None]),
        (pl.Series([date(2024, 3, 1), None]), "datetime", [datetime(2024, 3, 1), None]),
        (pl.Series([datetime(2024, 3, 1, 12)], dtype=pl.Datetime("ns")), "datetime", [datetime(2024, 3, 1, 12)]),
        (
            pl.Series([datetime(2024, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))]),
            "datetime",
            [datetime(2024, 3, 1, 10)],
        ),
        (pl.Series([timedelta(seconds=90)]), "float", [90.0]),
        (pl.Series([time(0, 1, 30)]), "float", [90.0]),
    ],
    ids=lambda given: str(given.dtype) if isinstance(given, pl.Series) else "",
)
def test_plain_types_are_brought_to_those_of_a_table(read_bytes, column, storage, values):
    table = read_bytes(parquet(column.alias("x")))
    assert table.format == "parquet"
    assert table.schema["x"].storage.value == storage
    assert table.frame["x"].to_list() == values


@pytest.mark.parametrize(
    "dtype", [pl.List(pl.Float64), pl.List(pl.Int32), pl.Array(pl.Float32, 2), pl.Array(pl.Float64, 2)]
)
def test_lists_of_numbers_of_one_length_are_vectors(read_bytes, dtype):
    table = read_bytes(parquet(pl.Series("x", [[1, 2], [3, 4], [5, 6]], dtype=dtype)))
    column = table.schema["x"]
    assert (column.type, column.storage, column.dim) == (ColumnType.VECTOR, Storage.DENSE, 2)
    assert to_dataset(table.frame, table.schema)["x"].matrix.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, 2.0], [3.0]], "the first has 2 numbers, row 2 has 1"),
        ([[1.0, 2.0], None], "row 2 has 0"),
        (pl.Series([[], []], dtype=pl.List(pl.Float64)), "row 1 has 0"),
        ([[1.0, 2.0], [3.0, None]], "missing or infinite number in the vector of row 2"),
        ([["a"], ["b"]], "Lists must hold numbers"),
        ([{"a": 1}, {"a": 2}], "Take it apart"),
        ([b"a", b"b"], "Take it apart"),
    ],
    ids=["ragged", "missing", "empty", "gap", "words", "struct", "bytes"],
)
def test_what_is_no_cell_and_no_vector_is_refused_in_words(read_bytes, values, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(parquet(pl.Series("x", values)))


def test_a_damaged_file_is_refused_in_words(read_bytes):
    content = parquet(pl.Series("x", range(1000)))
    for damaged in (content[:100], content[:-20], content[:50] + b"\xff" * 50 + content[100:]):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_bytes(damaged)


def test_a_file_without_rows_is_refused(read_bytes):
    with pytest.raises(InvalidInput, match="1 columns and 0 rows"):
        read_bytes(parquet(pl.Series("x", [], dtype=pl.Int64)))


def test_a_schema_decides_how_a_second_file_is_read(read_bytes):
    wanted = Schema(
        (
            ColumnSchema(name="code", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
            ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
            ColumnSchema(name="when", type=ColumnType.DATETIME, storage=Storage.DATETIME),
        )
    )
    content = parquet(pl.Series("code", [7, 8]), pl.Series("x", ["1.5", "NA"]), pl.Series("when", ["2024-03-01", None]))
    table = read_bytes(content, schema=wanted)
    assert table.frame.rows() == [("7", 1.5, datetime(2024, 3, 1)), ("8", None, None)]
    assert table.schema == wanted

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Parquet: every plain type finds its place, every other is refused in words."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from athanor.engine.readers import Notes, ReaderOptions, read
from athanor.engine.readers.parquet import PARQUET
from athanor.engine.tables.cells import MISSING_WORDS
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
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
        (pl.Series([Decimal(2**53), None]), "integer", [2**53, None]),
        (pl.Series([Decimal(2**53 + 2), None]), "string", ["9007199254740994", None]),
        (pl.Series([b"a", None]), "string", ["a", None]),
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
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
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
        ([{"a": {"b": 1}}, {"a": {"b": 2}}], "'x.a' holds Struct.*Take it apart"),
        ([b"a", b"\xff"], "no UTF-8 text \\(first: row 2\\)"),
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


def test_an_object_is_taken_apart_once_into_a_column_a_field(read_bytes):
    objects = pl.Series("x", [{"a": 1, "b": "p"}, None, {"a": 3, "b": None}])
    table = read_bytes(parquet(objects, pl.Series("x.a", [7, 8, 9])))
    assert table.frame.columns == ["x.a", "x.b", "x.a_2"]
    assert table.frame.rows() == [(1, "p", 7), (None, None, 8), (3, None, 9)]
    assert any("second column 'x.a'" in warning for warning in table.warnings)


def test_indices_and_values_are_sparse_vectors_that_stay_sparse(read_bytes):
    vectors = [
        {"indices": [0, 90_000], "values": [1.5, 2]},
        {"indices": [], "values": []},
        {"indices": [9, 3], "values": [9, 3]},
    ]
    table = read_bytes(parquet(pl.Series("x", vectors)))
    column = table.schema["x"]
    assert (column.type, column.storage, column.dim) == (ColumnType.VECTOR, Storage.SPARSE, 90_001)
    assert table.frame["x"].dtype == pl.Struct({"indices": pl.List(pl.UInt32), "values": pl.List(pl.Float32)})
    assert table.frame["x"].to_list() == [*vectors[:2], {"indices": [3, 9], "values": [3, 9]}]
    matrix = to_dataset(table.frame, table.schema)["x"].matrix
    assert (matrix.shape, matrix.nnz) == ((3, 90_001), 4)


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ({"indices": [1, 2], "values": [1.0]}, "as many indices as values.*row 2 does not"),
        (None, "as many indices as values.*row 2 does not"),
        ({"indices": [-1], "values": [1.0]}, "index.*row 2"),
        ({"indices": [2**40], "values": [1.0]}, "index.*row 2"),
        ({"indices": [4, 4], "values": [1.0, 2.0]}, "index twice in row 2"),
        ({"indices": [4], "values": [float("nan")]}, "missing or infinite number in the vector of row 2"),
    ],
)
def test_a_sparse_vector_that_is_none_is_named_by_its_row(read_bytes, vector, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(parquet(pl.Series("x", [{"indices": [0], "values": [1.0]}, vector])))


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.typed.BLOCK_BYTES", 1)
    monkeypatch.setattr("athanor.engine.readers.typed._FEWEST_ROWS", 10)


def test_a_file_is_read_in_slices_that_agree_about_types(small_slices, tmp_path):
    frame = pl.DataFrame({"small": range(25), "large": [0] * 24 + [2**60], "vector": [[1.0, 2.0]] * 25})
    frame.write_parquet(tmp_path / "file")
    blocks = list(PARQUET.open(tmp_path / "file", ReaderOptions()).blocks(Notes()))
    assert [block.height for block in blocks] == [10, 10, 5]
    assert all(block.schema == blocks[0].schema for block in blocks)
    together = pl.concat(blocks)
    assert together["small"].to_list() == list(range(25))
    assert together["large"].to_list() == ["0"] * 24 + [str(2**60)]


def test_a_message_counts_rows_over_all_slices(small_slices, read_bytes):
    with pytest.raises(InvalidInput, match="row 18 has 1"):
        read_bytes(parquet(pl.Series("x", [[1.0, 2.0]] * 17 + [[1.0]])))
    with pytest.raises(InvalidInput, match="vector of row 12"):
        read_bytes(parquet(pl.Series("x", [[1.0]] * 11 + [[float("inf")]])))


def test_infinite_numbers_are_counted_once_over_all_slices(small_slices, read_bytes):
    table = read_bytes(parquet(pl.Series("x", [float("inf"), 1.5] * 15)))
    assert table.warnings == ("Column 'x': 15 infinite values count as missing.",)


CELLS = {
    "integer": st.integers(-(2**53), 2**53),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "truth": st.booleans(),
    "word": st.text("abcäß漢 ", min_size=1).map(str.strip).filter(bool).filter(lambda word: word not in MISSING_WORDS),
    "moment": st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
}


TYPES = {
    "integer": pl.Int64,
    "float": pl.Float64,
    "truth": pl.Boolean,
    "word": pl.String,
    "moment": pl.Datetime("us"),
}


@settings(max_examples=25, deadline=None)
@given(data=st.data(), write=st.sampled_from(["write_parquet", "write_ipc", "write_ipc_stream"]))
def test_what_is_written_is_read_back(tmp_path_factory, data, write):
    n_rows = data.draw(st.integers(1, 30))
    frame = pl.DataFrame(
        {
            name: pl.Series(data.draw(st.lists(st.none() | cells, min_size=n_rows, max_size=n_rows)), dtype=TYPES[name])
            for name, cells in CELLS.items()
        }
    )
    path = tmp_path_factory.mktemp("written") / "file"
    getattr(frame, write)(path)
    assert_frame_equal(read(path).frame, frame)

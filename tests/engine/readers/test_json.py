"""JSON: every shape in which people keep a table is read; what is broken is said with line and column."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import ReaderOptions, read
from athanor.engine.readers.json import JSON
from athanor.engine.readers.jsonl import JSONL
from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput

AB = ["a", "b"]
ROWS = [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    "content",
    [
        '[{"a": 1, "b": "x"}, {"b": "y", "a": 2}]',
        '{"a": [1, 2], "b": ["x", "y"]}',
        '{"data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}',
        '{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}',
        '{"columns": [{"name": "a"}, {"name": "b"}], "rows": [[1, "x"], [2, "y"]]}',
        '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}',
        '{"0": {"a": 1, "b": "x"}, "1": {"a": 2, "b": "y"}}',
        '[["a", "b"], [1, "x"], [2, "y"]]',
        '\n\n [\n{"a": 1, "b": "x"}\n,\n{"a": 2, "b": "y"}\n]\n\n',
    ],
    ids=["objects", "columns", "records", "split", "described", "cells by label", "rows by label", "arrays", "airy"],
)
def test_a_table_is_read_in_whatever_shape_it_is_kept(read_bytes, content):
    table = read_bytes(content)
    assert (table.format, table.frame.columns, table.frame.rows(), table.warnings) == ("json", AB, ROWS, ())


def test_what_stands_beside_the_rows_is_said_to_be_left_out(read_bytes):
    table = read_bytes('{"meta": {"n": 1}, "next": null, "items": [{"a": 1}]}')
    assert table.frame.rows() == [(1,)]
    assert table.warnings == ("The rows were read from 'items'; left out beside it: 'meta', 'next'.",)


def test_a_single_object_is_one_row_and_this_is_said(read_bytes):
    table = read_bytes('{"a": 1, "b": {"c": "x"}}')
    assert (table.frame.columns, table.frame.rows()) == (["a", "b.c"], [(1, "x")])
    assert table.warnings == ("The JSON file holds a single object, which was read as one row.",)


def test_arrays_without_names_are_numbered(read_bytes):
    table = read_bytes('[[1, "x"], [2, "y"]]')
    assert (table.frame.columns, table.frame.rows()) == (["column_1", "column_2"], ROWS)
    assert "has_header" in table.warnings[0]
    assert read_bytes('[["p", "q"], ["x", "y"]]', has_header=False).frame.height == 2


@pytest.mark.parametrize(
    ("encoded", "warns"),
    [("utf-8-sig", False), ("utf-16", False), ("utf-32", False), ("cp1252", True)],
)
def test_texts_of_any_encoding_are_read(read_bytes, encoded, warns):
    table = read_bytes('[{"ä": "é"}]'.encode(encoded))
    assert (table.frame.columns, table.frame.rows(), bool(table.warnings)) == (["ä"], [("é",)], warns)


@pytest.mark.parametrize(
    ("content", "dtype", "values"),
    [
        ('[{"x": 1}, {"x": 2}, {}]', pl.Int64, [1, 2, None]),
        ('[{"x": 1}, {"x": 2.5}, {"x": null}]', pl.Float64, [1.0, 2.5, None]),
        ('[{"x": true}, {"x": false}]', pl.Boolean, [True, False]),
        ('[{"x": 1}, {"x": "y"}, {"x": true}, {"x": 1.50}, {"x": 1e2}]', pl.String, ["1", "y", "true", "1.50", "1e2"]),
        ('[{"x": 1}, {"x": 9007199254740993}]', pl.String, ["1", "9007199254740993"]),
        ('[{"x": "2024-03-01"}, {"x": "2024-03-02"}]', pl.Datetime("us"), [datetime(2024, 3, 1), datetime(2024, 3, 2)]),  # noqa: DTZ001
        ('[{"x": "01"}, {"x": "02"}]', pl.String, ["01", "02"]),
        ('[{"x": [1, 2]}, {"x": [3.5, 4]}]', pl.Array(pl.Float32, 2), [[1, 2], [3.5, 4]]),
        ('[{"x": null}, {"y": 1}]', pl.String, [None, None]),
    ],
)  # fmt: skip
def test_cells_keep_the_kind_that_they_have(read_bytes, content, dtype, values):
    column = read_bytes(content).frame["x"]
    assert (column.dtype, column.to_list()) == (dtype, values)


def test_objects_are_taken_apart_once_and_what_is_deeper_is_text(read_bytes):
    table = read_bytes('[{"a": {"b": 1, "c": {"d": 2}}}, {"a": {"b": 3}}, {"a": 7}]')
    assert table.frame.to_dict(as_series=False) == {
        "a": [None, None, 7],
        "a.b": [1, 3, None],
        "a.c": ['{"d": 2}', None, None],
    }
    assert "'a.c'" in table.warnings[0]


def test_lists_that_are_no_vectors_are_text(read_bytes):
    content = '[{"x": [1, 2], "y": ["ä"], "z": [1]}, {"x": [1], "y": [], "z": null}]'
    table = read_bytes(content)
    assert table.frame.rows() == [("[1, 2]", '["ä"]', "[1]"), ("[1]", "[]", None)]
    assert "'x', 'y', 'z'" in table.warnings[0]


def test_tokens_that_are_no_numbers_are_missing(read_bytes):
    table = read_bytes('[{"x": NaN}, {"x": -Infinity}, {"x": 1e999}, {"x": 2.5}]')
    assert table.frame["x"].to_list() == [None, None, None, 2.5]
    assert table.warnings == (
        "NaN and Infinity count as missing: 2.",
        "Column 'x': 1 infinite values count as missing.",
    )


def test_keys_that_come_twice_are_told(read_bytes):
    table = read_bytes('[{"x": 1, "x": 2}]')
    assert table.frame["x"].to_list() == [2]
    assert table.warnings == ("Objects with a key more than once: 1 ('x'). The last value was taken.",)


def test_half_a_letter_is_replaced(read_bytes):
    assert read_bytes(r'[{"x": "a\ud800"}]').frame["x"].to_list() == ["a\ufffd"]


def test_what_is_no_object_among_objects_is_rejected_with_its_line(read_bytes):
    table = read_bytes('[\n{"x": 1},\n{"x": 2},\n[7],\n{"x": 3}]')
    assert table.frame["x"].to_list() == [1, 2, 3]
    assert [(reject.line, reject.text) for reject in table.rejects] == [(4, "[7]")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"a": 1},\n {"a": ', "line 2, column 8"),
        ('[{"a": 1}\n {"a": 2}]', "line 2, column 2: expected ',' or ']'"),
        ('[{"a": 1},]', "line 1, column 11"),
        ('[{"a": 1}] x', "line 1, column 12: something stands behind"),
        ('{"a": [1]} x', "line 1, column 12: something stands behind"),
        ("[{'a': 1}]", "line 1, column 3: Expecting property name"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('[{"a": ' + "9" * 5000 + "}]", "a number cannot be read"),
        ("[]", "holds no row"),
        ("[1, 2]", "no row.*line 1 is not an object"),
        ("{}", "no keys"),
        ("[{}, {}]", "no keys"),
        ("42", "holds a number"),
        ('"text"', "holds a text"),
        ('{"a": [1, 2], "b": [3]}', "'a' has 2, 'b' has 1"),
        ('{"a": [{"x": 1}], "b": [{"x": 1}]}', "more than one list of objects: 'a', 'b'"),
    ],
)
def test_what_is_no_table_is_refused_in_words(read_bytes, content, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(content, format="json")


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_objects_of_any_depth_are_read_or_refused(tmp_path, name):
    path = tmp_path / "deep"
    for depth in (10, 400, *range(900, 1000)):
        row = '{"x":' * depth + "1" + "}" * depth
        path.write_text(f"{row}\n{row}" if name == "jsonl" else f"[{row}, {row}]")
        try:
            assert read(path, options=ReaderOptions(format=name)).frame.height == 2
        except InvalidInput as refusal:
            assert "nested too deeply" in str(refusal)  # noqa: PT017 - from which depth on, the interpreter decides


def test_a_key_that_looks_like_a_part_of_an_object_stays_apart(read_bytes):
    table = read_bytes('[{"a": {"b": 1}, "a.b": 2}]')
    assert (table.frame.columns, table.frame.rows()) == (["a.b", "a.b_2"], [(1, 2)])


@pytest.mark.parametrize(
    ("content", "filename", "wanted"),
    [
        ('[{"a": 1}]', "table", JSON),
        ('{\n"a": [1],\n"b": [2]\n}', "table", JSON),
        ('{"a": 1}\n{"a": 2}', "table", JSONL),
        ("[1, 2]\n[3, 4]\n", "table", JSONL),
        ('{"a": 1}', "table.jsonl", JSONL),
        ('{"a": 1}', "table", JSON),
        ('{"a": \n{"a": 2}\n{"a": 3}\n', "table", JSONL),
        ("[{'a': 1}]", "table.json", JSON),
        ("[id],name\n1,x\n", "table", None),
        ("a,b\n1,2\n", "table.json", None),
    ],
)  # fmt: skip
def test_the_content_says_whether_each_line_is_a_value(content, filename, wanted):
    claiming = [reader for reader in (JSON, JSONL) if reader.claims(content.encode(), filename)]
    assert claiming == ([wanted] if wanted else [])


def test_a_large_file_is_read_in_several_blocks(monkeypatch, read_bytes):
    monkeypatch.setattr("athanor.engine.readers.json_rows._BLOCK", 3)
    rows = [{"x": number, "later": 0.5} if number > 7 else {"x": number} for number in range(10)]
    table = read_bytes(json.dumps(rows))
    assert table.frame.rows() == [(number, 0.5 if number > 7 else None) for number in range(10)]


CELL = st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abc"), CELL, min_size=1), min_size=1, max_size=12),
    way=st.sampled_from(["array", "lines", "indented"]),
)
def test_what_is_written_is_read_back(tmp_path_factory, rows, way):
    content = (
        "\n".join(map(json.dumps, rows))
        if way == "lines"
        else json.dumps(rows, indent=2 if way == "indented" else None)
    )
    path = tmp_path_factory.mktemp("written") / f"table.{'jsonl' if way == 'lines' else 'json'}"
    path.write_text(content)
    table = read(path)
    assert table.frame.height == len(rows)
    for column in table.schema.columns:
        found, written = table.frame[column.name].to_list(), [row.get(column.name) for row in rows]
        if column.storage is Storage.STRING:  # kinds that do not fit together
            assert found == [None if cell is None else json.dumps(cell) for cell in written]
        else:
            assert found == written

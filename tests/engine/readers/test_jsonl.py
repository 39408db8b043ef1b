"""JSON lines: every line a row, whatever keys come late; a broken line is rejected by its number."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import Notes, ReaderOptions, read
from athanor.engine.readers.json_even import even_lines
from athanor.engine.readers.jsonl import JSONL
from athanor.errors import InvalidInput


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_each_line_is_a_row(read_bytes):
    table = read_bytes(lines({"a": 1, "b": "x"}, {"a": 2, "b": None}))
    assert (table.format, table.frame.rows(), table.warnings) == ("jsonl", [(1, "x"), (2, None)], ())


def test_blank_lines_and_other_line_ends_are_no_rows(read_bytes):
    table = read_bytes('\r\n{"a": 1}\r\n\r\n  {"a": 2}  \r\n{"a": 3}')
    assert (table.frame["a"].to_list(), table.n_rejected) == ([1, 2, 3], 0)


def test_arrays_are_rows_under_the_names_of_the_first(read_bytes):
    table = read_bytes(lines(["a", "b"], [1, "x"], [2, "y"]))
    assert (table.frame.columns, table.frame.rows()) == (["a", "b"], [(1, "x"), (2, "y")])


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.json_rows._BLOCK", 2)
    monkeypatch.setattr("athanor.engine.readers.text_lines._PIECE", 16)


def test_all_blocks_have_the_same_columns(small_blocks, tmp_path):
    path = tmp_path / "rows"
    path.write_text(lines({"a": 1}, {"a": 2}, {"b": "x"}, {"a": 2.5}, {"c": {"d": True}}))
    blocks = list(JSONL.open(path, ReaderOptions()).blocks(Notes()))
    assert len(blocks) == 3
    assert all(block.schema == blocks[0].schema for block in blocks)
    assert pl.concat(blocks).to_dict(as_series=False) == {
        "a": [1.0, 2.0, None, 2.5, None],
        "b": [None, None, "x", None, None],
        "c.d": [None, None, None, None, True],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lines_longer_than_a_piece_are_put_together(small_blocks, read_bytes, encoding):
    table = read_bytes(('{"a": "' + "é" * 100 + '"}\n{"a": "ü"}').encode(encoding))
    assert table.frame["a"].to_list() == ["é" * 100, "ü"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": ', "broken JSON: expecting value in column 6"),
        ('{"a": 1} {"a": 2}', "more than one value, the second in column 10"),
        ("7", "not an object"),
        ("[1]", "not an object"),
        ('{"a": ' * 50_000, "nested too deeply in column 1"),
        ("{'a': 1}", "property name"),
        ('{"a": "\0"}', "control character"),
    ],
)
def test_a_line_that_is_no_row_is_rejected_by_its_number(read_bytes, line, reason):
    table = read_bytes('{"a": 0}\n' * 20 + line + "\n" + '{"a": 1}\n' * 20)
    assert table.frame.height == 40
    (reject,) = table.rejects
    assert reject.line == 21
    assert reason in reject.reason
    assert reject.text == line[:10_000]


def test_a_file_of_broken_lines_is_refused_with_their_numbers(read_bytes):
    with pytest.raises(InvalidInput, match=r"line 2 .broken JSON"):
        read_bytes('{"a": 1}\n' + '{"a": \n' * 50, format="jsonl")
    with pytest.raises(InvalidInput, match=r"no row.*line 1 is broken JSON"):
        read_bytes('{"a": \n' * 50, format="jsonl")


def test_numbers_among_words_stay_as_they_are_spelled(read_bytes):
    table = read_bytes('{"a": 1.50}\n{"a": "x"}\n{"a": 1E2}\n{"a": 12345678901234567890}\n')
    assert table.frame["a"].to_list() == ["1.50", "x", "1E2", "12345678901234567890"]


def test_too_many_different_keys_are_refused(monkeypatch, read_bytes):
    monkeypatch.setattr("athanor.engine.readers.json_columns._MOST_COLUMNS", 10)
    with pytest.raises(InvalidInput, match="more than 10 different keys"):
        read_bytes(lines(*({f"key {number}": 1} for number in range(20))))


def test_what_polars_writes_is_read_back(read_bytes):
    frame = pl.DataFrame(
        {"n": range(500), "x": [0.1 * n for n in range(500)], "w": ["a", None] * 250, "t": [True, False] * 250}
    )
    assert read_bytes(frame.write_ndjson()).frame.equals(frame)
    assert read_bytes(frame.write_json()).frame.equals(frame)


@pytest.mark.parametrize(
    "odd",
    [
        {"a": "5", "b": 1},
        {"a": True, "b": "y"},
        {"a": 5, "b": 1.50},
        {"a": 5, "b": False},
        {"a": 2**60, "b": "y"},
        {"a": 5, "b": [1]},
        {"a": 5, "b": {"b": "y"}},
        {"a": 5, "b": "[y]"},
        {"a": 5},
        {"a": 5, "b": "y", "c": 1},
    ],
)
def test_lines_that_differ_are_not_left_to_the_fast_way(tmp_path, odd):
    path = tmp_path / "rows"
    even = lines(*[{"a": 0.5, "b": "x"}] * 3)
    path.write_text(even)
    assert even_lines(path, None) is not None
    path.write_text(even + lines(odd))
    assert even_lines(path, None) is None


@pytest.mark.parametrize(
    "line", ['{"a": 5, "a": 6}', '{"a": 5, "b": "\\ud800"}', '{"a": 5, "b": "y"} x', '{"a": 5, "b": NaN}']
)
def test_lines_that_polars_would_misread_are_not_left_to_it(tmp_path, line):
    path = tmp_path / "rows"
    path.write_text(lines(*[{"a": 0.5, "b": "x"}] * 3) + line + "\n")
    assert even_lines(path, None) is None


VALUE = st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
VALUE |= st.text('ab":{}\\é\n', max_size=6)
KINDS = [st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), st.text('a":{}\\é\n'), VALUE]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_fast_way_and_the_other_give_the_same_table(tmp_path_factory, data):
    kinds = {name: st.none() | data.draw(st.sampled_from(KINDS)) for name in ["a", "b:", 'c"', "é"]}
    rows = data.draw(st.lists(st.fixed_dictionaries(kinds), min_size=1, max_size=6))
    folder = tmp_path_factory.mktemp("written")
    (folder / "rows.jsonl").write_text(lines(*rows))
    (folder / "rows.json").write_text(json.dumps(rows))
    fast, other = (read(folder / name).frame for name in ("rows.jsonl", "rows.json"))
    assert fast.equals(other)
    assert fast.schema == other.schema

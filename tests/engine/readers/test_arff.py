"""ARFF: what the file declares is kept; rows that break it are rejected by their lines."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import Notes, ReaderOptions, read
from athanor.engine.readers.arff import ARFF
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput

HEAD = "@relation r\n@attribute a numeric\n@attribute b {x, y, 'z z'}\n"


def arff(*attributes: str, rows: str) -> str:
    return "@relation test\n" + "".join(f"@attribute {declared}\n" for declared in attributes) + "@data\n" + rows


def test_a_plain_file(read_bytes):
    table = read_bytes(f"% made by hand\n\n{HEAD}@data\n1,x\n?,'z z'\n% between\n\n2.5 , y\n")
    assert table.format == "arff"
    assert (table.frame.columns, table.frame.rows()) == (["a", "b"], [(1.0, "x"), (None, "z z"), (2.5, "y")])
    assert (table.warnings, table.n_rejected) == ((), 0)


def test_keywords_may_be_spelled_in_any_case(read_bytes):
    table = read_bytes("@RELATION r\n@ATTRIBUTE 'a b'\tREAL\n@Attribute c INTEGER [0, 9]\n@DATA\n1.5,2\n")
    assert (table.frame.columns, table.frame.rows()) == (["a b", "c"], [(1.5, 2)])


@pytest.mark.parametrize(
    ("declared", "cells", "dtype", "values"),
    [
        ("x numeric", ["1", "2", "?"], pl.Int64, [1, 2, None]),
        ("x numeric", ["1", "2.5", "1e3"], pl.Float64, [1.0, 2.5, 1000.0]),
        ("x real", ["9007199254740993", "1", "2"], pl.Float64, [9007199254740992.0, 1.0, 2.0]),
        ("x {0,1}", ["0", "1", "?"], pl.String, ["0", "1", None]),
        ("x string", ["1", "'it\\'s, here'", '"say \\"x\\""'], pl.String, ["1", "it's, here", 'say "x"']),
        ("x string", ["01", "2024-03-01", "'100%'"], pl.String, ["01", "2024-03-01", "100%"]),
        (
            "x date",
            ["2024-03-01T12:30:00", "?", "'2024-03-01T12:30:01'"],
            pl.Datetime("us"),
            [datetime(2024, 3, 1, 12, 30), None, datetime(2024, 3, 1, 12, 30, 1)],  # noqa: DTZ001
        ),
        (
            "x date 'dd.MM.yyyy'",
            ["01.03.2024", "31.12.1999", "?"],
            pl.Datetime("us"),
            [datetime(2024, 3, 1), datetime(1999, 12, 31), None],  # noqa: DTZ001
        ),
        (
            "x date \"yyyy-MM-dd'T'HH:mm:ssZ\"",
            ["2024-03-01T12:00:00+0200", "?", "?"],
            pl.Datetime("us"),
            [datetime(2024, 3, 1, 10), None, None],  # noqa: DTZ001
        ),
    ],
)
def test_cells_are_of_the_type_that_is_declared(read_bytes, declared, cells, dtype, values):
    column = read_bytes(arff(declared, "other numeric", rows="".join(f"{cell},7\n" for cell in cells))).frame["x"]
    assert (column.dtype, column.to_list()) == (dtype, values)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,q", "'b' is not one of the values that are declared: q"),
        ("one,x", "'a' is not a number: one"),
        ("1", "1 values instead of 2"),
        ("1,x,y", "3 values instead of 2"),
        ("1,'z z", "not closed"),
        ("{7 1}", "no attribute 7"),
        ("{0 1, 0 2}", "there twice"),
        ("{0 1", "not closed"),
        ("{zero 1}", "no number of an attribute"),
    ],
)
def test_a_row_that_breaks_the_declarations_is_rejected_by_its_line(read_bytes, row, reason):
    table = read_bytes(f"{HEAD}@data\n" + "1,x\n" * 20 + f"{row}\n" + "2,y\n" * 20)
    assert table.frame.height == 40
    (reject,) = table.rejects
    assert (reject.line, reject.text) == (25, row)
    assert reason in reject.reason


def test_rejected_rows_stand_in_the_order_of_their_lines(read_bytes):
    table = read_bytes(f"{HEAD}@data\n" + "1,x\n" * 20 + "1,q\n1\n1,q\n")
    assert [reject.line for reject in table.rejects] == [25, 26, 27]


def test_rows_in_braces_leave_out_zeros_and_first_values(read_bytes):
    table = read_bytes(arff("a numeric", "b {p, q}", "c string", rows="{0 1.5}\n{1 q, 2 'x y'}\n{}\n{0 ?}\n"))
    assert table.frame.rows() == [(1.5, "p", None), (0.0, "q", "x y"), (0.0, "p", None), (None, "p", None)]


def test_many_numbers_in_braces_are_one_sparse_vector(read_bytes):
    names = [f"w{number} numeric" for number in range(1500)]
    table = read_bytes(arff("class {n, p}", *names, "y numeric", rows="{0 p, 1 1, 1500 2.5}\n{1501 3}\n{}\n"))
    assert table.frame.columns == ["class", "y", "features"]
    assert table.frame.select("class", "y").rows() == [("p", 0), ("n", 3), ("n", 0)]
    column = table.schema["features"]
    assert (column.storage, column.dim) == (Storage.SPARSE, 1500)
    matrix = to_dataset(table.frame, table.schema)["features"].matrix
    assert (matrix.nnz, matrix[0, 0], matrix[0, 1499]) == (2, 1, 2.5)
    assert "'features'" in table.warnings[0]


def test_weights_of_rows_are_left_out_and_told(read_bytes):
    table = read_bytes(f"{HEAD}@data\n1,x,{{5}}\n2,y\n{{0 3}}, {{0.5}}\n")
    assert table.frame.rows() == [(1, "x"), (2, "y"), (3, "x")]
    assert table.warnings == ("Weights of rows, {…} behind the last cell, were left out: 2.",)


def test_comments_may_end_a_row(read_bytes):
    assert read_bytes(f"{HEAD}@data\n1,x % best\n2,'z z' % 'worst'\n").frame["b"].to_list() == ["x", "z z"]


def test_a_name_that_comes_twice_is_changed(read_bytes):
    table = read_bytes(arff("a numeric", "a string", rows="1,x\n"))
    assert table.frame.columns == ["a", "a_2"]
    assert "second column 'a'" in table.warnings[0]


def test_infinite_numbers_are_missing(read_bytes):
    table = read_bytes(arff("a numeric", rows="1e400\n1.5\nNaN\n"))
    assert table.frame["a"].to_list() == [None, 1.5, None]
    assert table.warnings == ("Column 'a': 1 infinite values count as missing.",)


def test_whether_numbers_are_whole_all_rows_decide(monkeypatch, tmp_path):
    monkeypatch.setattr("athanor.engine.readers.arff_rows._BLOCK", 4)
    path = tmp_path / "rows"
    path.write_text(arff("a numeric", "b numeric", rows="1,1\n" * 4 + "2,2.5\n"))
    blocks = list(ARFF.open(path, ReaderOptions()).blocks(Notes()))
    assert [block.height for block in blocks] == [2, 2, 1]
    assert {tuple(block.dtypes) for block in blocks} == {(pl.Int64, pl.Float64)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("@relation r\n@attribute a relational\n@data\n", "'a' in line 2 .* relational"),
        ("@relation r\n@attribute a colour\n@data\n", "Line 2 of the ARFF file is no attribute"),
        ("@relation r\n@attribute a {x, y\n@data\n", "Line 2 of the ARFF file is no attribute"),
        ("@relation r\n@attribute a date QQ\n@data\n", "Line 2 .* 'QQ'"),
        ("@relation r\n@attribute a date HH\n@data\n", "'a' cannot be read by the format"),
        ("@relation r\n@atribute a numeric\n@data\n", "Line 2 .* '@atribute a numeric'"),
        ("@relation r\n@attribute a numeric\n1\n", "Line 3 .* should be @attribute or @data"),
        ("@relation r\n@attribute a numeric\n", "no @data"),
        ("@relation r\n@data\n1\n", "no attribute above its @data in line 2"),
        ("@relation r\n@attribute a numeric\n@data\n% nothing\n", "no row"),
    ],
)
def test_a_head_that_is_none_is_refused_with_its_line(read_bytes, content, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(content)


def quoted(cell: str) -> str:
    return "'" + cell.replace("\\", "\\\\").replace("'", "\\'") + "'"


WORD = st.text("ab'\",{}%\\? ", min_size=1).filter(lambda cell: cell.strip() not in {"", "?"})
ROW = st.tuples(st.none() | st.floats(allow_nan=False, allow_infinity=False), st.none() | WORD)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=10))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    written = "".join(
        f"{'?' if number is None else repr(number)},{'?' if word is None else quoted(word)}\n" for number, word in rows
    )
    path = tmp_path_factory.mktemp("written") / "table.arff"
    path.write_text(arff("a numeric", "b string", rows=written))
    assert read(path).frame.rows() == [(number, None if word is None else word.strip()) for number, word in rows]

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Text files, good and bad: every row is kept or named."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from athanor.engine.cells import word
from athanor.engine.readers import READERS, ReaderOptions, read
from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput, TooLarge


def storages(table):
    return [column.storage.value for column in table.schema.columns]


def test_a_plain_file_is_read_with_its_names_and_types(read_bytes):
    table = read_bytes("name,age,score,member,since\nAnn,31,1.5,true,2024-03-01\nBob,,2,false,2024-03-02 10:30\n")
    assert table.format == "csv"
    assert table.frame.columns == ["name", "age", "score", "member", "since"]
    assert storages(table) == ["string", "integer", "float", "boolean", "datetime"]
    assert table.frame.rows() == [
        ("Ann", 31, 1.5, True, datetime(2024, 3, 1)),
        ("Bob", None, 2.0, False, datetime(2024, 3, 2, 10, 30)),
    ]
    assert table.warnings == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read_bytes, delimiter):
    table = read_bytes(delimiter.join("abc") + "\n" + delimiter.join("123") + "\n")
    assert table.frame.rows() == [(1, 2, 3)]


def test_a_delimiter_that_the_owner_names_wins(read_bytes):
    table = read_bytes("a:b,c\n1:2,3\n", delimiter=":")
    assert table.frame.columns == ["a", "b,c"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_line_ends_of_every_system_are_understood_and_the_last_may_be_missing(read_bytes, line_end, last):
    text = line_end.join(["a,b", '1,"x"', '2,"y"']) + (line_end if last else "")
    assert read_bytes(text).frame.rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    "content",
    [
        "näme;wört\n1;ä\n".encode(),
        "näme;wört\n1;ä\n".encode("utf-8-sig"),
        "näme;wört\n1;ä\n".encode("utf-16"),
        "näme;wört\n1;ä\n".encode("cp1252"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16", "cp1252"],
)
def test_the_encoding_is_found(read_bytes, content):
    table = read_bytes(content)
    assert table.frame.columns == ["näme", "wört"]
    assert table.frame.rows() == [(1, "ä")]


def test_a_guessed_encoding_is_told(read_bytes):
    (warning,) = read_bytes("a,b\n1,ok\n2,é\n".encode("cp1252")).warnings
    assert "Line 3 is not UTF-8" in warning
    assert "cp1252" in warning


def test_an_encoding_that_the_owner_names_is_taken_at_its_word(read_bytes):
    assert read_bytes("a,b\n1,Ж\n".encode("koi8-r"), encoding="koi8-r").frame.rows() == [(1, "Ж")]
    with pytest.raises(InvalidInput, match="not ascii"):
        read_bytes("a,b\n1,Ж\n", encoding="ascii")


def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks(read_bytes):
    table = read_bytes('a,b\n"x, ""y""\nz",1\nplain,2\n')
    assert table.frame.rows() == [('x, "y"\nz', 1), ("plain", 2)]


def test_single_quotes_are_found(read_bytes):
    assert read_bytes("a,b\n'x, y',1\n'z',2\n").frame.rows() == [("x, y", 1), ("z", 2)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ('a,b\n5" pipe,1\n6" tube,2\n', '5" pipe'),
        ('a,b\n"say "hi" there",1\nx,2\n', 'say "hi" there'),
        ('a,b\n "x, y", 1\n"z", 2\n', "x, y"),
        ('a,b\n"say \\"hi\\", do",1\nx,2\n', 'say "hi", do'),
        ('a,b\n"never closed,1\nx,2\n', '"never closed'),
    ],
    ids=["inches", "inside", "after a blank", "escaped", "never closed"],
)
def test_stray_quotes_cost_no_row(read_bytes, text, first):
    table = read_bytes(text)
    assert table.frame.height == 2
    assert table.frame.row(0) == (first, 1)


def test_a_quote_that_is_never_closed_is_named_where_nothing_else_fits(read_bytes):
    with pytest.raises(InvalidInput, match=r"opened in line 3 or after is never closed"):
        read_bytes('a,b\nx,1\n"y,z,2\nw,3\n')


def test_ragged_rows_are_an_error_that_names_their_lines(read_bytes):
    with pytest.raises(InvalidInput, match=r"first line: 2. But line 4 has 1, line 7 has 3") as caught:
        read_bytes('a,b\n"1\n",2\n3\n\n5,6\n7,8,9\n')
    assert caught.value.code == "ragged-rows"


@pytest.mark.parametrize(("row", "n"), [("3", 1), ("3,4,5", 3)])
def test_a_row_that_is_too_short_is_no_better_than_one_that_is_too_long(read_bytes, row, n):
    with pytest.raises(InvalidInput, match=f"line 3 has {n}"):
        read_bytes(f"a,b\n1,2\n{row}\n")


def test_many_ragged_rows_are_counted_and_the_first_are_named(read_bytes):
    rows = "".join(f"{i},2,3\n" if i % 5 == 0 else f"{i},2\n" for i in range(100))
    with pytest.raises(InvalidInput, match=r"line 2 has 3, .* and 15 more"):
        read_bytes("a,b\n" + rows)


def test_a_ragged_row_in_a_file_with_stray_quotes_is_named_too(read_bytes):
    with pytest.raises(InvalidInput, match=r"line 3 has 3"):
        read_bytes('a,b\n5" x,1\n1,2,3\n')


def test_a_title_above_many_rows_is_an_error_and_not_a_single_column(read_bytes):
    with pytest.raises(InvalidInput, match="as many fields as the first line: 1"):
        read_bytes("# made by a program\na,b\n" + "1,2\n" * 30)


def test_lines_of_prose_are_one_column_and_this_is_told(read_bytes):
    table = read_bytes("text\nhello, world\nbye\nso, so, so\n")
    assert table.frame["text"].to_list() == ["hello, world", "bye", "so, so, so"]
    assert "No delimiter fits" in table.warnings[0]


def test_blank_lines_are_skipped_and_those_between_rows_are_told(read_bytes):
    table = read_bytes("a,b\n\n1,2\n   \n3,4\n\n\n")
    assert table.frame.rows() == [(1, 2), (3, 4)]
    assert table.warnings == ("Blank lines between the rows were skipped: 2.",)


def test_a_blank_line_in_a_file_of_one_column_is_a_missing_value(read_bytes):
    assert read_bytes("a\n1\n\n2\n\n").frame["a"].to_list() == [1, None, 2]
    assert read_bytes('a\n5" pipe\n\nx\n\n').frame["a"].to_list() == ['5" pipe', None, "x"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "nothing but blanks"),
        (b"a,b\n", "no row below"),
        (b"\0\1\2\3", "neither text nor a known table format"),
        (b"PK\x03\x04....", "Excel"),
        (gzip.compress(b"a,b\n1,2\n" * 50)[:-9], "damaged or cut off"),
        (gzip.compress(gzip.compress(b"a,b\n1,2\n")), "gzip archive inside another"),
        (b"a,b\n1,\x81\n", "neither UTF-8 .line 2"),
    ],
    ids=["empty", "blank", "header only", "binary", "workbook", "cut off", "twice zipped", "no encoding"],
)
def test_what_is_no_table_is_refused_in_words(read_bytes, content, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(content)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read(tmp_path / "nothing.csv")


def test_gzip_is_known_by_its_content(read_bytes):
    assert read_bytes(gzip.compress(b"a,b\n1,2\n")).frame.rows() == [(1, 2)]


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(read_bytes):
    with pytest.raises(TooLarge, match="inflates to more than 1,000"):
        read_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10_000), max_inflated_bytes=1000)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n", ["a", "b"]),
        ("1,2\n3,4\n", ["column_1", "column_2"]),
        ("red,low,2\nblue,low,3\nred,high,2\n", ["column_1", "column_2", "column_3"]),
        ("country,2001,2002\nDE,1,2\nFR,3,4\n", ["country", "2001", "2002"]),
        ("a,b\nx,y\nz,w\n", ["a", "b"]),
        ("2024-01-01,1\n2024-01-02,2\n", ["column_1", "column_2"]),
        ("a,b\nx,\ny,\n", ["a", "b"]),
    ],
)
def test_a_header_is_told_from_a_row(read_bytes, text, names):
    table = read_bytes(text)
    assert table.frame.columns == names
    assert bool(table.warnings) == (names[0] == "column_1")


@pytest.mark.parametrize(("has_header", "height"), [(True, 1), (False, 2)])
def test_the_owner_says_whether_there_is_a_header(read_bytes, has_header, height):
    assert read_bytes("1,2\n3,4\n", has_header=has_header).frame.height == height


def test_names_that_repeat_or_are_blank_are_replaced_and_told(read_bytes):
    table = read_bytes("a,a,,a_2, b \n1,2,3,4,5\n")
    assert table.frame.columns == ["a", "a_3", "column_3", "a_2", "b"]
    assert len(table.warnings) == 2
    assert "second column 'a'" in table.warnings[0]


def test_commas_as_decimal_signs_are_read_and_told(read_bytes):
    table = read_bytes("a;b;c\n1,5;1.234,5;1,234\n2;2.345,6;2,345\n")
    assert storages(table) == ["float", "string", "string"]
    assert table.frame["a"].to_list() == [1.5, 2.0]
    assert table.warnings == ("Column 'a': the comma was read as the decimal sign.",)


def test_a_schema_decides_how_a_second_file_is_read(read_bytes):
    first = read_bytes("code,n,x,flag\nA1,1,0.5,true\n07,2,1.5,false\n")
    second = read_bytes("x,code,n,flag\n1,07,2.5,0\n2,1.50,NA,1\n", schema=first.schema)
    assert second.frame["code"].to_list() == ["07", "1.50"]
    assert second.frame["n"].to_list() == [2.5, None]
    assert second.frame["x"].to_list() == [1.0, 2.0]
    assert second.frame["flag"].to_list() == [False, True]
    assert second.schema["n"].storage is Storage.FLOAT
    assert second.schema["code"] == first.schema["code"]


def test_a_cell_that_does_not_fit_the_schema_is_named(read_bytes):
    wanted = Schema((ColumnSchema(name="price", type=ColumnType.NUMERIC, storage=Storage.FLOAT),))
    with pytest.raises(InvalidInput, match=r"'price' has 2 values that are not numbers \(first: 'cheap', row 3\)"):
        read_bytes("price\n1\nNone\ncheap\nfree\n", schema=wanted)


def test_options_that_make_no_sense_are_refused():
    for options in ({"delimiter": ",,"}, {"quote": "\n"}, {"encoding": "utf-99"}, {"delimiter": "|", "quote": "|"}):
        with pytest.raises(InvalidInput):
            ReaderOptions(**options)


def test_every_format_is_registered_under_its_own_name():
    for name in READERS.names():
        assert READERS[name].format == name


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ['"', '""', "\n", "\r\n", ",", ";", '",', "'", "x,y", "1", "NA", " ", "é"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1)),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_every_row_that_a_csv_writer_writes_is_read_back(read_bytes, rows, line_end, quoting):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end, quoting=quoting)
    writer.writerow([f"c{position}" for position in range(len(rows[0]))])
    writer.writerows(rows)
    text_columns = tuple(
        ColumnSchema(name=f"c{position}", type=ColumnType.TEXT, storage=Storage.STRING)
        for position in range(len(rows[0]))
    )
    table = read_bytes(out.getvalue(), schema=Schema(text_columns), delimiter=",", quote='"', has_header=True)
    assert table.frame.rows() == [tuple(map(word, row)) for row in rows]

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Text files, good and bad: every row is kept or named."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from athanor.engine.readers import READERS, Notes, ReaderOptions, read
from athanor.engine.readers.csv import CSV
from athanor.engine.tables.cells import word
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
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


def rejected(table):
    return [(reject.line, reject.text) for reject in table.rejects]


def test_an_unclosed_quote_costs_its_own_row_at_most(read_bytes):
    table = read_bytes('a,b\nx,1\n"y,z,2\nw,3\n')
    assert table.frame.rows() == [("x", 1), ("w", 3)]
    assert rejected(table) == [(3, '"y,z,2')]
    assert "never closed" in table.rejects[0].reason


def test_a_quoted_field_does_not_swallow_rows_up_to_the_next_quote(read_bytes):
    table = read_bytes('a,b\n"open,1\n"x","y"\nz,w\n', has_header=True)
    assert table.frame.rows() == [('"open', "1"), ("x", "y"), ("z", "w")]
    assert "do not come in pairs" in table.warnings[0]


def test_ragged_rows_are_rejected_with_line_reason_and_text_and_the_others_are_read(read_bytes):
    table = read_bytes('a,b\n"1\n",2\n3\n\n5,6\n7,8,9\n')
    assert table.frame["b"].to_list() == [2, 6]
    assert rejected(table) == [(4, "3"), (7, "7,8,9")]
    assert [reject.reason for reject in table.rejects] == [
        "1 field where 2 are expected",
        "3 fields where 2 are expected",
    ]
    assert "Rows that cannot be read were rejected: 2 (line 4" in table.warnings[-1]


def test_a_record_of_several_lines_that_is_ragged_is_kept_whole(read_bytes):
    assert rejected(read_bytes('a,b\n1,x\n"p\n2,y\nz"\n3,w\n')) == [(3, '"p\n2,y\nz"')]


def test_a_ragged_row_in_a_file_with_stray_quotes_is_named_by_its_line_too(read_bytes):
    table = read_bytes('a,b\n5" x,1\n1,2,3\n"bad" x,"y\n4,5\n6\n7,8\n')
    assert [line for line, _ in rejected(table)] == [3, 6]
    assert table.frame["a"].to_list() == ['5" x', '"bad" x', "4", "7"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a,b\n" + "".join(f"{i},2,3\n" if i % 5 == 0 else f"{i},2\n" for i in range(100)), "line 2 .3 fields"),
        ("a,b,c\n1,2\n3,4\n", "line 2 .2 fields"),
        ("a,b\n" + "1,2,3\n" * 3 + "1,2\n" * 2, "line 2 .3 fields"),
    ],
    ids=["a fifth of many", "all of few", "most of few"],
)
def test_a_file_of_which_too_much_is_rejected_is_refused_as_a_whole(read_bytes, text, first):
    with pytest.raises(InvalidInput, match=rf"rows cannot be read: {first}.*delimiter ',', quote '\"'") as caught:
        read_bytes(text)
    assert caught.value.code == "ragged-rows"


def test_of_very_many_rejected_rows_each_is_counted_and_the_first_are_kept(read_bytes, small_blocks, monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.REJECTS_KEPT", 3)
    table = read_bytes("a,b\n" + "1,2\n1,2,3\n1,2\n1,2\n" * 5, has_header=True)
    assert (table.frame.height, table.n_rejected, len(table.rejects)) == (15, 5, 3)


def test_a_row_with_a_nul_byte_is_rejected(read_bytes):
    table = read_bytes(b"a,b\n1,x\n2,\0\n3,y\n")
    assert table.frame["a"].to_list() == [1, 3]
    assert [(reject.line, reject.reason) for reject in table.rejects] == [(3, "a NUL byte")]


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
        (b"%PDF-1.4", "PDF"),
        (b"<!DOCTYPE html>", "web page"),
        (b"a,b\n1,\x81\n", "neither UTF-8 .line 2"),
    ],
    ids=["empty", "blank", "header only", "binary", "document", "web page", "no encoding"],
)
def test_what_is_no_table_is_refused_in_words(read_bytes, content, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(content)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read(tmp_path / "nothing.csv")


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


def test_the_owner_names_the_decimal_sign(read_bytes):
    assert read_bytes("a;b\n1,234;x\n", decimal=",").frame["a"].to_list() == [1.234]


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
    with pytest.raises(InvalidInput, match=r"'price' has .*values that are not numbers \(first: 'cheap', row 3\)"):
        read_bytes("price\n1\nNone\ncheap\nfree\n", schema=wanted)


def test_options_that_make_no_sense_are_refused():
    for options in ({"delimiter": ",,"}, {"quote": "\n"}, {"encoding": "utf-99"}, {"delimiter": "|", "quote": "|"}):
        with pytest.raises(InvalidInput):
            ReaderOptions(**options)


def test_every_format_is_registered_under_its_own_name():
    for name in READERS.names():
        assert READERS[name].format == name


ROWS = "1,2\n3,4\n5,6\n"


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("# made by hand\n# in 2024\na,b\n" + ROWS, ["a", "b"], "Comment lines above the table were skipped: 2"),
        ("#id,n\n" + ROWS, ["#id", "n"], None),
        ("sep=,\na,b\n" + ROWS, ["a", "b"], None),
        ("Report of May\n\na,b\n" + ROWS * 4, ["a", "b"], r"Lines above the table were skipped: 1 \('Report of May'"),
        ("a,b\n" + ROWS.replace("\n", ",\n"), ["a", "b"], "ends in a delimiter"),
        ("a,b,\n" + ROWS.replace("\n", ",\n"), ["a", "b"], "ends in a delimiter"),
        ("a,b\n1,2\n3,4\na,b\n5,6\n", ["a", "b"], r"repeat the names of the columns were skipped: 1 .first: line 4"),
        ("  a  b \n  1   2\n 3 4\n 5   6\n", ["a", "b"], "stand apart by blanks"),
        ("a b\n" + ROWS.replace(",", " "), ["a", "b"], "stand apart by blanks"),
    ],
)
def test_what_stands_around_a_table_is_told_from_it(read_bytes, text, names, said):
    table = read_bytes(text)
    assert table.frame.columns == names
    assert table.frame.unique(maintain_order=True).rows() == [(1, 2), (3, 4), (5, 6)]
    assert table.n_rejected == 0
    assert [bool(re.search(said, warning)) for warning in table.warnings] == [True] if said else table.warnings == ()


def test_row_names_as_r_writes_them_are_a_column(read_bytes):
    table = read_bytes('"x" "y"\n"row 1" 1 2\n"row 2" 3 4\n')
    assert table.frame.columns == ["row_name", "x", "y"]
    assert table.frame.rows() == [("row 1", 1, 2), ("row 2", 3, 4)]


@pytest.mark.parametrize(
    "text", ["name\nSmith, John\nDoe, Jane\n", "2024-03-01 10:30\n2024-03-02 11:30\n", "it is so\nis it\n"]
)
def test_a_single_column_does_not_come_apart(read_bytes, text):
    assert read_bytes(text).frame.width == 1


def test_a_value_behind_a_last_delimiter_costs_its_row_only(read_bytes):
    table = read_bytes("a,b\n" + "1,2,\n" * 200_000 + "3,4,x\n")
    assert table.frame.height == 200_000
    assert [(reject.line, reject.reason) for reject in table.rejects] == [(200_002, "a value behind the last column")]


@pytest.mark.parametrize("line_end", ["\r\r\n", "\r\n", "\n", "\r"])
def test_line_ends_may_be_mixed_and_those_inside_quotes_stay(read_bytes, small_blocks, line_end):
    text = f'a,b{line_end}1,"p\rq"\n2,y\r3,"z"\r\n4,"w"{line_end}'
    assert read_bytes(text, delimiter=",").frame.rows() == [(1, "p\rq"), (2, "y"), (3, "z"), (4, "w")]


def test_utf16_without_a_mark_shows_by_its_zeros(read_bytes):
    for encoding in ("utf-16-le", "utf-16-be"):
        assert read_bytes("a,b\n1,é\n".encode(encoding)).frame.rows() == [(1, "é")]


def test_encodings_that_are_mixed_are_read_line_by_line_and_this_is_told(read_bytes, small_blocks):
    table = read_bytes("a,b\n1,ä\n".encode() + "2,é\n".encode("cp1252") + "3,ö\n".encode())
    assert table.frame["b"].to_list() == ["ä", "é", "ö"]
    assert "Line 3 is not UTF-8, though line 2 is" in table.warnings[0]


def test_a_quote_that_nothing_closes_does_not_take_the_rest_of_a_large_file(read_bytes, small_blocks, monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.cutting.LONGEST_RECORD", 200)
    table = read_bytes("a,b\n" + "1,x\n" * 30 + '2,"open\n' + "3,y\n" * 300)
    assert table.frame["a"].to_list() == [1] * 30 + [2] + [3] * 300
    assert "first: line 32" in table.warnings[0]


def test_no_block_holds_much_more_than_it_should(tmp_path, monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.csv._BLOCK", 1000)
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + '1234567,"x, y"\n' * 10_000)
    heights = [block.height for block in CSV.open(path, ReaderOptions()).blocks(Notes())]
    assert sum(heights) == 10_000
    assert max(heights) < 150


def test_a_line_without_end_is_refused_before_it_fills_the_memory(read_bytes, small_blocks, monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.cutting.LONGEST_RECORD", 200)
    with pytest.raises(TooLarge, match="longer than 200 bytes"):
        read_bytes("a,b\n1,2\n" + "x" * 1000)


def test_a_file_is_gone_through_again_where_a_later_block_shows_another_type(read_bytes, small_blocks):
    table = read_bytes("a,b\n" + "1,x\n" * 30 + "word,y\n")
    assert table.frame["a"].to_list() == ["1"] * 30 + ["word"]
    assert table.frame.height == 31


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ['"', '""', "\n", "\r\n", ",", ";", '",', "'", "x,y", "1", "NA", " ", "é"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1)),
    delimiter=st.sampled_from([",", ";", "\t", "|", ":", " "]),
    quote=st.sampled_from(['"', "'"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    block=st.integers(1, 40),
)
def test_every_row_that_a_csv_writer_writes_is_read_back(  # noqa: PLR0917
    read_bytes, rows, delimiter, quote, line_end, quoting, block
):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end, quoting=quoting, delimiter=delimiter, quotechar=quote)
    writer.writerow([f"c{position}" for position in range(len(rows[0]))])
    writer.writerows(rows)
    text_columns = tuple(
        ColumnSchema(name=f"c{position}", type=ColumnType.TEXT, storage=Storage.STRING)
        for position in range(len(rows[0]))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("athanor.engine.readers.csv._BLOCK", block)
        table = read_bytes(
            out.getvalue(), schema=Schema(text_columns), delimiter=delimiter, quote=quote, has_header=True
        )
    assert table.frame.rows() == [tuple(map(word, row)) for row in rows]
    assert table.n_rejected == 0


odd_lines = st.text(st.sampled_from('ab,"\n 1'), max_size=60) | st.lists(
    st.sampled_from(["1,2", "x,y", "1,2,3", "4", '"p,q",r', '"two\nlines",5', 'in"side,6', '"open,7', "", '"a"b,"c']),
    max_size=12,
).map("\n".join)


@settings(max_examples=200, deadline=None)
@given(text=odd_lines, block=st.integers(1, 40))
def test_a_file_is_read_the_same_in_blocks_of_any_size(tmp_path_factory, text, block):
    path = tmp_path_factory.mktemp("odd") / "odd.csv"
    path.write_text("a,b\n1,2\n" + text, newline="")

    def gone_through():
        notes = Notes()
        frames = CSV.open(path, ReaderOptions(delimiter=",", has_header=True)).blocks(notes)
        rows = [[cell or None for cell in row] for frame in frames for row in frame.rows()]
        return rows, notes.n_rejected, [(reject.line, reject.reason, reject.text) for reject in notes.rejects]

    whole = gone_through()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("athanor.engine.readers.csv._BLOCK", block)
        assert gone_through() == whole


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.sampled_from(["1", "x", "y z", "p,q", "two\nlines", 'q"q']), min_size=1, max_size=4), min_size=1
    ),
    block=st.integers(1, 60),
)
def test_rows_and_rejected_rows_are_as_many_as_another_reader_counts(tmp_path_factory, rows, block):
    path = tmp_path_factory.mktemp("count") / "count.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], ["1", "2"], *rows])
    with path.open(newline="") as file:
        counted = list(csv.reader(file))[1:]
    notes = Notes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("athanor.engine.readers.csv._BLOCK", block)
        file = CSV.open(path, ReaderOptions(delimiter=",", quote='"', has_header=True))
        n_rows = sum(frame.height for frame in file.blocks(notes))
    assert n_rows == sum(len(row) == 2 for row in counted)
    assert notes.n_rejected == sum(len(row) != 2 for row in counted)

"""Workbooks: the sheet with the table, dates as dates, numbers to the last digit; what shows no value is told."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import read
from athanor.engine.readers.xlsx import XLSX
from athanor.errors import InvalidInput, TooLarge
from support.workbooks import Cell, error, formula, open_document, workbook


def day(*moment: int) -> datetime:
    return datetime(*moment)  # noqa: DTZ001 - a table keeps times in UTC, without saying so


def test_a_plain_sheet(read_bytes):
    table = read_bytes(workbook({"one": [["a", "b"], [1, "x"], [2.5, "y"], [None, " z "]]}))
    assert table.format == "xlsx"
    assert (table.frame.columns, table.frame.rows()) == (["a", "b"], [(1, "x"), (2.5, "y"), (None, "z")])
    assert table.warnings == ()


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        ([1, 2, None], pl.Int64, [1, 2, None]),
        ([1, 0.1, 1e-12], pl.Float64, [1.0, 0.1, 1e-12]),
        ([True, False, None], pl.Boolean, [True, False, None]),
        ([day(2024, 3, 1), None, day(1999, 12, 31)], pl.Datetime("us"), [day(2024, 3, 1), None, day(1999, 12, 31)]),
        ([day(2024, 3, 1, 12, 30), day(2024, 3, 1)], pl.Datetime("us"), [day(2024, 3, 1, 12, 30), day(2024, 3, 1)]),
        ([timedelta(hours=36), timedelta(minutes=1)], pl.Float64, [129600.0, 60.0]),
        (["01234", "98765"], pl.String, ["01234", "98765"]),
        (["1", "2"], pl.Int64, [1, 2]),
        (["2024-03-01", None], pl.Datetime("us"), [day(2024, 3, 1), None]),
        ([1, "w", True, 0.5], pl.String, ["1", "w", "true", "0.5"]),
        ([1e-12, "n/a", 123456789.123], pl.Float64, [1e-12, None, 123456789.123]),
        ([day(2024, 3, 1), "later"], pl.String, ["2024-03-01 00:00:00", "later"]),
        ([formula("1+1", 2), formula("1+2", 3)], pl.Int64, [2, 3]),
    ],
)
def test_cells_keep_their_values(read_bytes, cells, dtype, values):
    rows = [["x", "other"], *([cell, "o"] for cell in cells)]
    column = read_bytes(workbook({"one": rows})).frame["x"]
    assert (column.dtype, column.to_list()) == (dtype, values)


def test_cells_that_show_no_value_are_missing_and_counted(read_bytes):
    rows = [["a", "b", "c"], [error("#N/A"), formula("A1"), 1], [error("#DIV/0!"), formula("A2", 7), 2]]
    table = read_bytes(workbook({"one": rows}, merged=["A1:A2"]))
    assert table.frame.rows() == [(None, None, 1), (None, 7, 2)]
    said = "\n".join(table.warnings)
    assert "an error, such as #N/A or #DIV/0!, count as missing: 2" in said
    assert "Formulas without a stored value count as missing: 1" in said
    assert "Merged cells" in said


def test_the_first_sheet_with_rows_is_read_and_the_others_are_named(read_bytes):
    book = workbook({"notes": [], "data & more": [["a"], [1]], "old": [["b"], [2]]})
    table = read_bytes(book)
    assert table.frame.to_dict(as_series=False) == {"a": [1]}
    assert table.warnings == ("Sheet 'data & more' was read; say which `sheet` to read another one: 'notes', 'old'.",)
    assert read_bytes(book, sheet="old").frame.to_dict(as_series=False) == {"b": [2]}


def test_titles_above_the_table_are_skipped(read_bytes):
    table = read_bytes(workbook({"one": [["Sales of 2024"], [], ["a", "b", "c"], [1, 2, 3], [4, 5, 6]]}))
    assert (table.frame.columns, table.frame.height) == (["a", "b", "c"], 2)
    assert "'Sales of 2024'" in table.warnings[0]


def test_a_table_may_stand_anywhere(read_bytes):
    rows = [[], [], [None, None, "a", "b"], [None, None, 1, 2], [], [None, None, 3, 4], [], [None]]
    table = read_bytes(workbook({"one": rows}))
    assert table.frame.rows() == [(1, 2), (3, 4)]
    assert table.warnings == ("Blank rows between the rows were skipped: 1.",)


def test_a_sheet_without_names_is_read_from_its_first_row(read_bytes):
    table = read_bytes(workbook({"one": [[1, 2], [3, 4]]}))
    assert (table.frame.columns, table.frame.height) == (["column_1", "column_2"], 2)
    assert "has_header" in table.warnings[0]
    assert read_bytes(workbook({"one": [["a"], ["b"]]}), has_header=False).frame.height == 2


def test_names_are_made_unique_and_columns_of_nothing_left_out(read_bytes):
    table = read_bytes(workbook({"one": [["a", "a", None, None, "b"], [1, 2, 3, None, None]]}))
    assert table.frame.columns == ["a", "a_2", "column_3", "b"]
    assert len(table.warnings) == 2


@pytest.mark.parametrize(
    ("sheets", "options", "message"),
    [
        ({"one": []}, {}, "no row"),
        ({"one": [["a", "b"]]}, {}, "no row"),
        ({"one": [["a"], [1]], "two": []}, {"sheet": "two"}, "no row, on sheet 'two'"),
        ({"one": [["a"], [1]]}, {"sheet": "two"}, "no sheet 'two'. It has: 'one'"),
    ],
)
def test_a_workbook_without_a_table_is_refused(read_bytes, sheets, options, message):
    with pytest.raises(InvalidInput, match=message):
        read_bytes(workbook(sheets), **options)


def test_a_damaged_workbook_is_refused_in_words(tmp_path):
    content = workbook({"one": [["a"], *[[number] for number in range(200)]]})
    rng = random.Random(1)
    path = tmp_path / "book.xlsx"
    n_refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(4):
            damaged[rng.randrange(30, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read(path)
        except InvalidInput as refusal:
            assert "damaged" in str(refusal)  # noqa: PT017 - some damage does no harm
            n_refused += 1
    assert n_refused > 40
    path.write_bytes(content[:-100])
    with pytest.raises(InvalidInput, match="damaged or cut off"):
        read(path)


def test_a_workbook_with_a_password_or_of_old_is_named(read_bytes):
    with pytest.raises(InvalidInput, match="has a password"):
        read_bytes(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + "EncryptedPackage".encode("utf-16-le") + bytes(512)
        )


def test_a_workbook_that_inflates_too_far_is_refused(read_bytes):
    book = workbook({"one": [["a"], *[["x" * 100]] * 10_000]})
    with pytest.raises(TooLarge, match="more than 100,000 bytes"):
        read_bytes(book, max_inflated_bytes=100_000)


def test_the_size_that_a_part_says_it_has_is_not_trusted(read_bytes):
    book = workbook({"one": [["a"], *[["x" * 100]] * 10_000]})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        said = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    assert book.count(said) == 2
    with pytest.raises(TooLarge, match="more than 100,000 bytes"):
        read_bytes(book.replace(said, (9).to_bytes(4, "little")), max_inflated_bytes=100_000)


@pytest.mark.parametrize(
    "far",
    [
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        "<row r='1048576'><c  r = 'xfd1048576' ><v>1</v></c></row>",
        "<row r='1048576'>" + "<c><v>1</v></c>" * 200 + "</row>",
        "<row r='1048576'>" + '<c s="A1"><v>1</v></c>' * 200 + "</row>",
    ],
    ids=["plain", "oddly spelled", "without places", "with places that are none"],
)
def test_cells_too_far_apart_are_refused_before_memory_is_taken(read_bytes, far):
    book = workbook({"one": [["a"], [Cell(f"<v>1</v></c></row>{far}<row r='3'><c r='A3'><v>1</v>")]]})
    with pytest.raises(TooLarge, match="1,048,576 rows"):
        read_bytes(book)


def test_an_open_document_is_a_workbook_too(read_bytes):
    table = read_bytes(open_document('<table:table-cell office:value-type="float" office:value="2.5"/>'))
    assert table.frame.to_dict(as_series=False) == {"a": [2.5]}


def test_cells_that_are_repeated_too_often_are_refused_before_memory_is_taken(read_bytes):
    far = '<table:table-cell table:number-columns-repeated="16000" office:value-type="float" office:value="2.5"/>'
    with pytest.raises(TooLarge, match="1,000,001 rows and 16,000 columns"):
        read_bytes(open_document(far, times=1_000_000))
    nothing = '<table:table-cell table:number-columns-repeated="16000"/>'
    with pytest.raises(InvalidInput, match="no row"):
        read_bytes(open_document(nothing, times=1_000_000))


def test_only_what_may_be_a_workbook_is_claimed():
    assert XLSX.claims(workbook({"one": []}), "table")
    assert not XLSX.claims(b"PK\x03\x04" + bytes(100), "archive.zip")
    assert not XLSX.claims(b"\xd0\xcf\x11\xe0" + bytes(600), "letter.doc")


WORD = st.text("ab<&'\" é", min_size=1).filter(lambda word: word.strip() not in {"", "a", "b"})
NUMBER = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number == 0 or abs(number) > 1e-300)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.none() | NUMBER, WORD, st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1))),  # noqa: DTZ001
        min_size=1,
        max_size=8,
    )
)
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    rows = [(number, word, moment.replace(microsecond=0)) for number, word, moment in rows]
    path = tmp_path_factory.mktemp("written") / "table.xlsx"
    path.write_bytes(workbook({"one": [["number", "word", "moment"], *rows]}))
    frame = read(path).frame
    assert frame["number"].to_list() == [number for number, _, _ in rows]
    assert frame["word"].to_list() == [word.strip() for _, word, _ in rows]
    assert frame["moment"].to_list() == [moment for _, _, moment in rows]

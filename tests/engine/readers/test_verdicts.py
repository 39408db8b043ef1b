# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Columns of texts judged by all of their cells, a block at a time."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from athanor.engine.readers.verdicts import Verdicts
from athanor.engine.readers.ways import ways, ways_of_numbers
from athanor.engine.tables import cells
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput


def judged(columns, *, block=None, schema=None, decimal=None):
    """The table as it is after all passes, the verdicts, and how many passes it took."""
    raw = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    starts = range(0, raw.height, block or raw.height)
    verdicts = Verdicts(schema, decimal)
    for n_passes in range(1, 100):
        typed = []
        for start in starts:
            rows = raw[start : start + starts.step]
            if typed is None:
                verdicts.judge(rows)
                continue
            found = verdicts.typed(rows)
            typed = None if found is None else [*typed, found]
        if typed is not None:
            return pl.concat(typed, how="vertical_relaxed"), verdicts, n_passes
    raise AssertionError("no end of it")


def column(*texts, name="x", **options):
    frame, verdicts, _ = judged({name: texts}, **options)
    return frame[name].to_list(), verdicts.spellings().get(name, ""), verdicts.warnings()


def a_schema(storage, spelling="", name="x"):
    return Schema((ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=storage, spelling=spelling),))


KINDS = {pl.Int64: "integer", pl.Float64: "float", pl.Boolean: "boolean", pl.String: "string", pl.Null: "nothing",
         pl.Datetime: "datetime"}  # fmt: skip


# --- the usual forms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [None, 1])
@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (("1", "2", " -3 "), "integer", [1, 2, -3]),
        (("1", "2.0"), "float", [1.0, 2.0]),
        (("1e3", ".5", "5.", "+7"), "float", [1000.0, 0.5, 5.0, 7.0]),
        (("1", "x"), "string", ["1", "x"]),
        (("1_000", "2"), "string", ["1_000", "2"]),
        (("0x10", "2"), "string", ["0x10", "2"]),
        (("01234", "99999"), "string", ["01234", "99999"]),
        (("99999", "01234"), "string", ["99999", "01234"]),
        (("0", "-0", "0.5"), "float", [0.0, 0.0, 0.5]),
        (("9007199254740992",), "integer", [2**53]),
        (("9007199254740993",), "string", ["9007199254740993"]),
        (("1", "123456789012345678901234567890"), "string", ["1", "123456789012345678901234567890"]),
        (("123456789012345678", "1.5"), "float", [123456789012345678.0, 1.5]),
        (("1.5", "123456789012345678"), "float", [1.5, 123456789012345678.0]),
        (("True", "FALSE", "NA"), "boolean", [True, False, None]),
        (("true", "1"), "string", ["true", "1"]),
        (("1", "0"), "integer", [1, 0]),
        (("yes", "no"), "string", ["yes", "no"]),
        (("nan", "NaN", "2"), "integer", [None, None, 2]),
        (("inf", "-Infinity", "1e999", "2"), "integer", [None, None, None, 2]),
        (("inf", "inf"), "string", ["inf", "inf"]),
        (("None", "-", ".", "3"), "integer", [None, None, None, 3]),
        (("3", "None"), "integer", [3, None]),
        (("None", "Attic", "NA", "?", " ", ""), "string", ["None", "Attic", None, None, None, None]),
        (("None", "None"), "string", ["None", "None"]),
        (("None", None, "inf", "Attic"), "string", ["None", None, "inf", "Attic"]),
        (("NA", "", None), "nothing", [None, None, None]),
        (("NA", None, "5"), "integer", [None, None, 5]),
        (("2023-02-30", "2024-01-01"), "string", ["2023-02-30", "2024-01-01"]),
        (("2024-01-01", "2024-01-01T10:00Z"), "datetime", [datetime(2024, 1, 1), datetime(2024, 1, 1, 10)]),
        (("2024-01-01", "20240102"), "string", ["2024-01-01", "20240102"]),
        (("20240101", "20240102"), "integer", [20240101, 20240102]),
        ((" a b ", "c"), "string", ["a b", "c"]),
    ],
)
def test_a_column_gets_the_narrowest_storage_that_all_its_cells_fit(texts, kind, values, block):
    frame, _, _ = judged({"x": texts}, block=block)
    assert KINDS[frame["x"].dtype.base_type()] == kind
    assert frame["x"].to_list() == values


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [("1", "x", "string"), ("2024-01-01", "x", "string"), ("true", "x", "string"), ("NA", "1", "integer"),
     ("1", "1.5", "float"), ("1", "", "integer")],
)  # fmt: skip
@pytest.mark.parametrize("block", [None, 1000])
def test_one_cell_at_the_very_end_decides_too(first, last, kind, block):
    frame, _, _ = judged({"x": [first] * 5000 + [last]}, block=block)
    assert KINDS[frame["x"].dtype.base_type()] == kind


def test_a_table_that_agrees_with_itself_takes_one_pass_and_another_two():
    assert judged({"x": ["", "1", "2"], "y": ["a", "b", "1"]}, block=1)[2] == 1
    assert judged({"x": ["1", "2", "x"]}, block=1)[2] == 2


def test_many_short_columns_are_told_apart():
    columns = {}
    for place in range(300):
        columns |= {
            f"n{place}": [str(place), "", "2"],
            f"f{place}": ["1.5", "NA", str(place)],
            f"w{place}": [f"a{place}", " b", "None"],
            f"o{place}": ["1", "2", f"{place}" if place != 123 else "odd"],
        }
    frame, verdicts, _ = judged(columns)
    assert frame.columns == list(columns)
    for place in range(300):
        assert frame[f"n{place}"].to_list() == [place, None, 2]
        assert frame[f"f{place}"].to_list() == [1.5, None, float(place)]
        assert frame[f"w{place}"].to_list() == [f"a{place}", "b", "None"]
        assert frame[f"o{place}"].to_list() == ([1, 2, place] if place != 123 else ["1", "2", "odd"])
    assert verdicts.warnings() == ()


def test_columns_that_have_a_type_are_left_as_they_are():
    block = pl.DataFrame({"n": [1.5], "x": ["1"]})
    assert Verdicts().typed(block).rows() == [(1.5, 1)]


# --- other spellings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [None, 1])
@pytest.mark.parametrize(
    ("texts", "spelling", "values"),
    [
        (("1.234,5", "2", "NA"), "decimal comma", [1234.5, 2.0, None]),
        (("1,5", "inf"), "decimal comma", [1.5, None]),
        (("1.234.567", "2.345"), "decimal comma", [1234567.0, 2345.0]),
        (("1,234.5", "2"), "thousands marks", [1234.5, 2.0]),
        (("1 234", "12"), "thousands marks", [1234.0, 12.0]),
        (("1\u202f234,5", "12"), "decimal comma", [1234.5, 12.0]),
        (("12 %", "5.5%"), "% decimal point", [12.0, 5.5]),
        (("1.234,50 €", "5 €"), "€ decimal comma", [1234.5, 5.0]),
        (("$5", "€5"), "", ["$5", "€5"]),
        (("$5", "5"), "", ["$5", "5"]),
        (("1,5", "1.5"), "", ["1,5", "1.5"]),
        (("1,2,3", "1,2"), "", ["1,2,3", "1,2"]),
        (("9.007.199.254.740.993", "1"), "", ["9.007.199.254.740.993", "1"]),
        (("01.03.2024", "02.03.2024 12:30"), "day.month.year", [datetime(2024, 3, 1), datetime(2024, 3, 2, 12, 30)]),
        (("03/01/2024", "03/13/2024"), "month/day/year", [datetime(2024, 3, 1), datetime(2024, 3, 13)]),
        (("03/01/2024", "13/01/2024"), "day/month/year", [datetime(2024, 1, 3), datetime(2024, 1, 13)]),
        (("03-01-2024", "01-13-2024"), "month-day-year", [datetime(2024, 3, 1), datetime(2024, 1, 13)]),
        (("03/13/2024", "13/03/2024"), "", ["03/13/2024", "13/03/2024"]),
        (("2024-03-01", "03/13/2024"), "", ["2024-03-01", "03/13/2024"]),
        (("1 Mar 2024", "2-APR-2024"), "day month year", [datetime(2024, 3, 1), datetime(2024, 4, 2)]),
        (("10.0.0.1", "10.0.0.2"), "", ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_a_column_that_keeps_to_one_spelling_is_read_in_it(texts, spelling, values, block):
    assert column(*texts, block=block)[:2] == (values, spelling)


@pytest.mark.parametrize(
    ("name", "text", "spelling"),
    [
        ("ts", "1709251200", "seconds since 1970"),
        ("created_at", "1709251200", "seconds since 1970"),
        ("eventTime", "1709251200000", "milliseconds since 1970"),
        ("amount", "1709251200", ""),
        ("time", "17", ""),
        ("date", "20240301", "yearmonthday"),
        ("code", "20240301", ""),
    ],
)
def test_whole_numbers_are_times_where_the_name_says_so_and_all_of_them_can_be(name, text, spelling):
    values, found, warnings = column(text, None, text, name=name)
    assert found == spelling
    assert values == ([datetime(2024, 3, 1), None, datetime(2024, 3, 1)] if spelling else [int(text), None, int(text)])
    assert bool(warnings) == bool(spelling)


def test_a_number_that_is_no_time_of_our_days_makes_all_of_them_numbers():
    assert column(*["1709251200"] * 50, "3", name="ts", block=10)[0][-1] == 3


def test_without_a_telling_row_the_month_is_first_between_slashes_and_a_person_is_told():
    values, spelling, warnings = column("03/03/2024", "03/04/2024")
    assert (values[1], spelling) == (datetime(2024, 3, 4), "month/day/year")
    assert len(warnings) == 2
    assert "month/day/year or day/month/year, and no row tells which (first: '03/04/2024', row 2)" in warnings[1]


def test_where_both_orders_give_the_same_days_nobody_is_asked():
    assert len(column("03/03/2024", "04/04/2024")[2]) == 1


@pytest.mark.parametrize("block", [None, 1])
def test_a_column_that_shows_its_order_decides_for_the_others_of_its_file(block):
    columns = {"a": ["03/04/2024", "03/05/2024", ""], "b": ["03/04/2024", "03/05/2024", "13/05/2024"]}
    frame, verdicts, _ = judged(columns, block=block)
    assert verdicts.spellings() == {"a": "day/month/year", "b": "day/month/year"}
    assert frame["a"].to_list() == [datetime(2024, 4, 3), datetime(2024, 5, 3), None]
    assert not any("no row tells" in warning for warning in verdicts.warnings())


def test_thousands_or_thousandths_are_told_apart_by_another_column_or_by_the_owner():
    values, spelling, warnings = column("1,234", "12,345")
    assert (values, spelling) == ([1234.0, 12345.0], "thousands marks")
    assert "say `decimal`" in warnings[1]
    values, spelling, warnings = column("1,234", "12,345", decimal=",")
    assert (values, spelling, len(warnings)) == ([1.234, 12.345], "decimal comma", 1)
    frame, _, _ = judged({"a": ["1,234"], "b": ["2,5"]})
    assert frame.rows() == [(1.234, 2.5)]


def test_the_owner_says_what_the_decimal_sign_is():
    assert column("1.234", "2", decimal=",")[0] == [1234.0, 2.0]
    assert column("1.5", "2", decimal=",")[0] == [1.5, 2.0]
    assert column("1,5", "2", decimal=".")[0] == ["1,5", "2"]
    assert column("1,234", "2", decimal=".")[::2] == (
        [1234.0, 2.0],
        ("Column 'x': marks between thousands were left out.",),
    )


# --- what a person is told ------------------------------------------------------------------------------------------


def test_a_plain_table_needs_no_warning():
    frame, verdicts, _ = judged({"a": ["1", "2"], "b": ["x", "y"], "c": ["2024-01-01", ""], "d": ["None", "5"]})
    assert frame.height == 2
    assert verdicts.warnings() == ()
    assert verdicts.spellings() == {}


@pytest.mark.parametrize("block", [None, 3])
def test_infinite_numbers_are_missing_and_counted(block):
    values, _, warnings = column("1.5", "inf", "2", "-inf", "", "1e999", block=block)
    assert values == [1.5, None, 2.0, None, None, None]
    assert warnings == ("Column 'x': 3 infinite values count as missing.",)


@pytest.mark.parametrize("block", [None, 7])
@pytest.mark.parametrize("place", [0, 5, 99])
def test_a_few_odd_words_among_numbers_are_named(block, place):
    texts = [str(number) for number in range(100)]
    texts[place] = " call us "
    values, _, warnings = column(*texts, name="price", block=block)
    assert values[place] == "call us"
    odd = f"(first: 'call us', row {place + 1})"
    assert warnings == (f"Column 'price' holds 99 numbers and 1 other {odd}, so it is kept as words.",)


@pytest.mark.parametrize("block", [None, 7])
def test_dates_in_two_spellings_are_counted(block):
    texts = ["2024-03-01"] * 60 + ["13/01/2024"] * 40
    (warning,) = column(*texts, block=block)[2]
    assert "holds 60 dates or times such as 2024-03-01 12:30 and 40 dates or times such as 01/03/2024, so" in warning


@pytest.mark.parametrize(
    "texts", [["12345"] * 50 + ["01234"], ["a1"] * 50 + ["7"], ["1"] * 50 + ["9" * 20], ["x", "1", "y", "2", "z"]]
)
def test_codes_and_words_are_nothing_to_tell(texts):
    assert column(*texts)[2] == ()


# --- what a schema asks for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [None, 1])
@pytest.mark.parametrize(
    ("storage", "spelling", "texts", "values"),
    [
        (Storage.STRING, "", ["1", " 2", "NA", "None"], ["1", "2", None, "None"]),
        (Storage.FLOAT, "", ["1", "007", "None"], [1.0, 7.0, None]),
        (Storage.FLOAT, "", [None, "", None], [None, None, None]),
        (Storage.INTEGER, "", ["1", "007", "2.0"], [1, 7, 2]),
        (Storage.INTEGER, "", ["1", "2.5"], [1.0, 2.5]),
        (Storage.BOOLEAN, "", ["1", "0.0", "true", ""], [True, False, True, None]),
        (Storage.DATETIME, "", ["2024-03-01", "2024-03-01 10:00"], [datetime(2024, 3, 1), datetime(2024, 3, 1, 10)]),
        (Storage.DATETIME, "day.month.year", ["01.03.2024", "-"], [datetime(2024, 3, 1), None]),
        (Storage.DATETIME, "day.month.year", ["2024-03-01", "-"], [datetime(2024, 3, 1), None]),
        (Storage.DATETIME, "day/month/year", ["03/04/2024"], [datetime(2024, 4, 3)]),
        (Storage.DATETIME, "seconds since 1970", ["0", "1"], [datetime(1970, 1, 1), datetime(1970, 1, 1, 0, 0, 1)]),
        (Storage.FLOAT, "decimal comma", ["1.234", "5"], [1234.0, 5.0]),
        (Storage.FLOAT, "decimal comma", ["1.25", "5"], [1.25, 5.0]),
        (Storage.FLOAT, "", ["1,5", "5"], [1.5, 5.0]),
    ],
)
def test_a_column_that_is_known_is_read_as_it_was(storage, spelling, texts, values, block):
    frame, _, _ = judged({"x": texts}, schema=a_schema(storage, spelling), block=block)
    assert frame["x"].to_list() == values


@pytest.mark.parametrize("block", [None, 2, 1])
@pytest.mark.parametrize(
    ("storage", "spelling", "texts", "said"),
    [
        (Storage.FLOAT, "", ["1", "2", "NA", "cheap", "dear"], "not numbers .first: 'cheap', row 4."),
        (Storage.INTEGER, "", ["1", "2.5", "cheap"], "not numbers .first: 'cheap', row 3."),
        (Storage.BOOLEAN, "", ["1", "0", "2"], "not true or false .first: '2', row 3."),
        (Storage.DATETIME, "", ["2024-03-01", "soon"], "not dates or times such as 2024-03-01 12:30 .first: 'soon', row 2"),
        (Storage.DATETIME, "day.month.year", ["01.03.2024", "03/01/2024"], "such as 01.03.2024 .*'03/01/2024', row 2"),
        (Storage.DATETIME, "", ["x" * 100], "first: 'x{37}[.]{3}', row 1"),
    ],
)  # fmt: skip
def test_the_first_cell_that_does_not_fit_a_known_column_is_named(storage, spelling, texts, said, block):
    with pytest.raises(InvalidInput, match=said) as caught:
        judged({"x": texts}, schema=a_schema(storage, spelling), block=block)
    assert caught.value.field == "x"


def test_texts_are_no_vectors():
    with pytest.raises(InvalidInput, match="holds text where vectors are expected"):
        judged({"x": ["1"]}, schema=a_schema(Storage.DENSE))


# --- whatever stands in a file --------------------------------------------------------------------------------------

numbers = st.sampled_from(["1", "0", "-7", "1.5", "1e3", "inf", "9007199254740993", "01"])
spelled = st.sampled_from(["1,5", "1,234", "1.234,5", "1,234.5", "12%", "1.234"])
dates = st.sampled_from(
    ["2024-03-01", "03/04/2024", "13/04/2024", "04/13/2024", "01.02.2024", "1 Mar 2024", "03-04-2024"]
)
nothing = st.sampled_from(["", "NA", "None", " ", "-"]) | st.none()
words = st.sampled_from(["a", " b", "true", "FALSE", "yes"])


@settings(max_examples=120, deadline=None)
@given(
    st.one_of(
        *(st.lists(kind | nothing, min_size=1, max_size=12) for kind in (numbers, spelled, dates, words)),
        st.lists(numbers | spelled | dates | words | nothing, min_size=1, max_size=12),
    ),
    st.lists(spelled | dates | nothing, min_size=12, max_size=12),
    st.integers(1, 12),
)
@example(["03/04/2024", "", "03/04/2024"], ["13/04/2024"] * 12, 1)
def test_blocks_of_any_size_give_the_same_table_and_no_cell_is_lost(texts, others, block):
    columns = {"x": texts, "y": others[: len(texts)]}
    whole, verdicts, _ = judged(columns)
    parts, in_parts, _ = judged(columns, block=block)
    assert in_parts.spellings() == verdicts.spellings()
    # What words might have been is only remembered of the blocks in which most cells were so.
    told, told_whole = (
        {warning for warning in v.warnings() if "kept as words" not in warning} for v in (in_parts, verdicts)
    )
    assert told == told_whole
    for name, given_texts in columns.items():
        assert parts[name].dtype == whole[name].dtype
        assert parts[name].to_list() == whole[name].to_list()
        for text, value in zip(given_texts, whole[name].to_list(), strict=True):
            is_missing = text is None or text.strip(cells.BLANKS) in cells.MISSING_AMONG_VALUES or text == "inf"
            assert (value is None) <= is_missing, (name, text)
            assert value is not None or whole[name].dtype != pl.String or text is None or cells.word(text) is None


def test_what_is_typed_later_is_typed_as_the_first_time():
    """Another pass over the same rows changes nothing."""
    raw = pl.DataFrame({"x": ["1", "2.5"], "y": ["13/04/2024", "03/04/2024"], "z": ["None", "5"]})
    verdicts = Verdicts()
    first = verdicts.typed(raw)
    assert verdicts.typed(raw).equals(first)


# --- many columns ---------------------------------------------------------------------------------------------------


odd_cells = st.sampled_from(
    ["0", "1", "-3", "007", "2.5", "1.0", "0.0", "-0.5", "5.", ".5", "1e3", "1e400", "9" * 17, "inf", " 4 ", "1,5",
     "1.234,5", "12,345", "20240301", "1709251200", "2024-03-01", "03/04/2024", "true", "None", "NA", "", "a"]
)  # fmt: skip
columns_alike = st.lists(odd_cells, min_size=1, max_size=3).flatmap(
    lambda some: st.lists(st.sampled_from(some), min_size=5, max_size=5)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(columns_alike, min_size=2, max_size=6), st.sampled_from([None, ",", "."]))
@example([["1", "2", "3", "4", "5"], ["1", "2", "3", "4", "inf"], ["1", "2", "3", "4", "x"]], None)
@example([["0.5", "2", "3", "4", "5"], ["0.5", "2", "3", "4", "01"], ["1,5", "2", "3", "1,2", "4"]], None)
def test_columns_read_one_below_the_other_are_read_as_each_alone(columns, decimal):
    """With names that say nothing, and no habit that one takes from another."""
    named = {f"x{place}": texts for place, texts in enumerate(columns)}
    together, verdicts, _ = judged(named, decimal=decimal)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("athanor.engine.readers.verdicts._STACK", 1)
        apart, others, _ = judged(named, decimal=decimal)
    assert together.equals(apart)
    assert together.schema == apart.schema
    assert verdicts.spellings() == others.spellings()
    assert verdicts.warnings() == others.warnings()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(odd_cells.filter(str.strip) | st.integers().map(str) | st.floats(allow_nan=False).map(str), min_size=1),
    st.sampled_from(["x", "date", "time", "created_at"]),
    st.sampled_from([None, ",", "."]),
)
def test_plain_numbers_are_known_at_first_sight_for_what_they_are(found, name, decimal):
    readings = ways(name, decimal)
    slowly = next(readings[place:] for place, reading in enumerate(readings) if all(map(reading.fits, found)))
    assert ways_of_numbers(readings, found) in ((), slowly)


def test_most_numbers_are_known_at_first_sight():
    readings = ways("x", None)
    assert ways_of_numbers(readings, ["1", "-20"])[0].storage is Storage.INTEGER
    assert ways_of_numbers(readings, ["1.5", "-20"])[0].storage is Storage.FLOAT
    assert ways_of_numbers(readings, ["1.5", "a"]) == ()

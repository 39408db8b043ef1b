"""Columns judged by all of their cells, by the same grammar as single cells."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from athanor.engine import cells
from athanor.engine.readers.texts import store, store_as
from athanor.engine.schema import Storage
from athanor.errors import InvalidInput

SCALAR = {
    Storage.STRING: cells.word,
    Storage.FLOAT: cells.number,
    Storage.INTEGER: cells.number,
    Storage.BOOLEAN: cells.truth,
    Storage.DATETIME: cells.microseconds,
}


def stored(*texts):
    found = store(pl.Series("x", texts, dtype=pl.String))
    return found.storage.value, found.values.to_list()


@pytest.mark.parametrize(
    ("texts", "storage", "values"),
    [
        (("1", "2", " -3 "), "integer", [1, 2, -3]),
        (("1", "2.0"), "float", [1.0, 2.0]),
        (("1e3", ".5", "5.", "+7"), "float", [1000.0, 0.5, 5.0, 7.0]),
        (("1", "x"), "string", ["1", "x"]),
        (("1_000", "2"), "string", ["1_000", "2"]),
        (("0x10", "2"), "string", ["0x10", "2"]),
        (("01234", "99999"), "string", ["01234", "99999"]),
        (("0", "-0", "0.5"), "float", [0.0, 0.0, 0.5]),
        (("9007199254740992",), "integer", [2**53]),
        (("9007199254740993",), "string", ["9007199254740993"]),
        (("123456789012345678901234567890", "1"), "string", ["123456789012345678901234567890", "1"]),
        (("123456789012345678", "1.5"), "float", [123456789012345678.0, 1.5]),
        (("True", "FALSE", "NA"), "boolean", [True, False, None]),
        (("true", "1"), "string", ["true", "1"]),
        (("1", "0"), "integer", [1, 0]),
        (("yes", "no"), "string", ["yes", "no"]),
        (("nan", "NaN", "2"), "integer", [None, None, 2]),
        (("inf", "-Infinity", "1e999", "2"), "integer", [None, None, None, 2]),
        (("None", "-", ".", "3"), "integer", [None, None, None, 3]),
        (("None", "Attic", "NA", "?", " ", ""), "string", ["None", "Attic", None, None, None, None]),
        (("None", "None"), "string", ["None", "None"]),
        (("NA", "", None), "string", [None, None, None]),
        (("2023-02-30", "2024-01-01"), "string", ["2023-02-30", "2024-01-01"]),
        (("20240101", "20240102"), "integer", [20240101, 20240102]),
        ((" a b ", "c"), "string", ["a b", "c"]),
    ],
)
def test_a_column_gets_the_narrowest_storage_that_all_its_cells_fit(texts, storage, values):
    assert stored(*texts) == (storage, values)


def test_one_word_at_the_very_end_decides_too():
    assert stored(*["1"] * 5000, "x")[0] == "string"
    assert stored(*["2024-01-01"] * 5000, "x")[0] == "string"
    assert stored(*["true"] * 5000, "x")[0] == "string"
    assert stored(*["NA"] * 5000, "1")[0] == "integer"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-03-01", "2024-03-01T00:00:00"),
        ("2024/03/01", "2024-03-01T00:00:00"),
        ("2024-03-01 12:30", "2024-03-01T12:30:00"),
        ("2024-03-01T12:30:59", "2024-03-01T12:30:59"),
        ("2024-03-01T12:30:59Z", "2024-03-01T12:30:59"),
        ("2024-03-01T12:30:59.5", "2024-03-01T12:30:59.500000"),
        ("2024-03-01T12:30:59.123456789+02:00", "2024-03-01T10:30:59.123456"),
        ("2024-03-01 12:30-0530", "2024-03-01T18:00:00"),
        ("2024-03-01 12:30:00 +01", "2024-03-01T11:30:00"),
        ("1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999"),
        ("0001-01-01", "0001-01-01T00:00:00"),
    ],
)
def test_times_of_the_iso_forms_are_read_in_utc(text, iso):
    storage, (moment,) = stored(text)
    assert storage == "datetime"
    assert moment.isoformat() == iso
    assert cells.microseconds(text) == np.datetime64(iso, "us").astype(np.int64)


@pytest.mark.parametrize(
    "text", ["2024-13-01", "2024-01-32", "0000-01-01", "2024-01-01 24:00", "2024-01-01 10:60", "2024-01-01 10:00:60"]
)
def test_times_that_no_calendar_has_are_words(text):
    assert stored(text)[0] == "string"
    with pytest.raises(ValueError, match=r"must be in|out of range|0000-01-01"):
        cells.microseconds(text)


digits = st.sampled_from(
    ["0", "7", "12", "007", "9007199254740993", "1" * 30, "5.", ".5", "1.25", "1e5", "1e999", "-3"]
)
odd = st.sampled_from(
    [
        "",
        " ",
        "NA",
        "?",
        "None",
        "nan",
        "-nan",
        "inf",
        "-INF",
        "Infinity",
        "true",
        "FALSE",
        "TRUE",
        "1_0",
        "+",
        "-",
        ".",
    ]
)
moments = st.builds(
    "{:04}-{:02}-{:02}{}".format,
    st.sampled_from([0, 1, 1969, 2000, 2024, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from(
        ["", " 10:30", "T23:59:59", "T24:00", " 10:00:60", "T01:02:03.5Z", "T01:02:03+14:00", " 1:2", "T10:30-01"]
    ),
)
texts = st.one_of(
    digits,
    odd,
    moments,
    st.text(max_size=4),
    st.integers().map(str),
    st.floats().map(repr),
    st.text("0123456789.eE+- ", max_size=8),
)


def assert_same_cells(values, storage, given_texts):
    """Each cell is what the grammar of single cells makes of it."""
    shown = values.cast(pl.Int64) if storage is Storage.DATETIME else values
    for text, value in zip(given_texts, shown.to_list(), strict=True):
        expected = None if text is None else SCALAR[storage](text)
        if expected is None or (isinstance(expected, float) and math.isnan(expected)):
            assert value is None, text
        else:
            assert value == expected, text


@settings(max_examples=300, deadline=None)
@given(st.lists(texts | st.none(), min_size=1, max_size=5))
@example(["true", "1"])
def test_a_column_reads_each_cell_as_the_grammar_of_single_cells_does(given_texts):
    found = store(pl.Series("x", given_texts, dtype=pl.String))
    assert_same_cells(found.values, found.storage, given_texts)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(texts | st.none(), min_size=1, max_size=3),
    st.sampled_from([storage for storage in Storage if storage not in {Storage.DENSE, Storage.SPARSE}]),
)
def test_a_column_of_a_given_storage_takes_and_refuses_what_single_cells_do(given_texts, storage):
    column = pl.Series("x", given_texts, dtype=pl.String)
    try:
        for text in given_texts:
            SCALAR[storage](text or "")
    except ValueError:
        with pytest.raises(InvalidInput, match="Column 'x' has"):
            store_as(column, storage)
    else:
        assert_same_cells(store_as(column, storage).values, storage, given_texts)

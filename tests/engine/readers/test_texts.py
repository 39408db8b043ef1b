"""What is read of many cells at once is what is read of each."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from athanor.engine.readers import texts
from athanor.engine.readers.texts import LONG_INTEGERS, VAGUE, WORDS, check, fitting, spelled, usual
from athanor.engine.tables import cells
from athanor.engine.tables.schema import Storage
from athanor.engine.tables.spellings import SPELLINGS

USUAL = [Storage.BOOLEAN, Storage.INTEGER, Storage.FLOAT, Storage.DATETIME]
READINGS = [
    WORDS,
    VAGUE,
    LONG_INTEGERS,
    *(usual(storage, is_lenient=is_lenient) for storage in USUAL for is_lenient in (False, True)),
    *(spelled(name, is_lenient=is_lenient) for name in SPELLINGS for is_lenient in (False, True)),
]


def read(reading, given_texts):
    """A column read quickly, and the cells that are left then one by one."""
    text = pl.Series("x", given_texts, dtype=pl.String)
    first = next((cell for cell in given_texts if cell), "")
    quick = text.to_frame().lazy().select(reading.quickly(pl.col("x"), first).alias("x")).collect()["x"]
    return check(text, quick, reading)


def plain(values):
    return (values.cast(pl.Int64) if values.dtype == pl.Datetime else values).to_list()


digits = st.sampled_from(
    ["0", "7", "12", "007", "-01", "+7", "9007199254740992", "9007199254740993", "1" * 30, "5.", ".5", "1.25", "1e5",
     "1e999", "-3", "1,5", "1,234", "1.234,5", "1,234.5", "1 234", "1'234", "12%", "1,5 %", "$5", "5 €", "-€ 1.000",
     "1709251200", "1709251200000", "20240301", "0,5", "1.234.567"]
)  # fmt: skip
odd = st.sampled_from(
    ["", " ", "NA", "?", "None", "nan", "-nan", "inf", "-INF", "Infinity", "true", "FALSE", "TRUE", "tRuE", "1_0", "+",
     "-", ".", ",", "%", "$"]
)  # fmt: skip
days = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["0000", "0001", "1969", "2024", "9999", "24", "69", "1", "01", "13", "31", "Mar", "sept"]),
    st.sampled_from(["-", "/", ".", " ", ""]),
    st.sampled_from(["00", "01", "2", "02", "12", "13", "31", "FEB", "March", "Mar."]),
    st.sampled_from(["-", "/", ".", " ", ", ", ""]),
    st.sampled_from(["00", "1", "01", "29", "30", "31", "32", "2024", "2023", "24"]),
)
clocks = st.sampled_from(
    ["", "", " 10:30", "T23:59:59", "T24:00", " 10:00:60", "T01:02:03.5Z", "T01:02:03+14:00", " 1:2", "T10:30-01",
     " 9:05 PM", " 12:00 am", " 13:00 pm", ", 10:30", " 01:02:03,25 +0530", " 10:30 GMT", " 1:02:03.123456789"]
)  # fmt: skip
texts_of_all_kinds = st.one_of(
    digits,
    odd,
    st.builds("{}{}".format, days, clocks),
    st.builds(" {}\u00a0".format, digits),
    st.text(max_size=4),
    st.integers().map(str),
    st.floats().map(repr),
    st.text("0123456789.,eE+- '%$", max_size=8),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(texts_of_all_kinds | st.none(), min_size=1, max_size=6), st.sampled_from(READINGS))
@example(["2024-03-01", "+024-03-01", "2024- 3- 1"], usual(Storage.DATETIME))
@example(["2024-03-01 10:00:00", "2024-03-01 10:00:60"], usual(Storage.DATETIME))
@example(["1.5", " 01", "01 "], usual(Storage.FLOAT))
@example(["inf", "1e999", "2"], usual(Storage.INTEGER))
def test_many_cells_are_read_as_single_cells_are(given_texts, reading):
    found = read(reading, given_texts)
    refused = [place for place, text in enumerate(given_texts) if text is not None and not reading.fits(text)]
    assert list(found.odd) == refused[:5]
    assert found.n_odd == len(refused)
    if refused:
        return
    for text, value in zip(given_texts, plain(found.values), strict=True):
        expected = None if text is None else reading.value(text)
        assert value == expected, text
    assert found.values.dtype == reading.dtype


@settings(max_examples=300, deadline=None)
@given(texts_of_all_kinds, st.sampled_from(READINGS))
def test_a_file_and_a_row_read_a_cell_alike(text, reading):
    """What a reading of files gives for a cell is what `cells` gives for one that comes in a row."""
    if not reading.fits(text):
        return
    value = reading.value(text)
    single = {
        Storage.STRING: lambda: cells.word(text),
        Storage.BOOLEAN: lambda: cells.truth(text),
        Storage.INTEGER: lambda: cells.number(text, reading.spelling),
        Storage.FLOAT: lambda: cells.number(text, reading.spelling),
        Storage.DATETIME: lambda: cells.microseconds(text, reading.spelling),
    }[reading.storage]()
    assert value == (None if isinstance(single, float) and math.isnan(single) else single)


@settings(max_examples=150, deadline=None)
@given(st.lists(texts_of_all_kinds, min_size=1, max_size=6), st.sampled_from(READINGS))
def test_cells_that_fit_are_found(given_texts, reading):
    trimmed = [text.strip(cells.BLANKS) for text in given_texts]
    assert fitting(pl.Series(trimmed, dtype=pl.String), reading).to_list() == [reading.fits(cell) for cell in trimmed]


@pytest.mark.parametrize("n_rows", [10, 5000])
def test_cells_in_other_forms_are_read_however_many_they_are(n_rows):
    given_texts = ["2024-03-01", *(f" 2024-03-01T12:{i % 60:02}:{i % 59:02}.5+01:00" for i in range(n_rows))]
    found = read(usual(Storage.DATETIME), given_texts)
    assert found.odd == ()
    assert plain(found.values) == [cells.microseconds(text) for text in given_texts]


def test_a_refusing_cell_behind_many_others_is_found(monkeypatch):
    monkeypatch.setattr(texts, "_AT_ONCE", 2)
    found = read(usual(Storage.INTEGER), ["1", "NA", "?", "nan", "-", "x", "None", "y"])
    assert found.odd == (5,)


def test_infinite_numbers_are_counted():
    assert read(usual(Storage.FLOAT), ["inf", "1.5", "inf", "-Infinity", "NA"]).n_infinite == 3

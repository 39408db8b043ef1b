"""Numbers and times as people spell them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from athanor.engine.tables import cells
from athanor.engine.tables.spellings import RIVALS, SPELLINGS


@pytest.mark.parametrize("name", SPELLINGS)
def test_each_spelling_reads_its_own_example(name):
    form = SPELLINGS[name]
    read = [value for value in (form.number(form.example), form.microseconds(form.example)) if value is not None]
    assert len(read) == 1
    assert form.told


@pytest.mark.parametrize(
    ("spelling", "text", "number"),
    [
        ("decimal comma", "1234,5", 1234.5),
        ("decimal comma", "1.234,5", 1234.5),
        ("decimal comma", "-1.234.567", -1234567),
        ("decimal comma", "1 234,5", 1234.5),
        ("decimal comma", "1\u00a0234,5", 1234.5),
        ("decimal comma", "1\u202f234,5", 1234.5),
        ("decimal comma", ",5", 0.5),
        ("decimal comma", "1,5e3", 1500),
        ("decimal comma", " 2,0 ", 2),
        ("thousands marks", "1,234.5", 1234.5),
        ("thousands marks", "1'234.5", 1234.5),
        ("thousands marks", "12,345,678", 12345678),
        ("thousands marks", "999", 999),
        ("% decimal point", "12.5%", 12.5),
        ("% decimal comma", "12,5 %", 12.5),
        ("€ decimal comma", "1.234,50 €", 1234.5),
        ("$ decimal point", "$1,234.50", 1234.5),
        ("$ decimal point", "-$5", -5),
        ("$ decimal point", "$-5", -5),
        ("EUR decimal point", "EUR 1,000", 1000),
        ("decimal comma", "2.5", 2.5),  # in the usual form
        ("thousands marks", "NA", math.nan),
        ("thousands marks", "inf", math.nan),
    ],
)
def test_numbers_are_read_in_their_spelling_or_the_usual_one(spelling, text, number):
    assert cells.number(text, spelling) == pytest.approx(number, nan_ok=True, abs=0)


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        ("decimal comma", "1,2,3"),
        ("decimal comma", "1.23.4,5"),
        ("decimal comma", "01,5"),
        ("thousands marks", "12,34"),
        ("thousands marks", "1,2345"),
        ("thousands marks", "0,123"),
        ("% decimal point", "12 $"),
        ("$ decimal point", "$"),
        ("$ decimal point", "5 $ 5"),
    ],
)
def test_what_is_no_number_in_a_spelling_is_refused(spelling, text):
    with pytest.raises(ValueError, match=r"^"):
        cells.number(text, spelling)


@pytest.mark.parametrize(
    ("spelling", "text", "iso"),
    [
        ("day.month.year", "01.03.2024", "2024-03-01"),
        ("day.month.year", "1.3.2024 9:05", "2024-03-01T09:05"),
        ("day.month.year", "01.03.2024, 12:30:59", "2024-03-01T12:30:59"),
        ("day/month/year", "01/03/2024 23:59", "2024-03-01T23:59"),
        ("month/day/year", "3/1/2024", "2024-03-01"),
        ("month/day/year", "3/1/24", "2024-03-01"),
        ("month/day/year", "3/1/69", "1969-03-01"),
        ("month/day/year", "03/01/2024 12:05:09 AM", "2024-03-01T00:05:09"),
        ("month/day/year", "03/01/2024 12:05 PM", "2024-03-01T12:05"),
        ("month/day/year", "03/01/2024 2:05 pm", "2024-03-01T14:05"),
        ("day-month-year", "01-03-2024", "2024-03-01"),
        ("year.month.day", "2024.03.01 12:30", "2024-03-01T12:30"),
        ("yearmonthday", "20240301", "2024-03-01"),
        ("day month year", "01 Mar 2024", "2024-03-01"),
        ("day month year", "1-MAR-24", "2024-03-01"),
        ("day month year", "01MAR2024", "2024-03-01"),
        ("day month year", "3 September 2024", "2024-09-03"),
        ("day month year", "Fri, 01 Mar 2024 12:30:59 +0100", "2024-03-01T11:30:59"),
        ("day month year", "Fri, 01 Mar 2024 12:30:59 GMT", "2024-03-01T12:30:59"),
        ("month day, year", "Mar 3, 2024", "2024-03-03"),
        ("month day, year", "March 3 2024 10:00", "2024-03-03T10:00"),
        ("seconds since 1970", "1709251200", "2024-03-01"),
        ("milliseconds since 1970", "1709251200500", "2024-03-01T00:00:00.500"),
        ("day.month.year", "2024-03-01", "2024-03-01"),  # in the usual form
    ],
)
def test_times_are_read_in_their_spelling_or_the_usual_one(spelling, text, iso):
    expected = datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp() * 1_000_000
    assert cells.microseconds(text, spelling) == round(expected)


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        ("day.month.year", "13.13.2024"),
        ("day.month.year", "30.02.2024"),
        ("day.month.year", "01/03/2024"),
        ("month/day/year", "03/01/2024 13:05 PM"),
        ("month/day/year", "03/01/2024 0:05 AM"),
        ("day month year", "01 Marble 2024"),
        ("day month year", "01 Mrz 2024"),
        ("yearmonthday", "20241301"),
        ("seconds since 1970", "soon"),
    ],
)
def test_what_is_no_time_in_a_spelling_is_refused(spelling, text):
    with pytest.raises(ValueError, match=r"^"):
        cells.microseconds(text, spelling)


def test_rivals_are_spellings_of_the_same_kind():
    for first, second in RIVALS.items():
        assert type(SPELLINGS[first]) is type(SPELLINGS[second])
        assert first != second

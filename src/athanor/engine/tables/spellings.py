"""How people spell numbers and times: each spelling is a pattern, read alike by Python's `re` and by polars.

The usual forms (1234.5, 2024-03-01 12:30) need no name. A column in another spelling keeps its name in the schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are kept naive, in UTC
_DAY = 86_400
# Any whole number may count seconds, milliseconds or days: only times that people live in are taken for such.
EPOCH_SPAN = range(631_152_000_000_000, 4_102_444_800_000_000)  # microseconds: from 1990 to the end of 2099

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TWO_DIGIT_YEARS = 69  # POSIX: 69 is 1969, 68 is 2068
PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction", "half", "offset")  # groups of a time's pattern


@dataclass(frozen=True, slots=True)
class Spelling:
    """A way to spell a cell. Which of the two readings gives a value says what the cells are."""

    name: str
    example: str

    @property
    def told(self) -> str:
        """How cells were read, for their owner."""
        raise NotImplementedError

    def number(self, text: str) -> float | None:  # noqa: ARG002
        """The number of a trimmed text, None where it is none in this spelling."""
        return None

    def microseconds(self, text: str) -> int | None:  # noqa: ARG002
        """Microseconds since 1970 of a trimmed text, None where it is no time in this spelling.

        Raises ValueError for one that has the shape of a time and is in no calendar.
        """
        return None


@dataclass(frozen=True, slots=True)
class NumberSpelling(Spelling):
    """Numbers that become usual ones by leaving out `dropped` letters and making a point of the `decimal` sign."""

    pattern: str
    dropped: str
    decimal: str
    unit: str = ""

    @property
    def told(self) -> str:
        unit = f"the sign {self.unit!r} was left out" if self.unit else ""
        marks = (
            "the comma was read as the decimal sign" if self.decimal == "," else "marks between thousands were left out"
        )
        return f"{unit} and {marks}" if unit and self.decimal == "," else unit or marks

    def number(self, text: str) -> float | None:
        if re.fullmatch(self.pattern, text) is None:
            return None
        kept = "".join(letter for letter in text if letter not in self.dropped)
        return float(kept.replace(self.decimal, "."))


@dataclass(frozen=True, slots=True)
class TimeSpelling(Spelling):
    """Times whose parts are the named groups of the pattern."""

    pattern: str

    @property
    def told(self) -> str:
        return f"dates were read as {self.name}"

    def microseconds(self, text: str) -> int | None:
        found = re.fullmatch(self.pattern, text)
        if found is None:
            return None
        year, month, day, hour, minute, second, fraction, half, offset = found.group(*PARTS)
        if len(year) == 2:
            year = int(year) + (2000 if int(year) < TWO_DIGIT_YEARS else 1900)
        number = int(month) if month.isdecimal() else MONTHS.index(month[:3].lower()) + 1
        hours = int(hour or 0)
        if half:
            if not 1 <= hours <= 12:
                raise ValueError(text)
            hours = hours % 12 + (12 if half in "pP" else 0)
        moment = datetime(int(year), number, int(day), hours, int(minute or 0), int(second or 0))  # noqa: DTZ001
        passed = moment - _EPOCH
        total = (passed.days * _DAY + passed.seconds) * 1_000_000
        total += int((fraction + "00000")[:6]) if fraction else 0
        if offset and offset[0] in "+-":
            ahead, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
            total -= (1 if offset[0] == "+" else -1) * (ahead * 60 + minutes) * 60_000_000
        return total


@dataclass(frozen=True, slots=True)
class EpochSpelling(Spelling):
    """Times as whole numbers since 1970. A column is taken for one only where all of it lies in `EPOCH_SPAN`."""

    pattern: str
    microseconds_per_unit: int

    @property
    def told(self) -> str:
        return f"whole numbers were read as {self.name}"

    def microseconds(self, text: str) -> int | None:
        return int(text) * self.microseconds_per_unit if re.fullmatch(self.pattern, text) else None


def _letters(words: tuple[str, ...]) -> str:
    """Any of the English words, whole or their first three letters, in capitals or not."""

    def any_case(letters: str) -> str:
        return "".join(f"[{letter.upper()}{letter}]" for letter in letters)

    return "|".join(f"{any_case(word[:3])}(?:{any_case(word[3:])})?" if word[3:] else any_case(word) for word in words)


_MONTH_NAMES = _letters(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december")
)  # fmt: skip
_WEEKDAY = _letters(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
_CLOCK = (
    r"(?:(?:T|,? +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?: ?(?P<offset>[zZ]|GMT|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_YEAR, _SHORT_YEAR = r"(?P<year>[0-9]{4})", r"(?P<year>[0-9]{4}|[0-9]{2})"
_MONTH, _DAY_OF_MONTH = r"(?P<month>[0-9]{1,2})", r"(?P<day>[0-9]{1,2})"
_MONTH_NAME = rf"(?P<month>{_MONTH_NAMES})\.?"

USUAL_TIME = TimeSpelling("", "2024-03-01 12:30", rf"{_YEAR}[-/]{_MONTH}[-/]{_DAY_OF_MONTH}{_CLOCK}")

_TIMES = (
    TimeSpelling("year.month.day", "2024.03.01", rf"{_YEAR}\.(?P<month>[0-9]{{2}})\.(?P<day>[0-9]{{2}}){_CLOCK}"),
    TimeSpelling("day.month.year", "01.03.2024", rf"{_DAY_OF_MONTH}\.{_MONTH}\.{_YEAR}{_CLOCK}"),
    TimeSpelling(
        "day.month.short year",
        "01.03.24",
        rf"(?P<day>[0-9]{{2}})\.(?P<month>[0-9]{{2}})\.(?P<year>[0-9]{{2}}){_CLOCK}",
    ),
    TimeSpelling("month/day/year", "03/01/2024", rf"{_MONTH}/{_DAY_OF_MONTH}/{_SHORT_YEAR}{_CLOCK}"),
    TimeSpelling("day/month/year", "01/03/2024", rf"{_DAY_OF_MONTH}/{_MONTH}/{_SHORT_YEAR}{_CLOCK}"),
    TimeSpelling("day-month-year", "01-03-2024", rf"{_DAY_OF_MONTH}-{_MONTH}-{_YEAR}{_CLOCK}"),
    TimeSpelling("month-day-year", "03-01-2024", rf"{_MONTH}-{_DAY_OF_MONTH}-{_YEAR}{_CLOCK}"),
    TimeSpelling(
        "day month year",
        "1 March 2024",
        rf"(?:(?:{_WEEKDAY}),? +)?{_DAY_OF_MONTH}(?: +|-|/|)(?:{_MONTH_NAME})(?: +|-|/|){_SHORT_YEAR}{_CLOCK}",
    ),
    TimeSpelling(
        "month day, year",
        "March 1, 2024",
        rf"(?:(?:{_WEEKDAY}),? +)?(?:{_MONTH_NAME}) +{_DAY_OF_MONTH}(?:,| ) *{_YEAR}{_CLOCK}",
    ),
    TimeSpelling(
        "yearmonthday",
        "20240301",
        rf"(?P<year>(?:19|20)[0-9]{{2}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}){_CLOCK}",
    ),
)

_EPOCHS = (
    EpochSpelling("seconds since 1970", "1709251200", r"[+-]?[0-9]{1,11}", 1_000_000),
    EpochSpelling("milliseconds since 1970", "1709251200000", r"[+-]?[0-9]{1,14}", 1_000),
)

_SPACES = " \u00a0\u202f'\u2019"  # blanks and apostrophes that stand between thousands
_UNITS = ("", "%", "$", "€", "£", "¥", "₹", "CHF", "EUR", "USD")


def _number_spelling(unit: str, decimal: str) -> NumberSpelling:
    marks = _SPACES + ("." if decimal == "," else ",")
    grouped = "|".join(rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+" for mark in marks)
    point = re.escape(decimal)
    digits = rf"(?:(?:0|[1-9][0-9]*|{grouped})(?:{point}[0-9]*)?|{point}[0-9]+)"
    sign = "comma" if decimal == "," else "point"
    if not unit:
        name, example = ("decimal comma", "1.234,5") if decimal == "," else ("thousands marks", "1,234.5")
        return NumberSpelling(name, example, rf"[+-]?{digits}(?:[eE][+-]?[0-9]+)?", marks, decimal)
    blank, written = "[ \u00a0\u202f]?", re.escape(unit)
    pattern = rf"[+-]?{digits}{blank}{written}"
    if unit != "%":
        pattern = rf"{pattern}|[+-]?{written}{blank}{digits}|{written}{blank}-{digits}"
    name = f"{unit} decimal {sign}"
    return NumberSpelling(name, f"12{decimal}5 {unit}", pattern, marks + unit, decimal, unit)


_NUMBERS = tuple(_number_spelling(unit, decimal) for unit in _UNITS for decimal in (".", ","))

SPELLINGS: Mapping[str, Spelling] = {spelling.name: spelling for spelling in (*_NUMBERS, *_EPOCHS, *_TIMES)}

# Two ways to read the same cells. Where no row tells which one it is, the first is taken, and a person is told.
RIVALS: Mapping[str, str] = {
    "month/day/year": "day/month/year",
    "day-month-year": "month-day-year",
    **{point.name: comma.name for point, comma in pairwise(_NUMBERS) if point.decimal == "."},
}

"""The ways to read a column of texts, in the order in which they are tried."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from athanor.engine.readers.texts import LONG_INTEGERS, VAGUE, WORDS, Reading, SpelledNumbers, spelled, usual
from athanor.engine.tables import cells
from athanor.engine.tables.name_parts import name_parts
from athanor.engine.tables.schema import ColumnSchema, Storage
from athanor.engine.tables.spellings import MONTHS, SPELLINGS, WEEKDAYS, EpochSpelling, NumberSpelling, TimeSpelling
from athanor.errors import InvalidInput

_TIME_NAMES = frozenset({"time", "date", "datetime", "ts", "timestamp", "epoch", "at"})
_DATE_NAMES = frozenset({"date", "day", "dt", "ymd"})
# How numbers, times and truth values begin.
_VALUE_STARTS = frozenset("+-.,0123456789$€£¥₹")
_WHOLE = re.compile("[+-]?(?:0|[1-9][0-9]{0,14})").fullmatch
_FRACTION = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,14})\.[0-9]{0,30}").fullmatch
_VALUE_WORDS = frozenset({*MONTHS, *WEEKDAYS, "tru", "fal", "inf", "chf", "eur", "usd"})


def ways(name: str, decimal: str | None) -> tuple[Reading, ...]:
    """The ways to read a column of this name, in the order in which they are tried."""
    parts = frozenset(name_parts(name))
    return _tried(not parts.isdisjoint(_DATE_NAMES), not parts.isdisjoint(_TIME_NAMES), decimal)


@cache
def _tried(says_date: bool, says_time: bool, decimal: str | None) -> tuple[Reading, ...]:
    days = ["yearmonthday"] if says_date else []
    epochs = [name for name, form in SPELLINGS.items() if isinstance(form, EpochSpelling)] if says_time else []
    times = [name for name, form in SPELLINGS.items() if isinstance(form, TimeSpelling) and name != "yearmonthday"]
    numbers = [spelled(name) for name in _number_spellings(decimal)]
    return (
        VAGUE,
        usual(Storage.BOOLEAN),
        *map(spelled, days + epochs),
        usual(Storage.INTEGER),
        LONG_INTEGERS,
        *(numbers if decimal == "," else ()),
        usual(Storage.FLOAT),
        usual(Storage.DATETIME),
        *map(spelled, times),
        *(() if decimal == "," else numbers),
        WORDS,
    )


def ways_of_numbers(readings: tuple[Reading, ...], found: Sequence[str]) -> tuple[Reading, ...]:
    """The readings from the first one on that fits all cells, where these are plain numbers: most are, at first sight.

    None where some cell is anything else, or a reading that is not looked at here may fit them first.
    """
    if readings[0] is not VAGUE:
        return ()
    are_whole = True
    for cell in found:
        if not _WHOLE(cell):
            are_whole = False
            if not _FRACTION(cell) or cell in cells.TRUTH:
                return ()
    wanted = Storage.INTEGER if are_whole else Storage.FLOAT
    for place, reading in enumerate(readings):
        if isinstance(reading, SpelledNumbers) or (are_whole and reading.storage is Storage.DATETIME):
            return ()
        if reading.storage is wanted:
            return readings[place:]
    return ()


def known_ways(known: ColumnSchema, decimal: str | None) -> tuple[Reading, ...]:
    """The ways to read a column as a schema wants it."""
    if known.storage.is_vector:
        raise InvalidInput(f"Column {known.name!r} holds text where vectors are expected.", field=known.name)
    asked = [spelled(known.spelling, is_lenient=True)] if known.spelling else []
    asked.append(usual(known.storage, is_lenient=True))
    if known.storage is Storage.INTEGER:
        asked.append(usual(Storage.FLOAT, is_lenient=True))
    if known.storage not in {Storage.INTEGER, Storage.FLOAT} or known.spelling:
        return tuple(asked)
    others = [spelled(name, is_lenient=True) for name in _number_spellings(decimal)]
    return (*others, *asked) if decimal == "," else (*asked, *others)


def _number_spellings(decimal: str | None) -> Iterator[str]:
    for name, form in SPELLINGS.items():
        if isinstance(form, NumberSpelling) and decimal in {None, form.decimal}:
            yield name


def may_be_value(cell: str) -> bool:
    """Whether the cell begins as a number, a time or a truth value does. Most words do not, and that is soon seen."""
    trimmed = cell.strip(cells.BLANKS)
    return trimmed[0] in _VALUE_STARTS or trimmed[:3].lower() in _VALUE_WORDS or trimmed in cells.MISSING_AMONG_VALUES


def way_of(cell: str, readings: Sequence[Reading]) -> Reading | None:
    """How one cell alone would be read, if not as a word."""
    if not may_be_value(cell):
        return None
    return next((r for r in readings if r.storage is not Storage.STRING and r.fits(cell)), None)

"""What one cell's text means: a missing value, a number, a truth value, a point in time or a word.

The one grammar of the project. Files read column by column (`inference.py`) and rows that come one at a time
(`rows.py`) both follow it, so that the same value gives the same cell on either way. No polars here: serving
processes import this.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from athanor.engine.tables.spellings import SPELLINGS, USUAL_TIME

# Trimmed from both ends of every text. Spelled out, because Python and polars disagree about what a blank is.
BLANKS = " \t\n\r\x0b\x0c\u00a0\ufeff"

# Words that stand for "no value" in every column. 'None' is not among them: it is a level in real data
# (no garage, no alley), so it means missing only where the other cells are numbers, truth values or times.
MISSING_WORDS = frozenset({"", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null", "Null"})
MISSING_AMONG_VALUES = MISSING_WORDS | {"None", "none", "NONE", "na", "-", ".", "NaT", "-nan", "+nan"}

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
INFINITY = r"[+-]?(?:[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
LARGEST_INTEGER = 2**53  # beyond it a float64 cannot tell neighbours apart, so such columns stay words

_number = re.compile(NUMBER).fullmatch
_infinity = re.compile(INFINITY).fullmatch
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times are kept naive, in UTC
_NAN = float("nan")


def word(text: str) -> str | None:
    """The trimmed text, or None where it stands for no value."""
    trimmed = text.strip(BLANKS)
    return None if trimmed in MISSING_WORDS else trimmed


def number(text: str, spelling: str = "") -> float:
    """The number, NaN where it is missing or infinite. Raises ValueError on anything else."""
    trimmed = text.strip(BLANKS)
    if spelling and (value := SPELLINGS[spelling].number(trimmed)) is not None:
        return finite(value)
    if _number(trimmed):
        return finite(float(trimmed))
    if trimmed in MISSING_AMONG_VALUES or _infinity(trimmed):
        return _NAN
    raise ValueError(text)


def finite(value: float) -> float:
    """The number, NaN where it is infinite: models cannot take an infinite number, only a missing one."""
    return value if -1.7976931348623157e308 <= value <= 1.7976931348623157e308 else _NAN


def truth(text: str) -> float:
    """1, 0, or NaN where it is missing. Raises ValueError on anything else."""
    trimmed = text.strip(BLANKS)
    value = TRUTH.get(trimmed.lower())
    if value is not None:
        return value
    if trimmed in MISSING_AMONG_VALUES:
        return _NAN
    raise ValueError(text)


def microseconds(text: str, spelling: str = "") -> int | None:
    """Microseconds since 1970 (UTC; times without an offset are taken as UTC), None where missing.

    Raises ValueError on what is no date or time, neither in `spelling` nor in the usual form, 2024-03-01 12:30:59.
    """
    trimmed = text.strip(BLANKS)
    if trimmed in MISSING_AMONG_VALUES:
        return None
    if spelling and (moment := SPELLINGS[spelling].microseconds(trimmed)) is not None:
        return moment
    moment = USUAL_TIME.microseconds(trimmed)
    if moment is None:
        raise ValueError(text)
    return moment


def microseconds_of(moment: date) -> int:
    """Microseconds since 1970 of a date or a datetime, which is taken as UTC where it has no zone."""
    if not isinstance(moment, datetime):
        return (moment.toordinal() - _EPOCH.toordinal()) * 86_400_000_000
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def spelled(value: float | bool) -> str | None:  # noqa: FBT001, RUF100
    """A number or truth value as the text that a file would hold, None where it is missing."""
    if value is True or value is False:
        return "True" if value else "False"
    return None if value != value else repr(value)  # noqa: PLR0124 - NaN alone differs from itself


def text(value: object) -> str | None:
    """A value as the text of an attribute or a label, None where it is missing. The same value has the same text.

    A text is itself, true and false are "true" and "false". A number has no more characters than it needs: a whole one
    its digits alone, 1.0 like 1, up to 2**53; beyond it, and with a fraction, a float is written as Python writes it,
    1e+20 or 1.5, while a whole number of any length keeps its digits. Infinite ones are missing. A time is written
    2024-03-01T12:30:00.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        if finite(value) != value:
            return None
        return whole(value) if abs(value) <= LARGEST_INTEGER else repr(value)
    return str(value)


def whole(value: float) -> str:
    """A number as the text of a whole one, where it is whole: times may be spelled so."""
    return str(int(value)) if value == value // 1 else repr(value)

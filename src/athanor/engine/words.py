"""Figures and strangers' texts as people read them, on a page and in a terminal."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta

LONGEST = 80  # characters of a name or a value where it stands among others
MEASURES = {"pearson": "Pearson", "spearman": "Spearman", "eta": "eta", "cramers_v": "Cramér's V"}
_DIGITS = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_S = 3 * 86_400  # days that are told apart by their hours


def number(value: float) -> str:
    """Five digits, thousands marked from 10,000 on, an exponent only where there is no other way."""
    size = abs(value)
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if size >= 1e15 or size < 1e-4:
        return f"{value:.4g}"
    decimals = 0 if value == round(value) else max(0, _DIGITS - 1 - math.floor(math.log10(size)))
    spelled = f"{value:,.{decimals}f}" if size >= 10_000 else f"{value:.{decimals}f}"
    return spelled.rstrip("0").rstrip(".") if "." in spelled else spelled


def count(value: int, noun: str = "", plural: str | None = None) -> str:
    """1,234, or with a noun: 1 row, 1,234 rows."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}" if noun else f"{value:,}"


def share(part: float, whole: float) -> str:
    """Per cent. Something is never 0 %, and not all is never 100 %."""
    percent = 100 * part / whole if whole else 0.0
    if percent == 0 or part == whole:
        return f"{percent:.0f} %"
    if percent < 0.1:
        return "< 0.1 %"
    if percent > 99.9:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent < 10 or percent > 99 else f"{percent:.0f} %"


def visible(text: str, longest: int = LONGEST) -> str:
    """The text on one line, with what would steer a terminal or hide made visible, no longer than wanted."""
    shown = "".join(_seen(character) for character in text[: longest + 1])
    if not shown.strip():
        return "(blank)"
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def isolated(text: str) -> str:
    """The text so that its direction, where that is right to left, turns nothing beside it round."""
    is_turned = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in text)
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}" if is_turned else text


def _seen(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of control characters
    return " " if unicodedata.category(character) == "Zs" else "\N{REPLACEMENT CHARACTER}"


def moment(seconds: float, *, span_s: float) -> str:
    """Seconds since 1970 as a date, with the time of day where the span is short."""
    try:
        then = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:  # years that the calendar of the library has not
        return f"{number(seconds)} s"
    return f"{then:%Y-%m-%d}" if span_s > _SHORT_S else f"{then:%Y-%m-%d %H:%M}"

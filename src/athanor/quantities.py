"""Times and sizes as people type them (90, 90s, 10m, 1h30m; 512MB, 2GB), and numbers as people read them."""

from __future__ import annotations

import re
from math import isnan

from athanor.errors import InvalidInput

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_MOST_BYTES = 2**60
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)")


def parse_duration(text: str) -> float:
    """Seconds. A bare number is seconds already."""
    cleaned = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(?:\.\d+)?", cleaned):
        return float(cleaned)
    if _DURATION.fullmatch(cleaned):
        return sum(float(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"[\d.]+[smhd]", cleaned))
    raise InvalidInput(f"{text!r} is not a time. Write seconds (90) or a unit: 90s, 10m, 1h30m.")


def parse_size(text: str) -> int:
    """Bytes. KB, MB and GB are powers of 1,024, with or without an i."""
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise InvalidInput(f"{text!r} is not a size. Write 512MB, 2GB or the like.")
    unit = found[2].upper().replace("I", "")
    size = float(found[1]) * _BYTES[unit if unit in _BYTES else unit + "B"]
    if size > _MOST_BYTES:
        raise InvalidInput(f"{text!r} is more than any machine has. Write 512MB, 2GB or the like.")
    return int(size)


def spell_duration(seconds: float) -> str:
    """As people say it: 4.2 s, 95 s, 12 min, 1 h 30 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {minutes} min" if minutes else f"{hours} h"


def spell_size(size_bytes: float) -> str:
    """As people say it: 3.1 GB, 512 MB, 12 KB."""
    for unit in ("GB", "MB", "KB"):
        amount = size_bytes / _BYTES[unit]
        if amount >= 1:
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"
    return f"{size_bytes:.0f} bytes"


def spell_score(score: float | None) -> str:
    """Five digits, and no exponent for large numbers; "-" where there is no score, or an undefined one."""
    if score is None or isnan(score):
        return "-"
    return f"{score:.0f}" if 1e4 <= abs(score) < 1e15 else f"{score:.5g}"

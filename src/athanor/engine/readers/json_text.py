"""JSON text decoded value by value: errors say line and column, and what is odd but readable is told."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from athanor.engine.readers.json_columns import Spelled
from athanor.engine.readers.numbers import infinite_warning

_BLANKS = re.compile(r"[ \t\r\n]*")
_BEGINS = re.compile(r"\s*(?:\{\s*(?:[\"}]|$)|\[\s*(?:[\[\]{\"0-9-]|true|false|null|NaN|$))")
_SHOWN = 5  # keys that a warning lists
_ENDINGS = (".jsonl", ".ndjson", ".jsonlines")
_LOOKED_AT = 20  # lines that show whether each is a value


@dataclass(slots=True)
class Oddities:
    """What one pass comes across."""

    n_not_numbers: int = 0
    repeated: Counter[str] = field(default_factory=Counter)
    infinite: Counter[str] = field(default_factory=Counter)  # by column

    def warnings(self) -> list[str]:
        told = []
        if self.n_not_numbers:
            told.append(f"NaN and Infinity count as missing: {self.n_not_numbers:,}.")
        told += [infinite_warning(name, n) for name, n in self.infinite.items() if n]
        if self.repeated:
            shown = ", ".join(map(repr, list(self.repeated)[:_SHOWN]))
            n_repeated = self.repeated.total()
            told.append(f"Objects with a key more than once: {n_repeated:,} ({shown}). The last value was taken.")
        return told


def decoder(oddities: Oddities | None, *, keeps_spelling: bool = False) -> json.JSONDecoder:
    """A decoder of one pass. Looking for oddities takes time; without them the pass only learns what there is.

    keeps_spelling  numbers with a fraction know how they are spelled
    """
    if oddities is None:
        return json.JSONDecoder(parse_constant=lambda _: None)

    def not_a_number(_: str) -> None:
        oddities.n_not_numbers += 1

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            oddities.repeated.update({key for key, n in Counter(key for key, _ in pairs).items() if n > 1})
        return found

    return json.JSONDecoder(
        parse_constant=not_a_number,
        object_pairs_hook=once,
        parse_float=Spelled if keeps_spelling else None,
    )


def value_at(text: str, at: int, reading: json.JSONDecoder) -> tuple[Any, int]:
    """The value that begins there, and where it ends. Raises ValueError saying what is wrong."""
    try:
        return reading.raw_decode(text, at)
    except RecursionError as error:
        raise json.JSONDecodeError("objects and lists are nested too deeply", text, at) from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a whole number of thousands of digits
        raise json.JSONDecodeError(f"a number cannot be read ({error})", text, at) from error


def whole_value(text: str, reading: json.JSONDecoder) -> Any:
    """The one value that a text holds. Raises ValueError."""
    value, end = value_at(text, past_blanks(text, 0), reading)
    end = past_blanks(text, end)
    if end < len(text):
        raise json.JSONDecodeError("something stands behind the end of the value", text, end)
    return value


def elements(text: str, reading: json.JSONDecoder) -> Iterator[tuple[int, Any]]:
    """The values of an array and where each begins, one held at a time. Raises ValueError."""
    at = past_blanks(text, past_blanks(text, 0) + 1)
    if text[at : at + 1] != "]":
        while True:
            value, end = value_at(text, at, reading)
            yield at, value
            at = past_blanks(text, end)
            if text[at : at + 1] != ",":
                break
            at = past_blanks(text, at + 1)
    if text[at : at + 1] != "]":
        raise json.JSONDecodeError("expected ',' or ']'", text, at)
    end = past_blanks(text, at + 1)
    if end < len(text):
        raise json.JSONDecodeError("something stands behind the end of the array", text, end)


def past_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def in_words(error: json.JSONDecodeError) -> str:
    """What is wrong, and in which column."""
    return f"{error.msg[0].lower()}{error.msg[1:]} in column {error.colno}"


def begins_a_row(head: str) -> bool:
    """Whether the text begins with an object or an array of JSON."""
    return bool(_BEGINS.match(head))


def looks_like_lines(head: str, filename: str) -> bool:
    """Whether each line of a text is an object or an array: the first, and another begins below it, or most.

    A single line could be either JSON or JSON lines: then the file's name says.
    """
    lines = [line.strip() for line in head.split("\n") if line.strip()]
    if not lines or not begins_a_row(lines[0]):
        return False
    if len(lines) == 1:
        return filename.lower().endswith(_ENDINGS)
    if _is_row(lines[0]):
        return lines[1].startswith(("{", "["))
    others = lines[1 : 1 + _LOOKED_AT]
    n_rows = sum(map(_is_row, others))
    return lines[0].startswith("{") and n_rows > 1 and n_rows > len(others) / 2


def _is_row(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False

"""The values of a JSON file one after the other: no more of its text is in memory than the longest of them needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from athanor.engine.readers import Notes
from athanor.engine.readers.content import utf8_pieces
from athanor.engine.readers.json_text import past_blanks, value_at
from athanor.errors import InvalidInput

LARGEST_VALUE = 32 * 1024**2  # characters
_PIECE = 1024**2
_AHEAD = 2  # characters behind a number that could still belong to it: "1e+" has 1, and may become 1e+5
_READING = json.JSONDecoder()


def values_in(file: Path, *, under: str = "data") -> Iterator[tuple[Any, int]]:
    """The elements of an array, or the values that stand one a line; of an object around objects, these.

    With each comes how many characters it takes in the file.

    under  the key of a list of objects that an object around it may have
    Raises InvalidInput naming the line where the file is not well-formed.
    """
    notes = Notes()
    with file.open("rb") as opened:
        text = _Text(utf8_pieces(opened, None, _PIECE, notes))
        if text.ahead() == "[":
            yield from text.elements()
        elif text.passes(re.compile(r'\{\s*"' + re.escape(under) + r'"\s*:\s*(?=\[\s*\{)')):
            yield from text.elements()
            text.close_object()
        else:
            while text.ahead():
                value, length = text.value()
                inner = value.get(under) if type(value) is dict else None
                if type(inner) is list and inner and all(type(one) is dict for one in inner):
                    yield from ((one, length // len(inner)) for one in inner)
                else:
                    yield value, length
        if text.ahead():
            raise text.broken("something stands behind the end of the value")
    if notes.warnings:
        raise InvalidInput("The JSON file is not UTF-8 throughout. Write it as UTF-8.", field="file")


class _Text:
    """The text from some place on, of which more comes when it is needed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._text, self._at, self._line = pieces, "", 0, 1

    def ahead(self) -> str:
        """The next character that is no blank; "" where there is none."""
        while (at := past_blanks(self._text, self._at)) == len(self._text):
            self._at = at
            if not self._more():
                return ""
        self._at = at
        return self._text[at]

    def passes(self, pattern: re.Pattern[str]) -> bool:
        """Whether the pattern stands here, which is passed then."""
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found is not None

    def value(self) -> tuple[Any, int]:
        """The value that begins here, and its length."""
        while True:
            try:
                value, end = value_at(self._text, self._at, _READING)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise self.broken(f"{error.msg[0].lower()}{error.msg[1:]}", error.pos) from error
            else:
                length = end - self._at
                if end + _AHEAD < len(self._text) or not self._more():
                    self._at += length
                    return value, length

    def elements(self) -> Iterator[tuple[Any, int]]:
        """The values of the array that begins here."""
        self._at += 1
        if self.ahead() != "]":
            while True:
                self.ahead()
                yield self.value()
                if self.ahead() != ",":
                    break
                self._at += 1
        if self.ahead() != "]":
            raise self.broken("expected ',' or ']'")
        self._at += 1

    def close_object(self) -> None:
        """Pass what else stands in the object that holds what came."""
        while self.ahead() == ",":
            self._at += 1
            if self.ahead() != '"' or type(self.value()[0]) is not str or self.ahead() != ":":
                raise self.broken("expected a key in quotes, and ':'")
            self._at += 1
            self.ahead()
            self.value()
        if self.ahead() != "}":
            raise self.broken("expected ',' or '}'")
        self._at += 1

    def broken(self, why: str, at: int | None = None) -> InvalidInput:
        line = self._line + self._text.count("\n", 0, self._at if at is None else at)
        return InvalidInput(f"The file is not well-formed JSON in line {line}: {why}.", field="file")

    def _more(self) -> bool:
        """Whether there was more; as much again is put behind the text that is not passed yet, which goes."""
        self._line += self._text.count("\n", 0, self._at)
        parts, length = [self._text[self._at :]], len(self._text) - self._at
        self._text, self._at = parts[0], 0
        if length > LARGEST_VALUE:
            raise self.broken(f"a value has more than {LARGEST_VALUE:,} characters, or does not end")
        wanted, n_parts = 2 * length, len(parts)
        while (piece := next(self._pieces, None)) is not None:
            parts.append(piece.decode())
            length += len(parts[-1])
            if length >= wanted:
                break
        self._text = "".join(parts)
        return len(parts) > n_parts

"""JSON: an array of objects, an object of columns, or records under a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from athanor.engine.readers import Notes, Opened, ReaderOptions
from athanor.engine.readers.content import utf8_pieces
from athanor.engine.readers.json_columns import Row
from athanor.engine.readers.json_document import values_of
from athanor.engine.readers.json_rows import JsonFile, Values, rows_of
from athanor.engine.readers.json_text import (
    Oddities,
    begins_a_row,
    decoder,
    elements,
    looks_like_lines,
    past_blanks,
    whole_value,
)
from athanor.engine.readers.text_lines import head_text
from athanor.errors import InvalidInput

_PIECE = 16 * 1024**2


class Json:
    """The text of the file is held in memory; of an array the values are not, but for some at a time."""

    format = "json"

    def claims(self, head: bytes, filename: str) -> bool:
        text = head_text(head)
        is_named = filename.lower().endswith(".json") and text.lstrip().startswith(("[", "{"))
        return (is_named or begins_a_row(text)) and not looks_like_lines(text, filename)

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        def rows(oddities: Oddities | None, keeps_spelling: bool, notes: Notes) -> Iterator[Row]:
            with file.open("rb") as opened:
                text = b"".join(utf8_pieces(opened, options.encoding, _PIECE, notes)).decode()
            reading = decoder(oddities, keeps_spelling=keeps_spelling)
            try:
                yield from rows_of(_values(text, reading, notes), _Lines(text), options.has_header, notes)
            except json.JSONDecodeError as error:
                raise InvalidInput(
                    f"The JSON file cannot be read in line {error.lineno}, column {error.colno}: {error.msg}. "
                    "Correct it, or send one object a line (JSON lines)."
                ) from error

        return JsonFile(rows)


JSON = Json()


class _Lines:
    """Which line a place of the text is in; places come in ascending order."""

    def __init__(self, text: str) -> None:
        self._text, self._place, self._line = text, 0, 1

    def __call__(self, place: int) -> int:
        self._line += self._text.count("\n", self._place, place)
        self._place = place
        return self._line


def _values(text: str, reading: json.JSONDecoder, notes: Notes) -> Values:
    if text.startswith("[", past_blanks(text, 0)):
        return ((value, place) for place, value in elements(text, reading))
    return ((value, 0) for value in values_of(whole_value(text, reading), notes))

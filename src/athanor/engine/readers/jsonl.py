"""JSON lines: an object, or an array, a line; lines that are neither are rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from athanor.engine.readers import Notes, Opened, ReaderOptions
from athanor.engine.readers.json_columns import Row
from athanor.engine.readers.json_even import even_lines
from athanor.engine.readers.json_rows import JsonFile, rows_of
from athanor.engine.readers.json_text import (
    Oddities,
    decoder,
    in_words,
    looks_like_lines,
    past_blanks,
    value_at,
)
from athanor.engine.readers.text_lines import head_text, lines_of


class JsonLines:
    """Gone through once to know the columns and once more to fill them, some lines at a time."""

    format = "jsonl"

    def claims(self, head: bytes, filename: str) -> bool:
        return looks_like_lines(head_text(head), filename)

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        def rows(oddities: Oddities | None, keeps_spelling: bool, notes: Notes) -> Iterator[Row]:
            reading = decoder(oddities, keeps_spelling=keeps_spelling)
            return rows_of(_values(file, options.encoding, reading, notes), int, options.has_header, notes)

        return even_lines(file, options.encoding) or JsonFile(rows)


JSONL = JsonLines()


def _values(file: Path, encoding: str | None, reading: json.JSONDecoder, notes: Notes) -> Iterator[tuple[Any, int]]:
    """The values of the lines, each with its line's number; lines that hold none are rejected."""
    for number, line in enumerate(lines_of(file, encoding, notes), 1):
        text = line.strip(" \t\r")
        if not text:
            continue
        try:
            value, end = value_at(text, 0, reading)
        except json.JSONDecodeError as error:
            notes.reject(number, f"broken JSON: {in_words(error)}", line)
            continue
        if end < len(text):
            notes.reject(number, f"more than one value, the second in column {past_blanks(text, end) + 1}", line)
        else:
            yield value, number

"""CSV and its kin: any delimiter, quote and encoding, in blocks; every row is read or rejected by its line number."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from athanor.engine.readers import Notes, ReaderOptions
from athanor.engine.readers.content import is_text, utf8_pieces
from athanor.engine.readers.cutting import Block, Cutter
from athanor.engine.readers.layout import Layout, find_layout
from athanor.engine.readers.records import records
from athanor.engine.readers.scan import with_plain_line_ends

_SAMPLE = 256 * 1024  # bytes that the layout is found from, at least
_ENOUGH = 20  # lines of a sample; where they are long it grows
_LARGEST_SAMPLE = 64 * 1024**2
_BLOCK = 16 * 1024**2


class Csv:
    """Text with one record a line."""

    format = "csv"

    def claims(self, head: bytes, filename: str) -> bool:  # noqa: ARG002
        return is_text(head)

    def open(self, file: Path, options: ReaderOptions) -> CsvFile:
        sample, is_whole = _sample(file, options.encoding)
        layout = find_layout(
            sample,
            is_whole=is_whole,
            delimiter=options.delimiter,
            quote=options.quote,
            has_header=options.has_header,
        )
        return CsvFile(file, options.encoding, layout, options.block_bytes)


CSV = Csv()


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A text whose layout is known."""

    file: Path
    encoding: str | None
    layout: Layout
    block_bytes: int | None = None
    is_spelled: bool = True

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        notes.warnings.extend(self.layout.warnings)
        notes.layout = f"delimiter {self.layout.delimiter!r}, quote {self.layout.quote!r}"
        with self.file.open("rb") as file:
            pieces = utf8_pieces(file, self.encoding, self.block_bytes or _BLOCK, notes)
            for block in _one_ahead(Cutter(self.layout, notes).blocks(pieces)):
                yield _frame(block, self.layout)


def _sample(file: Path, encoding: str | None) -> tuple[str, bool]:
    """The beginning of the text up to its last whole line, and whether nothing follows."""
    size = _SAMPLE
    while True:
        with file.open("rb") as opened:
            pieces = list(islice(utf8_pieces(opened, encoding, size, Notes()), 2))
        is_whole = len(pieces) < 2
        text = with_plain_line_ends(pieces[0] if pieces else b"", "")
        if is_whole or size >= _LARGEST_SAMPLE or text.count(b"\n") >= _ENOUGH:
            break
        size *= 4
    if not is_whole and b"\n" in text:
        text = text[: text.rindex(b"\n") + 1]
    return text.decode(), is_whole


def _one_ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same blocks, the next one made in a thread while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="csv") as thread:
        pending = thread.submit(next, blocks, None)
        while (block := pending.result()) is not None:
            pending = thread.submit(next, blocks, None)
            yield block


def _frame(block: Block, layout: Layout) -> pl.DataFrame:
    """The rows of a block as columns of text."""
    fields = [f"column_{position}" for position in range(1, layout.width + 1)]
    try:
        frame = pl.read_csv(
            block.content,
            has_header=False,
            schema=dict.fromkeys(fields, pl.String),
            separator=layout.delimiter,
            quote_char=layout.quote or None,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        frame = _frame_by_hand(block, layout, fields)
    if frame.height != block.n_rows:  # two ways of counting disagree: take the exact one
        frame = _frame_by_hand(block, layout, fields)
    if layout.has_empty_last:
        frame = frame.drop(fields[-1])
    frame.columns = list(layout.names)
    if block.positions is not None:
        frame = frame.select(pl.all().gather(pl.Series(block.positions).set(pl.Series(block.positions < 0), None)))
    return frame


def _frame_by_hand(block: Block, layout: Layout, fields: list[str]) -> pl.DataFrame:
    rows = [record.fields for record in records(block.content.decode(), layout.delimiter, layout.quote)]
    return pl.DataFrame(rows, schema=dict.fromkeys(fields, pl.String), orient="row")

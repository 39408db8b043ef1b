"""Arrow: files and streams of record batches, as Feather and many programs write them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from athanor.engine.readers import Opened, ReaderOptions
from athanor.engine.readers.arrow_stream import is_stream, opened_stream
from athanor.engine.readers.typed import opened_lazily, refusing_damage
from athanor.errors import InvalidInput

_FILE = b"ARROW1"
_FEATHER_1 = b"FEA1"
_HEAD = 1024


class Arrow:
    """Gone through by slices of rows or, where it is a stream, by batches."""

    format = "arrow"

    def claims(self, head: bytes, filename: str) -> bool:  # noqa: ARG002
        return head.startswith((_FILE, _FEATHER_1)) or is_stream(head)

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
        if head.startswith(_FEATHER_1):
            raise InvalidInput(
                "This is a file of Feather version 1, which current programs no longer read. "
                "Write it again as Feather version 2 (Arrow) or Parquet."
            )
        if is_stream(head):
            return opened_stream(file)
        with refusing_damage("Arrow"):
            rows = pl.scan_ipc(file, glob=False)
        return opened_lazily("Arrow", rows, file, options.block_bytes)


ARROW = Arrow()

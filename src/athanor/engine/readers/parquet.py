"""Parquet: columns with types, as most table programs write them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from athanor.engine.readers import Opened, ReaderOptions
from athanor.engine.readers.typed import opened_lazily, refusing_damage


class Parquet:
    """Gone through by slices of rows, so that a file larger than memory can be read."""

    format = "parquet"

    def claims(self, head: bytes, filename: str) -> bool:  # noqa: ARG002
        return head.startswith(b"PAR1")

    def open(self, file: Path, options: ReaderOptions) -> Opened:
        with refusing_damage("Parquet"):
            rows = pl.scan_parquet(file, glob=False, hive_partitioning=False)
        return opened_lazily("Parquet", rows, file, options.block_bytes)


PARQUET = Parquet()

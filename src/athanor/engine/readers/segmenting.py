"""A file made into segments, block by block, for tables that memory would not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from athanor.engine.readers import ReaderOptions, Reject
from athanor.engine.readers.reading import opened
from athanor.engine.tables.inference import infer
from athanor.engine.tables.schema import Schema
from athanor.engine.tables.segments import LARGEST_BYTES, LARGEST_ROWS, SegmentFile, SegmentWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a file: segments in the order of its rows, what its columns mean, and what was noticed."""

    schema: Schema
    format: str
    warnings: tuple[str, ...]
    segments: tuple[SegmentFile, ...]
    rejects: tuple[Reject, ...]
    n_rejected: int
    n_rows: int


def write_segments(
    path: Path,
    folder: Path,
    *,
    filename: str | None = None,
    options: ReaderOptions | None = None,
    schema: Schema | None = None,
    largest_rows: int = LARGEST_ROWS,
    largest_bytes: int = LARGEST_BYTES,
    held_bytes: int | None = None,
) -> Written:
    """Read the file at `path` and write its rows into `folder`, in memory for about two segments.

    `held_bytes` of them may be in memory once more, when it is found out what the columns mean; None: as many as usual.

    Columns that `schema` names are read in the storage and spelling that it says, and mean what it says. Raises
    InvalidInput, TooLarge; what was written by then stays in `folder`.
    """
    writing = SegmentWriter(folder, largest_rows, largest_bytes)
    with opened(path, filename or path.name, options or ReaderOptions(), schema) as reading:
        outcome = reading.go_through(writing.take, writing.restart)
    writing.flush()
    scan = _joined([segment.path for segment in writing.written])
    found = infer(scan, schema, spellings=outcome.spellings, dims=outcome.dims, held_bytes=held_bytes)
    return Written(
        schema=found,
        format=outcome.format,
        warnings=outcome.warnings,
        segments=tuple(writing.written),
        rejects=outcome.rejects,
        n_rejected=outcome.n_rejected,
        n_rows=sum(segment.n_rows for segment in writing.written),
    )


def _joined(paths: Sequence[Path]) -> pl.LazyFrame:
    """Segments of one file before their schema is known: a column without values in one of them is as in the others."""
    return pl.concat([pl.scan_parquet(path, glob=False) for path in paths], how="vertical_relaxed")

"""What a run reads of a dataset on disk: the columns that its task uses, and as many rows as memory has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from athanor.engine.fitting.training_set import used_columns
from athanor.engine.tables.dataset import Dataset
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.engine.tables.segments import Deleted, count_rows, read_segments, scan_segment
from athanor.engine.task import Task

# Of the cap, less what processes take without a table. In memory it is there once for reading and once for the pool; in
# files it is there once. Each pool process takes rows of it and makes a view of them.
TABLE_SHARE, FILES_SHARE, _PROCESSES = 0.25, 0.4, 300 * 1024**2
_LEAST_SHARE = 0.05
_VALIDATION_SHARE = 0.05  # for the rows that a model is scored on at the end: they are there once
_LEAST_ROWS = 1000
_LOOKED_AT, _SEGMENTS_LOOKED_AT = 16_384, 4  # rows of a segment, segments
_STRING_BYTES = 65  # of a Python string and its place in a vocabulary, beside its characters


def read_for(
    task: Task,
    paths: Sequence[Path],
    schema: Schema,
    *,
    memory_limit: int,
    seed: int,
    without: Deleted | None = None,
    folder: Path | None = None,
) -> tuple[Dataset, str | None]:
    """The rows of some segments as `task` needs them, and in words why they are not all there; None where they are.

    memory_limit  bytes that the whole run may use
    seed          of the rows that are drawn where there is no room for all
    folder        a new one for files that the table is mapped from, on the disk of the run's checkpoints; they must
                  stay as long as the table is used. None: the table is in memory
    """
    share = TABLE_SHARE if folder is None else FILES_SHARE
    room = int(max(share * (memory_limit - _PROCESSES), _LEAST_SHARE * memory_limit))
    given = _Given(paths, schema.select(used_columns(schema, task)), without, folder)
    return given.read(room, "Learning from", memory_limit=memory_limit, seed=seed)


def read_validation_for(
    task: Task,
    learned: Schema,
    paths: Sequence[Path],
    schema: Schema,
    *,
    memory_limit: int,
    seed: int,
    without: Deleted | None = None,
) -> tuple[Dataset, str | None]:
    """The rows of other segments that a model for `task` is scored on, and in words why they are not all there.

    learned  schema of the table that is learned from: what else this one has is not read
    """
    names = [name for name in used_columns(learned, task) if name in schema]
    given = _Given(paths, schema.select(names), without)
    return given.read(int(_VALIDATION_SHARE * memory_limit), "Validating on", memory_limit=memory_limit, seed=seed)


@dataclass(frozen=True, slots=True)
class _Given:
    """Segments, the columns that are wanted of them, and the rows that are deleted."""

    paths: Sequence[Path]
    wanted: Schema
    without: Deleted | None
    folder: Path | None = None

    def read(self, room: int, doing: str, *, memory_limit: int, seed: int) -> tuple[Dataset, str | None]:
        """The rows, or where they need more bytes than `room`, as many as fit, drawn evenly; and that in words."""
        n_rows, row_bytes = count_rows(self.paths, without=self.without), _row_bytes(self.paths, self.wanted)
        n_read = max(int(room / row_bytes), _LEAST_ROWS)
        if n_read >= n_rows:
            return read_segments(self.paths, self.wanted, without=self.without, folder=self.folder), None
        dataset = read_segments(
            self.paths, self.wanted, rows=n_read, seed=seed, without=self.without, folder=self.folder
        )
        return dataset, (
            f"{doing} {dataset.n_rows:,} of {n_rows:,} rows, drawn evenly: the table needs about "
            f"{_spelled(n_rows * row_bytes)}, and the cap of {_spelled(memory_limit)} allows {_spelled(room)} for it."
        )


def _row_bytes(paths: Sequence[Path], schema: Schema) -> float:
    """About how many bytes a row takes as arrays."""
    uneven = [column for column in schema.columns if column.storage in {Storage.STRING, Storage.SPARSE}]
    heads = []
    for path in paths[:: max(len(paths) // _SEGMENTS_LOOKED_AT, 1)] if uneven else []:
        scan, there = scan_segment(path)
        heads.append(scan.select(column.name for column in uneven if column.name in there).head(_LOOKED_AT).collect())
    even = (_even_bytes(column) for column in schema.columns)
    return max(sum(even) + sum(_uneven_bytes(column, heads) for column in uneven), 1.0)


def _even_bytes(column: ColumnSchema) -> float:
    return {Storage.DENSE: 4.0 * (column.dim or 0), Storage.STRING: 4.0}.get(column.storage, 8.0)


def _uneven_bytes(column: ColumnSchema, heads: Sequence[pl.DataFrame]) -> float:
    """Bytes of a row that its content decides: distinct words, entries of a sparse vector."""
    seen = [head[column.name] for head in heads if column.name in head.columns]
    n_rows = sum(len(cells) for cells in seen)
    if not n_rows:
        return 0.0
    if column.storage is Storage.SPARSE:
        return 8.0 * sum(int(cells.struct.field("indices").list.len().sum()) for cells in seen) / n_rows
    words = pl.concat([cells.cast(pl.String) for cells in seen]).unique()
    return float(words.str.len_bytes().sum() + _STRING_BYTES * len(words)) / n_rows


def _spelled(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"

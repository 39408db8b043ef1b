"""Segments: a table on disk as Parquet files of bounded size, written block by block and read slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Dataset
from athanor.engine.tables.filling import filling
from athanor.engine.tables.frames import frame_type
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.errors import InvalidInput, Unavailable

LARGEST_ROWS = 1_000_000
LARGEST_BYTES = 256 * 1024**2  # of the frame that becomes a segment
# Row groups, which are read a few at a time: few enough rows that a slice in memory is small beside the whole.
_GROUP_ROWS, _GROUP_BYTES, _LEAST_ROWS = 65_536, 8 * 1024**2, 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """A segment that was written."""

    path: Path
    n_rows: int
    size_bytes: int  # of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Rows that are not to be read: those of some segments whose id stands in one of some files.

    id_column   of the segments; its texts name the rows
    tombstones  position of a segment → Parquet files, each of one column of ids
    """

    id_column: str
    tombstones: Mapping[int, Sequence[Path]]

    def ids(self, position: int) -> pl.Series | None:
        """The ids that are deleted from the segment at `position`; None where there are none."""
        paths = self.tombstones.get(position)
        return None if not paths else pl.concat([ids_of(path) for path in paths])


@dataclass(slots=True)
class SegmentWriter:
    """Blocks gathered until they are a segment. What waits is written by `flush`."""

    folder: Path
    largest_rows: int = LARGEST_ROWS
    largest_bytes: int = LARGEST_BYTES
    written: list[SegmentFile] = field(default_factory=list)
    _waiting: list[pl.DataFrame] = field(default_factory=list)
    _n_rows: int = 0
    _n_bytes: int = 0

    def take(self, block: pl.DataFrame) -> None:
        size = max(int(block.estimated_size()) // max(block.height, 1), 1)  # bytes of a row
        most = max(min(self.largest_rows, self.largest_bytes // size), 1)
        for start in range(0, block.height, most):
            part = block.slice(start, most)
            if (
                self._n_rows + part.height > self.largest_rows
                or self._n_bytes + part.height * size > self.largest_bytes
            ):
                self.flush()
            self._waiting.append(part)
            self._n_rows += part.height
            self._n_bytes += part.height * size

    def flush(self) -> None:
        """Write what waits."""
        if not self._n_rows:
            return
        # A column is of type Null in blocks that come before its first value.
        frame = pl.concat(self._waiting, how="vertical_relaxed")
        self._waiting.clear()
        self.written.append(write_segment(frame, self.folder / f"{len(self.written):05}.parquet"))
        self._n_rows = self._n_bytes = 0

    def restart(self) -> None:
        """Forget all: the file is gone through again."""
        for segment in self.written:
            segment.path.unlink()
        self.written.clear()
        self._waiting.clear()
        self._n_rows = self._n_bytes = 0


def write_segment(frame: pl.DataFrame, path: Path) -> SegmentFile:
    """Write rows as one immutable Parquet file. It is not durable before the caller makes it so.

    Raises Unavailable where the disk does not take it.
    """
    group = rows_of(frame.estimated_size() / max(frame.height, 1))
    try:
        frame.write_parquet(path, compression="zstd", compression_level=1, row_group_size=group)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Unavailable(f"The rows cannot be written now: {error} (disk full?).") from error
    return SegmentFile(path=path, n_rows=frame.height, size_bytes=path.stat().st_size)


def rows_of(row_bytes: float) -> int:
    """How many rows are read or written at a time."""
    return int(max(min(_GROUP_ROWS, _GROUP_BYTES // max(row_bytes, 1)), _LEAST_ROWS))


def scan_segments(paths: Sequence[Path], schema: Schema, *, without: Deleted | None = None) -> pl.LazyFrame:
    """The rows of all segments, one after the other, to be asked without reading more than the answer needs.

    All columns of `schema` in its order and in the types of its storages, whatever each segment holds.
    """
    scans = []
    for position, path in enumerate(paths):
        scan, there = scan_segment(path)
        gone = None if without is None else without.ids(position)
        if without is not None and gone is not None:
            scan = scan.filter(~pl.col(without.id_column).cast(pl.String).is_in(gone.implode()))
        columns = []
        for column in schema.columns:
            wanted = frame_type(column)
            cells = pl.col(column.name) if column.name in there else pl.lit(None)
            columns.append(cells if there.get(column.name) == wanted else cells.cast(wanted).alias(column.name))
        scans.append(scan.select(columns))
    if not scans:
        return pl.LazyFrame(schema={column.name: frame_type(column) for column in schema.columns})
    return pl.concat(scans)


def read_segments(
    paths: Sequence[Path],
    schema: Schema,
    *,
    rows: int | None = None,
    seed: int = 0,
    without: Deleted | None = None,
    folder: Path | None = None,
) -> Dataset:
    """The rows of all segments, one after the other, as arrays; beside them no more than a slice is in memory.

    rows     read so many of them, drawn evenly by `seed`, in their order; None: all
    without  rows that were deleted
    folder   the arrays are mapped from files in this new folder, and take no memory but what is looked at; None: they
             are in memory
    """
    if folder is not None:
        folder.mkdir(parents=True)
    segments = [_Stored.of(path, place, without) for place, path in enumerate(paths)]
    n_left = sum(segment.n_live for segment in segments)  # rows that are still to come
    n_wanted = n_left if rows is None else min(rows, n_left)
    fillings = {
        column.name: filling(column, n_wanted, None if folder is None else folder / str(place))
        for place, column in enumerate(schema.columns)
    }
    rng, step, n_read = np.random.default_rng(seed), rows_of(sum(map(row_bytes, schema.columns))), 0
    for segment in segments:
        names = [name for name in schema.names if name in segment.names]
        for start in range(0, segment.n_rows, step):
            here = segment.present(start, step)
            # As many of a slice as a draw from all would take.
            n_taken = int(rng.hypergeometric(len(here), n_left - len(here), n_wanted - n_read)) if n_left else 0
            n_left -= len(here)
            if not n_taken:
                continue
            if n_taken < len(here):
                here = here[np.sort(rng.choice(len(here), n_taken, replace=False))]
            frame = segment.slice(names, start, step)
            if n_taken < frame.height:
                frame = frame[here - start]
            there = {series.name: series for series in frame.get_columns()}
            for name, column in fillings.items():
                column.put(there.get(name), n_read, n_taken)
            n_read += n_taken
    return Dataset(schema, {name: column.column() for name, column in fillings.items()}, n_wanted)


def count_rows(paths: Sequence[Path], *, without: Deleted | None = None) -> int:
    """How many rows `read_segments` has to read from."""
    return sum(_Stored.of(path, place, without).n_live for place, path in enumerate(paths))


def ids_of(path: Path, column: str | None = None) -> pl.Series:
    """The row ids in a Parquet file as texts. `column` holds them, or else the file's only one."""
    return pl.read_parquet(path, glob=False, columns=None if column is None else [column]).to_series().cast(pl.String)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A segment that is read: its file, and which of its rows are gone."""

    path: Path
    scan: pl.LazyFrame
    names: frozenset[str]
    n_rows: int
    gone: NDArray[np.int64]  # their positions, ascending

    @classmethod
    def of(cls, path: Path, position: int, without: Deleted | None) -> _Stored:
        scan, there = scan_segment(path)
        n_rows = int(scan.select(pl.len()).collect().item())
        ids = None if without is None else without.ids(position)
        gone = np.empty(0, np.int64)
        if without is not None and ids is not None:
            is_gone = scan.select(pl.col(without.id_column).cast(pl.String).is_in(ids.implode())).collect().to_series()
            gone = is_gone.arg_true().cast(pl.Int64).to_numpy()
        return cls(path, scan, frozenset(there), n_rows, gone)

    @property
    def n_live(self) -> int:
        return self.n_rows - len(self.gone)

    def present(self, start: int, length: int) -> NDArray[np.int64]:
        """The positions from `start` on, at most `length`, whose rows are there."""
        places = np.arange(start, min(start + length, self.n_rows))
        if not len(self.gone):
            return places
        first, end = np.searchsorted(self.gone, (start, start + length))
        return np.delete(places, self.gone[first:end] - start)

    def slice(self, names: Sequence[str], start: int, length: int) -> pl.DataFrame:
        try:
            return self.scan.select(names).slice(start, length).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InvalidInput(f"The segment {self.path.name} cannot be read: {error}") from error


def row_bytes(column: ColumnSchema) -> int:
    """About how much memory a cell of the column takes while it is read."""
    return {Storage.DENSE: 4 * (column.dim or 0), Storage.SPARSE: 1024, Storage.STRING: 32}.get(column.storage, 8)


def scan_segment(path: Path) -> tuple[pl.LazyFrame, pl.Schema]:
    """One segment as it is. Raises InvalidInput where it is no Parquet file."""
    scan = pl.scan_parquet(path, glob=False, low_memory=True)
    try:
        return scan, scan.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInput(f"The segment {path.name} cannot be read: {error}") from error

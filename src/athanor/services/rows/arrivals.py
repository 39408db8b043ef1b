"""Arrivals: rows that came, kept as blobs before there is a record of them, and gone again where there will be none."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from athanor.core.actor import Actor
from athanor.core.dataset import Segment
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.engine import memory
from athanor.engine.readers import LARGEST_INFLATED
from athanor.engine.readers.apart import Read, Reading, read_apart, read_here
from athanor.engine.readers.containers import container_kind, packing, plain
from athanor.engine.tables.schema import Schema
from athanor.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from athanor.services.rows import row_ids
from athanor.services.rows.appending import with_vectors_as
from athanor.services.rows.keeping import Keeping, Kept

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions
    from athanor.engine.readers.segmenting import Written
    from athanor.engine.tables.dataset import Dataset
    from athanor.engine.tables.segments import SegmentFile

log = logging.getLogger(__name__)

# What was read, and a folder to write in → what is kept of it. Raises InvalidInput.
Reshape = Callable[["Written", Path], "Written"]

SCRATCH_PREFIX = "segment-"  # of the folders that hold what is on its way to the blobs
MB = 2**20
# A file is in memory while it is read; more than two at a time wait, whoever sends them.
_READING = threading.BoundedSemaphore(2)
# Larger files are read in a process of their own; so are compressed ones, of which nobody knows how large they are.
_LARGEST_PLAIN, _LARGEST_OTHER = 32 * MB, 4 * MB
_PLAIN_ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
_LEAST_LIMIT = 512 * MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Rows that came. `ids` and `hashes` are theirs, in their order, where they have ids."""

    schema: Schema
    format: str
    warnings: tuple[str, ...]
    kept: tuple[Kept, ...]
    source_sha256: str
    size_bytes: int  # of what came
    ids: Sequence[str] = ()
    hashes: row_ids.Hashes = field(default_factory=lambda: row_ids.hashes_of(()))
    sample_profile: Mapping[str, Any] | None = None

    @property
    def n_rows(self) -> int:
        return sum(kept.n_rows for kept in self.kept)

    @property
    def n_rejected(self) -> int:
        return sum(kept.n_rejected for kept in self.kept)

    def paths(self, blobs: BlobStore) -> list[Path]:
        """The Parquet files of its rows, in order."""
        return [blobs.local(kept.blob) for kept in self.kept]

    def record(self, transaction: Transaction, dataset_id: UUID, *, position: int, actor: Actor, now: datetime) -> None:
        """Add the segments, the first one at `position`. Raises Conflict where a blob they share has gone meanwhile."""
        for offset, kept in enumerate(self.kept):
            if kept.shared is not None:
                try:
                    transaction.segments.get(kept.shared, lock=True)
                except NotFound as error:
                    message = "The dataset with the same rows was deleted meanwhile. Send the file again."
                    raise Conflict(message) from error
            transaction.segments.add(
                Segment(
                    id=kept.id,
                    organization_id=actor.organization_id,
                    dataset_id=dataset_id,
                    position=position + offset,
                    n_rows=kept.n_rows,
                    blob=kept.blob,
                    source_sha256=self.source_sha256,
                    created_at=now,
                    size_bytes=kept.size_bytes,
                    ids_blob=kept.ids_blob,
                    rejects_blob=kept.rejects_blob,
                    n_rejected=kept.n_rejected,
                )
            )


class Arrivals:
    """Takes in what comes.

    max_columns   a table with more is refused
    memory_limit  bytes that reading one large file may take; None: half of what is free when it begins
    inflated_limit  bytes that a compressed file may grow to while it is read
    """

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        scratch: Path,
        *,
        max_columns: int = 50_000,
        memory_limit: int | None = None,
        inflated_limit: int = LARGEST_INFLATED,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._scratch = scratch
        self._max_columns = max_columns
        self._memory_limit, self._inflated_limit = memory_limit, inflated_limit

    @contextmanager
    def of_file(
        self,
        path: Path,
        *,
        filename: str,
        options: ReaderOptions | None,
        sha256: str,
        actor: Actor,
        schema: Schema | None = None,
        id_column: str | None = None,
        reshape: Reshape | None = None,
    ) -> Iterator[Arrival]:
        """The file's rows, their blobs kept; those go again when the block raises.

        Bytes that came before under the same options share blobs, provided that they are still read as the same rows: a
        newer reader may know better.

        sha256   its fingerprint; "" where the same bytes make other rows each time
        schema   of the dataset that the rows are for: they are kept as it says
        reshape  brings what was read into the shape that is kept
        """
        with self.folder() as folder:
            read = self._read(path, folder, filename, options, schema, reshape=reshape, is_profiled=reshape is None)
            written = read.written
            if reshape is None and schema is not None:
                written = replace(written, segments=_fitting(written.segments, schema, folder))
            files = written.segments
            ids, hashes = self._ids(files, written.schema, id_column)
            with Keeping(self._records, self._blobs, actor.organization_id, sha256=sha256) as keeping:
                yield Arrival(
                    schema=written.schema,
                    format=written.format,
                    warnings=written.warnings,
                    kept=keeping.keep(files, hashes, written.rejects, written.n_rejected),
                    source_sha256=sha256,
                    size_bytes=path.stat().st_size,
                    ids=ids,
                    hashes=row_ids.joined(hashes),
                    sample_profile=read.sample_profile,
                )

    @contextmanager
    def of_table(self, table: Dataset, *, actor: Actor, id_column: str | None) -> Iterator[Arrival]:
        """The rows of a table in memory, their blobs kept; those go again when the block raises."""
        from athanor.engine.tables.frames import to_frame
        from athanor.engine.tables.segments import write_segment

        with self.folder() as folder:
            file = write_segment(to_frame(table), folder / "rows.parquet")
            ids, hashes = self._ids((file,), table.schema, id_column)
            with Keeping(self._records, self._blobs, actor.organization_id) as keeping:
                yield Arrival(
                    schema=table.schema,
                    format="rows",
                    warnings=(),
                    kept=keeping.keep((file,), hashes, (), 0),
                    source_sha256="",
                    size_bytes=file.size_bytes,
                    ids=ids,
                    hashes=row_ids.joined(hashes),
                )

    def table(
        self,
        path: Path,
        *,
        filename: str,
        options: ReaderOptions | None,
        schema: Schema | None,
        check: Callable[[Written], None] = lambda _: None,
    ) -> Dataset:
        """The file's rows in memory; nothing of them is kept. Raises InvalidInput where a row cannot be read.

        check  raises InvalidInput for what was read and is not wanted
        """
        from athanor.engine.tables.segments import read_segments

        with self.folder() as folder:
            written = self._read(path, folder, filename, options, schema, is_profiled=False).written
            check(written)
            if written.rejects:
                first = written.rejects[0]
                raise InvalidInput(f"Line {first.line} of the file cannot be read: {first.reason}.", code="ragged-rows")
            self.check_room(written.n_rows, written.schema)
            return read_segments([segment.path for segment in written.segments], written.schema)

    @contextmanager
    def plain(self, path: Path, *, filename: str, largest: int = LARGEST_INFLATED) -> Iterator[Path]:
        """The plain file in one that may be compressed, to be read by the caller while no more than one other reads.

        largest  bytes that a compressed one may grow to, where the setting allows as many
        """
        from athanor.engine.readers import ReaderOptions

        options = ReaderOptions(max_inflated_bytes=min(largest, self._inflated_limit))
        with _READING, self.folder() as folder, plain(path, filename, options, folder=folder) as (file, _):
            yield file

    def check_room(self, n_rows: int, schema: Schema) -> None:
        """Raises TooLarge where so many rows are more than one who asks may have in memory."""
        from athanor.engine.tables.segments import row_bytes

        if n_rows * sum(map(row_bytes, schema.columns)) > self._room():
            raise TooLarge(f"{n_rows:,} rows of this width are too many at a time for the memory. Send them in parts.")

    def _room(self) -> int:
        """Bytes that one file or table may take."""
        return self._memory_limit or max(memory.available() // 2, _LEAST_LIMIT)

    def _read(
        self,
        path: Path,
        folder: Path,
        filename: str,
        options: ReaderOptions | None,
        schema: Schema | None,
        *,
        reshape: Reshape | None = None,
        is_profiled: bool = True,
    ) -> Read:
        from athanor.engine.readers import ReaderOptions

        options = options or ReaderOptions()
        asked = options.max_inflated_bytes
        most = self._inflated_limit if asked == LARGEST_INFLATED else min(asked, self._inflated_limit)
        options = replace(options, max_inflated_bytes=most)
        reading = Reading(
            path=path, folder=folder, filename=filename, options=options, schema=schema, is_profiled=is_profiled
        )
        with _READING:
            if is_large(path, filename):
                limit = self._memory_limit or max(memory.available() // 2, _LEAST_LIMIT)
                read = read_apart(reading, memory_limit=limit)
            else:
                read = read_here(reading)
            n_columns = len(read.written.schema.columns)
            if n_columns > self._max_columns:
                raise TooLarge(
                    f"The file has {n_columns} columns; {self._max_columns} are allowed. "
                    "Send many numbers of one kind as one vector column of a Parquet file."
                )
            return read if reshape is None else replace(read, written=reshape(read.written, folder))

    def _ids(
        self, files: Sequence[SegmentFile], schema: Schema, id_column: str | None
    ) -> tuple[list[str], list[row_ids.Hashes]]:
        """The ids of all rows, and their hashes file by file. Raises InvalidInput where one is missing or not alone."""
        ids: list[str] = []
        hashes: list[row_ids.Hashes] = []
        if id_column is not None:
            row_ids.check_id_column(id_column, schema)
            for file in files:
                found = row_ids.ids_in(file.path, id_column, first_row=len(ids) + 1).to_list()
                ids += found
                hashes.append(row_ids.hashes_of(found))
            row_ids.check_distinct(ids, row_ids.joined(hashes), id_column)
        return ids, hashes

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for what is on its way, gone when the block ends. Raises Unavailable where the disk fails in it."""
        with _disk_errors(), tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=self._scratch) as folder:
            yield Path(folder)


def _fitting(files: Sequence[SegmentFile], schema: Schema, folder: Path) -> tuple[SegmentFile, ...]:
    """The segments in their order, those written anew that keep vectors otherwise than `schema` says."""
    from athanor.engine.tables.frames import to_frame
    from athanor.engine.tables.segments import write_segment

    fitting = []
    for number, file in enumerate(files):
        table = with_vectors_as(file.path, schema)
        anew = folder / f"vectors-{number:05}.parquet"
        fitting.append(file if table is None else write_segment(to_frame(table), anew))
    return tuple(fitting)


def is_large(path: Path, filename: str) -> bool:
    """Whether the file is better read in a process of its own: by its size, and by what its format costs to read."""
    size = path.stat().st_size
    if packing(path) is not None:
        return size > _LARGEST_OTHER or container_kind(path) is not None
    return size > (_LARGEST_PLAIN if filename.lower().endswith(_PLAIN_ENDINGS) else _LARGEST_OTHER)


def fingerprint(path: Path, options: ReaderOptions | None) -> str:
    """SHA-256 of the file's bytes, and of the reader options where they are not the usual ones."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    if options is not None:
        digest.update(repr(options).encode())
    return digest.hexdigest()


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The server cannot take the rows now: {error.strerror or error} (disk full?).") from error

"""Keeping: the blobs of segments are put before there is a record of them, and go again where there will be none."""

from __future__ import annotations

import filecmp
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self
from uuid import UUID

from athanor.core.dataset import Segment, SegmentKind
from athanor.core.ids import new_id
from athanor.core.ports import BlobStore, Records
from athanor.engine.readers.rejects import write_rejects
from athanor.errors import NotFound, Unavailable
from athanor.services.rows import row_ids

if TYPE_CHECKING:
    import polars as pl

    from athanor.engine.readers import Reject
    from athanor.engine.tables.segments import SegmentFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A segment whose blobs are there. `shared` is the segment that its rows' blob was first made for."""

    id: UUID
    n_rows: int
    size_bytes: int
    blob: str
    ids_blob: str | None
    rejects_blob: str | None
    n_rejected: int
    shared: UUID | None


class Keeping:
    """Puts the blobs of segments. When the block ends, however it does, those that no record refers to go again.

    sha256  of the file they come from: segments that were made from the same share their blobs
    """

    def __init__(self, records: Records, blobs: BlobStore, organization_id: UUID, *, sha256: str = "") -> None:
        self._records, self._blobs, self._whose, self._sha256 = records, blobs, organization_id, sha256
        self._candidates: Sequence[Segment] = ()
        self._put: list[tuple[UUID, str]] = []

    def __enter__(self) -> Self:
        if self._sha256:
            with self._records.look(self._whose) as transaction:
                found = transaction.segments.find({"source_sha256": self._sha256}, descending=True)
            self._candidates = found.items
        return self

    def __exit__(self, *_: object) -> None:
        ids = tuple({segment_id for segment_id, _ in self._put})
        try:
            with self._records.look(self._whose) as transaction:
                recorded = {segment.id for segment in transaction.segments.find({"id": ids}).items}
            for segment_id, key in self._put:
                if segment_id not in recorded:
                    self._blobs.delete(key)
        except Unavailable as error:  # what happened in the block stands; the sweeper finds the blobs
            log.warning("blobs not looked after", extra={"error": str(error)})

    def keep(
        self, files: Sequence[SegmentFile], hashes: Sequence[row_ids.Hashes], rejects: Sequence[Reject], n_rejected: int
    ) -> tuple[Kept, ...]:
        """The files as segments; the rows that could not be read go with the first one."""
        kept = []
        for number, file in enumerate(files):
            segment_id = new_id()
            shared = self._same(file)
            kept.append(
                Kept(
                    id=segment_id,
                    n_rows=file.n_rows,
                    size_bytes=file.size_bytes,
                    blob=shared.blob if shared else self.put(segment_id, "segments/{}.parquet", file.path),
                    ids_blob=self.put(segment_id, "ids/{}.npy", row_ids.as_file(hashes[number])) if hashes else None,
                    rejects_blob=self.put(segment_id, "rejects/{}.csv", _as_csv(rejects))
                    if rejects and not number
                    else None,
                    n_rejected=0 if number else n_rejected,
                    shared=shared.id if shared else None,
                )
            )
        return tuple(kept)

    def segment(
        self,
        dataset_id: UUID,
        frame: pl.DataFrame,
        folder: Path,
        *,
        hashes: row_ids.Hashes | None,
        now: datetime,
        kind: SegmentKind = SegmentKind.ROWS,
        merged_sha256: tuple[str, ...] = (),
    ) -> Segment:
        """The frame as a segment whose position is given later, written in `folder` on its way.

        hashes  of its ids, where rows have ids
        """
        from athanor.engine.tables.segments import write_segment

        made = new_id()
        file = write_segment(frame, folder / f"{made}.parquet")
        blob = self.put(made, "segments/{}.parquet", file.path)
        file.path.unlink()
        return Segment(
            id=made,
            organization_id=self._whose,
            dataset_id=dataset_id,
            position=0,
            n_rows=file.n_rows,
            blob=blob,
            source_sha256="",
            created_at=now,
            kind=kind,
            size_bytes=file.size_bytes,
            ids_blob=None if hashes is None else self.put(made, "ids/{}.npy", row_ids.as_file(hashes)),
            merged_sha256=merged_sha256,
        )

    def put(self, segment_id: UUID, pattern: str, source: Path | BinaryIO) -> str:
        """Keep the content under the pattern's key for the segment."""
        key = pattern.format(segment_id)
        self._put.append((segment_id, key))
        with source.open("rb") if isinstance(source, Path) else source as file:
            self._blobs.put(key, file)
        return key

    def _same(self, file: SegmentFile) -> Segment | None:
        """A segment of the organization with the very same rows, made from the very same bytes."""
        for segment in self._candidates:
            if segment.size_bytes != file.size_bytes:
                continue
            try:
                if filecmp.cmp(file.path, self._blobs.local(segment.blob), shallow=False):
                    return segment
            except (NotFound, FileNotFoundError):  # went while we looked
                continue
        return None


def _as_csv(rejects: Sequence[Reject]) -> BinaryIO:
    text = io.StringIO(newline="")
    write_rejects(text, rejects)
    return io.BytesIO(text.getvalue().encode(errors="replace"))

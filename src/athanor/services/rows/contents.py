"""The content of a dataset version: its segments of rows, less the rows that were deleted since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.core.dataset import DatasetVersion, Segment, SegmentKind
from athanor.core.ports import BlobStore, Transaction
from athanor.engine.tables.schema import Schema
from athanor.services.rows.row_ids import may_share
from athanor.services.versions import segments_of

if TYPE_CHECKING:
    import polars as pl

    from athanor.engine.tables.segments import Deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A segment of rows: its file, and what was deleted of it (None: nothing)."""

    segment: Segment
    path: Path
    deleted: Deleted | None

    def scan(self, schema: Schema) -> pl.LazyFrame:
        """Its rows that are left."""
        from athanor.engine.tables.segments import scan_segments

        return scan_segments([self.path], schema, without=self.deleted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What to read for a version.

    rows        segments of rows, in order
    tombstones  position in `rows` → the tombstones that came after it
    id_column   names the rows; where it is None there are no tombstones
    """

    rows: Sequence[Segment]
    tombstones: Mapping[int, Sequence[Segment]]
    id_column: str | None

    @property
    def segments(self) -> Sequence[Segment]:
        """All that are read, each once."""
        behind = {tombstone.id: tombstone for later in self.tombstones.values() for tombstone in later}
        return (*self.rows, *behind.values())

    def parts(self, blobs: BlobStore) -> Iterator[Part]:
        """Segment by segment of rows, in order."""
        for place, segment in enumerate(self.rows):
            yield Part(segment=segment, path=blobs.local(segment.blob), deleted=self._deleted(place, blobs))

    def files(self, blobs: BlobStore) -> tuple[list[Path], Deleted | None]:
        """What `scan_segments` and `read_segments` take."""
        from athanor.engine.tables.segments import Deleted

        parts = list(self.parts(blobs))
        tombstones = {place: part.deleted.tombstones[0] for place, part in enumerate(parts) if part.deleted is not None}
        deleted = Deleted(id_column=self.id_column, tombstones=tombstones) if tombstones and self.id_column else None
        return [part.path for part in parts], deleted

    def _deleted(self, place: int, blobs: BlobStore) -> Deleted | None:
        from athanor.engine.tables.segments import Deleted

        later = self.tombstones.get(place, ())
        hitting = [tombstone for tombstone in later if may_share(self.rows[place], tombstone, blobs)]
        if self.id_column is None or not hitting:
            return None
        return Deleted(id_column=self.id_column, tombstones={0: [blobs.local(tombstone.blob) for tombstone in hitting]})


def content_of(transaction: Transaction, version: DatasetVersion) -> Content:
    dataset = transaction.datasets.get(version.dataset_id)
    return content(segments_of(transaction, version), dataset.id_column)


def content(segments: Sequence[Segment], id_column: str | None) -> Content:
    """What is left of consecutive segments."""
    rows = [segment for segment in segments if segment.kind is SegmentKind.ROWS]
    tombstones = [segment for segment in segments if segment.kind is SegmentKind.TOMBSTONES]
    behind = {}
    for place, segment in enumerate(rows):
        later = [tombstone for tombstone in tombstones if tombstone.position > segment.position]
        if later:
            behind[place] = later
    return Content(rows=rows, tombstones=behind, id_column=id_column)

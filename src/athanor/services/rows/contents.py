"""The content of a dataset version: its segments of rows, less the rows that were deleted since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.core.dataset import DatasetVersion, Segment, SegmentKind
from athanor.core.ports import BlobStore, Transaction
from athanor.services.rows.row_ids import may_share
from athanor.services.versions import segments_of

if TYPE_CHECKING:
    from athanor.engine.segments import Deleted


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

    def files(self, blobs: BlobStore) -> tuple[list[Path], Deleted | None]:
        """What `scan_segments` and `read_segments` take."""
        from athanor.engine.segments import Deleted

        paths = [blobs.local(segment.blob) for segment in self.rows]
        if self.id_column is None:
            return paths, None
        tombstones: dict[int, Sequence[Path]] = {}
        for position, later in self.tombstones.items():
            hitting = [tombstone for tombstone in later if may_share(self.rows[position], tombstone, blobs)]
            if hitting:
                tombstones[position] = [blobs.local(tombstone.blob) for tombstone in hitting]
        return paths, Deleted(id_column=self.id_column, tombstones=tombstones) if tombstones else None


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

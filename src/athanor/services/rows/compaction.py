"""Compaction: many small segments at the end of a dataset become one, where no frozen version can tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from athanor.core.dataset import DatasetVersion, Segment, SegmentKind
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.services.references import clear_blobs, unreferred
from athanor.services.rows import row_ids
from athanor.services.rows.arrivals import Arrivals
from athanor.services.rows.contents import content
from athanor.services.rows.keeping import Keeping
from athanor.services.versions import frozen_end, newest_version, segments_of

log = logging.getLogger(__name__)

MOST_SMALL = 32  # segments; one more and they are merged
_SMALL_ROWS, _SMALL_BYTES = 100_000, 8 * 2**20
# Datasets whose segments are merged now: of two who merge the same ones, one works for nothing.
_MERGING: set[UUID] = set()
_LOOKING = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """The small segments at the end of the newest version, behind every frozen one."""

    version: DatasetVersion
    id_column: str | None
    segments: Sequence[Segment]

    @property
    def is_first(self) -> bool:
        """Whether the version has nothing before it."""
        return self.segments[0].position == self.version.first_segment


def compact(
    records: Records, blobs: BlobStore, arrivals: Arrivals, version: DatasetVersion, *, now: Callable[[], datetime]
) -> bool:
    """Merge the small segments at the end of the version's dataset, if they are more than 32; whether that was done.

    Rows that tombstones among them take away are gone afterwards. What a frozen version is made of stays as it is. The
    merged blobs come first, then one transaction, then the old blobs go: whoever is killed in between loses nothing.
    """
    with _alone(version.dataset_id) as is_alone:
        return is_alone and _compact(records, blobs, arrivals, version, now=now)


def _compact(
    records: Records, blobs: BlobStore, arrivals: Arrivals, version: DatasetVersion, *, now: Callable[[], datetime]
) -> bool:
    organization_id, dataset_id = version.organization_id, version.dataset_id
    with records.look(organization_id) as transaction:
        tail = _tail(transaction, dataset_id)
    if len(tail.segments) <= MOST_SMALL:
        return False
    with arrivals.folder() as folder, Keeping(records, blobs, organization_id) as keeping:
        merged = _merge(tail, blobs, folder, keeping, now())
        with records.change(organization_id) as transaction:
            transaction.datasets.get(dataset_id, lock=True)
            present = _tail(transaction, dataset_id)
            if present.segments[: len(tail.segments)] != tail.segments:
                return False  # somebody froze, merged or replaced them meanwhile
            _exchange(transaction, present.version, tail.segments, merged)
            gone = unreferred(transaction, tail.segments)
    clear_blobs(gone, blobs)
    log.info("segments merged", extra={"dataset_id": str(dataset_id), "n_segments": len(tail.segments)})
    return True


@contextmanager
def _alone(dataset_id: UUID) -> Iterator[bool]:
    """Whether nobody else in this process merges segments of the dataset while the block runs."""
    with _LOOKING:
        is_alone = dataset_id not in _MERGING
        _MERGING.add(dataset_id)
    try:
        yield is_alone
    finally:
        if is_alone:
            _MERGING.discard(dataset_id)


def _tail(transaction: Transaction, dataset_id: UUID) -> _Tail:
    dataset = transaction.datasets.get(dataset_id)
    newest = newest_version(transaction, dataset_id)
    fixed = frozen_end(transaction, newest)
    small: list[Segment] = []
    for segment in reversed(segments_of(transaction, newest)):
        if segment.position < fixed or not _is_small(segment):
            break
        small.append(segment)
    return _Tail(version=newest, id_column=dataset.id_column, segments=small[::-1])


def _is_small(segment: Segment) -> bool:
    """Whether it can be merged. One with rejected rows keeps them to itself."""
    return segment.n_rows < _SMALL_ROWS and segment.size_bytes < _SMALL_BYTES and segment.rejects_blob is None


def _merge(tail: _Tail, blobs: BlobStore, folder: Path, keeping: Keeping, now: datetime) -> list[Segment]:
    """The tail as one segment of rows, behind one of tombstones where rows before the tail were deleted in it."""
    import polars as pl

    from athanor.engine.tables.segments import ids_of, scan_segments

    left = content(tail.segments, tail.id_column)
    paths, without = left.files(blobs)
    written = []
    if paths:
        written.append((SegmentKind.ROWS, scan_segments(paths, tail.version.schema, without=without).collect()))
    tombstones = [segment for segment in tail.segments if segment.kind is SegmentKind.TOMBSTONES]
    if tombstones and not tail.is_first:
        ids = pl.concat([ids_of(blobs.local(segment.blob)) for segment in tombstones]).unique().to_frame()
        written.insert(0, (SegmentKind.TOMBSTONES, ids))
    sources = [
        sha256
        for place, segment in enumerate(left.rows)
        if place not in left.tombstones
        for sha256 in (segment.source_sha256, *segment.merged_sha256)
        if sha256
    ]
    merged = []
    for number, (kind, frame) in enumerate(written):
        parts = [row_ids.hashes_in(segment, blobs) for segment in tail.segments if segment.kind is kind]
        made = keeping.segment(
            tail.version.dataset_id,
            frame,
            folder,
            hashes=None if tail.id_column is None else row_ids.joined(parts),
            now=now,
            kind=kind,
            merged_sha256=tuple(dict.fromkeys(sources)) if kind is SegmentKind.ROWS else (),
        )
        merged.append(replace(made, position=tail.segments[0].position + number))
    return merged


def _exchange(
    transaction: Transaction, newest: DatasetVersion, old: Sequence[Segment], merged: Sequence[Segment]
) -> None:
    """Put the merged segments in the place of the old ones; those behind close up."""
    behind = [segment for segment in segments_of(transaction, newest) if segment.position > old[-1].position]
    for segment in old:
        transaction.segments.remove(segment.id)
    for segment in merged:
        transaction.segments.add(segment)
    fewer = len(old) - len(merged)
    for segment in behind:
        transaction.segments.put(replace(segment, position=segment.position - fewer))
    transaction.versions.put(replace(newest, n_segments=newest.n_segments - fewer))

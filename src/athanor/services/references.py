"""Which blobs records refer to, what goes with a dataset, and the sweep of blobs that no record refers to."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from athanor.core.dataset import Segment
from athanor.core.ports import EVERYONE, BlobStore, Records, Transaction

log = logging.getLogger(__name__)

# A blob comes before its record. One that is older than this has been forgotten.
FORGOTTEN_AFTER = timedelta(days=1)
_AT_ONCE = 500  # keys in a query
_SWEPT = ("segments", "ids", "rejects", "profiles")  # the last id in a key is of the time that the blob was made
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def unreferred(transaction: Transaction, removed: Iterable[Segment]) -> list[str]:
    """The blobs of segments whose records were removed, less those that another segment shares."""
    keys = {key for segment in removed for key in (segment.blob, segment.ids_blob, segment.rejects_blob) if key}
    return sorted(keys - _referred(transaction, sorted(keys)))


def remove_dataset(transaction: Transaction, dataset_id: UUID) -> list[str]:
    """Remove the dataset's record with all that stand under it; the blobs that nothing refers to any more."""
    versions = transaction.versions.find({"dataset_id": dataset_id}).items
    segments = transaction.segments.find({"dataset_id": dataset_id}).items
    for version in versions:
        for job in transaction.jobs.find({"subject_id": version.id}).items:
            transaction.events.remove(job.id)
            transaction.jobs.remove(job.id)  # one that runs has lost its lease and ends
        transaction.versions.remove(version.id)
    for segment in segments:
        transaction.segments.remove(segment.id)
    transaction.datasets.remove(dataset_id)
    profiles = [version.profile_blob for version in versions if version.profile_blob is not None]
    return [*unreferred(transaction, segments), *profiles]


def sweep(records: Records, blobs: BlobStore, *, now: datetime) -> int:
    """Remove the blobs of datasets that no record refers to, more than a day after they were made; how many."""
    old = [key for prefix in _SWEPT for key in blobs.keys(prefix) if now - _made_at(key) > FORGOTTEN_AFTER]
    with records.look(EVERYONE) as transaction:
        forgotten = sorted(set(old) - _referred(transaction, old))
    for key in forgotten:
        blobs.delete(key)
    if forgotten:
        log.info("forgotten blobs removed", extra={"n_blobs": len(forgotten)})
    return len(forgotten)


def _referred(transaction: Transaction, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that a segment or a version refers to."""
    found: set[str | None] = set()
    for start in range(0, len(keys), _AT_ONCE):
        some = tuple(keys[start : start + _AT_ONCE])
        for field in ("blob", "ids_blob", "rejects_blob"):
            found |= {getattr(segment, field) for segment in transaction.segments.find({field: some}).items}
        found |= {version.profile_blob for version in transaction.versions.find({"profile_blob": some}).items}
    return {key for key in found if key is not None}


def _made_at(key: str) -> datetime:
    """When the blob was made, as its UUIDv7 says; the end of time where its key has none."""
    ids = _ID.findall(key)
    if not ids:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.fromtimestamp((UUID(ids[-1]).int >> 80) / 1000, UTC)

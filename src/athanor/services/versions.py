"""Versions of a dataset: which segments one has, when it is frozen, and what the next one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from athanor.core.dataset import DatasetVersion, Segment, StoredDataset
from athanor.core.ids import new_id
from athanor.core.job import LANES, Job, JobKind, JobState
from athanor.core.ports import Transaction
from athanor.errors import NotFound

_AT_ONCE = 500  # datasets in a query


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetView:
    """A dataset and one of its versions: the newest one where nothing else is said.

    sample_profile  of at most 20,000 of the rows that came, in the answer to their coming and nowhere else
    """

    dataset: StoredDataset
    version: DatasetVersion
    sample_profile: Mapping[str, Any] | None = field(default=None, compare=False)


def newest_view(transaction: Transaction, dataset: StoredDataset) -> DatasetView:
    return DatasetView(dataset=dataset, version=newest_version(transaction, dataset.id))


def newest_version(transaction: Transaction, dataset_id: UUID) -> DatasetVersion:
    newest = transaction.versions.first({"dataset_id": dataset_id}, sort="number", descending=True)
    if newest is None:
        raise NotFound("The dataset has no version.")
    return newest


def newest_views(transaction: Transaction, datasets: Sequence[StoredDataset]) -> list[DatasetView]:
    """The datasets in their order, each with its newest version."""
    newest: dict[UUID, DatasetVersion] = {}
    for start in range(0, len(datasets), _AT_ONCE):
        some = tuple(dataset.id for dataset in datasets[start : start + _AT_ONCE])
        for version in transaction.versions.find({"dataset_id": some}, sort="number").items:
            newest[version.dataset_id] = version
    return [DatasetView(dataset=dataset, version=newest[dataset.id]) for dataset in datasets]


def version_numbered(transaction: Transaction, dataset_id: UUID, number: int | None) -> DatasetVersion:
    """The version of that number; None: the newest. Raises NotFound."""
    if number is None:
        return newest_version(transaction, dataset_id)
    found = transaction.versions.first({"dataset_id": dataset_id, "number": number})
    if found is None:
        raise NotFound(f"The dataset has no version {number}.")
    return found


def segments_of(transaction: Transaction, version: DatasetVersion) -> Sequence[Segment]:
    """The version's segments in order, tombstones among them."""
    return transaction.segments.find(
        {"dataset_id": version.dataset_id}, sort="position", limit=version.n_segments, offset=version.first_segment
    ).items


def is_made_of(segments: Sequence[Segment], sha256: str) -> bool:
    """Whether one file is all that the segments were made of."""
    return bool(segments) and all(segment.source_sha256 == sha256 for segment in segments)


def is_frozen(transaction: Transaction, version: DatasetVersion) -> bool:
    """Whether somebody relies on the version's rows: who downloaded it, a run, its profile or the job that makes it."""
    if version.is_pinned or version.profile_blob is not None:
        return True
    for use in ("version_id", "validation_version_id"):
        if transaction.runs.first({use: version.id}) is not None:
            return True
    return transaction.jobs.first({"subject_id": version.id, "state": JobState.RUNNING}) is not None


def frozen_end(transaction: Transaction, newest: DatasetVersion) -> int:
    """The position from which on no version relies on the dataset's segments but the newest one, if that may change."""
    if is_frozen(transaction, newest):
        return newest.end
    others = transaction.versions.find({"dataset_id": newest.dataset_id}).items
    return max((version.end for version in others if version.id != newest.id), default=0)


def move_on(transaction: Transaction, newest: DatasetVersion, *, now: datetime, **changes: Any) -> DatasetVersion:
    """The newest version with `changes`: itself while nothing relies on it, one with the next number otherwise."""
    if is_frozen(transaction, newest):
        fresh: dict[str, Any] = {"id": new_id(), "number": newest.number + 1, "created_at": now}
        fresh |= {"is_pinned": False, "profile_blob": None}
        moved = replace(newest, **(fresh | changes))
        transaction.versions.add(moved)
    else:
        moved = replace(newest, **changes)
        transaction.versions.put(moved)
    return moved


def profile_job(version: DatasetVersion, project_id: UUID, *, now: datetime) -> Job:
    """The light job that profiles all of the version's rows."""
    return Job(
        id=new_id(),
        organization_id=version.organization_id,
        project_id=project_id,
        kind=JobKind.PROFILE,
        lane=LANES[JobKind.PROFILE],
        subject_id=version.id,
        dataset_id=version.dataset_id,
        created_at=now,
        updated_at=now,
    )

"""A dataset: an ordered list of immutable segments. A version is a stretch of that list, frozen when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from athanor.engine.tables.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a noun came from, kept to be echoed. Behaviour never reads it."""

    dialect: str
    body: Mapping[str, object] = field(default_factory=dict)  # as accepted, without secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDataset:
    """A dataset of the platform (the engine's `Dataset` is a table in memory)."""

    id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    handle: str  # unique in the project
    format: str  # what came: "csv", "parquet"
    size_bytes: int  # of what came
    owner_id: UUID
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = None
    id_column: str | None = None  # the column whose texts name the rows, each once; None: rows have no ids
    n_ids_made: int = 0  # ids "0", "1", … that were given to rows that came without one


class SegmentKind(StrEnum):
    """What a segment does to the rows before it."""

    ROWS = "rows"  # adds its own
    TOMBSTONES = "tombstones"  # takes away the rows that it names by id


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """An immutable Parquet file: of rows, or of the ids of rows that are deleted."""

    id: UUID
    organization_id: UUID
    dataset_id: UUID
    position: int  # 0, 1, …
    n_rows: int
    blob: str  # key of the Parquet file
    source_sha256: str  # of the bytes and reader options it was made from; "" where no file came, or several did
    created_at: datetime
    kind: SegmentKind = SegmentKind.ROWS
    size_bytes: int = 0  # of the blob
    ids_blob: str | None = None  # key of the sorted 64-bit hashes of its row ids (npy), where rows have ids
    rejects_blob: str | None = None  # key of the rows of its source that could not be read (CSV: line, reason, text)
    n_rejected: int = 0
    merged_sha256: tuple[str, ...] = ()  # the sources of the segments that this one was merged from


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """`n_segments` segments from `first_segment` on, with the schema they share.

    Versions that grew by appending begin at the same segment; one whose content was replaced begins at its own first.
    """

    id: UUID
    organization_id: UUID
    dataset_id: UUID
    number: int  # 1, 2, …
    n_segments: int
    n_rows: int  # less those that tombstones take away
    schema: Schema
    warnings: tuple[str, ...]
    created_at: datetime
    first_segment: int = 0  # position
    n_rejected: int = 0  # rows of its files that could not be read
    is_pinned: bool = False  # somebody has a copy: it stays as it is
    profile_blob: str | None = None  # key of the whole profile (JSON), once the light job made it

    @property
    def end(self) -> int:
        """The position behind its last segment."""
        return self.first_segment + self.n_segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Leave to put one file, given before the file comes. Ends with its dataset, or at `expires_at`."""

    id: UUID
    organization_id: UUID
    user_id: UUID
    filename: str
    created_at: datetime
    expires_at: datetime
    dataset_id: UUID | None = None  # what came of it

"""What the core needs from the outside, in the core's words. Backends fill these; `app.py` hands them over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar
from uuid import UUID

from athanor.core.actor import ApiKey, Organization, User
from athanor.core.alias import Alias
from athanor.core.audit import AuditEntry
from athanor.core.dataset import DatasetVersion, Segment, StoredDataset, Upload
from athanor.core.deployment import Deployment
from athanor.core.event import EventKind, JobEvent
from athanor.core.job import Job
from athanor.core.model import Model, ModelVersion, RegisteredModel
from athanor.core.project import Project
from athanor.core.run import Run

N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Page(Generic[N]):
    """Some of what matches, and how many match in all."""

    items: Sequence[N]
    total: int


class Collection(Protocol[N]):
    """All nouns of one kind that the transaction's organization owns. Another's do not exist here.

    Fields in `where`, `search` and `sort` are names of the noun's own scalar fields; a name that is no such field is a
    programming error (ValueError). A `where` value that is a tuple, list or set matches any of its members; None
    matches None. In a transaction that only looks, changing and locking are programming errors too (RuntimeError).

    What another noun stands under (its project, dataset, run, registered model, …) is added before it and removed
    after it, and belongs to the same organization; anything else is a Conflict. After a Conflict the change may go on.
    """

    def add(self, noun: N) -> None:
        """Raises Conflict when the id, or what must be unique, is taken; Forbidden for another organization's noun;
        InvalidInput for what no database can hold (NUL in a text, NaN, more than 64 bits).
        """
        ...

    def get(self, id: UUID, *, lock: bool = False) -> N:  # noqa: A002
        """Raises NotFound. `lock`: nobody else changes it until the transaction ends."""
        ...

    def put(self, noun: N) -> None:
        """Replace the noun of the same id; its organization stays. Raises NotFound, and what `add` raises."""
        ...

    def remove(self, id: UUID) -> None:  # noqa: A002
        """Raises NotFound."""
        ...

    def find(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        search: tuple[str, Sequence[str]] | None = None,
        sort: str = "created_at",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
        lock: bool = False,
    ) -> Page[N]:
        """What matches, in order (None first, ties by id; all of it turned round when `descending`).

        search  (text, fields): the text stands in one of the fields, letter case ignored; % and _ mean themselves
        lock    nobody else changes the found ones until the transaction ends; ones that are locked are left out
        """
        ...

    def first(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        sort: str = "created_at",
        descending: bool = False,
        lock: bool = False,
    ) -> N | None:
        """The first that `find` would give; None where nothing matches. Nothing is counted."""
        ...


class EventLog(Protocol):
    """The events of jobs. Written in batches by whoever holds the job's token."""

    def append(self, job_id: UUID, events: Sequence[tuple[datetime, EventKind, Mapping[str, Any]]]) -> None:
        """Number and keep the events, behind those that are there."""
        ...

    def keep_newest(self, job_id: UUID, kind: EventKind) -> None:
        """Forget the events of this kind that came before the newest one of it."""
        ...

    def count(self, job_id: UUID) -> int:
        """How many events of the job are kept."""
        ...

    def after(
        self, job_id: UUID, seq: int = 0, *, kinds: Iterable[EventKind] | None = None, limit: int = 1000
    ) -> list[JobEvent]:
        """Events with a number above `seq`, oldest first."""
        ...

    def last(
        self,
        job_id: UUID,
        *,
        kinds: Iterable[EventKind],
        limit: int = 1,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[JobEvent]:
        """The newest events of these kinds, strictly after `since` and before `until` where given, oldest first."""
        ...

    def remove(self, job_id: UUID) -> None:
        """Forget them. They go with their job in any case."""
        ...


class Transaction(Protocol):
    """One atomic change of the records, seen through one organization."""

    users: Collection[User]
    keys: Collection[ApiKey]
    projects: Collection[Project]
    datasets: Collection[StoredDataset]
    segments: Collection[Segment]
    versions: Collection[DatasetVersion]
    uploads: Collection[Upload]
    runs: Collection[Run]
    jobs: Collection[Job]
    aliases: Collection[Alias]
    models: Collection[Model]
    registered: Collection[RegisteredModel]
    model_versions: Collection[ModelVersion]
    deployments: Collection[Deployment]
    audit: Collection[AuditEntry]
    organizations: Collection[Organization]  # only the own one, or all for EVERYONE
    events: EventLog


class Everyone:
    """Stands in the place of an organization where the platform itself asks (a worker, authentication)."""


EVERYONE = Everyone()


class Records(Protocol):
    """Where nouns are kept."""

    def change(self, whose: UUID | Everyone) -> AbstractContextManager[Transaction]:
        """A transaction that writes: all of it is kept, durably, when the block ends; nothing when it raises."""
        ...

    def look(self, whose: UUID | Everyone) -> AbstractContextManager[Transaction]:
        """A transaction that reads one consistent state."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    key: str
    size_bytes: int
    sha256: str


class BlobStore(Protocol):
    """Bytes under a key. Keys are relative, '/'-separated and written once."""

    def put(self, key: str, source: BinaryIO | Iterable[bytes], *, limit: int | None = None) -> Blob:
        """Durable when it returns; nothing is left when it raises. Raises Conflict where the key is taken, TooLarge
        beyond `limit` bytes, Unavailable where the disk is full.
        """
        ...

    def put_folder(self, prefix: str, folder: Path) -> None:
        """Every file of `folder` under `prefix/…`, all or nothing. Raises Conflict where something is there already,
        InvalidInput for a folder without files or with links in it.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """Raises NotFound."""
        ...

    def local(self, key: str) -> Path:
        """A local, read-only path of the blob, or of the folder of all blobs below `key/`. Raises NotFound."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The blob `prefix` and all below `prefix/`, or all there are, in no order."""
        ...

    def delete(self, key: str) -> None:
        """The blob `key`, or all below `key/`. Nothing happens where there is none.

        A crash of the machine may bring back what was deleted before: a blob whole, of a folder all or nothing.
        """
        ...

"""The events of jobs in their table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, delete, func, insert, select

from athanor.backends.records.collection import check_writes
from athanor.backends.records.failures import in_our_words
from athanor.backends.records.nouns import EVENT
from athanor.core.event import EventKind, JobEvent
from athanor.core.ports import Everyone
from athanor.errors import NotFound


class SqlEventLog:
    """Fills `EventLog`."""

    def __init__(
        self, events: Table, jobs: Table, connection: Connection, whose: UUID | Everyone, *, writes: bool
    ) -> None:
        self._events, self._jobs, self._connection = events, jobs, connection
        self._whose, self._writes = whose, writes

    def append(self, job_id: UUID, events: Sequence[tuple[datetime, EventKind, Mapping[str, Any]]]) -> None:
        check_writes(self._writes)
        if not events:
            return
        with in_our_words(f"The events of job {job_id}"):
            # The lock keeps two writers from counting on from the same number.
            owner = select(self._jobs.c.organization_id).where(self._jobs.c.id == job_id, self._mine(self._jobs))
            organization_id = self._connection.execute(owner.with_for_update(key_share=True)).scalar_one_or_none()
            if organization_id is None:
                raise NotFound(f"No job with id {job_id}.")
            newest = select(func.max(self._events.c.seq)).where(self._events.c.job_id == job_id)
            first = (self._connection.execute(newest).scalar_one_or_none() or 0) + 1
            rows = [
                EVENT.shape.to_row(
                    JobEvent(organization_id=organization_id, job_id=job_id, seq=seq, at=at, kind=kind, payload=payload)
                )
                for seq, (at, kind, payload) in enumerate(events, start=first)
            ]
            self._connection.execute(insert(self._events), rows)

    def keep_newest(self, job_id: UUID, kind: EventKind) -> None:
        check_writes(self._writes)
        events = self._events
        these = and_(events.c.job_id == job_id, events.c.kind == kind.value, self._mine(events))
        newest = select(func.max(events.c.seq)).where(these).scalar_subquery()
        with in_our_words(f"The events of job {job_id}"):
            self._connection.execute(delete(events).where(these, events.c.seq < newest))

    def count(self, job_id: UUID) -> int:
        of_job = and_(self._events.c.job_id == job_id, self._mine(self._events))
        with in_our_words():
            return self._connection.execute(select(func.count()).select_from(self._events).where(of_job)).scalar_one()

    def after(
        self, job_id: UUID, seq: int = 0, *, kinds: Iterable[EventKind] | None = None, limit: int = 1000
    ) -> list[JobEvent]:
        statement = self._of(job_id, kinds).where(self._events.c.seq > seq)
        return self._fetch(statement.order_by(self._events.c.seq).limit(limit))

    def last(
        self,
        job_id: UUID,
        *,
        kinds: Iterable[EventKind],
        limit: int = 1,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[JobEvent]:
        statement, plain = self._of(job_id, kinds), EVENT.shape.fields["at"].to_plain
        if since is not None:
            statement = statement.where(self._events.c.at > plain(since))
        if until is not None:
            statement = statement.where(self._events.c.at < plain(until))
        return self._fetch(statement.order_by(self._events.c.seq.desc()).limit(limit))[::-1]

    def remove(self, job_id: UUID) -> None:
        check_writes(self._writes)
        with in_our_words(f"The events of job {job_id}"):
            self._connection.execute(
                delete(self._events).where(self._events.c.job_id == job_id, self._mine(self._events))
            )

    def _mine(self, table: Table) -> ColumnElement[bool]:
        return and_(True) if isinstance(self._whose, Everyone) else table.c.organization_id == self._whose

    def _of(self, job_id: UUID, kinds: Iterable[EventKind] | None) -> Select[Any]:
        statement = select(self._events).where(self._events.c.job_id == job_id, self._mine(self._events))
        return statement if kinds is None else statement.where(self._events.c.kind.in_([k.value for k in kinds]))

    def _fetch(self, statement: Select[Any]) -> list[JobEvent]:
        with in_our_words():
            return [EVENT.shape.from_row({**row}) for row in self._connection.execute(statement).mappings()]

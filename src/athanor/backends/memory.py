"""Records in memory, with the semantics of the ones in SQL: for tests, and for nothing that must last."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from athanor.backends.records.nouns import EVENT, NOUNS, Noun
from athanor.backends.records.query import Query, can_match, make_query
from athanor.backends.records.rows import Field, Plain, Row
from athanor.core.event import EventKind, JobEvent
from athanor.core.ports import Everyone, Page, Transaction
from athanor.errors import Conflict, Forbidden, NotFound, Unavailable

N = TypeVar("N")
Rows = dict[UUID, Row]
Logs = dict[UUID, tuple[Row, ...]]

BUSY_TIMEOUT_S = 15


class MemoryRecords:
    """Fills `Records`. Changes come one after the other; a look sees what was last kept, and waits for nobody."""

    def __init__(self) -> None:
        self._kept = _State({noun.collection: {} for noun in NOUNS}, {})
        self._changing = threading.Lock()

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def change(self, whose: UUID | Everyone) -> Iterator[Transaction]:
        if not self._changing.acquire(timeout=BUSY_TIMEOUT_S):
            raise Unavailable("The records cannot be reached now: another change of them does not end.")
        try:
            state = self._kept.copy()
            yield cast("Transaction", MemoryTransaction(state, whose, writes=True))
            self._kept = state
        finally:
            self._changing.release()

    @contextmanager
    def look(self, whose: UUID | Everyone) -> Iterator[Transaction]:
        yield cast("Transaction", MemoryTransaction(self._kept, whose, writes=False))


class _State:
    """All rows at one moment. Rows are never changed, only replaced."""

    def __init__(self, tables: dict[str, Rows], logs: Logs) -> None:
        self.tables, self.logs = tables, logs

    def copy(self) -> _State:
        return _State({name: dict(rows) for name, rows in self.tables.items()}, dict(self.logs))


class MemoryTransaction:
    """Fills `Transaction`: each collection stands under its noun's name."""

    events: MemoryEventLog

    def __init__(self, state: _State, whose: UUID | Everyone, *, writes: bool) -> None:
        for noun in NOUNS:
            setattr(self, noun.collection, MemoryCollection[Any](noun, state, whose, writes=writes))
        self.events = MemoryEventLog(state, whose, writes=writes)


class MemoryCollection(Generic[N]):
    """Fills `Collection` over one table of rows."""

    def __init__(self, noun: Noun[N], state: _State, whose: UUID | Everyone, *, writes: bool) -> None:
        self._noun, self._state, self._whose, self._writes = noun, state, whose, writes
        self._rows = state.tables[noun.collection]

    def add(self, noun: N) -> None:
        self._check_may_write(noun)
        row = self._noun.shape.to_row(noun)
        if row["id"] in self._rows:
            raise self._taken(("id",))
        self._check_fits(row)
        self._rows[row["id"]] = row

    def get(self, id: UUID, *, lock: bool = False) -> N:  # noqa: A002
        if lock:
            self._check_may_lock()
        return self._noun.shape.from_row(self._mine(id))

    def put(self, noun: N) -> None:
        self._check_may_write(noun)
        row = self._noun.shape.to_row(noun)
        if self._mine(row["id"])[self._noun.owner_field] != row[self._noun.owner_field]:
            raise self._not_found(row["id"])
        self._check_fits(row)
        self._rows[row["id"]] = row

    def remove(self, id: UUID) -> None:  # noqa: A002
        _check_writes(self._writes)
        self._mine(id)
        for other in NOUNS:
            fields = [field for field, parent in other.parents.items() if parent == self._noun.collection]
            fields += ["organization_id"] * (self._noun.collection == "organizations" != other.collection)
            rows = self._state.tables[other.collection].values()
            if any(row[field] == id for field in fields for row in rows):
                raise Conflict(f"The {self._noun.word} {id} cannot be removed while there is a {other.word} under it.")
        del self._rows[id]
        if self._noun.collection == "jobs":
            self._state.logs.pop(id, None)

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
        query = make_query(
            self._noun.shape, where, search=search, sort=sort, descending=descending, limit=limit, offset=offset
        )
        if lock:
            self._check_may_lock()
        if not can_match(query):
            return Page([], 0)
        rows = [row for row in self._rows.values() if self._is_mine(row) and _matches(row, query)]
        rows.sort(key=lambda row: _order(row, query.sort), reverse=query.descending)
        last = None if query.limit is None else query.offset + query.limit
        return Page([self._noun.shape.from_row(row) for row in rows[query.offset : last]], len(rows))

    def first(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        sort: str = "created_at",
        descending: bool = False,
        lock: bool = False,
    ) -> N | None:
        found = self.find(where, sort=sort, descending=descending, limit=1, lock=lock).items
        return found[0] if found else None

    def _is_mine(self, row: Row) -> bool:
        return isinstance(self._whose, Everyone) or row[self._noun.owner_field] == self._whose

    def _mine(self, id: UUID) -> Row:  # noqa: A002
        row = self._rows.get(id)
        if row is None or not self._is_mine(row):
            raise self._not_found(id)
        return row

    def _check_fits(self, row: Row) -> None:
        """What the tables' constraints check: nothing taken twice, everything under something of its organization."""
        for names in self._noun.unique:
            values = [row[name] for name in names]
            if any(
                other["id"] != row["id"] and [other[name] for name in names] == values for other in self._rows.values()
            ):
                raise self._taken(names)
        if self._noun.owner_field != "id" and row["organization_id"] not in self._state.tables["organizations"]:
            raise Conflict(f"The {self._noun.word} {row['id']} belongs to an organization that is not there.")
        for field, parent in self._noun.parents.items():
            above = self._state.tables[parent].get(row[field])
            if above is None or above["organization_id"] != row["organization_id"]:
                raise Conflict(f"The {self._noun.word} {row['id']} has a `{field}` that is not there.")

    def _check_may_write(self, noun: N) -> None:
        _check_writes(self._writes)
        if not isinstance(self._whose, Everyone) and self._noun.owner(noun) != self._whose:
            raise Forbidden(f"This {self._noun.word} belongs to another organization.")

    def _check_may_lock(self) -> None:
        if not self._writes:
            raise RuntimeError("A transaction that only looks locks nothing; use `change`.")

    def _taken(self, names: Sequence[str]) -> Conflict:
        return Conflict(f"There is a {self._noun.word} with the same {' and '.join(names)} already.")

    def _not_found(self, id: UUID) -> NotFound:  # noqa: A002
        return NotFound(f"No {self._noun.word} with id {id}.")


class MemoryEventLog:
    """Fills `EventLog`."""

    def __init__(self, state: _State, whose: UUID | Everyone, *, writes: bool) -> None:
        self._state, self._whose, self._writes = state, whose, writes

    def append(self, job_id: UUID, events: Sequence[tuple[datetime, EventKind, Mapping[str, Any]]]) -> None:
        _check_writes(self._writes)
        if not events:
            return
        job = self._state.tables["jobs"].get(job_id)
        if job is None or not self._is_mine(job):
            raise NotFound(f"No job with id {job_id}.")
        log = self._state.logs.get(job_id, ())
        first = log[-1]["seq"] + 1 if log else 1
        owner = job["organization_id"]
        more = (
            JobEvent(organization_id=owner, job_id=job_id, seq=seq, at=at, kind=kind, payload=payload)
            for seq, (at, kind, payload) in enumerate(events, start=first)
        )
        self._state.logs[job_id] = (*log, *(EVENT.shape.to_row(event) for event in more))

    def keep_newest(self, job_id: UUID, kind: EventKind) -> None:
        _check_writes(self._writes)
        older = {row["seq"] for row in self._of(job_id, [kind])[:-1]}
        if older:
            log = self._state.logs[job_id]
            self._state.logs[job_id] = tuple(row for row in log if row["seq"] not in older)

    def count(self, job_id: UUID) -> int:
        return len(self._of(job_id, None))

    def after(
        self, job_id: UUID, seq: int = 0, *, kinds: Iterable[EventKind] | None = None, limit: int = 1000
    ) -> list[JobEvent]:
        rows = [row for row in self._of(job_id, kinds) if row["seq"] > seq]
        return [EVENT.shape.from_row(row) for row in rows[:limit]]

    def last(
        self,
        job_id: UUID,
        *,
        kinds: Iterable[EventKind],
        limit: int = 1,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[JobEvent]:
        rows = [row for row in self._of(job_id, kinds) if since is None or row["at"] > since]
        rows = [row for row in rows if until is None or row["at"] < until]
        return [EVENT.shape.from_row(row) for row in rows[max(0, len(rows) - limit) :]]

    def remove(self, job_id: UUID) -> None:
        _check_writes(self._writes)
        if any(self._is_mine(row) for row in self._state.logs.get(job_id, ())[:1]):
            del self._state.logs[job_id]

    def _is_mine(self, row: Row) -> bool:
        return isinstance(self._whose, Everyone) or row["organization_id"] == self._whose

    def _of(self, job_id: UUID, kinds: Iterable[EventKind] | None) -> list[Row]:
        wanted = None if kinds is None else {kind.value for kind in kinds}
        log = self._state.logs.get(job_id, ())
        return [row for row in log if self._is_mine(row) and (wanted is None or row["kind"] in wanted)]


def _check_writes(writes: bool) -> None:
    if not writes:
        raise RuntimeError("A transaction that only looks changes nothing; use `change`.")


def _matches(row: Row, query: Query) -> bool:
    if any(row[field.name] not in values for field, values in query.where):
        return False
    text = query.text.casefold()
    texts = [row[field.name] for field in query.searched]
    return not texts or any(value is not None and text in value.casefold() for value in texts)


def _order(row: Row, field: Field) -> tuple[bool, Plain, UUID]:
    """By the field, None first, then by id."""
    value = row[field.name]
    return (value is not None, value if value is not None else 0, row["id"])

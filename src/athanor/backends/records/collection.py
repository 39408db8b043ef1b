"""The nouns of one kind in their table, seen through one organization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from athanor.backends.records.failures import in_our_words
from athanor.backends.records.nouns import Noun
from athanor.backends.records.query import Query, can_match, make_query
from athanor.backends.records.rows import Field, Plain
from athanor.core.ports import Everyone, Page
from athanor.errors import Forbidden, NotFound

N = TypeVar("N")


class SqlCollection(Generic[N]):
    """Fills `Collection` over one table."""

    def __init__(
        self, noun: Noun[N], table: Table, connection: Connection, whose: UUID | Everyone, *, writes: bool
    ) -> None:
        self._noun, self._table, self._connection = noun, table, connection
        self._whose, self._writes = whose, writes

    def add(self, noun: N) -> None:
        self._check_may_write(noun)
        row = self._noun.shape.to_row(noun)
        with in_our_words(f"The {self._noun.word} {row['id']}"), self._alone():
            self._connection.execute(insert(self._table), row)

    def get(self, id: UUID, *, lock: bool = False) -> N:  # noqa: A002
        statement = _by_id(self._table, None if isinstance(self._whose, Everyone) else self._noun.owner_field)
        if lock:
            self._check_may_lock()
            statement = statement.with_for_update(key_share=True)
        with in_our_words():
            row = self._connection.execute(statement, {"id": id, "owner": self._whose}).mappings().one_or_none()
        if row is None:
            raise self._not_found(id)
        return self._noun.shape.from_row({**row})

    def put(self, noun: N) -> None:
        self._check_may_write(noun)
        row = self._noun.shape.to_row(noun)
        # The owner of a noun never changes, so that the row is looked for with the noun's own.
        here = self._table.c[self._noun.owner_field] == self._noun.owner(noun)
        with in_our_words(f"The {self._noun.word} {row['id']}"), self._alone():
            changed = self._connection.execute(update(self._table).where(self._table.c.id == row["id"], here), row)
        if changed.rowcount == 0:
            raise self._not_found(row["id"])

    def remove(self, id: UUID) -> None:  # noqa: A002
        check_writes(self._writes)
        with in_our_words(f"The {self._noun.word} {id}"), self._alone():
            removed = self._connection.execute(delete(self._table).where(self._table.c.id == id, self._mine()))
        if removed.rowcount == 0:
            raise self._not_found(id)

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
        with in_our_words():
            items = self._matching(query, lock=lock) if query.limit != 0 else []
            saw_all = query.offset == 0 and (query.limit is None or len(items) < query.limit)
            if saw_all:
                return Page(items, len(items))
            count = select(func.count()).select_from(self._table).where(*self._conditions(query))
            return Page(items, self._connection.execute(count).scalar_one())

    def first(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        sort: str = "created_at",
        descending: bool = False,
        lock: bool = False,
    ) -> N | None:
        query = make_query(self._noun.shape, where, search=None, sort=sort, descending=descending, limit=1, offset=0)
        if lock:
            self._check_may_lock()
        if not can_match(query):
            return None
        with in_our_words():
            found = self._matching(query, lock=lock)
        return found[0] if found else None

    def _matching(self, query: Query, *, lock: bool) -> list[N]:
        statement = self._in_order(select(self._table).where(*self._conditions(query)), query)
        if lock:
            statement = statement.with_for_update(skip_locked=True, key_share=True)
        rows = self._connection.execute(statement).mappings()
        return [self._noun.shape.from_row({**row}) for row in rows]

    def _mine(self) -> ColumnElement[bool]:
        if isinstance(self._whose, Everyone):
            return and_(True)
        return self._table.c[self._noun.owner_field] == self._whose

    def _conditions(self, query: Query) -> list[ColumnElement[bool]]:
        conditions = [self._mine(), *(self._is_one_of(field, values) for field, values in query.where)]
        if query.searched:
            # Both sides are lowered by the database, which may do it its own way.
            pattern = func.lower(_escaped(query.text))
            conditions.append(
                or_(*(func.lower(self._table.c[field.name]).like(pattern, escape="\\") for field in query.searched))
            )
        return conditions

    def _is_one_of(self, field: Field, values: Sequence[Plain]) -> ColumnElement[bool]:
        column = self._table.c[field.name]
        known = [value for value in values if value is not None]
        if not known:
            return column.is_(None)
        among = column == known[0] if len(known) == 1 else column.in_(known)
        return or_(column.is_(None), among) if len(known) < len(values) else among

    def _in_order(self, statement: Select[Any], query: Query) -> Select[Any]:
        """By the field, None first, then by id; all of it turned round when descending."""
        field, column = query.sort, self._table.c[query.sort.name]
        order: ColumnElement[Any] = column
        if field.type is str and self._connection.dialect.name == "postgresql":
            order = column.collate("C")  # by code point, as SQLite sorts
        order = order.desc() if query.descending else order.asc()
        if field.is_optional:
            order = order.nulls_last() if query.descending else order.nulls_first()
        ids = self._table.c.id.desc() if query.descending else self._table.c.id.asc()
        return statement.order_by(order, ids).limit(query.limit).offset(query.offset or None)

    def _alone(self) -> Any:
        """PostgreSQL gives up the whole transaction after an error unless the statement has a savepoint of its own."""
        return self._connection.begin_nested() if self._connection.dialect.name == "postgresql" else nullcontext()

    def _check_may_write(self, noun: N) -> None:
        check_writes(self._writes)
        check_owner(self._noun, noun, self._whose)

    def _check_may_lock(self) -> None:
        if not self._writes:
            raise RuntimeError("A transaction that only looks locks nothing; use `change`.")

    def _not_found(self, id: UUID) -> NotFound:  # noqa: A002
        return NotFound(f"No {self._noun.word} with id {id}.")


@cache
def _by_id(table: Table, owner: str | None) -> Select[Any]:
    """Made once: to put a statement together takes longer than to carry it out.

    owner  column that says whose a row is; None: everyone's will do
    """
    statement = select(table).where(table.c.id == bindparam("id"))
    return statement if owner is None else statement.where(table.c[owner] == bindparam("owner"))


def check_writes(writes: bool) -> None:
    if not writes:
        raise RuntimeError("A transaction that only looks changes nothing; use `change`.")


def check_owner(noun: Noun[N], value: N, whose: UUID | Everyone) -> None:
    if not isinstance(whose, Everyone) and noun.owner(value) != whose:
        raise Forbidden(f"This {noun.word} belongs to another organization.")


def _escaped(text: str) -> str:
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{text}%"

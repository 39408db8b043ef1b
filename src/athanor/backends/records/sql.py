"""Records in SQLite or PostgreSQL: one table per noun, a connection for each transaction at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection

from athanor.backends.records.collection import SqlCollection
from athanor.backends.records.connections import begin, open_engine
from athanor.backends.records.events import SqlEventLog
from athanor.backends.records.failures import in_our_words
from athanor.backends.records.migrate import migrate
from athanor.backends.records.nouns import NOUNS
from athanor.backends.records.tables import TABLES
from athanor.core.ports import Everyone, Transaction

__all__ = ["SqlRecords", "migrate"]


class SqlRecords:
    """Fills `Records`. The database must have been migrated (`records.migrate`).

    SQLite: a change takes the write lock at its start, so changes come one after the other; looks go on beside it.
    PostgreSQL: changes run side by side (READ COMMITTED); what one of them must not change under another, it locks.
    """

    def __init__(self, url: str, *, keeps_connections: bool = False) -> None:
        """`keeps_connections` is for processes that never fork; others open one for each transaction."""
        self._engine = open_engine(url, keeps=keeps_connections)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def change(self, whose: UUID | Everyone) -> Iterator[Transaction]:
        with in_our_words(), begin(self._engine, writes=True) as connection, connection.begin():
            yield _transaction(connection, whose, writes=True)

    @contextmanager
    def look(self, whose: UUID | Everyone) -> Iterator[Transaction]:
        with in_our_words(), begin(self._engine, writes=False) as connection, connection.begin():
            yield _transaction(connection, whose, writes=False)


class SqlTransaction:
    """Fills `Transaction`: each collection stands under its noun's name."""

    events: SqlEventLog

    def __init__(self, connection: Connection, whose: UUID | Everyone, *, writes: bool) -> None:
        for noun in NOUNS:
            table = TABLES[noun.collection]
            setattr(self, noun.collection, SqlCollection[Any](noun, table, connection, whose, writes=writes))
        self.events = SqlEventLog(TABLES["events"], TABLES["jobs"], connection, whose, writes=writes)


def _transaction(connection: Connection, whose: UUID | Everyone, *, writes: bool) -> Transaction:
    # The attributes come from the table of nouns; a test holds them against the port.
    return cast("Transaction", SqlTransaction(connection, whose, writes=writes))

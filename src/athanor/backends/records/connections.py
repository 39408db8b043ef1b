"""Connections to SQLite and PostgreSQL: for one transaction, or kept for the next; and how each begins one."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url

BUSY_TIMEOUT_S = 15
WRITES = "athanor_writes"  # the execution option of a transaction that changes something


KEPT = 8  # connections that stay open; more are opened for the time they are needed


def open_engine(url: str, *, keeps: bool = False, foreign_keys: bool = True) -> Engine:
    """An engine over a database.

    url           sqlite:////absolute/path or postgresql+psycopg://…
    keeps         connections stay open between transactions, which saves most of a short one. Not for a process that
                  forks: a connection must not be used on both sides
    foreign_keys  False while tables are rebuilt (SQLite only)
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, keeps=keeps, foreign_keys=foreign_keys)
    if parsed.get_backend_name() != "postgresql":
        raise ValueError(f"Records are kept in SQLite or PostgreSQL, got {parsed.get_backend_name()!r}.")
    options = f"-c lock_timeout={BUSY_TIMEOUT_S}s -c timezone=UTC"
    parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, connect_args={"options": options, "connect_timeout": 10}, **_pool(keeps=keeps))


def begin(engine: Engine, *, writes: bool) -> Connection:
    """A connection in a transaction that writes, or that reads one state."""
    connection = engine.connect().execution_options(**{WRITES: writes})
    if engine.dialect.name == "postgresql" and not writes:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return connection


def _pool(*, keeps: bool) -> dict[str, Any]:
    if not keeps:
        return {"poolclass": NullPool}
    return {"poolclass": QueuePool, "pool_size": KEPT, "max_overflow": -1}


def _open_sqlite(url: URL, *, keeps: bool, foreign_keys: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: connections do not outlive a transaction.")
    # One thread at a time uses a connection; with a pool it need not be the one that opened it.
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}, **_pool(keeps=keeps)
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # this module says BEGIN, not the driver
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        # SQLite's own knows ASCII only; PostgreSQL's follows the database's locale.
        connection.create_function("lower", 1, _fold, deterministic=True)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        # Taking the write lock at once: a reader that later wants to write would find its state outdated and fail.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _fold(text: str | None) -> str | None:
    return None if text is None else text.casefold()

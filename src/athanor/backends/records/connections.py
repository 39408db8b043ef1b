"""Connections to SQLite and PostgreSQL that live for one transaction, and how each begins one."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url

BUSY_TIMEOUT_S = 15
WRITES = "athanor_writes"  # the execution option of a transaction that changes something


def open_engine(url: str, *, foreign_keys: bool = True) -> Engine:
    """An engine that keeps no connection between transactions, so that the process may fork between them.

    url           sqlite:////absolute/path or postgresql+psycopg://…
    foreign_keys  False while tables are rebuilt (SQLite only)
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, foreign_keys=foreign_keys)
    if parsed.get_backend_name() != "postgresql":
        raise ValueError(f"Records are kept in SQLite or PostgreSQL, got {parsed.get_backend_name()!r}.")
    options = f"-c lock_timeout={BUSY_TIMEOUT_S}s -c timezone=UTC"
    parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, poolclass=NullPool, connect_args={"options": options, "connect_timeout": 10})


def begin(engine: Engine, *, writes: bool) -> Connection:
    """A connection in a transaction that writes, or that reads one state."""
    connection = engine.connect().execution_options(**{WRITES: writes})
    if engine.dialect.name == "postgresql" and not writes:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return connection


def _open_sqlite(url: URL, *, foreign_keys: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: connections do not outlive a transaction.")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})

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

"""Bringing a database to the newest revision: once, whoever comes first, and without cost when it is there."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection, Engine, inspect, text

from athanor.backends.records.connections import begin, open_engine
from athanor.backends.records.failures import in_our_words
from athanor.backends.records.migrations import FOLDER, revisions
from athanor.errors import Conflict, Unavailable

_LOCK_NUMBER = 0x617468616E6F72  # "athanor" in ASCII: an advisory lock of PostgreSQL has a number for a name


def migrate(url: str) -> None:
    """Make or change the tables as this version of Athanor needs them.

    Raises Conflict where a newer version has changed them already, Unavailable where the database cannot be reached.
    """
    engine = open_engine(url, foreign_keys=False)
    try:
        # All of it behind the lock: SQLite does not wait for a lock when it changes the kind of its journal.
        with in_our_words("The database"), _alone(engine):
            if engine.dialect.name == "sqlite":
                _use_write_ahead_log(engine)
            if not _is_newest(engine):
                _upgrade(engine)
    finally:
        engine.dispose()


def _is_newest(engine: Engine) -> bool:
    known = revisions()
    with begin(engine, writes=False) as connection, connection.begin():
        if not inspect(connection).has_table("alembic_version"):
            return False
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if current is not None and current not in known:
        raise Conflict(
            f"The database is at revision {current}, and this version of Athanor knows only up to {known[-1]}. "
            "Install the version that wrote it, or a newer one, or put back a backup made before.",
            code="newer-database",
        )
    return current == known[-1]


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    with begin(engine, writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _check_foreign_keys(connection)


def _check_foreign_keys(connection: Connection) -> None:
    """SQLite rebuilds tables with foreign keys off, and so has to be asked whether they still hold."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise Conflict(f"The migration would leave a row of table {broken[0]!r} without what it belongs to.")


def _use_write_ahead_log(engine: Engine) -> None:
    """So that looking goes on beside changing. The file remembers it; it cannot be said inside a transaction."""
    try:
        with closing(engine.raw_connection()) as connection:
            mode = connection.cursor().execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except engine.dialect.loaded_dbapi.Error as error:
        raise Unavailable(f"The database file {engine.url.database} cannot be opened: {error}.") from error
    if mode != "wal":
        raise Unavailable(
            f"The database file {engine.url.database} cannot use a write-ahead log (it uses {mode!r}). "
            "Put the data folder on a local disk."
        )


def _lock_file(engine: Engine) -> TextIO:
    try:
        return Path(f"{engine.url.database}.lock").open("w", encoding="ascii")
    except OSError as error:
        raise Unavailable(f"The database file {engine.url.database} cannot be opened: {error}.") from error


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """While the block runs, no other process migrates this database. The lock goes with its holder, however it ends."""
    if engine.dialect.name == "sqlite":
        with _lock_file(engine) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
        yield

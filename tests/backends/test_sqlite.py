"""What SQLite adds to the contract: processes that work side by side, fork and die."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from athanor.backends.records.sql import SqlRecords
from athanor.core.ids import new_id
from athanor.core.ports import EVERYONE
from athanor.errors import Unavailable


def count_up(records, project):
    """Adds one to the number in the project's name."""
    with records.change(EVERYONE) as tx:
        seen = tx.projects.get(project.id, lock=True)
        tx.projects.put(replace(seen, name=str(int(seen.name) + 1)))


def count(records, project):
    with records.look(EVERYONE) as tx:
        return int(tx.projects.get(project.id).name)


def file_of(url):
    return Path(url.removeprefix("sqlite:///"))


def test_changes_of_several_processes_lose_nothing(records, project, start):
    children = [start(lambda: [count_up(records, project) for _ in range(25)]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert count(records, project) == 75


def test_a_process_may_fork_between_transactions_and_both_go_on(records, project, start):
    for _ in range(3):
        count_up(records, project)
        child = start(lambda: count_up(records, project))
        count_up(records, project)
        assert child.wait() == 0
    assert count(records, project) == 9


def test_no_file_is_open_between_transactions(records, project, url):
    count_up(records, project)
    opened = []
    for handle in Path("/proc/self/fd").iterdir():
        try:
            opened.append(str(handle.readlink()))
        except FileNotFoundError:  # the one that lists them
            continue
    assert not [name for name in opened if name.startswith(str(file_of(url)))]


def test_a_process_killed_in_the_middle_of_a_change_leaves_what_was_there(records, project, start):
    there, tell = os.pipe()

    def stop_half_way():
        with records.change(EVERYONE) as tx:
            tx.projects.put(replace(project, name="1"))
            tx.projects.add(replace(project, id=new_id(), handle="other"))
            os.write(tell, b"x")
            signal.pause()

    child = start(stop_half_way)
    os.read(there, 1)
    assert count(records, project) == 0
    child.kill()
    assert child.wait() == -signal.SIGKILL
    with records.look(EVERYONE) as tx:
        assert tx.projects.find().items == [project]
    count_up(records, project)  # its lock is gone with it
    assert count(records, project) == 1


@pytest.mark.faults
def test_no_acknowledged_change_is_lost_whenever_a_process_is_killed(records, project, start, url):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    done = 0
    for _ in range(5):
        there, tell = os.pipe()

        def go_on(tell=tell):
            while True:
                count_up(records, project)
                os.write(tell, b"x")

        child = start(go_on)
        os.close(tell)
        acknowledged = 0
        for _ in range(chance.randrange(1, 20)):
            acknowledged += len(os.read(there, 1))
        child.kill()
        assert child.wait() == -signal.SIGKILL
        while more := len(os.read(there, 1000)):
            acknowledged += more
        os.close(there)
        now = count(records, project)
        # The last change may be kept and not yet told.
        assert now - done - acknowledged in {0, 1}
        done = now
    with sqlite3.connect(file_of(url)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_full_disk_is_unavailable_and_changes_nothing(records, project, start):
    # A limit on the size of files is the nearest to a full disk that needs no rights.
    def fill():
        with records.change(EVERYONE) as tx:
            for number in range(1000):
                tx.projects.add(replace(project, id=new_id(), handle=f"p{number}", name="x" * 10_000))

    def fill_a_small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        with pytest.raises(Unavailable, match="disk"):
            fill()

    assert start(fill_a_small_disk).wait() == 0
    with records.look(EVERYONE) as tx:
        assert tx.projects.find().items == [project]
    count_up(records, project)
    assert count(records, project) == 1


def test_a_database_that_stays_locked_is_unavailable(url, project, monkeypatch):
    monkeypatch.setattr("athanor.backends.records.connections.BUSY_TIMEOUT_S", 0.01)
    records = SqlRecords(url)
    with records.change(EVERYONE), pytest.raises(Unavailable, match="locked"):
        count_up(records, project)


def test_looking_never_waits_for_a_change(records, project):
    with records.change(EVERYONE) as tx:
        tx.projects.put(replace(project, name="1"))
        assert count(records, project) == 0


def test_a_database_that_nobody_set_up_is_unavailable(tmp_path, project):
    records = SqlRecords(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(Unavailable, match="not set up"):
        count(records, project)


def test_a_commit_is_on_the_disk_before_it_returns(records):
    with records._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 15_000


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/a"])
def test_only_a_sqlite_file_or_postgresql_will_do(url):
    with pytest.raises(ValueError, match=r"file|PostgreSQL"):
        SqlRecords(url)

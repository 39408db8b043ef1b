"""A database, and processes that do something to it and may die while they do."""

from __future__ import annotations

import os
import signal
import traceback
from datetime import UTC, datetime

import pytest

from athanor.backends.records.sql import SqlRecords, migrate
from athanor.core.actor import Organization
from athanor.core.ids import new_id
from athanor.core.ports import EVERYONE
from athanor.core.project import Project

NOW = datetime(2026, 3, 4, tzinfo=UTC)


class Child:
    """A forked process that runs `act` and ends with 0, or with 1 and a traceback."""

    def __init__(self, act) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                act()
                status = 0
            except BaseException:  # noqa: BLE001 - its outcome is told by its status
                traceback.print_exc()
            finally:
                os._exit(status)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit status; minus the signal that killed it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def start():
    return Child


@pytest.fixture
def url(tmp_path):
    made = f"sqlite:///{tmp_path / 'records.db'}"
    migrate(made)
    return made


@pytest.fixture
def records(url):
    opened = SqlRecords(url)
    yield opened
    opened.close()


@pytest.fixture
def project(records):
    organization = Organization(id=new_id(), name="0", created_at=NOW)
    made = Project(
        id=new_id(),
        organization_id=organization.id,
        namespace=organization.id,
        name="0",
        handle="counter",
        created_at=NOW,
    )
    with records.change(EVERYONE) as tx:
        tx.organizations.add(organization)
        tx.projects.add(made)
    return made

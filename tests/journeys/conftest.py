"""One real server for the journeys of a module."""

from __future__ import annotations

import pytest

from support.server import ServerProcess
from support.tables import write_churn


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    process = ServerProcess(tmp_path_factory.mktemp("journey") / "data").start()
    yield process
    if process.left_over():
        process.end()


@pytest.fixture
def client(server):
    with server.client() as opened:
        yield opened


@pytest.fixture(scope="session")
def churn(tmp_path_factory):
    """A file with 1,200 customers, most of whom can be told apart."""
    return write_churn(tmp_path_factory.mktemp("tables") / "churn.csv")

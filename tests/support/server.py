"""A real server process on a free port, as a user would start it, and the processes below it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from athanor.app import open_platform
from athanor.core.actor import ALL_SCOPES, Scope
from athanor.settings import Settings

PATIENCE_S = 120.0  # a busy machine may need it; nothing waits this long when all is well
POLL_S = 0.05
# Nobody here speaks TLS, and a client without a context of its own reads all authorities of the machine first.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class ServerProcess:
    """`athanor serve` over a data folder. Ended by `end`, or killed by `kill`."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.port = _free_port()
        self.key = ""
        self.log = data.with_suffix(".log")
        self._settings = {f"ATHANOR_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> ServerProcess:
        command = [*ATHANOR, "serve", "--port", str(self.port), "--data", str(self.data)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self._settings})
        wait_for(self._answers, "the server to answer", log=self.log)
        if not self.key:
            self.key = self.make_key("tests")
        return self

    def make_key(self, name: str, *scopes: str, user: str | None = None) -> str:
        """As `athanor keys create` does it, which would be a process that imports for a second."""
        platform = open_platform(Settings(data_folder=self.data))
        try:
            keys = platform.services.keys
            chosen = frozenset(Scope(scope) for scope in scopes) or ALL_SCOPES
            return keys.create(keys.admin(), name, chosen, user=user)[1]
        finally:
            platform.close()

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"X-API-Key": self.key if key is None else key}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60.0, verify=NO_TLS)

    def kill(self) -> None:
        """`kill -9`, and nothing else is done for what it started."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """As an operator would; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def pids(self, kind: str) -> list[int]:
        """The processes of a kind that are alive: server, worker, supervisor, trainer, nursery, pool."""
        below = [self.pid]
        for name in ("server", "worker", "supervisor", "trainer", "nursery", "pool"):
            if name == kind:
                return below
            below = [child for pid in below for child in children(pid)]
            if name == "server":
                below = [pid for pid in below if b"worker" in command_line(pid)]
        raise ValueError(kind)

    def left_over(self) -> list[int]:
        """Processes that belong to this data folder, whoever their parent is by now."""
        mark = str(self.data).encode()
        return [pid for pid in all_pids() if mark in environment(pid) or mark in command_line(pid)]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"The server ended with {self._process.returncode}:\n{self.log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, verify=NO_TLS).status_code == 200
        except httpx.TransportError:
            return False


ATHANOR = [sys.executable, "-m", "athanor.cli.main"]


def wait_for(
    condition: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S, log: Path | None = None
) -> Any:
    """What `condition` gives as soon as it is true."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(POLL_S)
    tail = "" if log is None else f"\n{log.read_text()[-4000:]}"
    raise AssertionError(f"Waited {patience_s:.0f} s for {what}.{tail}")


def children(pid: int) -> list[int]:
    return [child for child in all_pids() if _parent(child) == pid]


def all_pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def command_line(pid: int) -> bytes:
    return _read(pid, "cmdline")


def environment(pid: int) -> bytes:
    return _read(pid, "environ")


def _parent(pid: int) -> int | None:
    stat = _read(pid, "stat").rpartition(b")")[2].split()
    return int(stat[1]) if stat and stat[0] != b"Z" else None


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])

"""Runs a command and watches all its processes: seconds, summed memory, lines with their times."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from athanor.engine import memory

ATHANOR = [sys.executable, "-m", "athanor.cli.main"]
LOOK_S = 0.1


@dataclass
class Watched:
    """What a command did. `peak_bytes` is the summed proportional set size of its processes."""

    status: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    out: str = ""
    lines: list[tuple[float, str]] = field(default_factory=list)  # of standard error: (seconds since the start, line)

    def first(self, words: str) -> float | None:
        """Seconds until the first line that holds the words."""
        return next((at for at, line in self.lines if words in line), None)

    @property
    def err(self) -> str:
        return "".join(line for _, line in self.lines)


def watch(command: Sequence[str], *, cwd: Path | None = None) -> Watched:
    """Run the command to its end."""
    watched = Watched()
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read_errors() -> None:
        for line in process.stderr or ():
            watched.lines.append((time.perf_counter() - started, line))

    def read_output() -> None:
        watched.out = process.stdout.read() if process.stdout else ""

    readers = [threading.Thread(target=reader, daemon=True) for reader in (read_errors, read_output)]
    for reader in readers:
        reader.start()
    while True:
        try:
            watched.status = process.wait(LOOK_S)
            break
        except subprocess.TimeoutExpired:
            pids = [process.pid, *memory.descendants(process.pid)]
            watched.peak_bytes = max(watched.peak_bytes, sum(map(memory.pss, pids)))
    watched.seconds = time.perf_counter() - started
    for reader in readers:
        reader.join()
    return watched


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with a process of the same priority while the block runs."""
    code = f"import os\nwhile os.getppid() == {os.getpid()}: sum(range(100_000))"
    spinners = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(memory.cores())]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()

"""Runs a command and watches all its processes: seconds, summed memory, lines with their times."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from athanor.engine import memory

ATHANOR = [sys.executable, "-m", "athanor.cli.main"]
LOOK_S = 0.1
READ_OUT_S = 2.0


@dataclass
class Watched:
    """What a command did. `peak_bytes` is the summed proportional set size of its processes."""

    status: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    peak_at: float = 0.0  # seconds since the start
    n_looks: int = 0
    waited_s: float = 0.0  # in which its first process could have run and no core was free
    cpu_s: float = 0.0  # of all its processes; right where nothing else was waited for meanwhile
    was_killed: bool = False  # it was still there when its time was up
    out: str = ""
    lines: list[tuple[float, str]] = field(default_factory=list)  # of standard error: (seconds since the start, line)

    def first(self, words: str) -> float | None:
        """Seconds until the first line that holds the words."""
        return next((at for at, line in self.lines if words in line), None)

    @property
    def err(self) -> str:
        return "".join(line for _, line in self.lines)


def watch(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    look_s: float = LOOK_S,
    timeout_s: float | None = None,
) -> Watched:
    """Run the command to its end, at most for `timeout_s`. Memory is looked at every `look_s`, or less often where a
    look takes long: more than a tenth of a core's time would disturb what is watched.
    """
    watched = Watched()
    started, cpu_before_s = time.perf_counter(), _cpu_of_children_s()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )

    def read_errors() -> None:
        for line in process.stderr or ():
            watched.lines.append((time.perf_counter() - started, line))

    def read_output() -> None:
        watched.out = process.stdout.read() if process.stdout else ""

    readers = [threading.Thread(target=reader, daemon=True) for reader in (read_errors, read_output)]
    for reader in readers:
        reader.start()
    pause_s = look_s
    while True:
        try:
            watched.status = process.wait(pause_s)
            break
        except subprocess.TimeoutExpired:
            at = time.perf_counter() - started
            pids = _look(watched, process.pid, at)
            if timeout_s is not None and at > timeout_s:
                watched.was_killed = True
                for pid in pids:
                    kill(pid)
            pause_s = max(look_s, 10 * (time.perf_counter() - started - at))
    watched.seconds = time.perf_counter() - started
    watched.cpu_s = _cpu_of_children_s() - cpu_before_s
    for reader in readers:
        reader.join(READ_OUT_S)  # a process that was left over may hold the pipe open
    return watched


def _look(watched: Watched, pid: int, at: float) -> list[int]:
    """Note the memory of process `pid` and all below it; which they are."""
    pids = [pid, *memory.descendants(pid)]
    used = sum(map(memory.pss, pids))
    watched.n_looks += 1
    with suppress(OSError, ValueError, IndexError):  # it ended, or this system does not say
        watched.waited_s = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    if used > watched.peak_bytes:
        watched.peak_bytes, watched.peak_at = used, at
    return pids


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def with_mark(mark: str) -> list[int]:
    """The processes whose environment holds `mark`: those of a command that was given it, wherever they went."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):  # it ended, or belongs to someone else
                if mark.encode() in Path(entry.path, "environ").read_bytes():
                    found.append(int(entry.name))
    return found


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

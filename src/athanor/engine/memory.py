"""How much memory processes really use: the proportional set size, in which shared pages count once."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


def pss(pid: int) -> int:
    """Bytes of process `pid`; 0 when it is gone (or belongs to someone else)."""
    return _numbers(f"/proc/{pid}/smaps_rollup").get("Pss:", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a process uses, in bytes: pages of its own, and its share of the files that it has mapped."""

    own: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Parts:
        """Nothing where the process is gone."""
        found = _numbers(f"/proc/{pid}/smaps_rollup")
        total = found.get("Pss:", 0)
        own = found.get("Pss_Anon:", total)
        return cls(own=own, files=total - own)


def private_data() -> int:
    """Bytes of this process that a limit on its data counts: what it may write to, in use or not. 0: not known."""
    return _numbers("/proc/self/status").get("VmData:", 0)


def limit_data(size: int) -> None:
    """Let this process have at most `size` bytes of such data: who asks for more gets none."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size, most))


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, itself not included."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def available() -> int:
    """Bytes that could be used now without swapping, within the limit of this process' control group."""
    free = _numbers("/proc/meminfo").get("MemAvailable:", 0)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except OSError:
        return free
    return free if limit == "max" else min(free, max(int(limit) - used, 0))


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parents() -> Iterator[tuple[int, int]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_bytes()
            except OSError:  # it ended meanwhile
                continue
            # The second field is the program's name in parentheses and may hold any bytes; the parent comes after it.
            yield int(entry.name), int(stat.rpartition(b")")[2].split()[1])


def _numbers(path: str) -> dict[str, int]:
    """The sizes that a file of the kernel's names, in bytes; none where it cannot be read."""
    try:
        text = Path(path).read_text()
    except (OSError, ValueError):
        return {}
    words = (line.split() for line in text.splitlines())
    return {each[0]: int(each[1]) * 1024 for each in words if len(each) == 3 and each[2] == "kB"}

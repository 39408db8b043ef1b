"""How much memory processes really use: the proportional set size, in which shared pages count once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def pss(pid: int) -> int:
    """Bytes of process `pid`; 0 when it is gone (or belongs to someone else)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (OSError, ValueError):
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


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
    free = _meminfo("MemAvailable:")
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


def _meminfo(word: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(word):
            return int(line.split()[1]) * 1024
    return 0

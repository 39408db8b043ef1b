"""Whether processes have ended."""

import time
from collections.abc import Iterable
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process still runs. One that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def have_ended(pids: Iterable[int], *, within_s: float = 5.0) -> bool:
    """Whether none of them runs any more: a killed process takes the kernel a moment to end."""
    until = time.monotonic() + within_s
    left = list(pids)
    while left and time.monotonic() < until:
        left = [pid for pid in left if is_alive(pid)]
        time.sleep(0.01)
    return not left

"""When this process began, so that a time limit counts the imports too."""

from __future__ import annotations

import os
import time
from pathlib import Path


def process_start() -> float:
    """The point of the monotonic clock at which this process began; now, where the system does not tell."""
    now = time.monotonic()
    try:
        # The program's name, in parentheses, may hold anything; field 22 is the 20th behind it.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        # The kernel counts a process' start on the clock that goes on in suspend.
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now
    return now - max(age_s, 0.0)

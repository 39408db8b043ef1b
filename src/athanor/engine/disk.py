"""How much of a disk a folder takes, also while somebody is at work in it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def size_of(folder: Path) -> int:
    """Bytes of the files below the folder; what vanishes meanwhile counts nothing.

    A file with several names counts once: a model's are links to its folds'. What symbolic links lead to does not.
    """
    sizes: dict[tuple[int, int], int] = {}
    for inside, _, names in os.walk(folder):  # goes on where a folder is gone, unlike Path.rglob
        for name in names:
            with suppress(OSError):
                about = os.lstat(os.path.join(inside, name))  # noqa: PTH118 - no path object for each of many files
                if stat.S_ISREG(about.st_mode):
                    sizes[about.st_dev, about.st_ino] = about.st_size
    return sum(sizes.values())

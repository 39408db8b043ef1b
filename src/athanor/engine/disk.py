"""Folders on a disk: how much they take, what is in them, and that it stays there."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path


def size_of(folder: Path) -> int:
    """Bytes of the files below the folder, also while somebody is at work in it; what vanishes counts nothing.

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


def sha256_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file, by its path below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sync_tree(folder: Path) -> None:
    """Make a folder's files and names durable."""
    for root, _, names in os.walk(folder):
        for name in names:
            sync_folder(Path(root) / name)
        sync_folder(Path(root))


def sync_folder(path: Path) -> None:
    """Flush one folder (or file) to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

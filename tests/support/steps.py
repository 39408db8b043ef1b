"""Processes that are killed at a step: something that they change on the disk, counted over all of them.

`python -m support.steps FOLDER STEP OPTIONS…` runs `athanor OPTIONS…`, and kills its whole group before that step.
"""

from __future__ import annotations

import os
import signal
import sys
from mmap import mmap
from pathlib import Path

from athanor.cli.main import main

_CHANGES = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link"})


class Steps:
    """Counts the steps of this process and of all that it forks."""

    def __init__(self, folder: Path, *, deadly: int | None, whole_group: bool) -> None:
        self._folder, self._deadly, self._whole_group = str(folder), deadly, whole_group
        self._made = mmap(-1, 8)  # seen by all; two at the same moment may count as one
        self._had = mmap(-1, 1)
        sys.addaudithook(self._hear)

    @property
    def made(self) -> int:
        return int.from_bytes(self._made[:8], "big")

    @property
    def had(self) -> int:
        """Whether somebody was killed: 1 or 0."""
        return self._had[0]

    def _hear(self, event: str, given: tuple[object, ...]) -> None:
        if event not in _CHANGES or not self._is_ours(event, given):
            return
        self._made[:8] = (self.made + 1).to_bytes(8, "big")
        if self._deadly is not None and self.made >= self._deadly and not self._had[0]:
            self._had[0] = 1  # what is killed alone is replaced, and goes on
            if self._whole_group:
                os.killpg(0, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_ours(self, event: str, given: tuple[object, ...]) -> bool:
        if event == "open" and not (isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)):
            return False
        names = [str(part) for part in given if isinstance(part, (str, Path))]
        return any(name.startswith(self._folder) for name in names) or (
            event in {"os.remove", "os.rmdir"} and given[-1] != -1  # whole folders are removed name by name
        )


if __name__ == "__main__":
    watched = Steps(Path(sys.argv[1]), deadly=int(sys.argv[2]), whole_group=True)
    status = main(sys.argv[3:])
    print(watched.made)  # noqa: T201
    sys.exit(status)

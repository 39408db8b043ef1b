"""A child process that is there as long as this one wants it: started again when it dies, ended gently."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0  # before the child is started again; doubles from death to death
SETTLED_S = 60.0  # one that lived so long had no trouble starting: the delay begins anew
PATIENCE_S = 15.0  # for a gentle end; a worker ends its jobs within 5 s


class Companion:
    """Keeps one child running from `with` to the end of the block.

    The child is started by a thread that lives as long as the block, so that the child may ask the system to end it
    with its parent: Linux takes the starting thread for the parent.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        *,
        patience_s: float = PATIENCE_S,
        first_delay_s: float = FIRST_DELAY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._patience_s = patience_s
        self._first_delay_s = first_delay_s
        self._clock = clock
        self._ending = Event()
        self._lock = Lock()  # so that no child is started once the end was asked for
        self._child: subprocess.Popen[bytes] | None = None
        self._keeper = Thread(target=self._keep, name="companion", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Ask the child to end, and kill it when it does not within the patience."""
        with self._lock:
            self._ending.set()
            child = self._child
        if child is not None:
            child.terminate()
            self._keeper.join(self._patience_s)
            if self._keeper.is_alive():
                log.warning("worker killed", extra={"patience_s": self._patience_s})
                child.kill()
        self._keeper.join()

    def _keep(self) -> None:
        delay_s = self._first_delay_s
        while not self._ending.is_set():
            began = self._clock()
            code = self._live_once()
            if self._ending.is_set():
                return
            if self._clock() - began > SETTLED_S:
                delay_s = self._first_delay_s
            log.warning("worker ended", extra={"exit_status": code, "again_in_s": delay_s})
            self._ending.wait(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    def _live_once(self) -> int | None:
        """One life of the child; its exit status, or None where it could not be started."""
        with self._lock:
            if self._ending.is_set():
                return None
            try:
                self._child = self._start()
            except OSError:
                log.exception("worker not started")
                return None
        return self._child.wait()

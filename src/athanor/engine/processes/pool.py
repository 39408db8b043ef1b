"""Where folds are fitted: here, or in long-lived processes of this machine with one thread each.

A pool is handed to `learn`, so the recipe is the same on one core and on many. Local pool processes are forked from a
*nursery*: a process that has imported the learners and started no thread (`nursery.py`). Every link has a death signal
and a socket whose end means the other side is gone, so nobody outlives a parent.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from mmap import mmap
from pathlib import Path
from typing import Protocol

from athanor.engine import disk, memory
from athanor.engine.budget import Budget
from athanor.engine.fitting.checkpoint import CheckpointStore, FolderCheckpoints, FoldRecord
from athanor.engine.fitting.crossfit import CrossFitter, FoldFit
from athanor.engine.fitting.training_set import TrainingSet, save_training_set
from athanor.engine.importance.worth import measure_worth
from athanor.engine.processes import nursery
from athanor.errors import AthanorError, Impossible, Unavailable

WATCH_S = 0.25  # memory is looked at 4 times a second
LATE, OUT_OF_MEMORY = "late", "memory"  # why this side ends a process
NEEDS_ROOM = "room"  # a fit was not begun: there is room for it only where it runs alone
_KEEPING_S = 0.3  # before it is ended, a process that measures keeps what it has found
_GUARDED = 0.97  # of the limit: it is looked at now and then, and what is used grows in between
_SHARED = 40 * 2**20  # of the nursery's pages a pool process soon has copies of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an order: a record, or why there is none.

    lost    the process died or was killed: LATE, OUT_OF_MEMORY, "signal 9", …, or the fit NEEDS_ROOM; the fold may be
            tried again
    failed  the family cannot fit this; trying again would not help
    """

    order: FoldFit
    record: FoldRecord | None = None
    lost: str | None = None
    failed: str | None = None


class Pool(Protocol):
    """Fits folds, some at a time."""

    @property
    def size(self) -> int:
        """How many folds are fitted at a time."""
        ...

    @property
    def memory_limit(self) -> int | None:
        """Bytes that all processes together may use; None where they are not watched."""
        ...

    @property
    def memory(self) -> int:
        """Bytes of all processes together, when they were looked at last; 0 where they are not watched."""
        ...

    @property
    def peak_memory(self) -> int:
        """The most of them so far."""
        ...

    @property
    def room(self) -> int | None:
        """Bytes that all fits together may use, once it is open; None: as many as they want."""
        ...

    def open(self, given: TrainingSet, checkpoints: CheckpointStore) -> None:
        """Say what the coming folds are of."""
        ...

    def submit(self, order: FoldFit) -> None:
        """Start a fit. At most `size` may be under way."""
        ...

    def wait(self, timeout_s: float) -> list[Outcome]:
        """What has ended, as soon as something has, at the latest after `timeout_s`."""
        ...

    def hurry(self) -> None:
        """All fits under way return what they have."""
        ...

    def take_time(self) -> None:
        """Fits that start from now on need not hurry any more."""
        ...

    def abandon(self, trials: Collection[str] | None = None) -> list[Outcome]:
        """End the fits under way (None: all of them, else those of some trials), whatever they do. They are lost."""
        ...

    def measure(self, model: Path, *, seed: int, clock: Budget) -> str | None:
        """Measure what each column is worth to a finished model of the run, which keeps it beside itself.

        Nothing is fitted meanwhile. In words why it was not measured; None where it was, or somebody asks to finish.
        Whoever measures is ended when the time is spent.
        """
        ...

    def close(self) -> None:
        """End every process. The pool cannot be used again."""
        ...


class InlinePool:
    """Fits in the calling process, one fold at a time: for tests, and where processes are not wanted."""

    size = 1
    memory = peak_memory = 0
    memory_limit = room = None

    def __init__(self) -> None:
        self._fitter: CrossFitter | None = None
        self._done: list[Outcome] = []

    def open(self, given: TrainingSet, checkpoints: CheckpointStore) -> None:
        self._fitter = CrossFitter(given, checkpoints, lambda: False)

    def submit(self, order: FoldFit) -> None:
        if self._fitter is None:
            raise RuntimeError("open() comes before submit().")
        try:
            self._done.append(Outcome(order=order, record=self._fitter.fit(order)))
        except AthanorError as error:
            self._done.append(Outcome(order=order, failed=str(error)))

    def wait(self, timeout_s: float) -> list[Outcome]:
        del timeout_s
        done, self._done = self._done, []
        return done

    def hurry(self) -> None:
        """Nothing is under way between two calls."""

    def take_time(self) -> None:
        """Nobody is in a hurry."""

    def abandon(self, trials: Collection[str] | None = None) -> list[Outcome]:
        del trials
        return []

    def measure(self, model: Path, *, seed: int, clock: Budget) -> str | None:
        if self._fitter is None:
            raise RuntimeError("open() comes before measure().")
        return measure_worth(model, self._fitter.checkpoints, self._fitter.given, clock=clock, seed=seed)

    def close(self) -> None:
        self._fitter = None


@dataclass(slots=True)
class _Process:
    pid: int
    link: socket.socket
    order: FoldFit | None = None


class LocalPool:
    """Pool processes on this machine.

    Make it before anything starts a thread (polars does when it is imported): a process with one thread forks the
    nursery, any other has to start a fresh interpreter, which takes seconds.
    """

    def __init__(self, size: int | None = None, *, memory_limit: int | None = None) -> None:
        """`size` None: one process per core. `memory_limit` counts bytes of this process and all below it; None:
        80 % of what is free now.
        """
        self._size = size or memory.cores()
        self.memory_limit: int = memory_limit or int(0.8 * memory.available())
        self.memory = self.peak_memory = 0
        self.room: int | None = None
        self._watched_at = 0.0
        self._processes: list[_Process] = []
        self._table: Path | None = None
        self._folder: Path | None = None
        self._closing: mmap | None = None
        self._is_closed = False
        self._nursery_link, self._nursery_pid = _start_nursery()

    @property
    def size(self) -> int:
        return self._size

    def open(self, given: TrainingSet, checkpoints: CheckpointStore) -> None:
        if self._is_closed:
            raise RuntimeError("A pool that was closed cannot be used again.")
        if not isinstance(checkpoints, FolderCheckpoints):
            raise TypeError("A local pool needs checkpoints in a folder of this machine.")
        for process in list(self._processes):
            self._kill(process)
        self._folder = checkpoints.folder
        self._table = checkpoints.scratch("table")
        save_training_set(given, self._table)
        self._closing = nursery.make_flag(self._table / "closing")
        self.room = self._find_room()

    def submit(self, order: FoldFit) -> None:
        process = next((p for p in self._processes if p.order is None), None) or self._new_process()
        process.order = order
        try:
            nursery.send(process.link, {"fit": asdict(order)})
        except OSError:  # it died while idle; wait() finds the closed link and reports the order as lost
            return

    def wait(self, timeout_s: float) -> list[Outcome]:
        until = time.monotonic() + timeout_s
        while True:
            outcomes = self._ready(min(WATCH_S, max(until - time.monotonic(), 0.0)))
            outcomes += self._watch_memory()
            if outcomes or time.monotonic() >= until:
                return outcomes

    def hurry(self) -> None:
        if self._closing is not None:
            self._closing[0] = 1

    def take_time(self) -> None:
        if self._closing is not None:
            self._closing[0] = 0

    def abandon(self, trials: Collection[str] | None = None) -> list[Outcome]:
        busy = [process for process in self._processes if process.order is not None]
        late = [each for each in busy if trials is None or (each.order is not None and each.order.trial in trials)]
        return [self._lose(process, LATE) for process in late]

    def measure(self, model: Path, *, seed: int, clock: Budget) -> str | None:
        for idle in list(self._processes):  # nothing is fitted any more: their matrices are in the way
            self._kill(idle)
        asked = {"model": str(model), "seed": seed, "until": clock.deadline - _KEEPING_S, "memory": self.room}
        try:
            process = self._new_process()
        except Unavailable as error:
            return f"no process could be started for it ({error})"
        with suppress(OSError):  # it died at once: its link ends
            nursery.send(process.link, {"measure": asked})
        with selectors.DefaultSelector() as selector:
            selector.register(process.link, selectors.EVENT_READ)
            while not clock.spent():
                if selector.select(min(WATCH_S, max(clock.left_s(), 0.0))):
                    answer = nursery.receive(process.link)
                    return _why_lost(self._kill(process)) if answer is None else answer["why_not"]
                self._watch_memory()
                if self.memory > _GUARDED * self.memory_limit:
                    self._kill(process)
                    return "memory ran out"
        self._kill(process)
        return None if clock.finishing else "there was not enough time"  # who wants to finish now has not asked for it

    def close(self) -> None:
        """Asks nobody: a signal may have come in the middle of a question."""
        self._is_closed = True
        # The pids cannot be someone else's: the nursery reaps a child only when told to.
        for pid in [*(process.pid for process in self._processes), self._nursery_pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._nursery_link.close()
        nursery.reap(self._nursery_pid)
        for process in self._processes:
            with suppress(OSError):
                while process.link.recv(65_536):  # what it had still sent; the link ends when it has
                    continue
            process.link.close()
        self._processes.clear()

    def _ready(self, timeout_s: float) -> list[Outcome]:
        busy = [process for process in self._processes if process.order is not None]
        if not busy:
            return []
        with selectors.DefaultSelector() as selector:
            for process in busy:
                selector.register(process.link, selectors.EVENT_READ, process)
            ready = [key.data for key, _ in selector.select(timeout_s)]
        return [self._receive(process) for process in ready]

    def _receive(self, process: _Process) -> Outcome:
        answer, order = nursery.receive(process.link), process.order
        if answer is None or order is None:
            return self._lose(process, None)
        process.order = None
        if "unavailable" in answer:
            raise Unavailable(answer["unavailable"])
        if "record" in answer:
            return Outcome(order=order, record=FoldRecord.from_json(answer["record"]))
        return Outcome(order=order, failed=answer.get("failed"), lost=answer.get("lost"))

    def _watch_memory(self) -> list[Outcome]:
        now = time.monotonic()
        if now - self._watched_at < WATCH_S:
            return []
        self._watched_at = now
        ours = [os.getpid(), self._nursery_pid, *(process.pid for process in self._processes)]
        used = {pid: memory.pss(pid) for pid in ours}
        self.memory = sum(used.values())
        self.peak_memory = max(self.peak_memory, self.memory)
        if self.memory <= _GUARDED * self.memory_limit:
            return []
        busy = [process for process in self._processes if process.order is not None]
        if not busy:
            return []
        return [self._lose(max(busy, key=lambda process: used.get(process.pid, 0)), OUT_OF_MEMORY)]

    def _find_room(self) -> int:
        """Bytes below the limit that neither this process, nor the nursery, nor the table takes.

        Raises Impossible where there are none.
        """
        if self._table is None:
            raise RuntimeError("open() comes before fits.")
        ours = [memory.Parts.of(pid) for pid in (os.getpid(), self._nursery_pid)]
        mapped = max(sum(parts.files for parts in ours), disk.size_of(self._table))
        used = sum(parts.own for parts in ours) + mapped
        self.memory = sum(parts.own + parts.files for parts in ours)
        self.peak_memory = max(self.peak_memory, self.memory)
        used += self._size * _SHARED
        room = int(_GUARDED * self.memory_limit) - used
        if room <= 0:
            raise Impossible(
                f"The run needs about {used / 2**20:,.0f} MB before the first fit, with {self._size:,} fits at a time; "
                f"the cap is {self.memory_limit / 2**20:,.0f} MB. Raise the cap, or give fewer rows, columns or cores."
            )
        return room

    def _lose(self, process: _Process, why: str | None) -> Outcome:
        order, ended = process.order, self._kill(process)
        if order is None:
            raise RuntimeError("Only a process with an order can be lost.")
        return Outcome(order=order, lost=why or ended)

    def _kill(self, process: _Process) -> str:
        """End a process; in words how it ended."""
        process.link.close()
        self._processes.remove(process)
        # The pid cannot be someone else's: the nursery, its parent, reaps it only here.
        answer = self._ask({"end": process.pid})
        if not answer:  # no one answers, or a new one that does not know the process
            return "the nursery died"
        code = os.waitstatus_to_exitcode(answer["status"])
        if code in nursery.OUT_OF_MEMORY_STATUSES:
            return OUT_OF_MEMORY
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _new_process(self) -> _Process:
        order = {"fork": {"table": str(self._table), "folder": str(self._folder)}}
        for _ in range(2):
            try:
                nursery.send(self._nursery_link, order)
                answer, link = nursery.receive_socket(self._nursery_link)
            except OSError:
                answer = link = None
            if answer is not None and link is not None:
                process = _Process(answer["pid"], link)
                self._processes.append(process)
                return process
            self._revive()
        raise Unavailable("The process that starts pool processes died twice; is the machine out of memory?")

    def _ask(self, message: nursery.Message) -> nursery.Message | None:
        try:
            nursery.send(self._nursery_link, message)
        except OSError:
            return None
        return nursery.receive(self._nursery_link)

    def _revive(self) -> None:
        """A new nursery in the place of a dead one. Its children died with it; wait() finds their closed links."""
        self._nursery_link.close()
        nursery.reap(self._nursery_pid)
        self._nursery_link, self._nursery_pid = _start_nursery()


def _why_lost(ended: str) -> str:
    return "memory ran out" if ended == OUT_OF_MEMORY else f"its process ended ({ended})"


def _start_nursery() -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair()
    if nursery.is_single_threaded():
        pid = os.fork()
        if pid == 0:
            ours.close()
            nursery.live(theirs)  # never returns
        theirs.close()
        return ours, pid
    environment = {**os.environ, **nursery.ONE_THREAD}
    # Whatever stands in the working folder is no module: a `token.py` of the user's would end it at once.
    command = [sys.executable, "-P", "-m", "athanor.engine.processes.nursery", str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
    theirs.close()
    return ours, process.pid

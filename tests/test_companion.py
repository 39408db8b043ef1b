from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from threading import Event

from athanor.companion import Companion

OBEDIENT = "import time\nprint('up', flush=True)\ntime.sleep(600)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
)


class Births:
    """Starts the programs one after the other, the last one again and again, and remembers them."""

    def __init__(self, *programs: str) -> None:
        self.programs = list(programs)
        self.born: list[subprocess.Popen[bytes]] = []
        self.enough = Event()

    def __call__(self) -> subprocess.Popen[bytes]:
        program = self.programs.pop(0) if len(self.programs) > 1 else self.programs[0]
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        self.born.append(child)
        if program in {OBEDIENT, STUBBORN}:
            assert child.stdout is not None
            child.stdout.readline()  # it is up
            self.enough.set()
        return child


def a_companion(births: Callable[[], subprocess.Popen[bytes]], **more) -> Companion:
    return Companion(births, **{"first_delay_s": 0.001} | more)


def test_a_child_that_dies_is_started_again():
    births = Births("raise SystemExit(3)", "raise SystemExit(3)", OBEDIENT)
    with a_companion(births):
        assert births.enough.wait(30)
        assert [child.poll() for child in births.born] == [3, 3, None]


def test_a_child_is_ended_gently_with_the_block():
    births = Births(OBEDIENT)
    with a_companion(births):
        assert births.enough.wait(30)
    (child,) = births.born
    assert child.returncode == -15


def test_a_child_that_does_not_listen_is_killed():
    births = Births(STUBBORN)
    with a_companion(births, patience_s=0.2):
        assert births.enough.wait(30)
    (child,) = births.born
    assert child.returncode == -9


def test_no_child_is_started_after_the_end():
    births = Births(OBEDIENT)
    companion = a_companion(births)
    with companion:
        assert births.enough.wait(30)
    assert len(births.born) == 1
    assert not companion._keeper.is_alive()


def test_a_child_that_cannot_be_started_is_tried_again():
    births = Births(OBEDIENT)
    tries = []

    def start() -> subprocess.Popen[bytes]:
        tries.append(None)
        if len(tries) < 3:
            raise FileNotFoundError("python")
        return births()

    with a_companion(start):
        assert births.enough.wait(30)
    assert len(tries) == 3

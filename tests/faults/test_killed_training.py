"""`kill -9` of a training under a trial budget, at any instant: it goes on to the same bits, and fits nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.serving.predictor import Predictor
from support.bits import bits_of_answers, bits_of_run
from support.mixed import mixed_table
from support.processes import is_alive
from support.server import all_pids, children, wait_for

INSTANTS = int(os.environ.get("ATHANOR_FAULT_INSTANTS", "3"))
SEED = int(os.environ.get("ATHANOR_FAULT_SEED", str(int(time.time()))))
# By the clock: the whole group, the trainer, its nursery, one of its pool processes. By the step that is made on the
# disk: the whole group, or whoever makes it.
KINDS = ("group", "trainer", "nursery", "pool", "step", "whoever steps")
MOST_LIVES = 4  # of a run, each ended by a kill but the last one
PROBLEM = "multiclass"


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody kills: what it keeps, and how long it is in seconds and in steps."""

    bits: dict[str, str]
    answers: str
    seconds: float
    steps: int


class Life:
    """One process that learns in the folder, and those below it."""

    def __init__(self, folder: Path, *, step: int | None = None, whole_group: bool = False) -> None:
        self.step = step
        command = [sys.executable, "-m", "support.a_run", str(folder), "--problem", PROBLEM]
        command += [] if step is None else ["--step", str(step)]
        command += ["--whole-group"] if whole_group else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.log = folder.with_suffix(".log")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "begun\n", self.log.read_text()
        self.began = time.monotonic()

    def kill(self, kind: str, after_s: float, rng: random.Random) -> bool:
        """Kill what is meant at the instant; whether there was one."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(after_s)
            return False
        found = {"group": [self.pid], "trainer": [self.pid], "nursery": children(self.pid)}.get(kind)
        if found is None:
            found = [pid for nursery in children(self.pid) for pid in children(nursery)]
        if not found or self._process.poll() is not None:
            return False
        try:
            (os.killpg if kind == "group" else os.kill)(rng.choice(found), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> list[int] | None:
        """Wait for it; its steps and its deaths by them, None where it was killed. Any other end is an error."""
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        status = self._process.wait()
        assert status in {0, -signal.SIGKILL}, (status, self.log.read_text()[-6000:])
        return [int(word) for word in said.split()] if status == 0 else None

    def left_over(self) -> list[int]:
        return [pid for pid in all_pids() if pid != self.pid and _group(pid) == self.pid and is_alive(pid)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    life = Life(folder)
    said = life.end()
    seconds = time.monotonic() - life.began
    assert said is not None
    return Undisturbed(bits=bits_of_run(folder), answers=answers(folder), seconds=seconds, steps=said[0])


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_with_the_same_bits_whatever_is_killed(kind, undisturbed, tmp_path, record_property):
    print(f"\nfaults: ATHANOR_FAULT_SEED={SEED} kind={kind} instants={INSTANTS}")  # noqa: T201 - to run it again
    record_property("seed", SEED)
    rng = random.Random(f"{SEED}/{kind}")
    hits = tries = number = 0
    seconds = undisturbed.seconds
    while hits < INSTANTS:
        folder = tmp_path / f"run-{number}"
        told: list[str] = []
        while tries < 10 * (INSTANTS + 1):
            tries += 1
            is_last = len(told) == MOST_LIVES - 1 or hits == INSTANTS
            life, kills = one_life(folder, "nobody" if is_last else kind, seconds, undisturbed.steps, rng)
            said = life.end()
            if not is_last and "step" in kind and (said is None or said[1]):
                kills = [f"{kind} {life.step}"]
            hits, told = hits + len(kills), [*told, *kills]
            if said is not None:
                if not told:  # the machine was slower when nobody was disturbed
                    seconds = min(seconds, time.monotonic() - life.began)
                break
        else:
            raise AssertionError(f"{hits} of {tries} instants fell into a run.")
        check(folder, undisturbed, told)
        print(f"faults: {kind} run {number}: {', '.join(told) or 'nobody was killed'}")  # noqa: T201
        wait_for(lambda life=life: not life.left_over(), "every process to be gone", patience_s=15)
        number += 1
    record_property("runs", number)


def one_life(folder: Path, kind: str, seconds: float, steps: int, rng: random.Random) -> tuple[Life, list[str]]:
    """A process that learns in the folder, killed where that is by the clock; what was killed, and when."""
    if "step" in kind:
        return Life(folder, step=rng.randint(1, steps), whole_group=kind == "step"), []
    life, told = Life(folder), []
    if kind == "nobody":
        return life, told
    for _ in range(rng.randint(1, 2) if kind in {"nursery", "pool"} else 1):  # a fold that is lost thrice is given up
        after_s = rng.uniform(0.0, seconds)
        if life.kill(kind, after_s, rng):
            told.append(f"{kind} after {after_s:.3f} s")
    return life, told


def check(folder: Path, undisturbed: Undisturbed, told: list[str]) -> None:
    """That a run which has ended by itself at last is as if nobody had been killed."""
    fits = Counter((folder / "fits.log").read_text().splitlines())
    assert max(fits.values()) == 1, (told, fits.most_common(3))
    found = bits_of_run(folder)
    differing = {name for name in found.keys() | undisturbed.bits if found.get(name) != undisturbed.bits.get(name)}
    assert differing == set(), told
    assert answers(folder) == undisturbed.answers, told
    FolderCheckpoints(folder).claim((folder / "fingerprint").read_text())
    assert list((folder / "new").iterdir()) == [], told
    assert [path.name for path in (folder / "incumbents").iterdir()] == [(folder / "incumbent").resolve().name], told
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [], told


def answers(folder: Path) -> str:
    return bits_of_answers(Predictor.load(folder / "incumbent").predict(mixed_table(seed=77, problem=PROBLEM)))


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None

"""`kill -9` of `athanor train` and `athanor continue`, at any instant: in the end the model has the same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.bits import bits_of_model
from support.processes import is_alive
from support.server import all_pids, wait_for
from support.tables import write_churn

INSTANTS = int(os.environ.get("ATHANOR_FAULT_INSTANTS", "3"))
SEED = int(os.environ.get("ATHANOR_FAULT_SEED", str(int(time.time()))))
KINDS = ("group", "trainer", "step")  # by the clock all or the first of its processes, by a step on the disk all
MOST_KILLS = 3  # of a training
NEVER = 10**9  # a step
WORDS = ("--target", "churned", "--max-trials", "3", "--preset", "good_quality", "--cores", "2")


@dataclass(frozen=True)
class Undisturbed:
    bits: dict[str, str]
    seconds: float
    steps: int


class Command:
    """A command that runs in a folder, in a group of its own."""

    def __init__(self, folder: Path, *words: str, step: int = NEVER) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "support.steps", str(folder), str(step), *words]
        self._said = folder.with_suffix(".out").open("w+")
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=self._said, stderr=self._said, start_new_session=True
        )
        self.pid = self._process.pid

    def kill(self, after_s: float, *, whole_group: bool) -> None:
        try:
            self._process.wait(after_s)
        except subprocess.TimeoutExpired:
            (os.killpg if whole_group else os.kill)(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """How it ended, and what it said."""
        status = self._process.wait()
        with self._said:
            self._said.seek(0)
            return status, self._said.read()

    def left_over(self) -> list[int]:
        return [pid for pid in all_pids() if pid != self.pid and _group(pid) == self.pid and is_alive(pid)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = new_place(tmp_path_factory.mktemp("undisturbed") / "run")
    started = time.monotonic()
    status, said = Command(folder, *train_in(folder)).end()
    assert status == 0, said
    steps = int(said.splitlines()[-1])
    return Undisturbed(bits=bits_of_model(folder / "model"), seconds=time.monotonic() - started, steps=steps)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_is_killed_is_continued_to_the_same_bits(kind, undisturbed, tmp_path, record_property):
    print(f"\nfaults: ATHANOR_FAULT_SEED={SEED} kind={kind} instants={INSTANTS}")  # noqa: T201 - to run it again
    record_property("seed", SEED)
    rng = random.Random(f"{SEED}/{kind}")
    hits = number = tries = 0
    while hits < INSTANTS:
        folder, told, is_over = new_place(tmp_path / f"run-{number}"), [], False
        while not is_over:
            tries += 1
            assert tries < 10 * (INSTANTS + 1), f"{hits} of {tries} instants fell into a training."
            is_last = len(told) == MOST_KILLS or hits == INSTANTS
            command, instant = one_life(folder, "nobody" if is_last else kind, undisturbed, rng)
            status, said = command.end()
            told += [instant] if status == -signal.SIGKILL else []
            hits += status == -signal.SIGKILL
            wait_for(lambda command=command: not command.left_over(), "every process to be gone", patience_s=15)
            is_over = status == 0 or "has ended (schedule complete)" in said  # it was killed after that
            assert is_over or status == -signal.SIGKILL, (told, said[-3000:])
        check(folder, undisturbed, told, is_tidy=status == 0)
        print(f"faults: {kind} run {number}: {', '.join(told) or 'nobody was killed'}")  # noqa: T201
        number += 1


def new_place(folder: Path) -> Path:
    folder.mkdir()
    write_churn(folder / "churn.csv", n_rows=300)
    return folder


def train_in(folder: Path) -> tuple[str, ...]:
    return ("train", str(folder / "churn.csv"), *WORDS, "--out", str(folder / "model"))


def one_life(folder: Path, kind: str, undisturbed: Undisturbed, rng: random.Random) -> tuple[Command, str]:
    """The command that a person gives next, killed where that is by the clock; when it is killed."""
    asked = folder / "model.folds" / "training.json"
    words = ("continue", str(folder / "model")) if asked.exists() else train_in(folder)
    if kind == "step":
        step = rng.randint(1, undisturbed.steps)
        return Command(folder, *words, step=step), f"{words[0]} at step {step}"
    command, after_s = Command(folder, *words), rng.uniform(0.0, 0.8 * undisturbed.seconds)
    if kind != "nobody":
        command.kill(after_s, whole_group=kind == "group")
    return command, f"{words[0]} after {after_s:.3f} s"


def check(folder: Path, undisturbed: Undisturbed, told: list[str], *, is_tidy: bool) -> None:
    """That all is as if nobody had been killed, and nothing is left but the model and its folds.

    is_tidy  the last one was not killed while it tidied up
    """
    found = bits_of_model(folder / "model")
    differing = {name for name in found.keys() | undisturbed.bits if found.get(name) != undisturbed.bits.get(name)}
    assert differing == set(), told
    fits = Counter((folder / "model.folds" / "fits.log").read_text().splitlines())
    assert max(fits.values()) == 1, (told, fits.most_common(3))
    assert {path.name for path in folder.iterdir()} == {"churn.csv", "model", "model.folds"}, told
    assert not (is_tidy and (folder / "model.folds" / "new").exists()), told


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None

"""The command line as a person uses it: in a process of its own, or called where that is enough."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from athanor.cli.endings import NAMES
from athanor.cli.main import main

ATHANOR = [sys.executable, "-m", "athanor.cli.main"]


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def handlers_as_before():
    """A command ends deaf to signals, as its process is about to end. What runs it here goes on."""
    before = {number: signal.getsignal(number) for number in NAMES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def athanor(capsys):
    """Run a command in this process."""

    def run(*words: object) -> Ended:
        status = main([str(word) for word in words])
        told = capsys.readouterr()
        return Ended(status, told.out, told.err)

    return run


def athanor_process(*words: object, cwd: Path | None = None) -> Ended:
    """Run a command in a process of its own."""
    ended = subprocess.run(
        [*ATHANOR, *map(str, words)], capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="session")
def run_process():
    return athanor_process


def write_flats(path: Path, *, n_rows: int = 240, seed: int = 1) -> Path:
    """Flats with a size, a town and a garden; whether they are dear, and for how much they go."""
    rng = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "town", "garden", "dear", "price"])
        for _ in range(n_rows):
            size, town, garden = (
                rng.randint(20, 150),
                rng.choice(["Ulm", "Bonn", "Kiel"]),
                rng.choice(["true", "false"]),
            )
            price = 1000 * size + (20_000 if town == "Bonn" else 0) + rng.gauss(0, 5000)
            writer.writerow([size, town, garden, "yes" if price > 90_000 else "no", round(price, 2)])
    return path


@pytest.fixture(scope="session")
def flats(tmp_path_factory) -> Path:
    return write_flats(tmp_path_factory.mktemp("flats") / "flats.csv")


@dataclass(frozen=True)
class Trained:
    file: Path
    model: Path
    ended: Ended


@pytest.fixture(scope="session")
def classifier(flats) -> Trained:
    model = flats.parent / "dear-model"
    words = ("train", flats, "--target", "dear", "--exclude", "price", "--max-trials", 2, "--cores", 1, "--out", model)
    return Trained(flats, model, athanor_process(*words))


@pytest.fixture(scope="session")
def regressor(flats) -> Trained:
    model = flats.parent / "price-model"
    words = ("train", flats, "--target", "price", "--exclude", "dear", "--max-trials", 1, "--cores", 1, "--out", model)
    return Trained(flats, model, athanor_process(*words, "--no-keep"))


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    for name in [name for name in os.environ if name.startswith("ATHANOR_") and name != "ATHANOR_SHARED"]:
        monkeypatch.delenv(name)

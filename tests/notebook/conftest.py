"""Tables of people, models of them, and a place in memory for what trainings leave behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from athanor.notebook.learn import learn

MEMORY = Path("/dev/shm")  # noqa: S108 - a disk of memory, where there is one

# A training of a fraction of a second: one trial, fitted in this process, and nothing that depends on a clock.
QUICK = {"time_limit": None, "max_trials": 1, "cores": 0, "preset": "fast", "progress": False}


@pytest.fixture(scope="session", autouse=True)
def temporary_folders_in_memory():
    """Hundreds of small trainings write thousands of small files."""
    before = tempfile.tempdir
    if MEMORY.is_dir():
        tempfile.tempdir = str(MEMORY)
    yield
    tempfile.tempdir = before


def some_people(n_rows: int = 120) -> pd.DataFrame:
    """Who buys: the young, and all who are from the north."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"age": rng.integers(18, 80, n_rows), "region": rng.choice(["north", "east", "south"], n_rows)},
        index=[f"person {number}" for number in range(n_rows)],
    )
    frame["buys"] = np.where((frame.age < 40) | (frame.region == "north"), "yes", "no")
    frame["spends"] = np.where(frame.buys == "yes", 100.0 - frame.age, 0.0) + rng.normal(size=n_rows)
    return frame


@pytest.fixture
def people():
    return some_people()


@pytest.fixture
def quick():
    return dict(QUICK)


@pytest.fixture(scope="session")
def bought():
    """What comes of a training on who buys."""
    return learn(some_people(), "buys", excluded=["spends"], **QUICK)


@pytest.fixture(scope="session")
def buyers(bought):
    """A model of who buys."""
    return bought.predictor


@pytest.fixture(scope="session")
def spending():
    """A model of how much they spend."""
    return learn(some_people(), "spends", excluded=["buys"], **QUICK).predictor

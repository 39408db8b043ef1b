"""Small tables to learn from, made here."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.race.ensemble import select_weights
from athanor.engine.tables.dataset import Dataset, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage


def a_table(n_rows: int = 300, *, problem: str = "binary", seed: int = 7) -> Dataset:
    """Two numbers, a category with a missing level, and a target that depends on all three; some cells missing."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(size=n_rows), rng.uniform(0, 100, n_rows)
    size[rng.random(n_rows) < 0.05] = np.nan
    kinds = np.array(["red", "green", "blue"])[rng.integers(0, 3, n_rows)]
    signal = np.nan_to_num(size) + (age > 50) + (kinds == "red") + 0.3 * rng.normal(size=n_rows)
    targets = {
        "binary": (Words.of(np.where(signal > np.median(signal), "yes", "no").tolist()), Storage.STRING),
        "multiclass": (
            Words.of(np.array(["low", "mid", "high"])[np.digitize(signal, [0.5, 1.5])].tolist()),
            Storage.STRING,
        ),
        "regression": (Numbers(signal), Storage.FLOAT),
    }
    target, storage = targets[problem]
    kind = ColumnType.NUMERIC if problem == "regression" else ColumnType.CATEGORICAL
    schema = Schema(
        (
            ColumnSchema(name="size", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
            ColumnSchema(name="age", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
            ColumnSchema(name="colour", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
            ColumnSchema(name="target", type=kind, storage=storage),
        )
    )
    cells = [None if chance < 0.05 else kind for kind, chance in zip(kinds.tolist(), rng.random(n_rows), strict=True)]
    columns = {"size": Numbers(size), "age": Numbers(age), "colour": Words.of(cells), "target": target}
    return Dataset(schema, columns, n_rows)


@pytest.fixture(scope="session")
def make_table():
    return a_table


@pytest.fixture(scope="session")
def remembered_weights():
    """Selects the weights of a blend, once for the same answers in the same order.

    Races of made-up fits come by the same answers again and again, and do little else but weigh them. The selection
    itself has tests of its own.
    """
    found = {}

    def remembering(answers, truth, *, clock, **more):
        if clock.spent():
            return select_weights(answers, truth, clock=clock, **more)
        told = tuple((trial, each.values.tobytes()) for trial, each in answers.items())
        key = (told, truth.y.tobytes(), *more.items())
        if key not in found:
            found[key] = select_weights(answers, truth, clock=clock, **more)
        return found[key]

    return remembering

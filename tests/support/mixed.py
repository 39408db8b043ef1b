"""A table with every kind of column that a run of texts, numbers and dates has, and holes in all of them."""

from __future__ import annotations

import numpy as np

from athanor.engine.tables.dataset import Dataset, Numbers, Times, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

MISSING = 0.06  # of the cells of each column
WORDS = ("quiet", "bright", "old", "near", "station", "garden", "lift", "noisy", "balcony", "cellar", "view", "street")
KINDS = {
    "size": (ColumnType.NUMERIC, Storage.FLOAT),
    "rooms": (ColumnType.NUMERIC, Storage.INTEGER),
    "town": (ColumnType.CATEGORICAL, Storage.STRING),
    "street": (ColumnType.CATEGORICAL, Storage.STRING),
    "lift": (ColumnType.BOOLEAN, Storage.BOOLEAN),
    "built": (ColumnType.DATETIME, Storage.DATETIME),
    "note": (ColumnType.TEXT, Storage.STRING),
}


def mixed_table(n_rows: int = 240, *, problem: str = "binary", seed: int = 5) -> Dataset:
    """Flats, and what they are worth: `target` depends on all columns."""
    rng = np.random.default_rng(seed)
    size, rooms = rng.uniform(20, 150, n_rows), rng.integers(1, 7, n_rows).astype(np.float64)
    towns = rng.choice(["Ulm", "Bonn", "Kiel", "Trier"], n_rows)
    streets = np.array([f"street {number}" for number in rng.zipf(1.5, n_rows) % 60])
    lift = rng.integers(0, 2, n_rows).astype(np.float64)
    built = np.datetime64("1950-01-01", "us") + rng.integers(0, 25_000, n_rows).astype("timedelta64[D]")
    notes = [" ".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in range(n_rows)]
    praise = np.array([note.count("view") - note.count("noisy") for note in notes])
    worth = size / 40 + rooms / 3 + 2 * (towns == "Bonn") + lift + praise + rng.normal(size=n_rows)
    worth += (built - built.min()) / np.timedelta64(20_000, "D")
    for cells in (size, rooms, lift):
        cells[rng.random(n_rows) < MISSING] = np.nan
    built[rng.random(n_rows) < MISSING] = np.datetime64("NaT")
    columns = {
        "size": Numbers(size),
        "rooms": Numbers(rooms),
        "town": Words.of(_with_holes(towns, rng)),
        "street": Words.of(_with_holes(streets, rng)),
        "lift": Numbers(lift),
        "built": Times(built),
        "note": Words.of(_with_holes(notes, rng)),
    }
    target, kind = Words.of(_cut(worth, problem)), (ColumnType.CATEGORICAL, Storage.STRING)
    if problem == "regression":
        target, kind = Numbers(worth), (ColumnType.NUMERIC, Storage.FLOAT)
    kinds = {**KINDS, "target": kind}
    schema = Schema(tuple(ColumnSchema(name=name, type=of, storage=by) for name, (of, by) in kinds.items()))
    return Dataset(schema, {**columns, "target": target}, n_rows)


def _with_holes(cells, rng):
    return [None if chance < MISSING else str(cell) for cell, chance in zip(cells, rng.random(len(cells)), strict=True)]


def _cut(worth, problem):
    names = ("cheap", "dear") if problem == "binary" else ("cheap", "fair", "dear", "mad")
    edges = np.quantile(worth, np.arange(1, len(names)) / len(names))
    return [names[place] for place in np.digitize(worth, edges)]

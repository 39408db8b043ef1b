"""What a run reads: the columns of its task, and as many rows as memory has room for."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.fitting.training_table import read_for, read_validation_for
from athanor.engine.plan import Plan
from athanor.engine.tables.inference import infer
from athanor.engine.tables.schema import ColumnType
from athanor.engine.tables.segments import Deleted, write_segment
from athanor.engine.task import Task
from athanor.errors import InvalidInput

N = 40_000
RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "key": [f"k{row}" for row in range(N)],
        "x": RNG.normal(size=N),
        "colour": RNG.choice(["red", "green"], N),
        "leak": RNG.normal(size=N),
        "same": ["one"] * N,
        "weight": RNG.random(N),
        "y": RNG.integers(0, 2, N),
    }
)
SCHEMA = infer(FRAME)
PLENTY = 4 * 10**9


@pytest.fixture
def path(tmp_path):
    return write_segment(FRAME, tmp_path / "0.parquet").path


def names_for(path, **given):
    dataset, _ = read_for(Task(target="y", **given), [path], SCHEMA, memory_limit=PLENTY, seed=0)
    return set(dataset.schema.names)


def test_only_the_columns_that_the_task_uses_are_read(path):
    assert names_for(path) == {"x", "colour", "leak", "weight", "y"}
    assert names_for(path, excluded=("leak",), weight="weight") == {"x", "colour", "weight", "y"}
    assert names_for(path, features=("x", "key")) == {"x", "key", "y"}
    assert names_for(path, types={"key": ColumnType.CATEGORICAL}) == {"key", "x", "colour", "leak", "weight", "y"}


def test_the_training_set_is_the_one_of_the_whole_table(path):
    task, plan = Task(target="y", excluded=("leak",), types={"x": ColumnType.ID}), Plan(max_trials=1)
    part, _ = read_for(task, [path], SCHEMA, memory_limit=PLENTY, seed=0)
    whole, _ = read_for(Task(target="y", features=SCHEMA.names[:-1]), [path], SCHEMA, memory_limit=PLENTY, seed=0)
    assert make_training_set(part, task, plan).fingerprint() == make_training_set(whole, task, plan).fingerprint()


@pytest.mark.parametrize(
    "given", [{"target": "z"}, {"target": "y", "weight": "z"}, {"target": "y", "features": ("z",)}]
)
def test_a_column_that_is_not_there_is_named(path, given):
    with pytest.raises(InvalidInput, match="No column named 'z'"):
        read_for(Task(**given), [path], SCHEMA, memory_limit=PLENTY, seed=0)


def test_a_table_that_memory_has_room_for_is_read_whole(path):
    dataset, told = read_for(Task(target="y"), [path], SCHEMA, memory_limit=PLENTY, seed=0)
    assert dataset.n_rows == N
    assert told is None


def test_where_memory_is_short_rows_are_drawn_and_the_user_is_told(path):
    dataset, told = read_for(Task(target="y", features=("x",)), [path], SCHEMA, memory_limit=3_200_000, seed=0)
    assert dataset.n_rows == 10_000  # of 16 bytes each, in a twentieth of the cap
    assert told.startswith(f"Learning from 10,000 of {N:,} rows")
    assert "the table needs about 1 MB" in told
    again, _ = read_for(Task(target="y", features=("x",)), [path], SCHEMA, memory_limit=3_200_000, seed=0)
    np.testing.assert_array_equal(dataset["x"].values, again["x"].values)


def test_a_table_can_lie_in_files_from_the_start(path, tmp_path):
    task = Task(target="y")
    whole, _ = read_for(task, [path], SCHEMA, memory_limit=PLENTY, seed=0)
    dataset, told = read_for(task, [path], SCHEMA, memory_limit=PLENTY, seed=0, folder=tmp_path / "rows")
    assert told is None
    assert isinstance(dataset["x"].values, np.memmap)
    first, second = (make_training_set(table, task, Plan(max_trials=1)) for table in (whole, dataset))
    assert first.fingerprint() == second.fingerprint()


def test_rows_that_were_deleted_are_not_counted(path, tmp_path):
    gone = write_segment(FRAME[2000:].select("key"), tmp_path / "gone.parquet").path
    without = Deleted(id_column="key", tombstones={0: [gone]})
    task = Task(target="y", features=("x",))
    dataset, told = read_for(task, [path], SCHEMA, memory_limit=PLENTY, seed=0, without=without)
    assert (dataset.n_rows, told) == (2000, None)
    dataset, told = read_for(task, [path], SCHEMA, memory_limit=320_000, seed=0, without=without)
    assert dataset.n_rows == 1000
    assert told.startswith("Learning from 1,000 of 2,000 rows")


@pytest.mark.parametrize(
    ("column", "row_bytes"),
    [
        (pl.Series("v", RNG.normal(size=(N, 8)).astype(np.float32), dtype=pl.Array(pl.Float32, 8)), 32),
        (
            pl.Series(
                "v",
                [{"indices": [1, 2, 3], "values": [1.0, 2.0, 3.0]}] * N,
                dtype=pl.Struct({"indices": pl.List(pl.UInt32), "values": pl.List(pl.Float32)}),
            ),
            32,
        ),
        (pl.Series("v", ["a", "b"] * (N // 2)), 4),
        (pl.Series("v", [f"{row:035}" for row in range(N)]), 104),
    ],
    ids=["dense", "sparse", "few words", "distinct words"],
)
def test_what_a_row_takes_is_estimated_from_what_it_holds(tmp_path, column, row_bytes):
    frame = FRAME.select("y").with_columns(column)
    path = write_segment(frame, tmp_path / "0.parquet").path
    task, limit = Task(target="y", features=("v",)), 20 * 2000 * (8 + row_bytes)
    dataset, _ = read_for(task, [path], infer(frame), memory_limit=limit, seed=0)
    assert dataset.n_rows == pytest.approx(2000, rel=0.02)


# --- rows to be scored on -------------------------------------------------------------------------------------------


def read_validation(path, frame, *, memory_limit=PLENTY, **given):
    return read_validation_for(
        Task(target="y", **given), SCHEMA, [path], infer(frame), memory_limit=memory_limit, seed=0
    )


def test_of_validation_rows_the_columns_that_training_uses_are_read(tmp_path):
    frame = FRAME.drop("leak").with_columns(more=pl.lit(1.0))
    path = write_segment(frame, tmp_path / "validation.parquet").path
    dataset, told = read_validation(path, frame)
    assert set(dataset.schema.names) == {"x", "colour", "weight", "y"}
    assert (dataset.n_rows, told) == (N, None)
    dataset, _ = read_validation(path, frame, features=("x", "leak"), weight="weight")
    assert set(dataset.schema.names) == {"x", "weight", "y"}


def test_where_memory_is_short_validation_rows_are_drawn_and_the_user_is_told(path):
    dataset, told = read_validation(path, FRAME, features=("x",), memory_limit=3_200_000)
    assert dataset.n_rows == 10_000  # of 16 bytes each, in a twentieth of the cap
    assert told.startswith(f"Validating on 10,000 of {N:,} rows")

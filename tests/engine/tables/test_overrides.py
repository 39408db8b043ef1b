"""What owners say that columns mean, followed through to the cells."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.learn import learn
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import InlinePool
from athanor.engine.readers import read
from athanor.engine.tables.dataset import Numbers, Times, Words
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.inference import infer
from athanor.engine.tables.overrides import with_types
from athanor.engine.tables.schema import ColumnType, Storage
from athanor.engine.tables.spellings import EPOCH_SPAN
from athanor.engine.task import Task
from athanor.errors import InvalidInput


def a_dataset(**columns):
    frame = pl.DataFrame(columns)
    return to_dataset(frame, infer(frame))


def test_words_that_are_numbers_become_numbers():
    typed = with_types(a_dataset(x=["007", "1.5", None, "NA"]), {"x": ColumnType.NUMERIC})
    assert isinstance(typed["x"], Numbers)
    np.testing.assert_array_equal(typed["x"].values, [7, 1.5, np.nan, np.nan])
    assert (typed.schema["x"].storage, typed.schema["x"].is_given) == (Storage.FLOAT, True)


def test_words_in_another_spelling_become_numbers_and_the_schema_keeps_it_for_later_rows():
    typed = with_types(a_dataset(x=["1.234,5", "2,25"]), {"x": ColumnType.NUMERIC})
    np.testing.assert_array_equal(typed["x"].values, [1234.5, 2.25])
    assert typed.schema["x"].spelling


@pytest.mark.parametrize(
    ("cells", "moment"),
    [(["2024-03-01", "2024-12-31"], "2024-03-01"), (["31.12.2024", "01.03.2024"], "2024-12-31")],
)
def test_words_that_are_dates_become_times(cells, moment):
    typed = with_types(a_dataset(x=cells), {"x": ColumnType.DATETIME})
    assert isinstance(typed["x"], Times)
    assert typed["x"].values[0] == np.datetime64(moment)


def test_whole_numbers_that_are_dates_become_times():
    typed = with_types(a_dataset(x=[20240301, 20241231]), {"x": ColumnType.DATETIME})
    assert typed["x"].values[1] == np.datetime64("2024-12-31")


def test_numbers_are_seconds_up_to_the_same_instant_as_where_a_file_is_read(tmp_path):
    last, first_beyond = EPOCH_SPAN.stop // 1_000_000 - 1, EPOCH_SPAN.stop // 1_000_000
    assert isinstance(with_types(a_dataset(x=[last]), {"x": ColumnType.DATETIME})["x"], Times)
    with pytest.raises(InvalidInput, match="cannot be taken as datetime"):
        with_types(a_dataset(x=[first_beyond]), {"x": ColumnType.DATETIME})
    (tmp_path / "x.csv").write_text(f"time\n{last}\n")
    assert read(tmp_path / "x.csv").schema["time"].storage is Storage.DATETIME
    (tmp_path / "x.csv").write_text(f"time\n{first_beyond}\n")
    assert read(tmp_path / "x.csv").schema["time"].storage is Storage.INTEGER


def test_times_become_categories():
    times = pl.Series(["2024-03-01", "2024-03-02"]).str.to_datetime(time_unit="us")
    typed = with_types(a_dataset(x=times), {"x": ColumnType.CATEGORICAL})
    assert isinstance(typed["x"], Words)


@pytest.mark.parametrize(
    ("cells", "given", "told"),
    [
        (["1", "2", "three"], "numeric", "cannot be taken as numeric: row 3 holds 'three'"),
        (["2024-03-01", "soon"], "datetime", "cannot be taken as datetime: row 2 holds 'soon'"),
        (["a", "b", "c"], "boolean", "holds words and cannot be taken as boolean"),
        ([1.5, 2.5], "text", "holds numbers and cannot be taken as text"),
        (["a", "b"], "vector", "holds words and cannot be taken as vector"),
    ],
)
def test_what_cannot_be_taken_so_is_refused_with_the_first_cell_that_does_not_fit(cells, given, told):
    with pytest.raises(InvalidInput, match=told):
        with_types(a_dataset(x=cells), {"x": ColumnType(given)})


@pytest.mark.parametrize(
    ("cells", "given"),
    [
        (["yes", "no"], "boolean"),
        ([1, 0], "boolean"),
        ([3, 1], "categorical"),
        (["a", "b"], "id"),
        ([1.5, 2.5], "constant"),
    ],
)
def test_other_columns_keep_their_cells(cells, given):
    dataset = a_dataset(x=cells)
    assert with_types(dataset, {"x": ColumnType(given)})["x"] is dataset["x"]


def test_a_training_learns_a_quantity_from_words_that_its_owner_calls_numbers():
    dataset = a_dataset(x=[float(i) for i in range(60)], y=[f"{i:03}" for i in range(60)])
    task = Task(target="y", types={"y": ColumnType.NUMERIC})
    given = make_training_set(dataset, task, Plan())
    assert given.task.problem == "regression"
    assert given.truth.y.sum() == sum(range(60))


def test_pictures_are_no_features_until_a_view_looks_at_them():
    dataset = a_dataset(x=[float(i % 7) for i in range(60)], photo=[f"{i}.jpg" for i in range(60)], y=[0, 1] * 30)
    given = make_training_set(dataset, Task(target="y"), Plan())
    assert given.features.schema.names == ("x",)


def test_later_cells_are_read_as_the_owner_said_in_tables_and_rows_alike(tmp_path):
    rng = np.random.default_rng(1)
    amounts, days = rng.integers(1000, 9000, 80), rng.integers(1, 29, 80)
    columns = {
        "amount": [f"{amount // 1000}.{amount % 1000:03},5" for amount in amounts],
        "day": [20240100 + int(day) for day in days],
        "y": np.where(amounts + 100 * days > 6000, "yes", "no"),
    }
    dataset = a_dataset(**columns)
    task = Task(target="y", types={"amount": ColumnType.NUMERIC, "day": ColumnType.DATETIME})
    plan = Plan(time_limit_s=None, max_trials=1, preset="medium_quality", seed=3)
    result = learn(dataset, task, plan, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path))
    assert result.predictor.schema["amount"].storage is Storage.FLOAT
    assert result.predictor.schema["day"].storage is Storage.DATETIME
    by_table = result.predictor.predict(dataset.take(np.arange(3))).probabilities
    rows = [{"amount": columns["amount"][row], "day": str(columns["day"][row])} for row in range(3)]
    np.testing.assert_array_equal(by_table, result.predictor.predict_rows(rows).probabilities)

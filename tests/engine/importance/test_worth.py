"""What columns are worth: asked of fold models about their own rows, or of a model about rows that are given."""

from __future__ import annotations

import errno
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from athanor.engine.budget import Budget
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.importance import worth
from athanor.engine.importance.permutation import Drop
from athanor.engine.importance.worth import (
    FILE,
    Worth,
    its_time,
    kept_back_s,
    measure_worth,
    out_of_fold_worth,
    read_worth,
    worth_on,
    write_worth,
)
from athanor.engine.learn import learn
from athanor.engine.models import FAMILIES
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import InlinePool
from athanor.engine.serving.model_files import copy_model, read_head
from athanor.engine.serving.predictor import Predictor
from athanor.engine.tables.dataset import Dataset, Numbers
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import InvalidInput

TASK, PLAN = Task(target="target"), Plan(time_limit_s=None, max_trials=2, preset="medium_quality")
TIMELESS = Budget()
SOME = Worth(
    metric="rmse",
    n_rows=30,
    drops=(Drop(columns=("a",), drop=0.5, error=None), Drop(columns=("b", "c"), drop=None, error=None)),
)


def a_table(n_rows=300, *, seed=0):
    """A target that one column decides nearly alone, and another one not at all."""
    rng = np.random.default_rng(seed)
    columns = {"useless": rng.normal(size=n_rows), "strong": rng.normal(size=n_rows), "weak": rng.normal(size=n_rows)}
    columns["target"] = 3 * columns["strong"] + columns["weak"] + 0.3 * rng.normal(size=n_rows)
    schema = Schema(tuple(ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=Storage.FLOAT) for name in columns))
    return Dataset(schema, {name: Numbers(values) for name, values in columns.items()}, n_rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, and all that it leaves."""
    table, store = a_table(), FolderCheckpoints(tmp_path_factory.mktemp("run"))
    learn(table, TASK, PLAN, pool=InlinePool(), checkpoints=store)
    given, folder = make_training_set(table, TASK, PLAN), store.incumbent()
    shares = {member["trial"]: member["share"] for member in read_head(folder)["members"]}

    def worth(*, clock=TIMELESS, seed=1):
        return out_of_fold_worth(folder, shares, store, given, clock=clock, seed=seed)

    return SimpleNamespace(store=store, given=given, folder=folder, worth=worth)


def test_fold_models_tell_a_column_that_decides_from_one_that_does_not(run):
    found = run.worth()
    assert (found.metric, found.n_rows) == ("rmse", 300)
    by_name = {drop.columns[0]: drop for drop in found.drops}
    assert next(iter(by_name)) == "strong"
    assert by_name["strong"].drop > by_name["weak"].drop > 3 * by_name["weak"].error
    assert abs(by_name["useless"].drop) < 0.1


def test_equal_seeds_measure_the_same(run):
    assert run.worth(seed=1) == run.worth(seed=1) != run.worth(seed=2)


def test_without_time_nothing_is_measured(run):
    assert run.worth(clock=Budget(deadline=0.0)) is None


def test_what_is_measured_is_kept_beside_the_model_and_goes_with_it(run, tmp_path):
    assert read_worth(run.folder) is None
    assert measure_worth(run.folder, run.store, run.given, clock=TIMELESS, seed=1) is None
    found = read_worth(run.folder)
    assert found.drops[0].columns == ("strong",)
    copy_model(run.folder, tmp_path / "copy")
    assert read_worth(tmp_path / "copy") == found
    Predictor.load(tmp_path / "copy")
    (run.folder / FILE).unlink()


def test_it_has_ten_seconds_at_most_and_ends_before_the_run_does():
    clock = Budget(deadline=100.0, clock=lambda: 0.0)
    with its_time(clock) as is_enough:
        assert (is_enough, clock.left_s()) == (True, 10.0)
    clock.deadline = 3.0
    with its_time(clock) as is_enough:
        assert (is_enough, clock.left_s()) == (True, 2.5)
    assert clock.left_s() == 3.0


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 1.5])
def test_where_hardly_any_time_is_left_it_does_not_begin(seconds):
    with its_time(Budget(deadline=seconds, clock=lambda: 0.0)) as is_enough:
        assert not is_enough


def test_who_asked_to_finish_now_does_not_wait_for_it():
    clock = Budget(deadline=100.0, clock=lambda: 0.0)
    clock.finish()
    with its_time(clock) as is_enough:
        assert not is_enough


def spoiled(run, folder, within, contents=b"nothing"):
    """A copy of the run's folds in which all files of models, or of views, have other contents."""
    shutil.copytree(run.store.folder, folder, symlinks=True)
    for path in folder.glob(within):
        if path.is_file():
            path.write_bytes(contents)
    return FolderCheckpoints(folder)


@pytest.mark.parametrize("within", ["trials/*/fold-*/model/*", "views/*/fold-*/*"])
def test_a_fold_that_cannot_be_read_is_told_and_costs_the_measurement_alone(run, tmp_path, within):
    store = spoiled(run, tmp_path / "run", within)
    why_not = measure_worth(run.folder, store, run.given, clock=TIMELESS, seed=1)
    assert "is not what Athanor wrote" in why_not
    assert read_worth(run.folder) is None


def test_a_library_that_cannot_read_a_booster_is_told_in_our_words(run, tmp_path):
    headless = b"tree\nnum_tree_per_iteration=1\n"  # as many outputs as the target has, and nothing else
    store = spoiled(run, tmp_path / "run", "trials/*/fold-*/model/model.txt", headless)
    shares = {next(record.trial for record in store.finished() if record.family == "lightgbm"): 1.0}
    with pytest.raises(InvalidInput, match="LightGBMError"):
        out_of_fold_worth(run.folder, shares, store, run.given, clock=TIMELESS, seed=1)


def test_where_memory_runs_out_words_are_all_that_comes_of_it(run, monkeypatch):
    def no_room(*_):
        raise MemoryError("Unable to allocate 3 GiB")

    for family in FAMILIES.names():
        monkeypatch.setattr(type(FAMILIES[family]), "load", no_room)
    why_not = measure_worth(run.folder, run.store, run.given, clock=TIMELESS, seed=1)
    assert why_not == "memory ran out (Unable to allocate 3 GiB)"
    assert read_worth(run.folder) is None


def test_where_the_disk_is_full_the_model_stays_as_it_is(run, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(worth, "write_worth", full)
    why_not = measure_worth(run.folder, run.store, run.given, clock=TIMELESS, seed=1)
    assert why_not == "it cannot be kept: No space left on device"
    Predictor.load(run.folder)


def test_a_model_can_be_asked_about_other_rows(run):
    found = worth_on(Predictor.load(run.folder), a_table(200, seed=9), clock=TIMELESS, seed=1)
    assert found.n_rows == 200
    assert [drop.columns[0] for drop in found.drops][:2] == ["strong", "weak"]


def test_rows_without_a_target_say_nothing(run):
    table = a_table(200)
    unknown = Dataset(table.schema, {**table.columns, "target": Numbers(np.full(200, np.nan))}, 200)
    with pytest.raises(InvalidInput, match="has a value in 0 rows"):
        worth_on(Predictor.load(run.folder), unknown, clock=TIMELESS, seed=1)


def test_what_is_written_is_read(tmp_path):
    write_worth(tmp_path, SOME)
    assert read_worth(tmp_path) == SOME


@pytest.mark.parametrize("text", ["", "[]", '{"metric": "rmse", "n_rows": 3, "drops": [{"drop": 1}]}'])
def test_what_was_not_written_here_is_refused(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InvalidInput, match="does not hold importances"):
        read_worth(tmp_path)


@pytest.mark.parametrize(("limit_s", "box_s"), [(30, 0), (60, 3), (100, 5), (3600, 10)])
def test_a_run_leaves_a_twentieth_of_its_time_and_no_more_than_ten_seconds(limit_s, box_s):
    assert kept_back_s(Budget(float(limit_s), clock=lambda: 0.0)) == pytest.approx(box_s)


def test_a_run_without_a_clock_leaves_none():
    assert kept_back_s(Budget()) == 0.0

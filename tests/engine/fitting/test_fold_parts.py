"""The rows of a fold as matrices: which ones, how many, and what is made into a matrix at all."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.features import VIEWS
from athanor.engine.fitting import fold_parts, folds
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.fold_parts import PartsMaker
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.plan import Plan
from athanor.engine.tables.dataset_files import open_dataset, save_dataset
from athanor.engine.task import Task

PLAN = Plan(preset="medium_quality", seed=2)  # 3 folds


@pytest.fixture
def make_maker(make_table, tmp_path):
    def make(n_rows=3000, problem="regression"):  # each y is its own
        given = make_training_set(make_table(n_rows, problem=problem), Task(target="target"), PLAN)
        return PartsMaker(given, FolderCheckpoints(tmp_path / "run"))

    return make


@pytest.fixture
def few_are_enough(monkeypatch):
    monkeypatch.setattr(folds, "ENOUGH_ROWS", 50)
    monkeypatch.setattr(folds, "OF_A_CLASS", 5)


def parts_of(maker, fold=0, *, view="codes", max_rows=None):
    return maker.of(view, fold, seed=2, max_rows=max_rows)


def test_rows_that_no_fold_validates_are_learned_from_in_every_fold(make_maker, few_are_enough):
    maker = make_maker()
    unvalidated = set(maker.given.truth.y[maker.given.folds == -1])
    assert len(unvalidated) == 3000 - 3 * 50
    for fold in range(3):
        parts = parts_of(maker, fold)
        learned = set(parts.fit.truth.y) | set(parts.stop.truth.y)
        assert len(parts.valid.truth.y) == 50
        assert len(learned) == 2950
        assert unvalidated < learned
        assert not learned & set(parts.valid.truth.y)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_of_many_rows_no_more_than_enough_are_set_aside_to_stop_by(make_maker, few_are_enough, problem):
    parts = parts_of(make_maker(problem=problem))
    n_stop, n_fit = len(parts.stop.truth.y), len(parts.fit.truth.y)
    assert n_stop < 0.1 * n_fit
    assert (n_stop, n_fit) == (parts.stop.X.shape[0], parts.fit.X.shape[0])
    if problem != "regression":
        share, whole = (
            np.bincount(truth.y.astype(int)) / len(truth.y) for truth in (parts.stop.truth, parts.fit.truth)
        )
        assert abs(share - whole).max() < 0.03


def test_only_the_rows_that_are_wanted_become_a_matrix(make_maker, monkeypatch):
    _ = parts_of(make_maker())  # the view is on the disk
    maker, made = make_maker(), []

    class Watched:
        def load(self, folder):
            view = VIEWS["codes"].load(folder)
            transform = view.transform

            class View:
                n_features = view.n_features

                def transform(self, dataset):
                    made.append(dataset.n_rows)
                    return transform(dataset)

            return View()

    monkeypatch.setattr(fold_parts, "VIEWS", {"codes": Watched()})
    parts = parts_of(maker, max_rows=40)
    assert (len(parts.fit.truth.y), len(parts.stop.truth.y)) == (36, 4)
    assert made == [36, 4, 1000]


def test_parts_are_kept_for_the_next_fit_unless_they_are_large(make_maker, monkeypatch):
    maker = make_maker()
    for _ in range(2):
        kept = [parts_of(maker, view=view) for view in ("codes", "scaled")]
        again = [parts_of(maker, view=view) for view in ("codes", "scaled")]
        assert all(one is other for one, other in zip(kept, again, strict=True))
    monkeypatch.setattr(fold_parts, "_MOST_KEPT_BYTES", 1000)
    _ = parts_of(maker, 1)
    assert not maker.bytes_of("scaled", 0, max_rows=None)
    assert maker.bytes_of("codes", 1, max_rows=None)


@pytest.mark.parametrize("view", VIEWS.names())
def test_a_table_in_files_gives_the_same_bits(make_maker, tmp_path, view):
    maker = make_maker()
    save_dataset(maker.given.features, tmp_path / "table")
    given = type(maker.given)(
        task=maker.given.task,
        features=open_dataset(tmp_path / "table"),
        truth=maker.given.truth,
        folds=maker.given.folds,
    )
    from_files = PartsMaker(given, FolderCheckpoints(tmp_path / "other"))
    first, second = (parts_of(each, view=view) for each in (maker, from_files))
    for part in ("fit", "stop", "valid"):
        one, other = getattr(first, part).X, getattr(second, part).X
        assert one.dtype == np.float32
        assert one.tobytes() == other.tobytes()

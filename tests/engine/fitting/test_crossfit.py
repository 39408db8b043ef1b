"""One fold of one trial: what it learns from, what it keeps, and how it can be cut short."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from athanor.engine.disk import sha256_of
from athanor.engine.family import Step
from athanor.engine.features import VIEWS
from athanor.engine.fitting import crossfit, fold_parts
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.crossfit import CrossFitter, FoldFit, fewer_rows
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.models import FAMILIES
from athanor.engine.plan import Plan
from athanor.engine.seeds import seed_for
from athanor.engine.tables.dataset import Numbers, Words
from athanor.engine.task import Task
from athanor.errors import Impossible

PLAN = Plan(preset="medium_quality", seed=2)  # 3 folds


class Constant:
    """A model that answers the same for every row."""

    def __init__(self, margin):
        self.margin = margin

    def margins(self, X):
        return np.full((X.shape[0], 1), self.margin)

    def save(self, folder):
        (folder / "model.txt").write_text(str(self.margin))


@dataclass
class Scripted:
    """A family that notes what it was given and does what it is told."""

    label: str = "Scripted"
    view: str = "codes"
    margin: float = 0.5
    asks: int = 0  # how often it asks whether to end
    losses: tuple = ()  # of its steps
    work: object = lambda: None  # is done in each step
    given: list = field(default_factory=list)
    told: list = field(default_factory=list)

    def fit(self, given, options):
        self.given.append(given)
        for n in range(1, max(self.asks, len(self.losses)) + 1):
            self.work()
            loss = self.losses[n - 1] if self.losses else None
            self.told.append(given.watch(Step(n=n, model=lambda n=n: Constant(n / 100), loss=loss)))
            if self.losses and self.told[-1]:
                break
        return Constant(self.margin)


@pytest.fixture
def family(monkeypatch):
    made = Scripted()
    monkeypatch.setattr(crossfit, "FAMILIES", {"scripted": made, "linear": FAMILIES["linear"]})
    return made


@pytest.fixture
def given(make_table):
    return make_training_set(make_table(90), Task(target="target"), PLAN)


@pytest.fixture
def fitter(given, tmp_path):
    return a_fitter(given, tmp_path / "run")


def a_fitter(given, folder, closing=lambda: False, **more):
    return CrossFitter(given, FolderCheckpoints(folder), closing, **more)


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at

    def work(self, seconds):
        self.at += seconds


def an_order(trial="t", fold=0, *, family="scripted", **more):
    return FoldFit(**{"trial": trial, "family": family, "options": {"steps": 20}, "fold": fold, "seed": 7} | more)


# --- what it learns from ----------------------------------------------------------------------------------------------


def test_a_fold_is_learned_from_the_rows_of_the_others_and_one_in_ten_of_them_says_when_to_stop(
    make_table, family, tmp_path
):
    given = make_training_set(make_table(90, problem="regression"), Task(target="target"), PLAN)  # each y is its own
    a_fitter(given, tmp_path).fit(an_order(fold=1))
    (seen,) = family.given
    to_fit, to_stop = set(seen.truth.y), set(seen.truth_stop.y)
    assert to_fit | to_stop == set(given.truth.y[given.folds != 1])
    assert not to_fit & to_stop
    assert (seen.X.shape[0], seen.X_stop.shape[0]) == (len(to_fit), len(to_stop)) == (54, 6)


def test_the_rows_to_stop_by_are_the_same_for_all_trials_of_a_fold_and_others_in_the_next(make_table, family, tmp_path):
    given = make_training_set(make_table(90, problem="regression"), Task(target="target"), PLAN)
    for number, order in enumerate((an_order("a"), an_order("b"), an_order("a", 1))):
        a_fitter(given, tmp_path / str(number)).fit(order)
    first, same, other = (seen.truth_stop.y.tolist() for seen in family.given)
    assert first == same
    assert not set(first) >= set(other)


def test_with_fewer_rows_those_to_stop_by_are_some_of_the_fewer(make_table, family, tmp_path):
    given = make_training_set(make_table(90, problem="regression"), Task(target="target"), PLAN)
    a_fitter(given, tmp_path).fit(an_order(max_rows=40))
    (seen,) = family.given
    to_fit, to_stop = set(seen.truth.y), set(seen.truth_stop.y)
    assert (len(to_fit), len(to_stop), len(to_fit | to_stop)) == (36, 4, 40)
    assert not (to_fit | to_stop) & set(given.truth.y[given.folds == 0])


def test_very_few_rows_are_all_learned_from(fitter, family):
    fitter.fit(an_order(max_rows=19))
    (seen,) = family.given
    assert (seen.X.shape[0], seen.X_stop.shape[0]) == (19, 0)


@pytest.mark.parametrize("view", VIEWS.names())
def test_what_a_view_learns_does_not_depend_on_the_rows_of_its_own_fold(given, family, tmp_path, view):
    family.view = view
    changed = dict(given.features.columns)
    values = changed["size"].values.copy()
    values[given.folds == 0] *= 1000
    colour = changed["colour"]
    codes = np.where(given.folds == 0, len(colour.vocabulary), colour.codes).astype(np.int32)
    changed |= {"size": Numbers(values), "colour": Words(codes, (*colour.vocabulary, "violet"))}
    other = type(given)(
        task=given.task,
        features=type(given.features)(given.features.schema, changed, given.features.n_rows),
        truth=given.truth,
        folds=given.folds,
    )
    learned = []
    for number, rows in enumerate((given, other)):
        fitter = a_fitter(rows, tmp_path / str(number))
        for fold in (0, 1):
            fitter.fit(an_order(fold=fold))
        learned.append([sha256_of(fitter.checkpoints.view_folder(view, fold)) for fold in (0, 1)])
    assert learned[0][0] == learned[1][0]
    assert learned[0][1] != learned[1][1]


def test_trials_of_one_view_share_what_it_learned(fitter, family, monkeypatch):
    fits = []

    class Watched:
        def fit(self, dataset):
            fits.append(dataset.n_rows)
            return VIEWS["codes"].fit(dataset)

        def load(self, folder):
            return VIEWS["codes"].load(folder)

    monkeypatch.setattr(fold_parts, "VIEWS", {"codes": Watched()})
    for order in (an_order("a"), an_order("b"), an_order("a", 1), an_order("c", max_rows=9)):
        fitter.fit(order)
    assert len(fits) == 2  # one a fold


def test_a_fit_with_fewer_rows_sees_so_many_and_is_judged_on_all_of_its_fold(fitter, family, given):
    fitter.fit(an_order(max_rows=12))
    (seen,) = family.given
    assert len(seen.truth.y) == seen.X.shape[0] == 12
    assert len(fitter.checkpoints.out_of_fold("t", 0)) == (given.folds == 0).sum()


def test_the_matrix_of_all_rows_is_not_taken_for_that_of_fewer(fitter, family):
    for order in (an_order("a"), an_order("b", max_rows=12), an_order("c")):
        fitter.fit(order)
    assert [seen.X.shape[0] for seen in family.given] == [54, 12, 54]


def test_half_as_many_rows_each_time_but_never_none():
    order = an_order()
    assert fewer_rows(order, 60).max_rows == 30
    assert fewer_rows(fewer_rows(order, 60), 60).max_rows == 15
    assert fewer_rows(an_order(max_rows=1), 60).max_rows == 1


# --- seeds ----------------------------------------------------------------------------------------------------------


def test_every_trial_and_fold_has_a_seed_of_its_own_that_follows_from_the_plan_s(fitter, family):
    for order in (an_order("a"), an_order("a", 1), an_order("b"), an_order("a2", seed=8)):
        fitter.fit(order)
    seeds = [seen.seed for seen in family.given]
    assert len(set(seeds)) == 4
    assert seeds == [seed_for(7, "a", 0), seed_for(7, "a", 1), seed_for(7, "b", 0), seed_for(8, "a2", 0)]


def test_seeds_are_the_same_on_every_machine_and_fit_into_31_bits():
    assert seed_for(0, "c3161ae0616b", 3) == 959_431_512
    assert all(0 <= seed_for(seed, "t", fold) < 2**31 for seed in range(40) for fold in range(10))


# --- what it keeps --------------------------------------------------------------------------------------------------


def test_a_fold_keeps_its_model_its_answers_and_what_they_are_worth(fitter, family, given):
    record = fitter.fit(an_order(fold=2))
    store = fitter.checkpoints
    assert store.finished() == [record]
    assert (record.trial, record.family, record.view, record.fold) == ("t", "scripted", "codes", 2)
    assert record.score == 0.5  # roc_auc of a constant
    assert record.n_features == 3
    assert not record.truncated
    assert (record.n_rows, record.curve) == (60, ())
    assert record.files == sha256_of(store.model_folder("t", 2))
    block = store.out_of_fold("t", 2)
    assert (block.shape, block.dtype) == (((given.folds == 2).sum(), 1), np.float32)
    assert list((store.folder / "new").iterdir()) == []


def test_answers_that_are_no_numbers_are_refused_and_nothing_is_kept(fitter, family):
    family.margin = float("nan")
    with pytest.raises(Impossible, match="Scripted gave predictions that are not finite numbers"):
        fitter.fit(an_order())
    assert fitter.checkpoints.finished() == []


def test_the_same_order_gives_the_same_bits_whoever_fits_it_after_whatever(given, tmp_path):
    first, second = a_fitter(given, tmp_path / "a"), a_fitter(given, tmp_path / "b")
    order = an_order(fold=1, family="linear")
    one = first.fit(order)
    second.fit(an_order("other", family="linear"))
    two = second.fit(order)
    assert one.files == two.files
    assert np.array_equal(first.checkpoints.out_of_fold("t", 1), second.checkpoints.out_of_fold("t", 1))


# --- cut short --------------------------------------------------------------------------------------------------------


def test_without_a_deadline_nobody_says_stop(fitter, family):
    family.asks = 3
    assert not fitter.fit(an_order()).truncated
    assert family.told == [False] * 3


def test_after_its_deadline_a_fit_returns_what_it_has(fitter, family):
    family.asks = 2
    assert fitter.fit(an_order(deadline=time.monotonic() - 1)).truncated
    assert family.told == [True, True]
    assert len(fitter.checkpoints.finished()) == 1


def test_a_deadline_far_away_changes_nothing(fitter, family):
    family.asks = 1
    assert not fitter.fit(an_order(deadline=time.monotonic() + 3600)).truncated


def test_when_everybody_stops_a_fit_does_and_it_stays_stopped(given, family, tmp_path):
    family.asks = 4
    said = iter([False, True, False])
    record = a_fitter(given, tmp_path / "run", closing=lambda: next(said)).fit(an_order())
    assert record.truncated
    assert family.told == [False, True, True, True]


def test_a_fit_is_back_before_its_deadline_and_not_one_step_after(given, family, tmp_path):
    clock = Clock()
    family.losses, family.work = (0.5,) * 100, lambda: clock.work(1.0)
    fitter = a_fitter(given, tmp_path / "run", clock=clock)
    assert fitter.fit(an_order(deadline=clock.at + 9.9)).truncated
    assert family.told == [False] * 8 + [True]


# --- on the way -------------------------------------------------------------------------------------------------------


def test_the_learning_curve_is_kept_with_the_fold(fitter, family):
    family.losses = (0.75, 0.5, 0.625)
    record = fitter.fit(an_order())
    assert record.curve == ((1, 0.75), (2, 0.5), (3, 0.625))
    assert fitter.checkpoints.finished() == [record]


def test_a_fit_that_is_killed_late_leaves_a_snapshot(given, family, tmp_path):
    clock = Clock()

    def work():
        clock.work(1.0)
        if len(family.told) == 5:
            raise KeyboardInterrupt

    family.losses, family.work = (0.75, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5), work
    fitter = a_fitter(given, tmp_path / "run", clock=clock)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(an_order(fold=1, deadline=clock.at + 60.0))
    store = fitter.checkpoints
    assert store.finished() == []
    record = store.take_snapshot("t", 1)
    assert store.finished() == [record]
    assert record.truncated
    assert record.curve == ((1, 0.75), (2, 0.5), (3, 0.25), (4, 0.5))
    assert (record.fit_s, record.score, record.n_rows) == (4.0, 0.5, 60)
    assert record.files == sha256_of(store.model_folder("t", 1))
    assert np.allclose(store.out_of_fold("t", 1), 0.04)
    assert len(store.out_of_fold("t", 1)) == (given.folds == 1).sum()


def test_a_finished_fold_leaves_no_snapshot(given, family, tmp_path):
    clock = Clock()
    family.losses, family.work = (0.5,) * 9, lambda: clock.work(1.0)
    fitter = a_fitter(given, tmp_path / "run", clock=clock)
    record = fitter.fit(an_order(deadline=clock.at + 60.0))
    assert not record.truncated
    assert fitter.checkpoints.take_snapshot("t", 0) is None
    assert list((tmp_path / "run").glob("snapshots/*/*")) == []


def test_without_a_deadline_there_are_no_snapshots(given, family, tmp_path, monkeypatch):
    clock, kept = Clock(), []
    monkeypatch.setattr(FolderCheckpoints, "keep_snapshot", lambda *_: kept.append(True))
    family.losses, family.work = (0.5,) * 9, lambda: clock.work(100.0)
    a_fitter(given, tmp_path / "run", clock=clock).fit(an_order())
    assert kept == []


def test_a_model_so_far_that_answers_no_numbers_is_no_snapshot(given, family, tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(Constant, "margins", lambda self, X: np.full((X.shape[0], 1), np.nan))
    family.losses, family.work = (0.5,) * 9, lambda: clock.work(1.0)
    fitter = a_fitter(given, tmp_path / "run", clock=clock)
    with pytest.raises(Impossible, match="not finite"):
        fitter.fit(an_order(deadline=clock.at + 60.0))
    assert fitter.checkpoints.take_snapshot("t", 0) is None


@pytest.mark.parametrize("name", ["linear", "lightgbm"])
def test_snapshots_change_no_bit_of_the_fold(given, tmp_path, name, monkeypatch):
    """On a clock that goes on by a second at each look, so that snapshots are made and no deadline is met."""
    clock, kept = Clock(), []
    keep = FolderCheckpoints.keep_snapshot
    monkeypatch.setattr(FolderCheckpoints, "keep_snapshot", lambda *parts: kept.append(keep(*parts)))

    def ticking():
        clock.work(1.0)
        return clock.at

    order = an_order(family=name, options=FAMILIES[name].portfolio()[-1])
    plain, watched = a_fitter(given, tmp_path / "a"), a_fitter(given, tmp_path / "b", clock=ticking)
    one = plain.fit(order)
    assert kept == []
    two = watched.fit(replace(order, deadline=1e9))
    assert len(kept) >= 1
    assert (one.files, one.curve, one.score) == (two.files, two.curve, two.score)
    assert np.array_equal(plain.checkpoints.out_of_fold("t", 0), watched.checkpoints.out_of_fold("t", 0))

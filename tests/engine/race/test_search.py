"""Which trials are fitted, in which order, and who goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.models import FAMILIES
from athanor.engine.plan import PRESETS, Plan
from athanor.engine.race import search
from athanor.engine.race.search import Entry, allowance_s, entries, survivors, turns, usable, whole
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput

ALL = Plan(preset="best_quality")


@dataclass(frozen=True)
class AFamily:
    label: str
    places: tuple[int, ...]
    problems: frozenset[str] = frozenset({"binary"})
    takes_sparse: bool = True
    libraries: tuple[str, ...] = ()
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset({"gaussian"})

    @property
    def name(self):
        return self.label.lower()

    def portfolio(self):
        return tuple({"depth": place} for place in range(len(self.places)))


class Families(dict):
    def names(self):
        return sorted(self)


@pytest.fixture
def families(monkeypatch):
    found = Families(a=AFamily("A", (2, 5)), b=AFamily("B", (1, 4, 6, 7)), c=AFamily("C", (3,)))
    monkeypatch.setattr(search, "FAMILIES", found)
    return found


def labels(problem="binary", plan=ALL, *, is_sparse=False):
    return [entry.label for entry in entries(problem, plan, is_sparse=is_sparse)]


def test_configurations_start_in_the_order_of_their_places(families):
    assert labels() == ["B", "A", "C", "B-2", "A-2", "B-3", "B-4"]


@pytest.mark.parametrize(
    ("plan", "n"),
    [
        (Plan(preset="best_quality"), 7),
        (Plan(preset="high_quality"), 7),
        (Plan(preset="good_quality"), 7),
        (Plan(preset="medium_quality"), 5),
        (Plan(preset="fast"), 4),
        (Plan(preset="medium_quality", max_trials=2), 2),
        (Plan(preset="medium_quality", max_trials=6), 5),
        (Plan(preset="best_quality", max_trials=4), 4),
    ],
)
def test_the_preset_and_the_trial_limit_cut_the_list_off(families, plan, n):
    assert labels(plan=plan) == labels()[:n]


def test_families_that_do_not_fit_stay_out(families):
    families["b"] = AFamily("B", (1, 4, 6, 7), problems=frozenset({"regression"}))
    families["c"] = AFamily("C", (3,), takes_sparse=False)
    assert labels() == ["A", "C", "A-2"]
    assert labels(is_sparse=True) == ["A", "A-2"]
    assert labels(plan=Plan(excluded_families=("a",))) == ["C"]


def test_excluding_all_that_fit_is_refused(families):
    families["b"] = AFamily("B", (1, 4, 6, 7), problems=frozenset({"regression"}))
    with pytest.raises(InvalidInput, match="Leave at least one in") as caught:
        labels(plan=Plan(excluded_families=("a", "c")))
    assert caught.value.field == "excluded_families"


def test_a_family_for_small_tables_stays_out_of_large_ones(families):
    families["c"] = AFamily("C", (3,), most_rows=100)
    assert [entry.label for entry in entries("binary", ALL, is_sparse=False, n_rows=100)][2] == "C"
    assert "C" not in [entry.label for entry in entries("binary", ALL, is_sparse=False, n_rows=101)]


def test_a_family_for_small_tables_that_is_left_alone_learns_from_as_many_rows_as_it_pays_on(families):
    families["c"] = AFamily("C", (3,), most_rows=100)
    (only,) = entries("binary", Plan(excluded_families=("a", "b")), is_sparse=False, n_rows=10_000)
    assert only.options == {"depth": 0, "max_rows": 100}


def test_only_families_that_have_a_distribution_start_where_one_is_asked_for(families):
    families["c"] = AFamily("C", (3,), distributions=frozenset({"gaussian", "gamma"}))
    gamma = TargetDistribution(name="gamma")
    assert [entry.label for entry in entries("binary", ALL, is_sparse=False, distribution=gamma)] == ["C"]
    with pytest.raises(InvalidInput, match="the distribution gamma: a, b") as caught:
        entries("binary", Plan(excluded_families=("c",)), is_sparse=False, distribution=gamma)
    assert caught.value.field == "distribution"


def test_a_family_whose_library_is_not_installed_stays_out(families):
    families["c"] = AFamily("C", (3,), libraries=("no_such_library.part",))
    assert "C" not in labels()
    with pytest.raises(InvalidInput, match="not installed: c"):
        labels(plan=Plan(excluded_families=("a", "b")))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_every_real_trial_has_an_id_and_a_label_of_its_own(problem, preset):
    found = entries(problem, Plan(preset=preset), is_sparse=False)
    assert len({entry.trial for entry in found}) == len({entry.label for entry in found}) == len(found) > 1
    assert all(entry.options in FAMILIES[entry.family].portfolio() for entry in found)


def test_a_trial_is_known_by_its_family_and_options_alone(families):
    ids = {entry.label: entry.trial for entry in entries("binary", ALL, is_sparse=False)}
    del families["a"], families["c"]
    alone = {entry.label: entry.trial for entry in entries("binary", Plan(max_trials=3, seed=9), is_sparse=True)}
    assert alone == {label: ids[label] for label in ("B", "B-2", "B-3")}


def test_a_trial_has_the_same_id_in_every_process():
    """Checkpoints are found by it: a change of how it is made loses what was fitted before."""
    assert search._entry("linear", 0, {"steps": 100, "rate": 0.5}).trial == "c3161ae0616b"
    assert search._entry("linear", 0, {"rate": 0.5, "steps": 100}).trial == "c3161ae0616b"
    program = (
        "from athanor.engine.race.search import entries; from athanor.engine.plan import Plan; "
        "print([entry.trial for entry in entries('binary', Plan(), is_sparse=False)])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert told.stdout.strip() == str([entry.trial for entry in entries("binary", ALL, is_sparse=False)])


# --- survivors --------------------------------------------------------------------------------------------------------


def ranked(**fold_s):
    """Entries, best first, by the seconds that a fold of theirs takes."""
    return [Entry(trial=name, family="f", label=name, options={}) for name in fold_s], fold_s


def go_on(*, rounds_left=2, left_s, workers=1, **fold_s):
    found, seconds = ranked(**fold_s)
    costs = {trial: each * rounds_left for trial, each in seconds.items()}
    kept = survivors(found, costs, left_s=left_s, workers=workers)
    return [entry.trial for entry in kept]


def test_without_a_clock_all_go_on():
    assert go_on(left_s=None, best=1e6, worst=1e6) == ["best", "worst"]


def test_with_no_round_left_nobody_is_dropped():
    assert go_on(left_s=0.0, rounds_left=0, best=1.0, worst=1.0) == ["best", "worst"]


def test_as_many_go_on_as_the_time_has_room_for_best_first():
    assert go_on(left_s=10.0, best=2.0, second=3.0, third=1.0) == ["best", "second"]
    assert go_on(left_s=12.0, best=2.0, second=3.0, third=1.0) == ["best", "second", "third"]


def test_a_cheap_one_goes_on_where_a_better_but_dear_one_has_no_room():
    assert go_on(left_s=10.0, best=2.0, dear=30.0, cheap=1.0) == ["best", "cheap"]


def test_the_best_one_goes_on_however_little_time_is_left():
    assert go_on(left_s=0.1, best=2.0, second=0.5) == ["best"]
    assert go_on(left_s=-1.0, best=2.0, second=0.5) == ["best"]


def test_more_workers_have_more_room():
    assert go_on(left_s=5.0, best=2.0, second=2.4) == ["best"]
    assert go_on(left_s=5.0, workers=2, best=2.0, second=2.4) == ["best", "second"]


def test_the_folds_of_a_trial_come_one_after_the_other_however_many_workers_there_are():
    assert go_on(left_s=5.0, workers=16, best=2.0, slow=3.0, fast=1.0) == ["best", "fast"]


# --- allowance --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_s", "waiting", "workers", "allowed_s"),
    [
        (60.0, 6, 1, 10.0),
        (60.0, 6, 2, 20.0),
        (60.0, 1, 4, 60.0),
        (60.0, 3, 4, 60.0),
        (0.0, 5, 2, 0.0),
        (9.0, 0, 2, 0.0),
    ],
)
def test_a_fit_may_take_its_share_of_the_time_that_is_left(left_s, waiting, workers, allowed_s):
    assert allowance_s(left_s, waiting=waiting, workers=workers) == pytest.approx(allowed_s)


def test_all_fits_that_use_their_allowance_up_end_in_time():
    left_s = 60.0
    for waiting in range(7, 0, -1):
        left_s -= allowance_s(left_s, waiting=waiting, workers=1)
    assert left_s == pytest.approx(0.0)


# --- a continuation -----------------------------------------------------------------------------------------------------


def a_record(entry, fold, *, truncated=False):
    return FoldRecord(
        trial=entry.trial, family=entry.family, view="codes", fold=fold, score=1.0, fit_s=1.0, predict_s=0.1,
        n_features=1, truncated=truncated, files={},
    )  # fmt: skip


def test_a_continuation_begins_with_the_trials_whose_folds_are_whole(families):
    starters = entries("binary", ALL, is_sparse=False)
    records = [a_record(entry, fold) for entry in starters[:3] for fold in range(2)]
    assert whole(starters, records) == starters
    assert all(usable(entry, records) == [] for entry in starters)


def test_a_trial_with_a_fold_that_was_cut_short_is_begun_again_beside_it_with_its_whole_folds(families):
    first, second, *_ = starters = entries("binary", ALL, is_sparse=False)
    records = [a_record(first, 0), a_record(first, 1, truncated=True), a_record(first, 2), a_record(second, 0)]
    again, same, *_ = whole(starters, records)
    assert same == second
    assert (again.family, again.options, again.label) == (first.family, first.options, f"{first.label}, again")
    assert again.trial != first.trial
    assert [record.fold for record in usable(again, records)] == [0, 2]


def test_what_was_begun_again_and_cut_again_is_begun_a_third_time(families):
    first, *_ = starters = entries("binary", ALL, is_sparse=False)
    records = [a_record(first, 0, truncated=True), a_record(first, 1)]
    again, *_ = whole(starters, records)
    records += [a_record(again, 0), a_record(again, 2, truncated=True)]
    third, *_ = whole(starters, records)
    assert [turn.trial for turn in turns(third)] == [first.trial, again.trial, third.trial]
    assert [turn.label for turn in turns(third)] == [first.label, again.label, again.label]
    assert len({first.trial, again.trial, third.trial}) == 3
    assert third.label == again.label
    assert sorted((record.fold, record.trial) for record in usable(third, records)) == [
        (0, again.trial), (1, first.trial),
    ]  # fmt: skip


def test_folds_that_a_trial_has_itself_are_not_taken_from_earlier_ones(families):
    first, *_ = starters = entries("binary", ALL, is_sparse=False)
    records = [a_record(first, 0, truncated=True), a_record(first, 1)]
    again, *_ = whole(starters, records)
    assert usable(again, [*records, a_record(again, 1)]) == []

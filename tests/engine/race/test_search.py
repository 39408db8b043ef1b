"""Who goes on after a round, how long a fit may take, and how a run goes on that had ended."""

from __future__ import annotations

import pytest

from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.race.search import allowance_s, fair_s, survivors, turns, usable, whole
from athanor.engine.schedule import Entry, trial_of

STARTERS = [
    Entry(trial=trial_of(family, {"depth": 1}), family=family, label=family.upper(), options={"depth": 1})
    for family in ("a", "b", "c", "d")
]

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


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_two_entries_of_the_fair_time_go_on_though_the_last_first_fold_took_some_of_what_was_kept(workers):
    each = fair_s(60.0, later=5.2, workers=workers)
    almost = 0.999 * each
    assert go_on(rounds_left=5.2, left_s=60.0 - each, workers=workers, a=almost, b=almost) == ["a", "b"]


# --- a continuation -----------------------------------------------------------------------------------------------------


def a_record(entry, fold, *, truncated=False):
    return FoldRecord(
        trial=entry.trial, family=entry.family, view="codes", fold=fold, score=1.0, fit_s=1.0, predict_s=0.1,
        n_features=1, truncated=truncated, files={},
    )  # fmt: skip


def test_a_continuation_begins_with_the_trials_whose_folds_are_whole():
    records = [a_record(entry, fold) for entry in STARTERS[:3] for fold in range(2)]
    assert whole(STARTERS, records) == STARTERS
    assert all(usable(entry, records) == [] for entry in STARTERS)


def test_a_trial_with_a_fold_that_was_cut_short_is_begun_again_beside_it_with_its_whole_folds():
    first, second, *_ = STARTERS
    records = [a_record(first, 0), a_record(first, 1, truncated=True), a_record(first, 2), a_record(second, 0)]
    again, same, *_ = whole(STARTERS, records)
    assert same == second
    assert (again.family, again.options, again.label) == (first.family, first.options, f"{first.label}, again")
    assert again.trial != first.trial
    assert [record.fold for record in usable(again, records)] == [0, 2]


def test_what_was_begun_again_and_cut_again_is_begun_a_third_time():
    first, *_ = STARTERS
    records = [a_record(first, 0, truncated=True), a_record(first, 1)]
    again, *_ = whole(STARTERS, records)
    records += [a_record(again, 0), a_record(again, 2, truncated=True)]
    third, *_ = whole(STARTERS, records)
    assert [turn.trial for turn in turns(third)] == [first.trial, again.trial, third.trial]
    assert [turn.label for turn in turns(third)] == [first.label, again.label, again.label]
    assert len({first.trial, again.trial, third.trial}) == 3
    assert third.label == again.label
    assert sorted((record.fold, record.trial) for record in usable(third, records)) == [
        (0, again.trial), (1, first.trial),
    ]  # fmt: skip


def test_folds_that_a_trial_has_itself_are_not_taken_from_earlier_ones():
    first, *_ = STARTERS
    records = [a_record(first, 0, truncated=True), a_record(first, 1)]
    again, *_ = whole(STARTERS, records)
    assert usable(again, [*records, a_record(again, 1)]) == []

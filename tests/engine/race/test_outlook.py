"""What more time would buy: said in words that are true."""

from __future__ import annotations

import pytest

from athanor.engine.race.outlook import Step, Unfinished, gained_since, needed, outlook, spell_seconds


def trial(*folds, fold_s=2.0, is_cut=False):
    return Unfinished(folds=folds, fold_s=fold_s, is_cut=is_cut)


def step(elapsed_s, gain=None):
    return Step(elapsed_s=elapsed_s, gain=gain)


def looking(unfinished=(), history=(), **given):
    surroundings = {"trials": 8, "elapsed_s": 10.0, "left_s": 0.0, "workers": 1, "metric": "roc_auc"}
    return outlook(unfinished, history, **(surroundings | given))


# --- how long the rest would take -----------------------------------------------------------------------------------


def test_the_seconds_needed_are_those_that_folds_took():
    assert needed([trial(3, 4), trial(4, fold_s=5.0)], workers=1) == (9.0, False)


def test_workers_share_a_round_and_its_longest_fit_bounds_it():
    assert needed([trial(0), trial(0)], workers=2) == (2.0, False)
    assert needed([trial(0, fold_s=10.0), trial(0)], workers=4) == (10.0, False)
    assert needed([trial(0, 1)], workers=8) == (4.0, False)


def test_a_trial_without_a_fold_is_taken_to_be_like_the_others_and_may_take_longer():
    assert needed([trial(1), trial(0, 1, fold_s=None)], workers=1) == (6.0, True)


def test_fits_that_were_cut_tell_only_the_least_that_is_needed():
    assert needed([trial(1, is_cut=True)], workers=1) == (2.0, True)


def test_where_no_fold_was_fitted_nobody_knows():
    assert needed([trial(0, fold_s=None)], workers=1) == (None, True)
    assert needed([], workers=1) == (0.0, False)


# --- what the last half of the time brought ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "gained"),
    [
        ((), None),
        ([step(1.0)], 0.0),
        ([step(7.0)], None),  # there was nothing to be better than
        ([step(1.0), step(4.0, 0.5), step(6.0, 0.02), step(9.0, 0.01)], 0.03),
        ([step(1.0), step(6.0)], None),
        ([step(6.0, 0.02)], 0.02),  # an earlier attempt had a model
    ],
)
def test_the_gain_is_that_of_the_models_that_came_since(history, gained):
    assert gained_since(history, 5.0) == (gained if gained is None else pytest.approx(gained))


# --- in words ---------------------------------------------------------------------------------------------------------


def test_at_the_end_it_says_what_is_unfinished_and_what_the_last_seconds_brought():
    told = looking([trial(3, 4, fold_s=8.0), trial(4, fold_s=8.0), trial(4, fold_s=16.0)], [step(1.0), step(6.0, 4e-4)])
    assert (told.trials, told.trials_left, told.folds_left, told.needed_s) == (8, 3, 4, 40.0)
    assert (told.gained, told.gained_s) == (4e-4, 5.0)
    assert told.message == (
        "More time: 3 of 8 trials are unfinished (about 40 s); the last 5 s made roc_auc better by 0.0004."
    )


@pytest.mark.parametrize(
    ("unfinished", "given", "message"),
    [
        ([], {}, "The schedule is complete: more time alone would buy nothing."),
        ([], {"trials": 0}, "Every trial was given up: more time would buy nothing."),
        ([trial(1)], {"is_perfect": True}, "No model can have a better score: more time would buy nothing."),
        ([trial(1)], {"trials": 1}, "More time: 1 of 1 trial is unfinished (about 2 s)."),
        ([trial(1, is_cut=True)], {}, "More time: 1 of 8 trials is unfinished (2 s or more)."),
        ([trial(1, fold_s=None)], {}, "More time: 1 of 8 trials is unfinished."),
        ([trial(1, fold_s=40.0)], {"left_s": 10.0}, "More time: 1 of 8 trials is unfinished (about 40 s)."),
        ([trial(1, fold_s=40.0)], {"left_s": 50.0}, "1 of 8 trials is unfinished, about 40 s to go."),
        ([trial(1, fold_s=40.0)], {"left_s": None}, "1 of 8 trials is unfinished, about 40 s to go."),
    ],
)
def test_it_says_what_holds(unfinished, given, message):
    assert looking(unfinished, **given).message == message


def test_a_gain_of_nothing_is_called_so():
    told = looking([trial(1, fold_s=40.0)], [step(1.0), step(8.0, 0.0)])
    assert told.message == "More time: 1 of 8 trials is unfinished (about 40 s); the last 5 s brought nothing."


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [(0.2, "less than 1 s"), (4.4, "4 s"), (95.0, "95 s"), (720.0, "12 min"), (6e3, "100 min"), (9e4, "25 h")],
)
def test_seconds_are_spelled_about(seconds, spelled):
    assert spell_seconds(seconds) == spelled

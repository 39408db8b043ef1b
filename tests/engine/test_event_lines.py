"""Which events of a run are told in words, and how."""

import pytest

from athanor.engine.event_lines import QUIET_S, SAVED_S, Lines, line_of
from athanor.engine.events import (
    Finished,
    FoldFinished,
    IncumbentChanged,
    Outlook,
    Progressed,
    Started,
    TrialFailed,
    TrialFinished,
    Warned,
)

STARTED = Started(problem="binary", metric="roc_auc", n_rows=1200, n_features=9, n_folds=5, time_limit_s=30.0)
TRIAL = {"trial": "t1", "family": "lightgbm", "label": "LightGBM-2"}
SAVED = IncumbentChanged(score=0.9, members=1, folds=1, n_folds=5, elapsed_s=1.0)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (STARTED, "Learning: binary, metric roc_auc, 1,200 rows, 9 features, 5 folds, limit 30 s."),
        (
            IncumbentChanged(score=0.87654321, members=1, folds=1, n_folds=10, elapsed_s=2.0),
            "Model on disk: roc_auc 0.87654 (1 member, 1 of 10 folds).",
        ),
        (
            IncumbentChanged(score=0.9, members=3, folds=3, n_folds=10, elapsed_s=2.0),
            "Model on disk: roc_auc 0.9 (3 members, 3 of 10 folds).",
        ),
        (TrialFinished(**TRIAL, score=0.9, fit_s=4.0), "LightGBM-2: roc_auc 0.9 (4.0 s of fitting)."),
        (TrialFailed(**TRIAL, reason="no memory"), "LightGBM-2 was given up: no memory"),
        (Warned(message="Careful."), "Note: Careful."),
        (FoldFinished(**TRIAL, fold=0, n_folds=5, score=0.9, fit_s=1.0), None),
    ],
)
def test_an_event_is_told_in_one_line_or_not_at_all(event, line):
    assert line_of(event, "roc_auc") == line


def test_a_better_model_is_told_at_most_once_in_a_while():
    clock = Clock()
    lines = Lines(clock)
    told = []
    for moment in (0.0, SAVED_S / 2, SAVED_S):
        clock.now = moment
        told.append(lines.of(SAVED) is not None)
    assert told == [True, False, True]


def test_where_nothing_was_said_for_long_a_line_tells_that_the_run_lives():
    clock = Clock()
    lines = Lines(clock)
    half = Progressed(fraction=0.5, elapsed_s=15.0, left_s=15.0, doing="fold 2 of 5", memory_bytes=2**30)
    assert lines.of(half) is None
    clock.now = QUIET_S
    assert lines.of(half) == "50%, fold 2 of 5, 15 s left, 1.0 GB of memory."
    assert lines.said() == QUIET_S
    assert lines.of(half) is None


def test_in_the_end_it_tells_what_more_time_would_buy():
    lines = Lines(lambda: 1.0)
    message = "More to gain."
    outlook = Outlook(trials=8, trials_left=3, folds_left=9, needed_s=4.0, gained=None, gained_s=4.5, message=message)
    assert lines.of(outlook) is None
    assert lines.of(Finished(reason="time limit", metric="roc_auc", score=0.9, elapsed_s=1.0)) == message

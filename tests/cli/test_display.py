"""What a person sees while a run learns."""

import io

import pytest
from rich.console import Console

from athanor.cli.display import BAR_WIDTH, LiveDisplay, PlainDisplay, bar, line_of
from athanor.engine.events import (
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Progressed,
    Started,
    TrialFailed,
    TrialFinished,
    Warned,
)

STARTED = Started(problem="binary", metric="roc_auc", n_rows=1200, n_features=9, n_folds=5, time_limit_s=30.0)
TRIAL = {"trial": "t1", "family": "lightgbm", "label": "LightGBM-2"}
BEST = LeaderboardRow(
    rank=1, name="Ensemble", family="ensemble", score=0.91234, fit_s=12.3, predict_s=0.01, folds=5, n_folds=5, trial="e"
)
PARTIAL = LeaderboardRow(
    rank=None, name="Linear", family="linear", score=None, fit_s=0.1, predict_s=0.0, folds=0, n_folds=5, trial="t2"
)


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


def test_a_plain_line_is_stamped_with_the_seconds_since_the_start_and_goes_to_standard_error(capsys):
    with PlainDisplay(lambda: 12.34) as display:
        display.tell(STARTED)
        display.tell(TrialFinished(**TRIAL, score=0.9, fit_s=4.0))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[1] == "[  12.3 s] LightGBM-2: roc_auc 0.9 (4.0 s of fitting)."


def test_in_a_terminal_progress_and_leaderboard_are_drawn():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with LiveDisplay(lambda: 3.0, console=console) as display:
        display.tell(STARTED)
        display.tell(Progressed(fraction=0.5, elapsed_s=15.0, left_s=15.0, doing="fold 2 of 5"))
        display.tell(LeaderboardChanged(rows=(BEST, PARTIAL)))
        display.tell(Warned(message="[bold]not markup[/bold]"))
    drawn = screen.getvalue()
    for words in ("fold 2 of 5", "15 s left", "Ensemble", "0.91234", "Linear", "0/5", "[bold]not markup[/bold]"):
        assert words in drawn


def test_a_terminal_that_was_closed_ends_no_training(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Closed())
    PlainDisplay(lambda: 1.0).say("nobody hears this")


@pytest.mark.parametrize(("fraction", "filled"), [(0.0, 0), (0.5, BAR_WIDTH // 2), (1.0, BAR_WIDTH), (1.7, BAR_WIDTH)])
def test_the_bar_is_filled_as_far_as_the_run_is(fraction, filled):
    drawn = bar(fraction)
    assert (len(drawn), drawn.count("━")) == (BAR_WIDTH, filled)

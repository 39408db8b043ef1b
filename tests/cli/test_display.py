"""What a person sees while a run learns."""

import io

import pytest
from rich.console import Console

from athanor.cli.display import LiveDisplay, PlainDisplay, display_for_terminal
from athanor.engine.event_lines import QUIET_S
from athanor.engine.events import (
    Finished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Outlook,
    Progressed,
    Started,
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


def an_outlook(message):
    return Outlook(trials=8, trials_left=3, folds_left=9, needed_s=4.0, gained=None, gained_s=4.5, message=message)


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


def test_of_models_that_come_fast_one_a_second_is_told(capsys):
    clock = iter(range(10_000))
    with PlainDisplay(lambda: next(clock) / 20) as display:  # it looks at the clock once or twice an event
        for step in range(100):
            display.tell(IncumbentChanged(score=step, members=1, folds=1, n_folds=5, elapsed_s=1.0))
    assert 4 <= len(capsys.readouterr().err.splitlines()) <= 8


def test_a_quiet_run_says_now_and_then_that_it_lives_and_less_often_the_longer_it_takes(capsys):
    told = []
    now = 0.0
    display = PlainDisplay(lambda: now)
    while now < 36_000:
        now += 10
        left_s = 36_000 - now
        display.tell(Progressed(fraction=now / 36_000, elapsed_s=now, left_s=left_s, doing="fold 2 of 5"))
        said = capsys.readouterr().err
        told += [now] if said else []
        first = said if len(told) == 1 and said else ""
        assert not first or first == "[  30.0 s] 0%, fold 2 of 5, 10 h left.\n"
    assert told[0] == QUIET_S
    assert len(told) < 120
    assert told[-1] - told[-2] > 1_000


def test_the_line_of_a_quiet_run_names_its_memory(capsys):
    PlainDisplay(lambda: 30.0).tell(
        Progressed(fraction=0.4, elapsed_s=30.0, left_s=None, doing="fold 2 of 5", memory_bytes=2**29)
    )
    assert capsys.readouterr().err == "[  30.0 s] 40%, fold 2 of 5, 512 MB of memory.\n"


def test_what_more_time_would_buy_is_said_once_at_the_end(capsys):
    finished = Finished(reason="time limit", metric="roc_auc", score=0.9, elapsed_s=9.0)
    with PlainDisplay(lambda: 9.0) as display:
        display.tell(an_outlook("More time: 4 of 8 trials are unfinished."))
        display.tell(an_outlook("More time: 3 of 8 trials are unfinished."))
        display.tell(finished)
    assert capsys.readouterr().err == "[   9.0 s] More time: 3 of 8 trials are unfinished.\n"


def test_where_nobody_looked_ahead_the_end_says_nothing(capsys):
    PlainDisplay(lambda: 9.0).tell(Finished(reason="time limit", metric="roc_auc", score=0.9, elapsed_s=9.0))
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def __init__(self, encoding):
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return True


@pytest.mark.parametrize(("encoding", "draws_ascii"), [("utf-8", False), ("iso-8859-1", True), ("ascii", True)])
def test_what_the_terminal_cannot_show_is_not_drawn(encoding, draws_ascii):
    screen = Terminal(encoding)
    with LiveDisplay(lambda: 3.0, console=Console(file=screen, force_terminal=True, width=80)) as display:
        display.tell(Progressed(fraction=0.5, elapsed_s=15.0, left_s=15.0, doing="fold 2 of 5"))
        display.tell(LeaderboardChanged(rows=(BEST, PARTIAL)))
    assert screen.getvalue().isascii() == draws_ascii


def test_after_the_end_the_picture_stands_and_the_line_below_it_is_free():
    screen = io.StringIO()
    with LiveDisplay(lambda: 3.0, console=Console(file=screen, force_terminal=True, width=80)) as display:
        display.tell(LeaderboardChanged(rows=(BEST,)))
        display.tell(Finished(reason="time limit", metric="roc_auc", score=0.9, elapsed_s=9.0))
    last = screen.getvalue().rsplit("ended after", 1)[1]
    assert "Ensemble" in last
    assert last.replace("\x1b[?25h", "").endswith("\n")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal("utf-8"))
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display_for_terminal(lambda: 1.0), PlainDisplay)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display_for_terminal(lambda: 1.0), LiveDisplay)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(display_for_terminal(lambda: 1.0), PlainDisplay)

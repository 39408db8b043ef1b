"""What is seen of a training: one picture in a notebook, lines elsewhere, or what a listener makes of it."""

import io
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from athanor.engine.events import (
    Finished,
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Outlook,
    Progressed,
    Started,
    Warned,
)
from athanor.notebook.learn import learn
from athanor.notebook.progress import DRAWN_S, Picture, display_for, is_notebook

STARTED = Started(problem="binary", metric="roc_auc", n_rows=1200, n_features=9, n_folds=5, time_limit_s=30.0)
FOLD = FoldFinished(trial="t", family="lightgbm", label="LightGBM", fold=0, n_folds=5, score=0.9, fit_s=1.0)
BEST = LeaderboardRow(
    rank=1,
    name="<Ensemble>",
    family="ensemble",
    score=0.91234,
    fit_s=2.0,
    predict_s=0.01,
    folds=5,
    n_folds=5,
    trial="e",
)
HALF = Progressed(fraction=0.5, elapsed_s=15.0, left_s=15.0, doing="fold 2 of 5", memory_bytes=2**30)
END = Finished(reason="time limit", metric="roc_auc", score=0.91234, elapsed_s=30.0)


class Shell(InteractiveShell):
    """A notebook's shell, which keeps what it is given to show."""

    kernel = object()


@pytest.fixture
def notebook(monkeypatch):
    """In a notebook; gives the HTML that it was shown, with whether it took the place of what was there."""
    import IPython
    from IPython.display import HTML

    shown = []

    def publish(data, metadata=None, *, transient=None, update=False, **_):
        shown.append((data["text/html"], update, (transient or {}).get("display_id")))

    shell = Shell.instance()
    monkeypatch.setattr(shell.display_pub, "publish", publish)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    assert HTML
    yield shown
    Shell.clear_instance()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_picture_is_drawn_in_the_place_of_itself_and_not_for_every_event(notebook):
    clock = Clock()
    picture = Picture(clock)
    for event in (STARTED, HALF, *[FOLD] * 50):
        picture.tell(event)
    assert len(notebook) == 1
    clock.now = DRAWN_S
    picture.tell(LeaderboardChanged(rows=(BEST,)))
    picture.tell(END)
    (_, first_updates, first_id), *others = notebook
    assert not first_updates
    assert [(updates, place) for _, updates, place in others] == [(True, first_id)] * 2


def test_it_shows_how_far_the_run_is_and_what_it_has(notebook):
    clock = Clock()
    picture = Picture(clock)
    for number, event in enumerate(
        (
            STARTED,
            HALF,
            LeaderboardChanged(rows=(BEST,)),
            IncumbentChanged(score=0.8, members=1, folds=1, n_folds=5, elapsed_s=1.0),
            IncumbentChanged(score=0.9, members=1, folds=1, n_folds=5, elapsed_s=2.0),
            Outlook(
                trials=8, trials_left=3, folds_left=9, needed_s=4.0, gained=None, gained_s=4.5, message="More to gain."
            ),
            Warned(message="Careful <b>."),
        )
    ):
        clock.now = number * DRAWN_S
        picture.tell(event)
    drawn, _, _ = notebook[-1]
    for words in ("1,200 rows", "50%", "15 s left", "1.0 GB", "0.91234", "More to gain.", "0.8 → 0.9", "<svg"):
        assert words in drawn
    assert "&lt;Ensemble&gt;" in drawn
    assert "Careful &lt;b&gt;." in drawn
    assert "http" not in drawn
    clock.now = 60.0
    picture.tell(END)
    assert "ended after 60 s (time limit)" in notebook[-1][0]


def test_a_training_in_a_notebook_leaves_one_picture_of_its_end(notebook, people, quick, capsys):
    assert is_notebook()
    learn(people, "buys", **{**quick, "progress": True})
    assert {place for _, _, place in notebook} == {notebook[0][2]}
    assert "ended after" in notebook[-1][0]
    assert capsys.readouterr().err == ""


def test_a_picture_ends_with_what_came_last_even_where_the_run_fails(notebook):
    def run():
        with display_for(progress=True, clock=lambda: 0.0) as display:
            display.tell(STARTED)
            display.tell(Warned(message="Careful."))
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        run()
    assert "Careful." in notebook[-1][0]


def test_elsewhere_lines_go_to_standard_error(capsys):
    assert not is_notebook()
    with display_for(progress=True) as display:
        display.tell(STARTED)
        display.tell(FOLD)
        display.say("Done.")
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split("] ")[1] for line in told.err.splitlines()] == [
        "Learning: binary, metric roc_auc, 1,200 rows, 9 features, 5 folds, limit 30 s.",
        "Done.",
    ]


def test_a_stream_that_nobody_reads_ends_no_training(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with display_for(progress=True) as display:
        display.tell(STARTED)


def test_without_progress_nothing_is_said(capsys):
    with display_for(progress=False) as display:
        display.tell(STARTED)
        display.say("Done.")
    assert capsys.readouterr() == ("", "")


def test_a_function_hears_the_events_and_what_is_said_as_a_warning():
    heard = []
    with display_for(heard.append) as display:
        display.tell(STARTED)
        display.say("Done.")
    assert heard == [STARTED, Warned(message="Done.")]

"""What the live view shows: everything worth knowing, within 80 columns."""

import io
import math

import pytest
from rich.console import Console

from athanor.cli.picture import SHOWN_ROWS, Picture
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

MB = 2**20
STARTED = Started(problem="binary", metric="balanced_accuracy", n_rows=9, n_features=2, n_folds=5, time_limit_s=30.0)
OUTLOOK = Outlook(
    trials=8, trials_left=3, folds_left=9, needed_s=40.0, gained=0.0004, gained_s=6.0,
    message="More time: 3 of 8 trials are unfinished (about 40 s); the last 6 s made balanced_accuracy better by 0.0004.",
)  # fmt: skip


def progress(fraction=0.5, **given):
    return Progressed(**({"fraction": fraction, "elapsed_s": 12.0, "left_s": 18.0, "doing": "fold 2 of 5"} | given))


def a_row(number, **given):
    row = {"rank": number, "name": f"LightGBM-{number}", "family": "lightgbm", "score": 0.91234, "fit_s": 123.4}
    return LeaderboardRow(**(row | {"predict_s": 0.012, "folds": 5, "n_folds": 5, "trial": f"t{number}"} | given))


def a_fold(trial="t1", fold=0, curve=((1, 0.7), (50, 0.4), (90, 0.3), (100, 0.31))):
    label = f"LightGBM-{trial[1:]}"
    return FoldFinished(
        trial=trial, family="lightgbm", label=label, fold=fold, n_folds=5, score=0.9, fit_s=1.0, curve=curve
    )


def saved(elapsed_s, score):
    return IncumbentChanged(score=score, members=3, folds=2, n_folds=5, elapsed_s=elapsed_s)


def drawn(*told, width=80, height=24, ascii_only=False, news=""):
    picture = Picture(ascii_only=ascii_only)
    for event in told:
        picture.take(event)
    picture.news = news
    console = Console(file=io.StringIO(), width=width)
    console.print(picture.draw(12.0, width=width, height=height))
    return console.file.getvalue().splitlines()


EVERYTHING = (
    STARTED,
    progress(memory_bytes=412 * MB, memory_limit=2048 * MB),
    saved(2.0, 0.85),
    saved(8.0, 0.91234),
    LeaderboardChanged(rows=tuple(a_row(number) for number in range(1, 13))),
    a_fold(),
    OUTLOOK,
)


def test_before_anything_was_told_it_says_what_is_being_done():
    assert drawn()[0] == "reading · 12 s"


def test_time_left_and_memory_stand_on_top():
    assert drawn(progress(memory_bytes=412 * MB, memory_limit=2048 * MB))[0] == (
        "fold 2 of 5 · 12 s · 18 s left · memory 412 MB of 2.0 GB"
    )
    assert drawn(progress(memory_bytes=412 * MB))[0].endswith("memory 412 MB")
    assert "memory" not in drawn(progress())[0]


def test_without_a_time_limit_the_outlook_says_how_long_it_takes():
    assert drawn(progress(left_s=None), OUTLOOK)[0] == "fold 2 of 5 · 12 s · about 40 s to go"


def test_the_bar_says_how_far_the_run_is():
    assert drawn(progress(0.5))[1] == "━" * 30 + "╌" * 30 + "  50%"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_longer_than_the_terminal_is_wide(width, ascii_only):
    lines = drawn(*EVERYTHING, width=width, ascii_only=ascii_only, news="LightGBM-2: " + "very long " * 30)
    assert max(map(len, lines)) <= width


def test_where_the_terminal_cannot_show_more_only_ascii_is_drawn():
    assert "".join(drawn(*EVERYTHING, ascii_only=True, news="x" * 300)).isascii()


def test_80_columns_and_24_lines_hold_all_of_it():
    lines = drawn(*EVERYTHING, news="Model on disk: balanced_accuracy 0.91234 (3 members, 2 of 5 folds).")
    assert len(lines) < 24
    assert "…" not in "".join(lines)


def test_the_leaderboard_shows_the_best_and_says_how_many_more_there_are():
    lines = drawn(*EVERYTHING, height=60)
    assert sum("LightGBM-" in line and "5/5" in line for line in lines) == SHOWN_ROWS
    assert any("and 4 more" in line for line in lines)


def test_a_partial_trial_has_no_rank():
    [line] = [
        line for line in drawn(LeaderboardChanged(rows=(a_row(1, rank=None, score=None, folds=2),))) if "2/5" in line
    ]
    assert line.split()[:3] == ["-", "LightGBM-1", "-"]


def test_the_score_of_the_model_on_disk_is_a_curve_over_time():
    [line] = [line for line in drawn(saved(0.0, 0.8), saved(6.0, 0.9), progress(elapsed_s=12.0)) if "model" in line]
    assert line == "model  " + "▁" * 12 + "█" * 12 + "  0.8 → 0.9"


def test_one_score_is_no_curve():
    assert not any("→" in line for line in drawn(saved(0.0, 0.8), progress()))


def test_the_learning_curve_is_that_of_the_best_trial_in_its_last_fold():
    told = (a_fold("t2", 0), a_fold("t1", 0), a_fold("t2", 1), a_fold("t1", 1, curve=()))
    [line] = [line for line in drawn(*told, LeaderboardChanged(rows=(a_row(2), a_row(1)))) if "loss" in line]
    assert line.startswith("loss   █")
    assert line.endswith("  0.7 → 0.3 at 90, LightGBM-2 fold 2")


def test_before_the_first_leaderboard_the_learning_curve_is_the_newest():
    assert any("LightGBM-2 fold 1" in line for line in drawn(a_fold("t1"), a_fold("t2")))


def test_a_loss_that_is_no_number_is_left_out():
    assert any("0.7 → 0.3" in line for line in drawn(a_fold(curve=((1, math.nan), (2, 0.7), (3, 0.3)))))


def test_what_more_time_would_buy_is_said_in_words():
    assert OUTLOOK.message in " ".join(line.strip() for line in drawn(OUTLOOK))


def test_the_memory_is_coloured_when_it_comes_close_to_its_limit():
    def styled(used):
        picture = Picture()
        picture.take(progress(memory_bytes=used, memory_limit=100))
        console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80)
        console.print(picture.draw(1.0, width=80, height=24))
        return "\x1b[33m" in console.file.getvalue()

    assert [styled(used) for used in (50, 90)] == [False, True]


def test_at_the_end_the_bar_and_the_news_make_way_for_the_result():
    told = Finished(reason="time limit", metric="balanced_accuracy", score=0.9, elapsed_s=12.0)
    lines = drawn(*EVERYTHING, told, news="something happened")
    assert lines[0] == "ended after 12 s (time limit)"
    assert not any("━" in line or "something happened" in line for line in lines)
    assert any("LightGBM-1" in line for line in lines)


def test_what_only_makes_a_line_changes_no_picture():
    assert drawn(Warned(message="mind the gap")) == drawn()

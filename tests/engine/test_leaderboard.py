"""The order of trials, and the file beside a model."""

from __future__ import annotations

import pytest

from athanor.engine.events import LeaderboardRow
from athanor.engine.leaderboard import rank, read_leaderboard, write_leaderboard
from athanor.engine.metrics import METRICS
from athanor.errors import InvalidInput, NotFound

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]


def a_row(trial, score, *, folds=3):
    return LeaderboardRow(
        rank=None, name=trial.upper(), family="linear", score=score, fit_s=1.0, predict_s=0.1, folds=folds, n_folds=3,
        trial=trial,
    )  # fmt: skip


def shown(rows, metric, **more):
    return [(row.rank, row.trial) for row in rank(rows, metric, **more)]


def test_complete_trials_stand_in_order_of_score():
    rows = [a_row("a", 0.5), a_row("b", 0.9), a_row("c", 0.7)]
    assert shown(rows, ACCURACY) == [(1, "b"), (2, "c"), (3, "a")]
    assert shown(rows, RMSE) == [(1, "a"), (2, "c"), (3, "b")]


def test_partial_trials_stand_below_without_a_rank():
    rows = [a_row("lucky", 0.99, folds=1), a_row("a", 0.5), a_row("less", 0.6, folds=2)]
    assert shown(rows, ACCURACY) == [(1, "a"), (None, "lucky"), (None, "less")]


def test_what_is_served_stands_on_top_and_is_ranked_whatever_it_is():
    rows = [a_row("a", 0.5), a_row("served", 0.4, folds=1), a_row("b", 0.9)]
    assert shown(rows, ACCURACY, first="served") == [(1, "served"), (2, "b"), (3, "a")]


@pytest.mark.parametrize("metric", [ACCURACY, RMSE])
def test_a_score_that_is_not_defined_is_the_worst(metric):
    rows = [a_row("undefined", None), a_row("a", 0.5)]
    assert shown(rows, metric) == [(1, "a"), (2, "undefined")]


def test_equal_scores_keep_the_order_in_which_they_came():
    assert shown([a_row("b", 0.5), a_row("a", 0.5)], ACCURACY) == [(1, "b"), (2, "a")]


def test_a_leaderboard_is_read_as_it_was_written(tmp_path):
    rows = rank([a_row("a", 0.5), a_row("b", None), a_row("c", 0.1, folds=1)], ACCURACY)
    write_leaderboard(tmp_path, rows)
    assert read_leaderboard(tmp_path) == rows


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"rank": 1}]'])
def test_a_leaderboard_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "leaderboard.json").write_text(text)
    with pytest.raises(InvalidInput, match="is not a leaderboard that Athanor wrote"):
        read_leaderboard(tmp_path)


def test_a_folder_without_a_leaderboard_is_told_in_words(tmp_path):
    with pytest.raises(NotFound, match="There is no leaderboard in"):
        read_leaderboard(tmp_path)

"""Leaderboards and importances, to be looked at and to be taken as frames."""

from athanor.engine.events import LeaderboardRow
from athanor.engine.serving.reliance import Importance
from athanor.notebook.listing import SHOWN, Listing, importance_listing, leaderboard_listing

ROWS = [
    LeaderboardRow(
        rank=1,
        name="LightGBM",
        family="lightgbm",
        score=0.9123456,
        fit_s=2.0,
        predict_s=0.1,
        folds=5,
        n_folds=5,
        trial="a",
    ),
    LeaderboardRow(
        rank=None, name="Linear", family="linear", score=None, fit_s=1.0, predict_s=0.1, folds=2, n_folds=5, trial="b"
    ),
]


def test_a_leaderboard_is_a_frame_of_either_kind():
    board = leaderboard_listing(ROWS)
    assert board.to_polars()["score"].to_list() == [0.9123456, None]
    assert board.to_pandas()["model"].tolist() == ["LightGBM", "Linear"]
    assert len(board) == 2
    assert board[1]["folds"] == "2/5"


def test_it_is_drawn_with_five_digits_and_partial_trials_step_back():
    drawn = leaderboard_listing(ROWS)._repr_html_()
    assert "0.91235" in drawn
    assert drawn.count("opacity:0.65") == len(leaderboard_listing(ROWS).columns)  # the cells of one row
    assert repr(leaderboard_listing(ROWS)).splitlines()[1].split()[:3] == ["1", "LightGBM", "lightgbm"]


def test_components_are_told_only_where_a_column_is_a_vector():
    assert importance_listing([Importance("a", None, 1.0)]).columns == ("column", "share")
    vectors = importance_listing([Importance("v", 3, 0.6), Importance("a", None, 0.4)])
    assert vectors.columns == ("column", "component", "share")
    assert vectors.to_pandas()["share"].sum() == 1.0


def test_of_many_rows_some_are_drawn_and_all_are_in_the_frame():
    many = Listing(tuple({"n": number} for number in range(SHOWN + 5)), ("n",))
    assert "and 5 more" in many._repr_html_()
    assert many.to_polars().height == SHOWN + 5


def test_no_rows_are_an_empty_frame():
    assert Listing((), ("n",)).to_polars().height == 0
    assert Listing((), ("n",)).to_pandas().columns.tolist() == ["n"]

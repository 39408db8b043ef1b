"""Tables as aligned text."""

from dataclasses import replace

from athanor.cli.tables import (
    LEADERBOARD_HEAD,
    leaderboard_cells,
    live_cells,
    live_head,
    table_lines,
)
from athanor.engine.events import LeaderboardRow


def test_columns_are_as_wide_as_their_widest_cell_and_numbers_stand_to_the_right():
    lines = table_lines(("name", "fit s"), [("a", "1.0"), ("longer", "123.4")], right=("fit s",))
    assert lines == ["name    fit s", "a         1.0", "longer  123.4"]


def test_a_table_without_rows_is_its_head():
    assert table_lines(("name", "status"), []) == ["name  status"]


def test_the_live_leaderboard_leaves_out_the_family_and_names_the_metric():
    row = LeaderboardRow(
        rank=1, name="LightGBM-2", family="lightgbm", score=0.9, fit_s=2.0, predict_s=0.1, folds=5, n_folds=5, trial="t"
    )
    assert live_head("roc_auc") == ("rank", "model", "roc_auc", "fit s", "predict s/1000", "folds")
    shown = dict(zip(LEADERBOARD_HEAD, leaderboard_cells([row])[0], strict=True))
    assert "lightgbm" in shown.values()
    assert live_cells([row]) == [tuple(cell for name, cell in shown.items() if name not in {"family", "+/-"})]


def test_the_error_of_a_score_stands_beside_it_and_a_dash_where_it_is_not_known():
    row = LeaderboardRow(
        rank=1, name="n", family="f", score=0.91234, fit_s=2.0, predict_s=0.1, folds=5, n_folds=5, trial="t"
    )
    cells = leaderboard_cells([row, replace(row, score_error=0.01234)])
    shown = [dict(zip(LEADERBOARD_HEAD, each, strict=True)) for each in cells]
    assert [(each["score"], each["+/-"]) for each in shown] == [("0.91234", "-"), ("0.91234", "0.012")]

"""What is known of trials: folds without a gap, and every blend judged on rows that none of its members saw."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.budget import Budget
from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.predictions import Truth
from athanor.engine.race.ensemble import Weights, alone
from athanor.engine.race.standings import Standings
from athanor.engine.schedule import Entry
from athanor.engine.scores import MeasuredOn
from athanor.engine.tables.dataset import Dataset, Numbers
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task

FOLDS = np.array([0, 1, 2, 0, 1, 2], np.int16)
Y = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


class Blocks:
    """Checkpoints that hold out-of-fold blocks alone, and count how often one is read."""

    def __init__(self):
        self.kept = {}
        self.reads = 0

    def out_of_fold(self, trial, fold):
        self.reads += 1
        return self.kept[trial, fold]


def given(y=Y, folds=FOLDS):
    schema = Schema((ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),))
    return TrainingSet(
        task=Task(target="y", problem="regression", metric="rmse", features=("x",)),
        features=Dataset(schema, {"x": Numbers(y)}, len(y)),
        truth=Truth(y=y),
        folds=folds,
    )


@pytest.fixture
def standings():
    entries = {name: Entry(trial=name, family="f", label=name.upper(), options={}) for name in ("a", "b", "c")}
    return Standings(given(), Blocks(), entries)


def fitted(standings, trial, folds, *, error=0.0, fit_s=1.0):
    """A trial whose predictions in these folds are off by `error` (a number, or one for each fold)."""
    errors = dict(zip(folds, error, strict=True)) if isinstance(error, (list, tuple)) else dict.fromkeys(folds, error)
    for fold in folds:
        standings.records[trial, fold] = FoldRecord(
            trial=trial, family="f", view="codes", fold=fold, score=errors[fold], fit_s=fit_s, predict_s=0.25,
            n_features=1, truncated=False, files={},
        )  # fmt: skip
        rows = standings.given.folds == fold
        standings.checkpoints.kept[trial, fold] = (standings.given.truth.y[rows] + errors[fold]).astype(np.float32)[
            :, None
        ]


def weigh(standings, *trials, cap=None, ensemble=False):
    return standings.weigh(trials, cap=cap, ensemble=ensemble, seed=0, clock=Budget())


# --- folds ----------------------------------------------------------------------------------------------------------


def test_folds_count_from_the_first_one_without_a_gap(standings):
    fitted(standings, "a", [0, 1, 2])
    fitted(standings, "b", [0, 2])
    fitted(standings, "c", [1, 2])
    assert [standings.n_finished(trial) for trial in "abcd"] == [3, 1, 0, 0]
    assert [standings.is_complete(trial) for trial in "abc"] == [True, False, False]
    assert standings.n_finished("a", cap=2) == 2


def test_members_have_as_many_folds_in_common_as_the_one_with_the_fewest(standings):
    fitted(standings, "a", [0, 1, 2])
    fitted(standings, "b", [0, 1])
    assert standings.n_common({"a": 0.5, "b": 0.5}) == 2
    assert standings.n_common({"a": 0.5, "b": 0.5}, cap=1) == 1


def test_a_fold_takes_as_long_as_the_finished_ones_took_on_average(standings):
    fitted(standings, "a", [0], fit_s=1.0)
    fitted(standings, "a", [1], fit_s=4.0)
    assert standings.fold_s("a") == 2.5


# --- how good a blend is --------------------------------------------------------------------------------------------


def test_a_blend_is_judged_on_the_rows_of_the_folds_that_count(standings):
    fitted(standings, "a", [0, 1, 2], error=[1.0, 1.0, 7.0])
    assert standings.utility({"a": 1.0}, 1) == -1.0
    assert standings.utility({"a": 1.0}, 2) == -1.0
    assert standings.utility({"a": 1.0}, 3) == pytest.approx(-np.sqrt((1 + 1 + 49) / 3))


def test_members_answer_for_the_same_rows(standings):
    fitted(standings, "a", [0, 1], error=1.0)
    fitted(standings, "b", [0, 1], error=-2.0)
    assert standings.utility({"a": 2 / 3, "b": 1 / 3}, 2) == pytest.approx(0.0, abs=1e-6)


def test_a_block_is_read_once_for_a_number_of_folds(standings):
    fitted(standings, "a", [0, 1])
    for folds in (1, 2, 1, 2):  # a barrier compares with the one before
        standings.utility({"a": 1.0}, folds)
    assert standings.checkpoints.reads == 1 + 2


def test_earlier_blocks_can_be_asked_for_again(standings):
    fitted(standings, "a", [0, 1, 2], error=[1.0, 2.0, 3.0])
    first = [standings.utility({"a": 1.0}, folds) for folds in (1, 2, 3)]
    assert [standings.utility({"a": 1.0}, folds) for folds in (1, 2, 3)] == first


# --- weighing -------------------------------------------------------------------------------------------------------


def test_of_trials_with_the_same_folds_the_best_one_is_chosen(standings):
    fitted(standings, "a", [0, 1], error=2.0)
    fitted(standings, "b", [0, 1], error=1.0)
    assert weigh(standings, "a", "b") == Weights(shares={"b": 1.0}, score=1.0)


def test_trials_with_opposite_errors_are_blended_where_that_is_wanted(standings):
    fitted(standings, "a", [0, 1, 2], error=1.0)
    fitted(standings, "b", [0, 1, 2], error=-1.0)
    assert len(weigh(standings, "a", "b").shares) == 1
    blended = weigh(standings, "a", "b", ensemble=True)
    assert set(blended.shares) == {"a", "b"}
    assert blended.score == pytest.approx(0.0, abs=0.5)


def test_a_trial_without_a_finished_fold_is_not_weighed(standings):
    fitted(standings, "a", [0], error=2.0)
    fitted(standings, "b", [1, 2])
    assert weigh(standings, "a", "b", "c").shares == {"a": 1.0}
    assert weigh(standings, "b", "c") is None
    assert weigh(standings) is None


def test_a_lucky_first_fold_does_not_beat_trials_with_more_folds(standings):
    """One perfect fold against two trials with two folds each: the four folds say more."""
    fitted(standings, "a", [0], error=0.0)
    fitted(standings, "b", [0, 1], error=2.0)
    fitted(standings, "c", [0, 1], error=1.0)
    assert weigh(standings, "a", "b", "c").shares == {"c": 1.0}


@pytest.mark.parametrize(("error", "chosen"), [(0.1, "c"), (0.97, "a")])
def test_one_with_a_single_fold_is_chosen_where_it_is_better_than_chance_explains(error, chosen):
    """`a` and `b` have all folds, and are off by about 1."""
    rng = np.random.default_rng(3)
    many = Standings(given(Y_MANY := rng.normal(size=300), np.arange(300, dtype=np.int16) % 3), Blocks(), {})
    for trial, folds, scale in (("a", [0, 1, 2], 1.0), ("b", [0, 1, 2], 1.1), ("c", [0], error)):
        for fold in folds:
            fitted(many, trial, [fold])
            off = scale * rng.normal(size=100)
            many.checkpoints.kept[trial, fold] = (Y_MANY[many.given.folds == fold] + off).astype(np.float32)[:, None]
    assert weigh(many, "a", "b", "c").shares == {chosen: 1.0}


def test_where_most_have_one_fold_only_that_fold_decides(standings):
    fitted(standings, "a", [0, 1], error=[3.0, 0.0])
    fitted(standings, "b", [0], error=2.0)
    fitted(standings, "c", [0], error=1.0)
    assert weigh(standings, "a", "b", "c") == Weights(shares={"c": 1.0}, score=1.0)


def test_folds_beyond_the_cap_have_no_say(standings):
    """A run that goes on from its checkpoints decides as it did the first time."""
    fitted(standings, "a", [0, 1, 2], error=[1.0, 9.0, 9.0])
    fitted(standings, "b", [0], error=2.0)
    assert weigh(standings, "a", "b", cap=1) == Weights(shares={"a": 1.0}, score=1.0)


# --- the leaderboard ------------------------------------------------------------------------------------------------


def shown(standings, served):
    return [(row.rank, row.name, row.score, row.folds) for row in standings.leaderboard(served)]


def test_trials_with_a_fold_are_shown_with_their_score_so_far(standings):
    fitted(standings, "a", [0, 1, 2], error=2.0)
    fitted(standings, "b", [0], error=1.0)
    assert shown(standings, None) == [(1, "A", 2.0, 3), (None, "B", 1.0, 1)]


def test_one_trial_that_is_served_stands_on_top_under_its_own_name(standings):
    fitted(standings, "a", [0, 1, 2], error=2.0)
    fitted(standings, "b", [0], error=1.0)
    assert shown(standings, alone("b")) == [(1, "B", 1.0, 1), (2, "A", 2.0, 3)]


def test_an_ensemble_has_the_score_of_its_selection_and_the_folds_that_all_its_members_have(standings):
    fitted(standings, "a", [0, 1, 2], error=2.0)
    fitted(standings, "b", [0, 1], error=-2.0)
    board = standings.leaderboard(Weights(shares={"a": 0.5, "b": 0.5}, score=0.75))
    assert [(row.rank, row.name, row.trial, row.folds) for row in board] == [
        (1, "Ensemble", "ensemble", 2),
        (2, "A", "a", 3),
        (None, "B", "b", 2),
    ]
    assert board[0].score == 0.75
    assert (board[0].fit_s, board[0].predict_s) == (5.0, 1.25)


def test_a_trial_is_scored_on_all_rows_that_it_has_predicted(standings):
    fitted(standings, "a", [0, 1, 2], error=[1.0, 1.0, 7.0])
    assert standings.score(Weights(shares={"a": 1.0}, score=99.0)) == pytest.approx(np.sqrt(17))


def test_a_score_that_is_undefined_is_none(standings):
    fitted(standings, "a", [0], error=float("nan"))
    assert standings.score(alone("a")) is None
    assert standings.score(Weights(shares={"a": 0.5, "b": 0.5}, score=float("nan"))) is None


def test_a_row_adds_up_what_its_folds_cost(standings):
    fitted(standings, "a", [0, 1], error=[1.0, 1.0], fit_s=3.0)
    row = standings.row(standings.entries["a"])
    assert (row.fit_s, row.predict_s, row.folds, row.n_folds) == (6.0, 0.5, 2, 3)


# --- every metric -----------------------------------------------------------------------------------------------------


def test_a_blend_is_scored_by_every_metric_on_the_rows_that_all_its_members_have_predicted(standings):
    fitted(standings, "a", [0, 1, 2], error=4.0)
    fitted(standings, "b", [0, 1], error=-2.0)
    found = standings.all_scores(Weights(shares={"a": 0.5, "b": 0.5}, score=99.0), seed=0)
    assert (found.measured_on, found.n_rows) == (MeasuredOn.OUT_OF_FOLD, 4)
    assert (found.by_metric["mse"], found.by_metric["mae"]) == pytest.approx((1.0, 1.0))


def test_of_very_many_rows_some_are_scored_by_every_metric_the_same_ones_each_time(standings, monkeypatch):
    for name in ("SCORED_ROWS", "SCORED_CELLS", "LEAST_SCORED_ROWS"):
        monkeypatch.setattr(f"athanor.engine.race.standings.{name}", 3)
    fitted(standings, "a", [0, 1, 2], error=[1.0, 2.0, 3.0])
    first, second = (standings.all_scores(alone("a"), seed=5) for _ in range(2))
    assert first.n_rows == 3
    assert first == second

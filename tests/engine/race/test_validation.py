"""Validation: rows that were given to be scored on, checked before anything is learned, scored while there is time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from athanor.engine.budget import Budget
from athanor.engine.evaluation import evaluate
from athanor.engine.events import Finished, FoldFinished, Warned
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.learn import learn
from athanor.engine.plan import Plan
from athanor.engine.predictions import Predictions
from athanor.engine.processes.pool import InlinePool
from athanor.engine.race import validation as validating
from athanor.engine.race.validation import kept_back_s, make_validation_set, validate
from athanor.engine.scores import MeasuredOn, read_scores
from athanor.engine.tables.dataset import Dataset, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Impossible, InvalidInput

TASK = Task(target="target")
THREE = Plan(time_limit_s=None, max_trials=3, preset="medium_quality", seed=3)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_model_is_scored_on_the_rows_that_were_given_for_it(make_table, problem):
    held_out = make_table(80, problem=problem, seed=11)
    result = learn(make_table(problem=problem), TASK, THREE, validation=held_out, pool=InlinePool())
    found = evaluate(result.predictor, held_out)
    assert result.scores == pytest.approx(found.scores, rel=1e-9)
    kept = read_scores(result.folder)
    assert (kept.measured_on, kept.n_rows, kept.by_metric) == (MeasuredOn.VALIDATION, 80, result.scores)


def test_nothing_is_learned_from_validation_rows(make_table):
    table = make_table()
    alone = learn(table, TASK, THREE, pool=InlinePool())
    validated = learn(table, TASK, THREE, validation=make_table(80, seed=11), pool=InlinePool())
    assert validated.leaderboard[0].score == alone.leaderboard[0].score == validated.score
    assert np.array_equal(
        alone.predictor.predict(table).probabilities, validated.predictor.predict(table).probabilities
    )


def test_validation_rows_without_a_target_are_left_out(make_table):
    table = make_table(80, seed=11)
    codes = np.where(np.arange(80) < 30, table["target"].codes, -1).astype(np.int32)
    holed = Dataset(table.schema, {**table.columns, "target": Words(codes, table["target"].vocabulary)}, 80)
    result = learn(make_table(), TASK, THREE, validation=holed, pool=InlinePool())
    assert read_scores(result.folder).n_rows == 30


def test_a_label_that_training_did_not_know_is_wrong(make_table):
    table = make_table(80, seed=11)
    odd = Dataset(table.schema, {**table.columns, "target": Words.of(["perhaps"] * 80)}, 80)
    assert learn(make_table(), TASK, THREE, validation=odd, pool=InlinePool()).scores["accuracy"] == 0.0


def without(table, *names):
    return table.select([name for name in table.schema.names if name not in names])


def test_validation_rows_that_cannot_be_scored_are_refused_before_anything_is_fitted(make_table):
    table = make_table(80, seed=11)
    schema = Schema(
        (
            ColumnSchema(name="age", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
            *without(table, "age").schema.columns,
        )
    )
    wordy = Dataset(schema, {**table.columns, "age": Words.of(["old"] * 80)}, 80)
    unlabelled = Dataset(table.schema, {**table.columns, "target": Words.of([None] * 80)}, 80)
    heard = []
    for given, error, message in (
        (without(table, "target"), InvalidInput, "have no column 'target'"),
        (without(table, "size", "age", "colour"), InvalidInput, "none of the columns"),
        (wordy, InvalidInput, "Row 1, column 'age': expected a number"),
        (unlabelled, Impossible, "'target' of the validation data has no values"),
    ):
        with pytest.raises(error, match=message):
            learn(make_table(), TASK, THREE, validation=given, pool=InlinePool(), tell=heard.append)
    assert not [event for event in heard if isinstance(event, FoldFinished)]


def test_a_cell_that_cannot_be_is_named_by_its_row_in_the_validation_data(make_table):
    table = make_table(80, seed=11)
    target = Words(np.where(np.arange(80) < 3, -1, table["target"].codes).astype(np.int32), table["target"].vocabulary)
    schema = Schema(
        (ColumnSchema(name="age", type=ColumnType.CATEGORICAL, storage=Storage.STRING), table.schema["target"])
    )
    given = Dataset(schema, {"age": Words.of(["1"] * 9 + ["old"] * 71), "target": target}, 80)
    with pytest.raises(InvalidInput, match="Row 10, column 'age': expected a number"):
        learn(make_table(), TASK, THREE, validation=given, pool=InlinePool())


def test_columns_of_training_that_are_not_there_are_missing_values(make_table):
    table = make_table(80, seed=11)
    result = learn(make_table(), TASK, THREE, validation=without(table, "colour"), pool=InlinePool())
    assert result.scores == pytest.approx(evaluate(result.predictor, without(table, "colour")).scores)


def test_without_validation_rows_scores_are_out_of_fold(make_table):
    result = learn(make_table(), TASK, THREE, pool=InlinePool())
    kept = read_scores(result.folder)
    assert (kept.measured_on, kept.n_rows, kept.by_metric) == (MeasuredOn.OUT_OF_FOLD, 300, result.scores)
    assert 0.5 < result.scores["accuracy"] < 1.0


def test_scores_go_where_the_model_goes(make_table, tmp_path):
    result = learn(make_table(), TASK, THREE, pool=InlinePool())
    result.save(tmp_path / "model")
    assert read_scores(tmp_path / "model").by_metric == result.scores


def test_a_run_that_is_asked_to_finish_is_scored_nevertheless(make_table):
    budget = Budget.of(3600)
    heard = []

    def tell(event):
        heard.append(event)
        if isinstance(event, FoldFinished):
            budget.finish()

    result = learn(
        make_table(), TASK, Plan(), validation=make_table(80, seed=11), pool=InlinePool(), budget=budget, tell=tell
    )
    assert result.reason == "finish requested"
    assert read_scores(result.folder).measured_on is MeasuredOn.VALIDATION
    assert isinstance(heard[-1], Finished)


# --- the clock, which only loading and predicting move here -----------------------------------------------------------


@dataclass
class Slow:
    """A model that takes `row_s` for a row."""

    row_s: float
    load_s: float = 1.0
    at: float = 1000.0
    problem: str = "regression"
    longest: int = 0

    def load(self, folder):
        self.at += self.load_s
        return self

    def predict(self, features):
        self.at += self.row_s * features.n_rows
        self.longest = max(self.longest, features.n_rows)
        return Predictions(values=features["size"].values)


N = 10_000


@pytest.fixture
def rows(make_table):
    schema = Schema(
        tuple(ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=Storage.FLOAT) for name in ("size", "target"))
    )
    size = np.random.default_rng(0).normal(size=N)
    table = Dataset(schema, {"size": Numbers(size), "target": Numbers(size + 2.0)}, N)
    return make_validation_set(table, make_training_set(table, TASK, Plan(max_trials=1)))


def played(monkeypatch, rows, model, limit_s):
    monkeypatch.setattr(validating, "Predictor", model)
    budget, heard = Budget(np.inf if limit_s is None else model.at + limit_s, lambda: model.at), []
    return validate(None, rows, clock=budget, seed=0, tell=heard.append), heard, budget


def test_all_rows_are_scored_where_there_is_time(monkeypatch, rows):
    model = Slow(0.001)
    scores, heard, _ = played(monkeypatch, rows, model, 60.0)
    assert (scores.n_rows, heard) == (N, [])
    assert scores.by_metric["mse"] == pytest.approx(4.0)
    assert model.at == pytest.approx(1011.0)


def test_without_a_limit_all_rows_are_scored(monkeypatch, rows):
    scores, heard, _ = played(monkeypatch, rows, Slow(1.0), None)
    assert (scores.n_rows, heard) == (N, [])


def test_where_time_is_short_as_many_rows_are_scored_as_fit_and_that_is_told(monkeypatch, rows):
    model = Slow(0.005)
    scores, [warned], budget = played(monkeypatch, rows, model, 20.0)
    assert isinstance(warned, Warned)
    assert f"Scored on {scores.n_rows:,} of 10,000 validation rows" in warned.message
    assert 0.9 * 19.0 / 0.005 < scores.n_rows <= 19.0 / 0.005 + 1
    assert model.at <= budget.deadline + 0.005
    assert scores.by_metric["mse"] == pytest.approx(4.0)


def test_where_the_time_is_over_the_scores_stay_out_of_fold_and_that_is_told(monkeypatch, rows):
    model = Slow(0.005)
    scores, [warned], _ = played(monkeypatch, rows, model, 0.0)
    assert scores is None
    assert "the scores are out-of-fold" in warned.message
    assert model.at == 1000.0


def test_rows_are_predicted_some_at_a_time(monkeypatch, rows):
    model = Slow(1e-6)
    played(monkeypatch, rows, model, 60.0)
    assert model.longest < N


@pytest.mark.parametrize(("left_s", "kept_s"), [(3.0, 1.0), (15.0, 2.0), (300.0, 30.0), (3600.0, 60.0), (-1.0, 0.0)])
def test_training_leaves_some_of_its_time_for_scoring(left_s, kept_s):
    assert kept_back_s(Budget(left_s, lambda: 0.0)) == pytest.approx(kept_s)


def test_without_a_limit_nothing_is_kept_back():
    assert kept_back_s(Budget()) == 0.0

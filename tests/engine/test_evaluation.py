"""Evaluation: which label is which class, and answers scored where the rows say what was there."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from athanor.engine.evaluation import MOST_UNKNOWN, all_scores, evaluate, find_classes, truth_in
from athanor.engine.learn import learn
from athanor.engine.metrics import METRICS
from athanor.engine.plan import Plan
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.processes.pool import InlinePool
from athanor.engine.tables.dataset import Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import InvalidInput

ONE = Plan(time_limit_s=None, max_trials=1, preset="medium_quality")
TASK = Task(target="y")


def a_column(column, storage, **others):
    """A table of one column `y`, and others."""
    columns = {"y": column, **others}
    schemas = [ColumnSchema(name="y", type=ColumnType.CATEGORICAL, storage=storage)]
    schemas += [ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=Storage.FLOAT) for name in others]
    return Dataset(Schema(tuple(schemas)), columns, len(column.missing()))


def words(*cells):
    return a_column(Words.of(cells), Storage.STRING)


def numbers(*cells, storage=Storage.FLOAT):
    return a_column(Numbers(np.array(cells, float)), storage)


# --- which label is which class -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "labels", "found"),
    [
        (("0", "1"), ["1", "0"], [1, 0]),
        (("0", "1"), [1, 0, 2], [1, 0, None]),
        (("0", "1"), [1.0, 0.0, 0.5], [1, 0, None]),
        (("0", "1"), [True, False], [1, 0]),
        (("0", "1"), ["1.0", "01", "1e0", "one"], [1, 1, 1, None]),
        ((0, 1), ["0", "1.0", 1.0, True], [0, 1, 1, 1]),
        ((0.0, 0.5), ["0.50", 0, "half"], [1, 0, None]),
        ((False, True), ["true", "FALSE", 1, "0", "yes"], [1, 0, 1, 0, None]),
        (("false", "true"), [True, False], [1, 0]),
        (("False", "True"), [True, False], [1, 0]),
        (("no", "yes"), ["yes", "Yes", " no "], [1, None, 0]),
        (("01", "1"), ["01", "1", 1, "1.0"], [0, 1, 1, None]),
        (("1", "1.0"), ["1", "1.0", "01"], [0, 1, None]),
        (("9007199254740993", "x"), ["9007199254740992"], [None]),
        (("NA-1", "none"), ["none", "None"], [1, None]),
    ],
)
def test_a_label_is_the_class_of_its_text_or_else_the_only_one_of_its_number(classes, labels, found):
    assert find_classes(labels, classes) == found


def test_rows_without_a_label_are_left_out():
    rows, truth = truth_in(words("b", None, "a", None), TASK, ("a", "b"))
    assert rows.tolist() == [0, 2]
    assert (truth.y.tolist(), truth.classes) == ([1.0, 0.0], ("a", "b"))


def test_labels_that_training_did_not_know_stand_behind_the_classes():
    _, truth = truth_in(words("x", "b", "w", "x"), TASK, ("a", "b"))
    assert truth.classes == ("a", "b", "w", "x")
    assert truth.y.tolist() == [3.0, 1.0, 2.0, 3.0]


def test_of_very_many_unknown_labels_the_later_ones_count_as_one():
    _, truth = truth_in(words(*(f"u{n:04}" for n in range(500)), "a"), TASK, ("a", "b"))
    assert len(truth.classes) == 2 + MOST_UNKNOWN + 1
    assert truth.y.max() == 2 + MOST_UNKNOWN
    assert truth.y[-1] == 0.0


def test_a_column_without_any_value_labels_no_row():
    for table in (words(None, None), numbers(np.nan, np.nan)):
        for classes in (("a", "b"), ()):
            assert len(truth_in(table, TASK, classes)[0]) == 0


def test_dates_are_labels_by_their_spelling():
    times = a_column(Times(np.array(["2024-03-01", "NaT"], "datetime64[us]")), Storage.DATETIME)
    rows, truth = truth_in(times, TASK, ("2024-03-01T00:00:00", "b"))
    assert (rows.tolist(), truth.y.tolist()) == ([0], [0.0])


def test_a_quantity_is_read_from_words_as_training_reads_it():
    _, truth = truth_in(words("1.234,5", "2,5", None), TASK, ())
    assert truth.y.tolist() == [1234.5, 2.5]


def test_a_quantity_that_is_none_is_named_by_row_and_column():
    with pytest.raises(InvalidInput, match=r"'y'.*row 2 holds 'much'") as raised:
        truth_in(words("1", "much"), TASK, ())
    assert raised.value.field == "y"


def test_vectors_are_no_labels():
    table = a_column(Vectors(np.zeros((2, 3), np.float32)), Storage.DENSE)
    for classes in (("a", "b"), ()):
        with pytest.raises(InvalidInput, match="'y' holds vectors"):
            truth_in(table, TASK, classes)


def test_rows_weigh_what_the_weight_column_says_where_it_is_there():
    task = Task(target="y", weight="w")
    table = a_column(Words.of(["a", None, "b"]), Storage.STRING, w=Numbers(np.array([1.0, np.nan, 3.0])))
    assert truth_in(table, task, ("a", "b"))[1].weight.tolist() == [1.0, 3.0]
    assert truth_in(table.select(["y"]), task, ("a", "b"))[1].weight is None


# --- scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_table_with_the_target_is_scored_by_every_metric_of_the_problem(make_table, problem):
    predictor = learn(make_table(problem=problem), Task(target="target"), ONE, pool=InlinePool()).predictor
    other = make_table(100, problem=problem, seed=1)
    found = evaluate(predictor, other)
    wanted = {name for name in METRICS.names() if problem in METRICS[name].problems}
    if problem == "regression":
        wanted.discard("rmsle")  # not defined below 0
        assert found.scores["mse"] == pytest.approx(
            sk.mean_squared_error(other["target"].values, found.predictions.values)
        )
    else:
        true = [other["target"].vocabulary[code] for code in other["target"].codes]
        assert found.scores["accuracy"] == sk.accuracy_score(true, found.predictions.labels())
    assert set(found.scores) == wanted
    assert (len(found.predictions), found.n_labelled) == (100, 100)


def test_answers_are_given_for_all_rows_and_scored_on_those_with_a_label(make_table):
    table = make_table()
    predictor = learn(table, Task(target="target"), ONE, pool=InlinePool()).predictor
    target = table["target"]
    codes = np.where(np.arange(300) < 40, target.codes, -1).astype(np.int32)
    holed = Dataset(table.schema, {**table.columns, "target": Words(codes, target.vocabulary)}, 300)
    found = evaluate(predictor, holed)
    assert (len(found.predictions), found.n_labelled) == (300, 40)
    whole = evaluate(predictor, table.take(np.arange(40)))
    assert found.scores == pytest.approx(whole.scores)


def test_a_table_without_the_target_is_answered_and_not_scored(make_table):
    table = make_table()
    predictor = learn(table, Task(target="target"), ONE, pool=InlinePool()).predictor
    found = evaluate(predictor, table.select(["size", "age", "colour"]))
    assert (len(found.predictions), found.n_labelled, found.scores) == (300, 0, {})


def test_labels_that_were_words_are_known_in_a_table_of_numbers(make_table):
    table = make_table()
    target = table["target"]
    texts = Words.of(["1" if target.vocabulary[code] == "yes" else "0" for code in target.codes])
    learned = Dataset(table.schema, {**table.columns, "target": texts}, 300)
    predictor = learn(learned, Task(target="target"), ONE, pool=InlinePool()).predictor
    schema = Schema(
        (*table.schema.columns[:3], ColumnSchema(name="target", type=ColumnType.NUMERIC, storage=Storage.FLOAT))
    )
    floats = Numbers(np.array([float(texts.vocabulary[code]) for code in texts.codes]))
    assert evaluate(predictor, Dataset(schema, {**table.columns, "target": floats}, 300)).scores == (
        evaluate(predictor, learned).scores
    )


def test_metrics_that_are_not_defined_are_left_out():
    truth = Truth(y=np.zeros(3), classes=("a", "b"))
    answers = Predictions(classes=truth.classes, codes=np.zeros(3, np.int64), probabilities=np.tile([0.9, 0.1], (3, 1)))
    scores = all_scores("binary", truth, answers)
    assert scores["accuracy"] == 1.0
    assert not {"roc_auc", "mcc", "precision"} & set(scores)

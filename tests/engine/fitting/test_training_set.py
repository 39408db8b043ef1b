"""What a run learns from: the task made definite, rows and columns chosen, and one copy of it for all processes."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.fitting import training_set
from athanor.engine.fitting.training_set import folds_of, make_training_set, open_training_set, save_training_set
from athanor.engine.plan import Plan
from athanor.engine.tables.dataset import Dataset, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Impossible, InvalidInput

PLAN = Plan(preset="good_quality", seed=4)
N = 20


def a_table(**changed):
    """Two features, an id, a constant, weights and a target of two words."""
    columns = {
        "size": (Numbers(np.arange(float(N))), ColumnType.NUMERIC, Storage.FLOAT),
        "colour": (Words.of(["red", "green"] * (N // 2)), ColumnType.CATEGORICAL, Storage.STRING),
        "key": (Words.of([f"k{row}" for row in range(N)]), ColumnType.ID, Storage.STRING),
        "same": (Numbers(np.ones(N)), ColumnType.CONSTANT, Storage.FLOAT),
        "share": (Numbers(np.linspace(1, 2, N)), ColumnType.NUMERIC, Storage.FLOAT),
        "y": (Words.of(["no", "no", "yes", "no"] * (N // 4)), ColumnType.CATEGORICAL, Storage.STRING),
    } | changed
    schema = Schema(tuple(ColumnSchema(name=name, type=kind, storage=how) for name, (_, kind, how) in columns.items()))
    return Dataset(schema, {name: column for name, (column, _, _) in columns.items()}, N)


def numbers(*values):
    return Numbers(np.array(values, float)), ColumnType.NUMERIC, Storage.FLOAT


def made(table=None, plan=PLAN, **task):
    return make_training_set(table or a_table(), Task(**{"target": "y"} | task), plan)


# --- the task -------------------------------------------------------------------------------------------------------


def test_what_the_task_leaves_open_is_found_out_and_written_down():
    task = made().task
    assert (task.problem, task.metric, task.features) == ("binary", "roc_auc", ("size", "colour", "share"))


def test_the_metric_is_the_user_s_then_the_dialect_s_then_the_problem_s():
    assert made().metric.name == "roc_auc"
    assert made(default_metrics={"binary": "f1", "regression": "mae"}).metric.name == "f1"
    assert made(metric="accuracy", default_metrics={"binary": "f1"}).metric.name == "accuracy"


def test_a_metric_that_does_not_fit_is_refused_with_those_that_do():
    with pytest.raises(InvalidInput, match=r"'rmse' does not fit a binary target\. These do: .*roc_auc") as caught:
        made(metric="rmse")
    assert caught.value.field == "metric"


def test_a_metric_that_no_answer_could_be_judged_by_is_refused():
    table = a_table(y=numbers(*range(-5, N - 5)))
    with pytest.raises(InvalidInput, match="'rmsle' is not defined on the values of 'y'") as caught:
        made(table, metric="rmsle", problem="regression")
    assert caught.value.field == "metric"


def test_the_positive_label_is_the_last_class():
    assert made().truth.classes == ("no", "yes")
    flipped = made(positive="no").truth
    assert flipped.classes == ("yes", "no")
    assert np.array_equal(flipped.y, 1 - made().truth.y)


@pytest.mark.parametrize("weight", [None, "share"])
def test_whether_a_metric_is_defined_shows_in_some_of_many_rows(monkeypatch, weight):
    monkeypatch.setattr(training_set, "_MOST_TELLING", 5)
    rare = Words.of(["no"] * (N - 1) + ["yes"])
    heavy = Numbers(np.where(np.arange(N) >= N - 2, 1.0, 0.0))
    table = a_table(y=(rare, ColumnType.CATEGORICAL, Storage.STRING), share=(heavy, ColumnType.NUMERIC, Storage.FLOAT))
    assert made(table, metric="roc_auc", weight=weight).metric.name == "roc_auc"
    table = a_table(y=numbers(*range(N - 1), -5), share=(heavy, ColumnType.NUMERIC, Storage.FLOAT))
    with pytest.raises(InvalidInput, match="'rmsle' is not defined on the values of 'y'"):
        made(table, metric="rmsle", problem="regression", weight=weight)


# --- columns --------------------------------------------------------------------------------------------------------


def test_target_weights_and_what_is_excluded_are_no_features():
    assert made(weight="share", excluded=("size",)).features.schema.names == ("colour",)


def test_ids_and_constants_are_features_only_where_they_are_named():
    assert made(features=("key", "size")).features.schema.names == ("key", "size")


def test_a_feature_that_is_named_twice_counts_once_and_the_target_never():
    assert made(features=("size", "y", "size")).features.schema.names == ("size",)


def test_where_there_is_nothing_but_ids_and_constants_nothing_can_be_learned():
    with pytest.raises(Impossible, match="None of the 2 feature columns says anything"):
        made(excluded=("size", "colour", "share"))


def test_without_a_feature_nothing_can_be_learned():
    with pytest.raises(Impossible, match="No feature column is left beside the target"):
        made(features=("y",))


def test_a_column_means_what_its_owner_says():
    given = made(types={"key": ColumnType.CATEGORICAL, "size": ColumnType.ID})
    assert given.features.schema.names == ("colour", "key", "share")
    assert given.features.schema["key"].type is ColumnType.CATEGORICAL


# --- rows -----------------------------------------------------------------------------------------------------------


def test_rows_without_a_target_are_left_out_and_counted():
    cells = ["no", None, "yes", "no"] * (N // 4)
    given = made(a_table(y=(Words.of(cells), ColumnType.CATEGORICAL, Storage.STRING)), weight="share")
    assert given.n_dropped == N // 4
    kept = [row for row in range(N) if cells[row] is not None]
    assert given.features["size"].values.tolist() == kept
    assert given.truth.weight.tolist() == np.linspace(1, 2, N)[kept].tolist()
    assert len(given.folds) == len(given.truth.y) == len(kept)


def test_a_target_without_values_is_told_in_words():
    with pytest.raises(Impossible, match="The target column 'y' has no values"):
        made(a_table(y=(Words.of([None] * N), ColumnType.CATEGORICAL, Storage.STRING)))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_none_is_named_by_its_row(bad):
    with pytest.raises(InvalidInput, match="'share' must hold numbers >= 0; row 3 has") as caught:
        made(a_table(share=numbers(1, 2, bad, *[1] * (N - 3))), weight="share")
    assert caught.value.field == "weight"


def test_weights_that_are_all_0_leave_nothing_to_learn_from():
    with pytest.raises(InvalidInput, match="'share' is 0 in every row with a target") as caught:
        made(a_table(share=numbers(*[0] * N)), weight="share")
    assert caught.value.field == "weight"


def test_words_are_no_weights():
    with pytest.raises(InvalidInput, match="'colour' must hold numbers"):
        made(weight="colour")


# --- the fingerprint ------------------------------------------------------------------------------------------------


def coloured(*words):
    return a_table(colour=(Words.of([*words] * (N // 2)), ColumnType.CATEGORICAL, Storage.STRING))


def labelled(no, yes):
    return a_table(y=(Words.of([no, no, yes, no] * (N // 4)), ColumnType.CATEGORICAL, Storage.STRING))


def test_the_same_rows_and_task_have_the_same_fingerprint():
    assert made().fingerprint() == made(coloured("red", "green")).fingerprint()


@pytest.mark.parametrize(
    "other",
    [
        lambda: made(a_table(size=numbers(99, *range(1, N)))),
        lambda: made(coloured("red", "blue")),
        lambda: made(coloured("green", "red")),
        lambda: made(labelled("maybe", "yes")),
        lambda: made(positive="no"),
        lambda: made(metric="accuracy"),
        lambda: made(weight="share", features=("size", "colour")),
        lambda: made(excluded=("size",)),
        lambda: made(types={"size": ColumnType.CATEGORICAL}),
        lambda: made(plan=Plan(preset="good_quality", seed=5)),
        lambda: made(plan=Plan(preset="medium_quality", seed=4)),
    ],
    ids=["a cell", "a word", "words swapped", "a label", "positive", "metric", "weights", "features", "types", "seed",
         "folds"],
)  # fmt: skip
def test_what_a_fold_model_depends_on_changes_the_fingerprint(other):
    assert made().fingerprint() != other().fingerprint()


def test_columns_that_no_model_sees_and_limits_do_not_change_the_fingerprint():
    keys = Words.of([f"other{row}" for row in range(N)]), ColumnType.ID, Storage.STRING
    longer = Plan(preset="good_quality", seed=4, time_limit_s=7200, cores=1)
    assert made().fingerprint() == made(a_table(key=keys), plan=longer).fingerprint()


def test_the_fingerprint_of_many_rows_is_made_of_blocks(monkeypatch):
    whole = made().fingerprint()
    monkeypatch.setattr(training_set, "_BLOCK_BYTES", 24)
    in_blocks = made().fingerprint()
    assert in_blocks == made().fingerprint() != whole
    assert in_blocks != made(a_table(size=numbers(*range(N - 1), 99))).fingerprint()


def test_a_fingerprint_tells_the_number_of_folds():
    assert folds_of(made().fingerprint()) == made().n_folds == 5
    assert folds_of(made(plan=Plan(preset="medium_quality")).fingerprint()) == 3
    assert folds_of("torn") is None


# --- the number of folds --------------------------------------------------------------------------------------------


def test_where_the_time_is_short_for_the_schedule_there_are_fewer_folds(monkeypatch):
    monkeypatch.setattr(training_set, "fold_s", lambda schedule, shape: 10.0)
    in_time = {limit_s: made(plan=Plan(time_limit_s=limit_s)).n_folds for limit_s in (1.0, 70.0, 700.0)}
    assert in_time == {1.0: 5, 70.0: 7, 700.0: 10}
    assert made(plan=Plan(time_limit_s=None, max_trials=3)).n_folds == 10


# --- for all processes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [{}, {"weight": "share"}, {"target": "size", "problem": "regression"}])
def test_what_is_mapped_is_what_was_made(tmp_path, task):
    given = made(**task)
    save_training_set(given, tmp_path / "table")
    opened = open_training_set(tmp_path / "table")
    assert opened.task == given.task
    assert opened.truth.classes == given.truth.classes
    assert (opened.truth.weight is None) == (given.truth.weight is None)
    assert opened.n_folds == given.n_folds
    assert opened.fingerprint() == given.fingerprint()


@pytest.mark.parametrize(
    ("target", "classes"), [("flag", (False, True)), ("grade", (1, 2)), ("level", (0.5, 1.5)), ("y", ("no", "yes"))]
)
def test_labels_keep_their_stored_type(tmp_path, target, classes):
    cells = np.array([0.0, 1.0] * (N // 2))
    table = a_table(
        flag=(Numbers(cells), ColumnType.BOOLEAN, Storage.BOOLEAN),
        grade=(Numbers(cells + 1), ColumnType.CATEGORICAL, Storage.INTEGER),
        level=(Numbers(cells + 0.5), ColumnType.CATEGORICAL, Storage.FLOAT),
    )
    save_training_set(made(table, target=target), tmp_path / "table")
    found = open_training_set(tmp_path / "table").truth.classes
    assert found == classes
    assert [type(label) for label in found] == [type(label) for label in classes]

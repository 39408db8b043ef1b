"""Columns that a score owes much to drop it much when their cells are dealt out anew; useless ones do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.budget import Budget
from athanor.engine.importance.permutation import MAX_ROWS, permutation_importance
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

TIMELESS = Budget()
RMSE = METRICS["rmse"]


class Working:
    """A clock that moves while models answer: a second each time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def left_s(self) -> float:
        return self.seconds

    def answers(self, rows: Dataset, fold: int) -> Predictions:
        self.seconds -= 1
        return model(rows, fold)


def a_dataset(n_rows: int = 600, *, seed: int = 0) -> Dataset:
    """Every shape that a column's cells come in."""
    rng = np.random.default_rng(seed)
    strong = rng.normal(size=n_rows)
    columns = {
        "strong": (Numbers(strong), Storage.FLOAT, None),
        "weak": (Numbers(rng.normal(size=n_rows)), Storage.FLOAT, None),
        "twin": (Numbers(strong.copy()), Storage.FLOAT, None),
        "word": (Words.of(rng.choice(["a", "b"], n_rows).tolist()), Storage.STRING, None),
        "day": (Times(rng.integers(0, 10**15, n_rows).astype("datetime64[us]")), Storage.DATETIME, None),
        "dense": (Vectors(rng.normal(size=(n_rows, 2)).astype(np.float32)), Storage.DENSE, 2),
        "sparse": (Vectors(sparse.random(n_rows, 9, 0.3, format="csr", dtype=np.float32, rng=rng)), Storage.SPARSE, 9),
    }
    kinds = {Storage.STRING: ColumnType.CATEGORICAL, Storage.DATETIME: ColumnType.DATETIME}
    schema = Schema(
        tuple(
            ColumnSchema(
                name=name,
                type=ColumnType.VECTOR if dim else kinds.get(storage, ColumnType.NUMERIC),
                storage=storage,
                dim=dim,
            )
            for name, (_, storage, dim) in columns.items()
        )
    )
    return Dataset(schema, {name: column for name, (column, _, _) in columns.items()}, n_rows)


def value(rows: Dataset) -> np.ndarray:
    """What a model says that knows how the target was made, but takes the strong column and its twin for halves."""
    found = 1.5 * rows["strong"].values + 1.5 * rows["twin"].values + 0.5 * rows["weak"].values
    found = found + (rows["word"].codes == 0) + rows["dense"].matrix[:, 0]
    return found + np.asarray(rows["sparse"].matrix.sum(axis=1)).ravel()


def model(rows: Dataset, fold: int) -> Predictions:
    return Predictions(values=value(rows))


def a_truth(dataset: Dataset, *, seed: int = 1) -> Truth:
    return Truth(y=value(dataset) + 0.3 * np.random.default_rng(seed).normal(size=dataset.n_rows))


def five_folds(n_rows: int) -> list[np.ndarray]:
    return [np.flatnonzero(np.arange(n_rows) % 5 == fold) for fold in range(5)]


def drops(
    dataset=None, *, truth=None, answers=model, metric=RMSE, groups=None, seed=3, clock=TIMELESS, folds=None, **others
):
    dataset = a_dataset() if dataset is None else dataset
    found = permutation_importance(
        dataset,
        a_truth(dataset) if truth is None else truth,
        five_folds(dataset.n_rows) if folds is None else folds,
        answers,
        metric,
        groups=[(name,) for name in dataset.schema.names] if groups is None else groups,
        seed=seed,
        clock=clock,
        **others,
    )
    return {each.columns: each for each in found}


def test_a_column_of_any_kind_drops_the_score_by_what_it_is_worth():
    found = drops()
    names = [columns[0] for columns in found]
    assert set(names[:2]) == {"strong", "twin"}
    assert names[-1] == "day"
    assert found["day",].drop == 0.0
    for name in ("weak", "word", "dense", "sparse"):
        assert found[name,].drop > 3 * found[name,].error > 0.0


def test_columns_that_say_the_same_are_worth_more_together():
    found = drops(groups=[("strong",), ("twin",), ("strong", "twin")])
    assert next(iter(found)) == ("strong", "twin")
    assert found["strong", "twin"].drop > 1.2 * found["strong",].drop


def test_a_group_is_dealt_out_in_one_order():
    """What twins say of each other stays true."""
    seen = []

    def looking(rows, fold):
        seen.append(np.array_equal(rows["strong"].values, rows["twin"].values))
        return model(rows, fold)

    drops(answers=looking, groups=[("strong", "twin")])
    assert all(seen)


def test_a_greater_score_that_is_better_drops_too():
    found = drops(metric=METRICS["r2"])
    assert 0.3 < found["strong",].drop < 2.0


def test_each_fold_is_asked_of_its_own_model_and_its_own_rows():
    dataset = a_dataset()
    row = Numbers(np.arange(600.0))
    known = Dataset(dataset.schema, {**dataset.columns, "day": Times(row.values.astype("datetime64[us]"))}, 600)

    def own(rows, fold):
        assert set(rows["day"].values.astype(int) % 5) == {fold}
        return model(rows, fold)

    drops(known, truth=a_truth(dataset), answers=own)


def test_of_a_large_fold_some_rows_are_asked():
    dataset = a_dataset(3 * MAX_ROWS)
    sizes = set()

    def counting(rows, fold):
        sizes.add((fold, rows.n_rows))
        return model(rows, fold)

    folds = [np.arange(2 * MAX_ROWS), np.arange(2 * MAX_ROWS, 3 * MAX_ROWS)]
    drops(dataset, answers=counting, folds=folds, groups=[("weak",)])
    assert sizes == {(0, MAX_ROWS), (1, MAX_ROWS)}


def test_when_time_runs_out_the_columns_that_were_not_reached_say_so():
    """Five seconds for the folds, fifteen for each column."""
    clock = Working(5 + 15 + 10)
    found = drops(answers=clock.answers, clock=clock)
    whole = drops()
    assert found["strong",] == whole["strong",]
    assert [columns[0] for columns, each in found.items() if each.drop is None] == [
        "weak",
        "twin",
        "word",
        "day",
        "dense",
        "sparse",
    ]


def test_nothing_is_begun_that_would_not_end_in_time():
    clock = Working(5 + 3 + 4)  # another three answers would end in time if they took no longer than the first
    drops(answers=clock.answers, clock=clock)
    assert clock.seconds == 4


def test_without_any_time_nothing_is_asked():
    def never(rows, fold):
        raise AssertionError

    assert all(each.drop is None for each in drops(answers=never, clock=Working(0)).values())


def test_equal_seeds_say_the_same_whatever_else_is_asked():
    alone = drops(groups=[("weak",)])
    assert drops()["weak",] == alone["weak",]
    assert drops(groups=[("weak",)], seed=4) != alone


def test_folds_on_which_the_metric_is_undefined_are_left_out():
    dataset = a_dataset()
    y = (value(dataset) > 0).astype(float)
    y[np.arange(600) % 5 == 2] = 1.0
    truth = Truth(y=y, classes=("no", "yes"))

    def classifier(rows, fold):
        return PROBLEMS["binary"].predictions(value(rows)[:, None], ("no", "yes"))

    found = drops(dataset, truth=truth, answers=classifier, metric=METRICS["roc_auc"])
    assert 0.05 < found["strong",].drop < 0.5


def test_one_fold_has_an_error_over_its_repeats_and_one_of_each_has_none():
    one = [np.arange(600)]
    assert drops(folds=one)["weak",].error > 0
    assert drops(folds=one, repeats=1)["weak",].error is None


def test_weights_count():
    dataset = a_dataset()
    truth = a_truth(dataset)
    weight = np.where(dataset["word"].codes == 0, 100.0, 0.001)
    heavy = drops(dataset, truth=Truth(y=truth.y, weight=weight))
    assert heavy["word",].drop == pytest.approx(drops(dataset, truth=truth)["word",].drop, rel=0.5)
    assert heavy["word",].drop != drops(dataset, truth=truth)["word",].drop


def test_what_was_given_is_not_changed():
    dataset = a_dataset()
    before = dataset["strong"].values.copy()
    drops(dataset)
    np.testing.assert_array_equal(dataset["strong"].values, before)

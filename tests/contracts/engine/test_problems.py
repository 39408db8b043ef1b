"""What every problem type must do."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Storage
from athanor.errors import Impossible, InvalidInput

every_problem = pytest.mark.parametrize("name", PROBLEMS.names())
NUMBER = ColumnSchema(name="y", type=ColumnType.NUMERIC, storage=Storage.FLOAT)


def margins_and_classes(name, n_rows=1000):
    classes = {"binary": ("a", "b"), "multiclass": ("a", "b", "c", "d", "e")}.get(name, ())
    problem = PROBLEMS[name]
    width = problem.n_margins(Truth(y=np.zeros(1), classes=classes))
    return 30.0 * np.random.default_rng(0).normal(size=(n_rows, width)), classes


def fields(answers):
    found = (answers.probabilities, answers.codes, answers.values)
    return [field for field in found if field is not None]


@every_problem
def test_a_problem_is_described_by_names_that_exist(name):
    problem = PROBLEMS[name]
    assert problem.name == name
    assert name in METRICS[problem.default_metric].problems


@every_problem
def test_a_problem_says_how_its_target_may_be_stored_and_times_and_vectors_are_no_targets(name):
    assert {Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN} <= PROBLEMS[name].targets
    assert not {Storage.DATETIME, Storage.DENSE, Storage.SPARSE} & PROBLEMS[name].targets


@every_problem
def test_predictions_of_a_row_are_the_same_bits_alone_and_among_others(name, shuffled_rows, same_bits):
    margins, classes = margins_and_classes(name)
    answers = PROBLEMS[name].predictions(margins, classes)
    for rows in shuffled_rows(len(margins)):
        for ordered in (np.ascontiguousarray(margins[rows]), np.asfortranarray(margins[rows])):
            some = PROBLEMS[name].predictions(ordered, classes)
            for field, whole in zip(fields(some), fields(answers), strict=True):
                same_bits(field, whole[rows])


@every_problem
def test_a_blended_row_is_the_same_bits_alone_and_among_others(name, shuffled_rows, same_bits):
    margins, classes = margins_and_classes(name)
    problem, weights = PROBLEMS[name], np.array([0.1, 2.0, 0.7])
    members = [margins, -margins, margins / 3]

    def blended(rows):
        return problem.blend([problem.predictions(each[rows], classes) for each in members], weights)

    answers = blended(np.arange(len(margins)))
    for rows in shuffled_rows(len(margins)):
        for field, whole in zip(fields(blended(rows)), fields(answers), strict=True):
            same_bits(field, whole[rows])


@every_problem
def test_blending_equal_answers_changes_nothing_much(name):
    margins, classes = margins_and_classes(name)
    answers = PROBLEMS[name].predictions(margins, classes)
    blended = PROBLEMS[name].blend([answers, answers], np.array([3.0, 1.0]))
    for field, whole in zip(fields(blended), fields(answers), strict=True):
        np.testing.assert_allclose(field, whole, rtol=1e-12)


@every_problem
@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0]])
def test_weights_that_are_no_weights_are_refused(name, weights):
    margins, classes = margins_and_classes(name)
    answers = PROBLEMS[name].predictions(margins, classes)
    with pytest.raises(InvalidInput, match="Weights must be at least 0"):
        PROBLEMS[name].blend([answers, answers], np.array(weights))


@every_problem
def test_extreme_margins_give_finite_answers(name):
    margins, classes = margins_and_classes(name, 4)
    margins[0], margins[1], margins[2] = 1e5, -1e5, 0.0
    with np.errstate(over="raise", invalid="raise"):
        answers = PROBLEMS[name].predictions(margins, classes)
    assert all(np.isfinite(field).all() for field in fields(answers))


@every_problem
def test_probabilities_sum_to_one_and_the_greatest_decides(name):
    margins, classes = margins_and_classes(name)
    answers = PROBLEMS[name].predictions(margins, classes)
    if answers.probabilities is None:
        assert not classes
        return
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert (answers.codes == answers.probabilities.argmax(axis=1)).all()


@every_problem
@pytest.mark.parametrize("weight", [None, np.array([1.0, 0.0, 2.0, 1.0, 0.5, 3.0])], ids=["equal", "weighted"])
def test_no_other_constant_margin_is_better_than_the_baseline(name, weight):
    _, classes = margins_and_classes(name)
    problem = PROBLEMS[name]
    y = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 1.0]) if classes[2:] == () else np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1.0])
    truth = Truth(y=y, classes=classes, weight=weight)
    metric = METRICS["rmse" if name == "regression" else "log_loss"]

    def loss(margin):
        return metric.score(truth, problem.predictions(np.tile(margin, (6, 1)), classes))

    best = problem.baseline(truth)
    assert best.shape == (problem.n_margins(truth),)
    if (np.bincount(y.astype(int), weight, minlength=len(classes)) > 0).all():
        for place in range(len(best)):
            for step in (-0.01, 0.01):
                moved = best.copy()
                moved[place] += step
                assert loss(best) < loss(moved)


@every_problem
@pytest.mark.parametrize("n_folds", [2, 3, 10])
def test_folds_are_of_equal_size_and_decided_by_the_seed(name, n_folds):
    rng = np.random.default_rng(1)
    _, classes = margins_and_classes(name)
    truth = Truth(y=rng.integers(0, max(len(classes), 20), 103).astype(float), classes=classes)
    folds = PROBLEMS[name].folds(truth, n_folds, 5)
    assert folds.dtype == np.int16
    sizes = np.bincount(folds, minlength=n_folds)
    assert len(sizes) == n_folds
    assert sizes.max() - sizes.min() <= 1
    assert (folds == PROBLEMS[name].folds(truth, n_folds, 5)).all()
    assert (folds != PROBLEMS[name].folds(truth, n_folds, 6)).any()


@every_problem
@pytest.mark.parametrize("n_folds", [0, 1, 7])
def test_impossible_numbers_of_folds_are_refused(name, n_folds):
    truth = Truth(y=np.arange(6.0) % 2, classes=margins_and_classes(name)[1])
    with pytest.raises(InvalidInput, match="Between 2 folds and one per row"):
        PROBLEMS[name].folds(truth, n_folds, 0)


@every_problem
def test_a_target_without_values_is_impossible(name):
    for cells in ([], [np.nan, np.nan]):
        with pytest.raises(Impossible, match="'y' has no value in any of"):
            PROBLEMS[name].truth(Numbers(np.array(cells, float)), NUMBER)


@every_problem
def test_missing_and_infinite_targets_are_named_by_row(name):
    with pytest.raises(InvalidInput, match=r"'y' has no value in 1 rows \(first: row 2\)"):
        PROBLEMS[name].truth(Numbers(np.array([1.0, np.nan, 2.0])), NUMBER)
    with pytest.raises(InvalidInput, match=r"'y' is infinite in 2 rows \(first: row 3\)"):
        PROBLEMS[name].truth(Numbers(np.array([1.0, 2.0, np.inf, -np.inf])), NUMBER)


@every_problem
def test_one_value_in_every_row_is_impossible(name):
    with pytest.raises(Impossible, match="in every row"):
        PROBLEMS[name].truth(Numbers(np.ones(5)), NUMBER)


@pytest.mark.parametrize(
    "cells",
    [
        Numbers(np.array([0.0, 1.0] * 30)),
        Numbers(np.array([1.0, 2.0, 3.0] * 30)),
        Numbers(np.array([1.5, 2.0, 3.0] * 30)),
        Numbers(np.arange(50.0)),
        Numbers(np.array([])),
        Words.of(["a", "b"] * 9),
        Words.of(["a", "b", "c"] * 9),
        Words.of([f"w{row}" for row in range(70)]),
        Words.of(["a"]),
    ],
    ids=lambda cells: str(cells)[:40],
)
@pytest.mark.parametrize("kind", [ColumnType.NUMERIC, ColumnType.CATEGORICAL])
@pytest.mark.parametrize("is_given", [False, True])
def test_exactly_one_problem_claims_a_target(cells, kind, is_given):
    schema = ColumnSchema(name="y", type=kind, storage=Storage.FLOAT, is_given=is_given)
    assert sum(PROBLEMS[name].claims(cells, schema) for name in PROBLEMS.names()) == 1

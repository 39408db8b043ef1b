"""What every metric must do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import PROBLEMS
from athanor.errors import InvalidInput

PAIRS = [(metric, problem) for metric in METRICS.names() for problem in sorted(METRICS[metric].problems)]
every_metric = pytest.mark.parametrize("name", METRICS.names())
every_use = pytest.mark.parametrize(("name", "problem"), PAIRS)
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def a_case(problem: str, n_rows: int = 60, *, seed: int = 0, noise: float = 3.0, weight: bool = True):
    """Truth, and predictions that are the better the less noise they have."""
    rng = np.random.default_rng(seed)
    classes = CLASSES[problem]
    weights = rng.random(n_rows) if weight else None
    if not classes:
        y = np.exp(rng.normal(size=n_rows))
        margins = (y + noise * rng.normal(size=n_rows) / 3)[:, None]
    else:
        y = (np.arange(n_rows) % len(classes)).astype(float)
        margins = 5.0 * np.eye(len(classes))[y.astype(int)] + noise * rng.normal(size=(n_rows, len(classes)))
        margins = margins if problem == "multiclass" else margins[:, 1:] - margins[:, :1]
    return Truth(y=y, classes=classes, weight=weights), PROBLEMS[problem].predictions(margins, classes)


@every_metric
def test_a_metric_is_described_by_names_that_exist(name):
    assert METRICS[name].name == name
    assert METRICS[name].problems <= set(PROBLEMS.names())


@every_use
@pytest.mark.parametrize("weight", [False, True])
def test_better_predictions_have_a_greater_utility(name, problem, weight):
    good, bad = (METRICS[name].utility(*a_case(problem, noise=noise, weight=weight)) for noise in (0.5, 20.0))
    assert good > bad


@every_use
def test_equal_weights_are_no_weights(name, problem):
    truth, answers = a_case(problem, weight=False)
    weighed = Truth(y=truth.y, classes=truth.classes, weight=np.full(len(truth.y), 0.37))
    assert METRICS[name].score(weighed, answers) == pytest.approx(METRICS[name].score(truth, answers), rel=1e-9)


@every_use
def test_a_weight_of_two_is_a_row_twice(name, problem):
    truth, answers = a_case(problem, weight=False)
    repeats = np.arange(len(truth.y)) % 3
    rows = np.repeat(np.arange(len(truth.y)), repeats)
    weighed = Truth(y=truth.y, classes=truth.classes, weight=repeats.astype(float))
    assert METRICS[name].score(weighed, answers) == pytest.approx(
        METRICS[name].score(truth.take(rows), taken(answers, rows)), rel=1e-9
    )


@every_use
def test_the_order_of_rows_does_not_matter(name, problem):
    truth, answers = a_case(problem)
    rows = np.random.default_rng(4).permutation(len(truth.y))
    assert METRICS[name].score(truth.take(rows), taken(answers, rows)) == pytest.approx(
        METRICS[name].score(truth, answers), rel=1e-9
    )


@every_use
def test_without_rows_a_score_is_undefined_and_the_worst(name, problem):
    truth, answers = a_case(problem)
    none = np.array([], np.int64)
    assert math.isnan(METRICS[name].score(truth.take(none), taken(answers, none)))
    assert METRICS[name].utility(truth.take(none), taken(answers, none)) == -math.inf


@every_use
def test_weights_that_are_all_zero_leave_a_score_undefined(name, problem):
    truth, answers = a_case(problem)
    weightless = Truth(y=truth.y, classes=truth.classes, weight=np.zeros(len(truth.y)))
    assert math.isnan(METRICS[name].score(weightless, answers))


@every_use
def test_predictions_of_another_kind_are_refused(name, problem):
    truth, _ = a_case(problem)
    with pytest.raises(InvalidInput, match="the predictions hold none"):
        METRICS[name].score(truth, Predictions())


@every_use
def test_a_metric_reads_the_field_that_it_names_and_no_other(name, problem):
    truth, answers = a_case(problem)
    read = METRICS[name].reads
    alone = Predictions(classes=answers.classes, **{read: getattr(answers, read)})
    assert METRICS[name].score(truth, alone) == METRICS[name].score(truth, answers)


def taken(answers: Predictions, rows) -> Predictions:
    parts = {part: getattr(answers, part) for part in ("probabilities", "codes", "values")}
    return Predictions(
        classes=answers.classes, **{part: None if cells is None else cells[rows] for part, cells in parts.items()}
    )

"""The interval of a score holds the score on as many other rows about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.certainty.uncertainty import MAX_ROWS, standard_error, uncertainty
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Truth
from support.answers import binary_answers, multiclass_answers, regression_answers

MAKERS = {"binary": binary_answers, "multiclass": multiclass_answers, "regression": regression_answers}
every_metric = pytest.mark.parametrize("name", METRICS.names())


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("roc_auc", binary_answers),
        ("accuracy", binary_answers),
        ("f1", binary_answers),
        ("log_loss", multiclass_answers),
        ("rmse", regression_answers),
        ("r2", regression_answers),
    ],
)
def test_about_95_of_100_intervals_hold_the_score_on_as_many_other_rows(name, make):
    metric = METRICS[name]
    held = []
    for seed in range(200):
        truth, answers = make(300, seed=seed)
        found = uncertainty(metric, truth, answers, score=metric.score(truth, answers), seed=seed)
        held.append(found.lower <= metric.score(*make(300, seed=10_000 + seed)) <= found.upper)
    # 200 draws at 0.95 have a standard deviation of 0.015.
    assert 0.90 <= np.mean(held) <= 0.99


@pytest.mark.parametrize("make", [binary_answers, regression_answers])
def test_the_error_is_the_spread_of_the_score_over_samples_of_rows(make):
    metric = METRICS["roc_auc" if make is binary_answers else "mae"]
    samples = [make(400, seed=seed) for seed in range(150)]
    spread = np.std([metric.score(*sample) for sample in samples])
    errors = [standard_error(metric, *sample, seed=1) for sample in samples]
    assert np.mean(errors) == pytest.approx(spread, rel=0.15)


@every_metric
def test_every_metric_has_an_error_that_ever_more_rows_make_smaller(name):
    make = MAKERS[min(METRICS[name].problems)]
    errors = []
    for n_rows in (200, 3_200):
        truth, answers = make(n_rows)
        truth = truth if truth.classes else Truth(y=np.abs(truth.y) + 1.0)
        errors.append(standard_error(METRICS[name], truth, answers, seed=1))
    assert 0 < errors[1] < errors[0]


def test_of_many_rows_some_are_looked_at_and_the_error_is_that_of_all():
    truth, answers = regression_answers(4 * MAX_ROWS)
    found = standard_error(METRICS["rmse"], truth, answers, seed=1)
    assert found == pytest.approx(np.sqrt(1 / (2 * len(truth.y))), rel=0.35)  # of a normal's deviation; 1 is its own


def test_an_interval_does_not_go_beyond_what_is_perfect():
    truth, answers = binary_answers(100, said=lambda log_odds: log_odds)
    sure = answers.take(np.argsort(answers.probabilities[:, 1]))
    right = Truth(y=np.sort(truth.y), classes=truth.classes)
    metric = METRICS["roc_auc"]
    found = uncertainty(metric, right, sure, score=metric.score(right, sure), seed=1)
    assert found.upper == 1.0
    truth, answers = regression_answers(100, spread=lambda values: np.where(values > 9.9, 1.0, 0.0))
    found = uncertainty(METRICS["mae"], truth, answers, score=METRICS["mae"].score(truth, answers), seed=1)
    assert found.lower == 0.0


def test_rows_without_weight_do_not_count():
    truth, answers = regression_answers(1_000)
    weighed = Truth(y=truth.y, weight=np.where(np.arange(1_000) < 500, 3.0, 0.0))
    first = np.arange(500)
    found = standard_error(METRICS["rmse"], weighed, answers, seed=1)
    assert found == pytest.approx(standard_error(METRICS["rmse"], truth.take(first), answers.take(first), seed=1))


def test_rows_of_uneven_weight_tell_less():
    truth, answers = regression_answers(2_000)
    weight = np.where(np.arange(2_000) % 10 == 0, 100.0, 1.0)
    uneven = standard_error(METRICS["mae"], Truth(y=truth.y, weight=weight), answers, seed=1)
    assert uneven > 2 * standard_error(METRICS["mae"], truth, answers, seed=1)


def test_where_the_metric_is_undefined_without_some_rows_nothing_is_said():
    truth, answers = binary_answers(200)
    lonely = Truth(y=(np.arange(200) == 7).astype(float), classes=truth.classes)
    assert standard_error(METRICS["roc_auc"], lonely, answers, seed=1) is None
    assert uncertainty(METRICS["roc_auc"], lonely, answers, score=0.5, seed=1) is None
    assert uncertainty(METRICS["roc_auc"], truth, answers, score=float("nan"), seed=1) is None


def test_of_a_handful_of_rows_nothing_is_said():
    truth, answers = regression_answers(59)
    assert standard_error(METRICS["rmse"], truth, answers, seed=1) is None


def test_equal_seeds_say_the_same():
    truth, answers = binary_answers(MAX_ROWS + 1_000)
    found = [standard_error(METRICS["roc_auc"], truth, answers, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]

"""A threshold is chosen where the metric looks at labels and another one than a half makes it better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from athanor.engine.certainty.threshold import fit_threshold, with_threshold
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput
from support.answers import binary_answers, draws, multiclass_answers, regression_answers


def rare(n_rows=4_000, *, seed=0, **others):
    """One row in ten is positive, and few of them are more likely than not."""
    return binary_answers(n_rows, shift=-3.5, seed=seed, **others)


def fitted(name, truth, answers, seed=1):
    return fit_threshold(answers, truth, METRICS[name], seed=seed)[0]


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "mcc", "f1_macro"])
def test_a_rare_class_is_answered_earlier_where_that_makes_the_metric_better_on_other_rows(name):
    found = fitted(name, *rare())
    assert 0.05 < found.value < 0.45
    truth, answers = rare(20_000, seed=7)
    gain = METRICS[name].score(truth, found.apply(answers)) - METRICS[name].score(truth, answers)
    assert gain == pytest.approx(found.gain, abs=4 * found.error)
    assert gain > 0.02


def test_the_accuracy_of_true_probabilities_needs_no_threshold():
    kept = [fitted("accuracy", *binary_answers(1_000, seed=seed)) for seed in range(20)]
    assert sum(found is not None for found in kept) <= 4


def test_the_accuracy_of_probabilities_that_are_too_low_needs_one():
    truth, answers = binary_answers(3_000, shift=0.0, said=lambda log_odds: log_odds - 2.0)
    assert fitted("accuracy", truth, answers).value == pytest.approx(1 / (1 + np.exp(2.0)), abs=0.06)


@pytest.mark.parametrize("name", ["recall", "precision"])
def test_a_metric_that_one_side_alone_makes_perfect_is_no_guide(name):
    assert fitted(name, *rare()) is None


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "log_loss"])
def test_a_metric_that_looks_at_probabilities_has_no_threshold(name):
    assert fitted(name, *rare()) is None


def test_the_gain_is_that_of_labels_by_thresholds_that_did_not_see_their_rows():
    truth, answers = rare()
    metric = METRICS["f1"]
    found, labels = fit_threshold(answers, truth, metric, seed=1)
    gain = metric.score(truth, replace(answers, codes=labels)) - metric.score(truth, answers)
    assert gain == pytest.approx(found.gain, rel=1e-9)
    assert (labels != found.apply(answers).codes).any()


def test_other_problems_have_no_threshold():
    assert fitted("accuracy", *multiclass_answers(500)) is None
    assert fitted("rmse", *regression_answers(500)) is None


def test_without_enough_rows_of_both_classes_there_is_none():
    truth, answers = rare(200)
    assert fitted("f1", truth, answers) is None


def test_rows_that_are_all_alike_have_none():
    truth, answers = rare()
    same = answers.take(np.zeros(len(answers), np.int64))
    assert fitted("f1", truth, same) is None


def test_weights_count():
    truth, answers = rare()
    weight = np.where(truth.y == 1, 9.0, 1.0)
    heavy = Truth(y=truth.y, classes=truth.classes, weight=weight)
    assert fitted("f1", heavy, answers).value < fitted("f1", truth, answers).value


def test_rows_without_weight_do_not_count():
    truth, answers = rare()
    first = np.arange(2_000)
    weighed = Truth(y=truth.y, classes=truth.classes, weight=np.where(np.arange(4_000) < 2_000, 0.5, 0.0))
    alone = fitted("f1", truth.take(first), answers.take(first))
    assert fitted("f1", weighed, answers).value == pytest.approx(alone.value)


def test_the_metric_of_the_sweep_is_the_metric_of_the_rows():
    """The best threshold of the sweep is about as good as the best of all there are, tried one by one."""
    truth, answers = rare(200, seed=2)
    truth = Truth(y=truth.y, classes=truth.classes, weight=np.random.default_rng(0).random(200))
    from athanor.engine.certainty.threshold import _best

    metric = METRICS["f1"]
    found = metric.score(truth, with_threshold(answers, _best(metric, answers.probabilities[:, 1], truth)))
    steps = np.sort(answers.probabilities[:, 1])
    tried = [metric.score(truth, with_threshold(answers, value)) for value in (steps[1:] + steps[:-1]) / 2]
    assert max(tried) - 0.02 <= found <= max(tried) + 1e-9


def test_a_row_has_the_same_label_alone_and_among_others():
    _, answers = rare(500)
    whole = with_threshold(answers, 0.2)
    for rows in draws(500):
        np.testing.assert_array_equal(with_threshold(answers.take(rows), 0.2).codes, whole.codes[rows])


def test_half_changes_nothing_and_probabilities_never_change():
    _, answers = rare(500)
    np.testing.assert_array_equal(with_threshold(answers, 0.5).codes, answers.codes)
    assert with_threshold(answers, 0.2).probabilities is answers.probabilities
    assert with_threshold(answers, 0.2).codes.sum() > answers.codes.sum()


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, float("nan")])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        with_threshold(rare(30)[1], value)


def test_answers_without_two_classes_are_refused():
    with pytest.raises(InvalidInput, match="one of two classes"):
        with_threshold(multiclass_answers(10)[1], 0.3)
    with pytest.raises(InvalidInput, match="one of two classes"):
        with_threshold(Predictions(values=np.zeros(2)), 0.3)

"""Intervals and sets hold what is true as often as asked for, on rows that they were not fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.certainty.conformal import (
    FILE,
    MAX_ROWS,
    Intervals,
    fit_intervals,
    fit_sets,
    load_conformal,
    save_conformal,
)
from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput
from support.answers import binary_answers, draws, multiclass_answers, regression_answers


def widening(values):
    """The larger the value, the less sure it is."""
    return 0.1 + values**1.5 / 5.0


def covered(conformal: Intervals, truth: Truth, answers: Predictions, level: float) -> np.ndarray:
    lower, upper = conformal.interval(answers, level)
    return (lower <= truth.y) & (truth.y <= upper)


def coverage(n_rows: int, level: float, *, n_tables: int = 60, **kind) -> float:
    """Of other rows, over tables of the same kind."""
    others = regression_answers(5_000, seed=999, **kind)
    found = []
    for seed in range(n_tables):
        truth, answers = regression_answers(n_rows, seed=seed, **kind)
        found.append(covered(fit_intervals(answers, truth, seed=1), *others, level).mean())
    return float(np.mean(found))


# --- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("n_rows", [50, 300, 3_000])
@pytest.mark.parametrize("kind", [{}, {"spread": widening}, {"skewed": True}], ids=["even", "widening", "skewed"])
def test_intervals_hold_the_true_value_as_often_as_asked_for(n_rows, level, kind):
    assert coverage(n_rows, level, n_tables=60 if n_rows < 3_000 else 5, **kind) == pytest.approx(level, abs=0.025)


def test_rows_that_are_hard_to_predict_are_covered_as_often_as_easy_ones():
    truth, answers = regression_answers(2_000, spread=widening)
    conformal = fit_intervals(answers, truth, seed=1)
    others, predicted = regression_answers(20_000, spread=widening, seed=8)
    is_held = covered(conformal, others, predicted, 0.9)
    for least in (0.0, 2.5, 5.0, 7.5):
        part = (predicted.values >= least) & (predicted.values < least + 2.5)
        assert is_held[part].mean() == pytest.approx(0.9, abs=0.03)
    lower, upper = conformal.interval(Predictions(values=np.array([1.0, 9.0])), 0.9)
    assert (upper - lower)[1] > 5 * (upper - lower)[0]


def test_an_interval_reaches_as_far_to_each_side_as_the_residuals_do():
    truth, answers = regression_answers(3_000, skewed=True)
    lower, upper = fit_intervals(answers, truth, seed=1).interval(Predictions(values=np.array([5.0])), 0.9)
    assert upper[0] - 5.0 > 1.8  # -log(0.05) - 1 = 2.0
    assert 0.9 < 5.0 - lower[0] < 1.0  # no residual is below -1


@pytest.mark.parametrize("n_rows", [10, 50, 2_000])
def test_a_higher_level_gives_a_wider_interval_and_each_holds_the_prediction(n_rows):
    truth, answers = regression_answers(n_rows, spread=widening, skewed=True)
    truth = Truth(y=truth.y + 3.0)  # a model that is always too low
    conformal = fit_intervals(answers, truth, seed=1)
    asked = Predictions(values=np.full(1, 5.0))
    before = (5.0, 5.0)
    for level in (1e-9, 0.1, 0.5, 0.9, 0.99, 0.999, 0.999999):
        lower, upper = conformal.interval(asked, level)
        assert np.isfinite([lower, upper]).all()
        assert upper[0] >= 5.0 >= lower[0]
        if len(conformal.layers) == 1:  # a level that is higher may be answered by larger bins
            assert lower[0] <= before[0]
            assert upper[0] >= before[1]
        before = (lower[0], upper[0])


def test_levels_that_few_rows_cannot_tell_are_answered_from_the_tail():
    assert coverage(60, 0.99, n_tables=100) == pytest.approx(0.99, abs=0.01)


def test_few_rows_make_one_bin_and_many_make_many():
    sizes = [len(fit_intervals(*regression_answers(n)[::-1], seed=1).layers[0].points) for n in (60, 250, 5_000)]
    assert sizes == [1, 4, 16]


def test_rows_that_are_predicted_alike_stay_in_one_bin():
    truth, answers = regression_answers(2_000)
    rounded = Predictions(values=np.round(answers.values / 4.0) * 4.0)  # 0, 4 and 8
    conformal = fit_intervals(rounded, truth, seed=1)
    np.testing.assert_array_equal(conformal.layers[0].edges, [2.0, 6.0])
    assert covered(conformal, truth, rounded, 0.9).mean() == pytest.approx(0.9, abs=0.01)


def test_one_predicted_value_for_all_is_one_bin():
    truth, same = regression_answers(500)[0], Predictions(values=np.full(500, 5.0))
    conformal = fit_intervals(same, truth, seed=1)
    assert len(conformal.layers) == 1
    assert covered(conformal, truth, same, 0.9).mean() == pytest.approx(0.9, abs=0.01)


def test_weights_count_as_rows_do():
    truth, answers = regression_answers(4_000)
    weight = np.where(np.random.default_rng(5).random(4_000) < 0.5, 3.0, 1.0)
    hard = answers.values + weight * (truth.y - answers.values)
    weighed = Truth(y=hard, weight=weight)
    conformal = fit_intervals(answers, weighed, seed=1)
    held = covered(conformal, weighed, answers, 0.8)
    assert np.average(held, weights=weight) == pytest.approx(0.8, abs=0.02)
    assert held.mean() > 0.83


def test_rows_without_weight_do_not_count():
    truth, answers = regression_answers(400)
    weighed = Truth(y=truth.y, weight=np.where(np.arange(400) < 200, 2.0, 0.0))
    first = np.arange(200)
    alone = fit_intervals(answers.take(first), truth.take(first), seed=1).interval(answers, 0.9)
    found = fit_intervals(answers, weighed, seed=1).interval(answers, 0.9)
    np.testing.assert_allclose(found, alone, atol=0.5)


def test_a_row_has_the_same_bits_alone_and_among_others():
    truth, answers = regression_answers(1_000, spread=widening)
    conformal = fit_intervals(answers, truth, seed=1)
    whole = conformal.interval(answers, 0.9)
    for rows in draws(1_000):
        for end, ends in zip(conformal.interval(answers.take(rows), 0.9), whole, strict=True):
            assert end.tobytes() == ends[rows].tobytes()


def test_of_many_rows_a_sample_is_looked_at():
    truth, answers = regression_answers(2 * MAX_ROWS, spread=widening)
    conformal = fit_intervals(answers, truth, seed=1)
    assert covered(conformal, truth, answers, 0.9).mean() == pytest.approx(0.9, abs=0.01)


def test_a_handful_of_rows_says_nothing():
    truth, answers = regression_answers(9)
    assert fit_intervals(answers, truth, seed=1) is None


# --- sets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.7, 0.9, 0.99])
@pytest.mark.parametrize("sharpened", [0.5, 1.0, 2.0])
def test_sets_hold_the_true_class_as_often_as_asked_for(level, sharpened):
    others, predicted = multiclass_answers(5_000, seed=999, sharpened=sharpened)
    found = []
    for seed in range(30):
        truth, answers = multiclass_answers(400, seed=seed, sharpened=sharpened)
        is_in = fit_sets(answers, truth, seed=1).sets(predicted, level)
        found.append(is_in[np.arange(5_000), others.y.astype(int)].mean())
    assert np.mean(found) == pytest.approx(level, abs=0.015)


def test_a_set_is_never_empty_and_grows_with_the_level():
    truth, answers = multiclass_answers(1_000)
    sets = fit_sets(answers, truth, seed=1)
    before = np.zeros((1_000, 4), bool)
    for level in (1e-9, 0.1, 0.5, 0.9, 0.999, 0.9999999):
        found = sets.sets(answers, level)
        assert found[np.arange(1_000), answers.codes].all()
        assert (found >= before).all()
        before = found
    assert before.all()


def test_where_the_most_likely_class_is_right_often_enough_it_stands_alone():
    truth, answers = binary_answers(2_000, shift=-5.0)
    assert fit_sets(answers, truth, seed=1).sets(answers, 0.8).sum(axis=1).max() == 1


def test_a_set_has_the_same_classes_alone_and_among_others():
    truth, answers = multiclass_answers(500)
    sets = fit_sets(answers, truth, seed=1)
    whole = sets.sets(answers, 0.9)
    for rows in draws(500):
        np.testing.assert_array_equal(sets.sets(answers.take(rows), 0.9), whole[rows])


def test_weights_count_in_sets():
    truth, answers = multiclass_answers(2_000)
    weight = np.where(truth.y == answers.codes, 5.0, 1.0)
    weighed = Truth(y=truth.y, classes=truth.classes, weight=weight)
    sizes = [fit_sets(answers, given, seed=1).sets(answers, 0.9).sum() for given in (weighed, truth)]
    assert sizes[0] < sizes[1]


# --- asked and kept ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, -0.1, float("nan")])
def test_what_is_no_level_is_refused(level):
    truth, answers = regression_answers(30)
    with pytest.raises(InvalidInput, match=r"between 0 and 1, such as 0\.9"):
        fit_intervals(answers, truth, seed=1).interval(answers, level)
    truth, answers = multiclass_answers(30)
    with pytest.raises(InvalidInput, match=r"between 0 and 1, such as 0\.9"):
        fit_sets(answers, truth, seed=1).sets(answers, level)


def test_quantities_have_no_sets_and_classes_no_intervals():
    with pytest.raises(InvalidInput, match="predicted quantities"):
        fit_intervals(*multiclass_answers(30)[::-1], seed=1)
    with pytest.raises(InvalidInput, match="predicted classes"):
        fit_sets(*regression_answers(30)[::-1], seed=1)


@pytest.mark.parametrize("n_rows", [20, 400, 3_000])
def test_what_is_saved_is_loaded_to_the_bit(tmp_path, n_rows):
    truth, answers = regression_answers(n_rows)
    save_conformal(fit_intervals(answers, truth, seed=1), tmp_path)
    found = load_conformal(tmp_path).interval(answers, 0.93)
    assert np.array_equal(found, fit_intervals(answers, truth, seed=1).interval(answers, 0.93))
    truth, answers = multiclass_answers(n_rows)
    save_conformal(fit_sets(answers, truth, seed=1), tmp_path)
    found = load_conformal(tmp_path).sets(answers, 0.93)
    assert np.array_equal(found, fit_sets(answers, truth, seed=1).sets(answers, 0.93))


@pytest.mark.parametrize(
    "text", ["", "{}", '{"kind": "intervals", "shapes": [[7, 9]]}', '{"kind": "intervals", "shapes": 3}']
)
def test_what_was_not_saved_here_is_refused(tmp_path, text):
    save_conformal(fit_intervals(*regression_answers(300)[::-1], seed=1), tmp_path)
    (tmp_path / f"{FILE}.json").write_text(text)
    with pytest.raises(InvalidInput, match="does not hold the quantiles"):
        load_conformal(tmp_path)


def test_many_rows_make_small_files(tmp_path):
    save_conformal(fit_intervals(*regression_answers(60_000)[::-1], seed=1), tmp_path)
    assert (tmp_path / f"{FILE}.npy").stat().st_size < 300_000

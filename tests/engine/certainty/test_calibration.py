"""Calibration makes probabilities truer on rows that it did not see, keeps the order of rows, and knows when to stay out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from athanor.engine.certainty.calibration import Beta, Calibration, Isotonic, Temperature
from athanor.engine.certainty.calibration import fit_calibration as fit
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import PROBLEMS
from athanor.errors import InvalidInput
from support.answers import binary_answers, draws, fields, multiclass_answers


def tripled(log_odds):
    return 3.0 * log_odds


def kinked(log_odds):
    """No beta map straightens it: steep in the middle, flat outside."""
    return 3.0 * np.tanh(log_odds + 1.0) + 0.3 * log_odds


def stepped(log_odds):
    """As a model says it that knows few things: many rows alike."""
    return 2.0 * np.round(kinked(log_odds))


def log_loss(truth, answers):
    return METRICS["log_loss"].score(truth, answers)


def fit_calibration(answers, truth, *, seed):
    return fit(answers, truth, seed=seed)[0]


SOME = [
    Calibration(map=Beta(a=0.4, b=0.001, c=-0.3), gain=0.1, error=0.01),
    Calibration(
        map=Isotonic(at=(-2.0, 0.5, 1.0), to=(-1.0, 0.0, 3.0), slopes=(0.4, 0.4, 6.0, 1.0)), gain=0.1, error=0.01
    ),
    Calibration(map=Temperature(temperature=1.7), gain=0.1, error=0.01),
]
every_map = pytest.mark.parametrize("calibration", SOME, ids=lambda calibration: calibration.method)


def some_answers(calibration: Calibration, n_rows: int = 500) -> Predictions:
    if calibration.method == "temperature":
        return multiclass_answers(n_rows, sharpened=40.0)[1]
    return binary_answers(n_rows, said=lambda log_odds: 20.0 * log_odds)[1]


# --- fitted -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_probabilities_of_an_overconfident_model_become_truer_on_other_rows(seed):
    found = fit_calibration(*binary_answers(2_000, said=tripled, seed=seed)[::-1], seed=1)
    assert found.method == "beta"
    truth, answers = binary_answers(20_000, said=tripled, seed=100 + seed)
    gain = log_loss(truth, answers) - log_loss(truth, found.apply(answers))
    assert gain == pytest.approx(found.gain, abs=4 * found.error)
    assert log_loss(truth, found.apply(answers)) == pytest.approx(
        log_loss(*binary_answers(20_000, seed=100 + seed)), rel=0.02
    )


def test_a_temperature_is_found_for_more_classes():
    truth, answers = multiclass_answers(3_000, sharpened=2.0)
    found = fit_calibration(answers, truth, seed=1)
    assert found.map.temperature == pytest.approx(2.0, rel=0.1)


def test_a_model_that_is_too_modest_is_sharpened():
    truth, answers = multiclass_answers(3_000, sharpened=0.5)
    assert fit_calibration(answers, truth, seed=1).map.temperature == pytest.approx(0.5, rel=0.1)


def test_a_line_of_many_pieces_is_taken_where_three_numbers_cannot_say_it_and_there_are_rows_enough():
    truth, answers = binary_answers(20_000, said=kinked)
    found = fit_calibration(answers, truth, seed=1)
    assert found.method == "isotonic"
    assert np.all(np.diff(found.map.to) > 0)
    few = np.arange(3_000)
    assert fit_calibration(answers.take(few), truth.take(few), seed=1).method == "beta"


def test_rows_that_are_all_alike_share_a_knot():
    truth, answers = binary_answers(20_000, said=stepped)
    found = fit_calibration(answers, truth, seed=1)
    assert found.method == "isotonic"
    assert len(found.map.at) <= len(np.unique(answers.probabilities[:, 1]))
    assert np.isfinite(found.map.slopes).all()
    assert log_loss(truth, found.apply(answers)) < log_loss(truth, answers)


def test_true_probabilities_are_mostly_left_alone():
    """The gain of a map that is no better is above one standard error in at most one of six cases."""
    kept = [
        fit_calibration(answers, truth, seed=seed)
        for seed in range(20)
        for truth, answers in (binary_answers(400, seed=seed), multiclass_answers(400, seed=seed))
    ]
    assert sum(found is not None for found in kept) <= 8


def test_without_enough_rows_of_both_classes_no_map_is_tried():
    truth, answers = binary_answers(45, said=tripled)
    assert fit_calibration(answers, truth, seed=1) is None
    truth, answers = binary_answers(3_000, said=tripled)
    lonely = np.concatenate((np.flatnonzero(truth.y == 0), np.flatnonzero(truth.y == 1)[:9]))
    assert fit_calibration(answers.take(lonely), truth.take(lonely), seed=1) is None


def test_a_class_without_a_row_is_no_obstacle():
    truth, answers = multiclass_answers(600, sharpened=3.0)
    rows = np.flatnonzero(truth.y != 2)
    assert fit_calibration(answers.take(rows), truth.take(rows), seed=1) is not None


def test_answers_that_are_all_right_give_a_finite_map_or_none():
    y = np.arange(200) % 2.0
    answers = PROBLEMS["binary"].predictions(np.where(y > 0, 30.0, -30.0)[:, None], ("no", "yes"))
    found = fit_calibration(answers, Truth(y=y, classes=("no", "yes")), seed=1)
    assert found is None or np.isfinite(log_loss(Truth(y=y, classes=("no", "yes")), found.apply(answers)))


def test_answers_that_rank_rows_the_wrong_way_round_are_not_turned_round():
    truth, answers = binary_answers(2_000, said=np.negative)
    found = fit_calibration(answers, truth, seed=1)
    assert min(found.map.a, found.map.b) > 0
    assert METRICS["roc_auc"].score(truth, found.apply(answers)) < 0.5


def test_rows_without_weight_do_not_count():
    truth, answers = binary_answers(1_000, said=tripled)
    wrong, wrong_answers = binary_answers(1_000, said=np.negative, seed=5)
    together = Truth(y=np.concatenate((truth.y, wrong.y)), classes=truth.classes, weight=np.repeat([2.0, 0.0], 1_000))
    alone = fit_calibration(answers, truth, seed=1)
    found = fit_calibration(Predictions.join([answers, wrong_answers]), together, seed=1)
    assert found.map.a == pytest.approx(alone.map.a, rel=1e-6)
    assert found.gain == pytest.approx(alone.gain, rel=1e-6)


def test_rows_that_weigh_more_count_more():
    honest, answers = binary_answers(2_000)
    wrong, wrong_answers = binary_answers(2_000, said=tripled, seed=5)
    rows = Predictions.join([answers, wrong_answers])

    def slope(weight):
        truth = Truth(
            y=np.concatenate((honest.y, wrong.y)), classes=honest.classes, weight=np.repeat([1.0, weight], 2_000)
        )
        return fit_calibration(rows, truth, seed=1).map.a

    assert slope(100.0) < slope(1.0) < slope(0.2)


def test_equal_seeds_find_the_same_map_in_a_sample_of_many_rows():
    truth, answers = binary_answers(150_000, said=tripled)
    assert fit_calibration(answers, truth, seed=3) == fit_calibration(answers, truth, seed=3)
    assert fit_calibration(answers, truth, seed=3) != fit_calibration(answers, truth, seed=4)


def test_quantities_have_no_probabilities_to_calibrate():
    with pytest.raises(InvalidInput, match="hold none"):
        fit_calibration(Predictions(values=np.zeros(3)), Truth(y=np.zeros(3)), seed=1)


def test_the_gain_is_that_of_answers_under_maps_that_did_not_see_their_rows():
    truth, answers = binary_answers(3_000, said=tripled, weight=True)
    found, unseen = fit(answers, truth, seed=1)
    assert log_loss(truth, answers) - log_loss(truth, unseen) == pytest.approx(found.gain, rel=1e-9)
    np.testing.assert_array_equal(unseen.codes, unseen.probabilities.argmax(axis=1))


def test_an_isotonic_map_looks_better_on_its_own_rows_than_cross_fitted_answers_say():
    truth, answers = binary_answers(12_000, said=kinked)
    found, unseen = fit(answers, truth, seed=1)
    assert found.method == "isotonic"
    assert log_loss(truth, found.apply(answers)) < log_loss(truth, unseen) < log_loss(truth, answers)


def test_rows_outside_the_sample_are_answered_by_the_map_itself():
    truth, answers = binary_answers(60_000, said=tripled)
    found, unseen = fit(answers, truth, seed=1)
    same = (unseen.probabilities == found.apply(answers).probabilities).all(axis=1)
    assert same.sum() == pytest.approx(10_000, abs=10)


def test_without_a_map_the_answers_stay_as_they_are():
    truth, answers = binary_answers(30)
    assert fit(answers, truth, seed=1) == (None, answers)


# --- applied ----------------------------------------------------------------------------------------------------------


@every_map
def test_a_row_is_the_same_bits_alone_and_among_others(calibration):
    answers = some_answers(calibration)
    whole = fields(calibration.apply(answers))
    for rows in draws(len(answers)):
        for name, cells in fields(calibration.apply(answers.take(rows))).items():
            assert cells.tobytes() == np.ascontiguousarray(whole[name][rows]).tobytes()


@every_map
def test_no_probability_is_zero_or_one_and_labels_are_the_most_likely_ones(calibration):
    answers = some_answers(calibration)
    assert (answers.probabilities == 0.0).any() or (answers.probabilities == 1.0).any()
    applied = calibration.apply(answers)
    assert applied.probabilities.min() > 0.0
    assert applied.probabilities.max() < 1.0
    np.testing.assert_allclose(applied.probabilities.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(applied.codes, applied.probabilities.argmax(axis=1))
    assert applied.classes == answers.classes


@given(
    st.floats(1e-3, 10), st.floats(1e-3, 10), st.floats(-5, 5), st.lists(st.floats(-25, 25), min_size=2, max_size=50)
)
def test_a_beta_map_keeps_the_order_of_rows(a, b, c, log_odds):
    margins = np.unique(np.round(log_odds, 3))
    answers = PROBLEMS["binary"].predictions(margins[:, None], ("no", "yes"))
    applied = Calibration(map=Beta(a=a, b=b, c=c), gain=1.0, error=0.0).apply(answers)
    assert (np.diff(applied.probabilities[:, 1]) >= 0).all()
    assert (np.diff(applied.probabilities[:, 0]) <= 0).all()


@pytest.mark.parametrize("said", [tripled, kinked])
def test_the_area_under_the_curve_stays_what_it_was(said):
    truth, answers = binary_answers(20_000, said=said)
    applied = fit_calibration(answers, truth, seed=1).apply(answers)
    assert METRICS["roc_auc"].score(truth, applied) == pytest.approx(METRICS["roc_auc"].score(truth, answers), abs=1e-9)


def test_a_temperature_keeps_the_order_of_a_rows_classes():
    _, answers = multiclass_answers(500)
    applied = SOME[2].apply(answers)
    np.testing.assert_array_equal(applied.probabilities.argsort(axis=1), answers.probabilities.argsort(axis=1))
    np.testing.assert_array_equal(applied.codes, answers.codes)


def test_no_rows_are_no_rows():
    _, answers = binary_answers(5)
    assert len(SOME[0].apply(answers.take(np.zeros(0, np.int64)))) == 0


# --- kept -------------------------------------------------------------------------------------------------------------


@every_map
def test_what_is_written_is_read(calibration):
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize(
    "given", [{}, {"method": "magic", "map": {}, "gain": 0, "error": 0}, {"method": "beta", "map": {"a": 1}}]
)
def test_what_was_not_written_here_is_refused(given):
    with pytest.raises(InvalidInput, match="not a calibration"):
        Calibration.from_json(given)

"""What is learned from out-of-fold answers is kept with the model, and done to its answers in one order."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.certainty import FILE, Certainty, find_certainty
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Truth
from athanor.errors import InvalidInput
from support.answers import binary_answers, draws, fields, multiclass_answers, regression_answers


def tripled(log_odds):
    return 3.0 * log_odds


def found(truth, answers, metric="log_loss", *, seed=1):
    return find_certainty(answers, truth, METRICS[metric], score=METRICS[metric].score(truth, answers), seed=seed)


CASES = {
    "binary": (lambda n_rows, **given: binary_answers(n_rows, said=tripled, shift=-3.0, **given), "f1"),
    "multiclass": (lambda n_rows, **given: multiclass_answers(n_rows, sharpened=2.0, **given), "log_loss"),
    "regression": (regression_answers, "rmse"),
}
every_problem = pytest.mark.parametrize("problem", CASES)


def a_case(problem, n_rows=3_000, **given):
    make, metric = CASES[problem]
    truth, answers = make(n_rows, **given)
    return truth, answers, found(truth, answers, metric)


@every_problem
@pytest.mark.parametrize("level", [None, 0.9])
def test_a_served_row_is_the_same_bits_alone_and_among_others(problem, level):
    _, answers, certainty = a_case(problem)
    whole = fields(certainty.apply(answers, level=level))
    assert len(whole) > len(fields(answers)) or level is None
    for rows in draws(len(answers)):
        for name, cells in fields(certainty.apply(answers.take(rows), level=level)).items():
            assert cells.tobytes() == np.ascontiguousarray(whole[name][rows]).tobytes()


@every_problem
def test_what_is_saved_is_loaded(problem, tmp_path):
    _, answers, certainty = a_case(problem)
    certainty.save(tmp_path / "new")
    loaded = Certainty.load(tmp_path / "new")
    first, second = (fields(each.apply(answers, level=0.8)) for each in (certainty, loaded))
    for name, cells in first.items():
        assert cells.tobytes() == second[name].tobytes()
    assert (loaded.score, loaded.uncertainty) == (certainty.score, certainty.uncertainty)


@every_problem
def test_the_score_is_that_of_answers_as_they_are_served(problem):
    _, _, certainty = a_case(problem)
    truth, answers = CASES[problem][0](20_000, seed=9)
    served = METRICS[CASES[problem][1]].score(truth, certainty.apply(answers))
    assert certainty.score == pytest.approx(served, abs=3 * certainty.uncertainty.error)
    assert certainty.uncertainty.lower < certainty.score < certainty.uncertainty.upper


def test_the_score_is_that_of_answers_under_maps_and_thresholds_that_did_not_see_their_rows():
    for problem, (_, metric) in CASES.items():
        if problem == "regression":
            continue
        truth, _, certainty = a_case(problem)
        assert certainty.score == pytest.approx(METRICS[metric].score(truth, certainty.cross_fitted), rel=1e-9)


def test_a_map_does_not_flatter_the_score_by_having_seen_the_rows():
    truth, answers = binary_answers(12_000, said=lambda log_odds: 3.0 * np.tanh(log_odds + 1.0) + 0.3 * log_odds)
    certainty, metric = found(truth, answers), METRICS["log_loss"]
    assert certainty.calibration.method == "isotonic"
    assert certainty.score == pytest.approx(metric.score(truth, answers) - certainty.calibration.gain, rel=1e-9)
    assert certainty.score > metric.score(truth, certainty.apply(answers))


def test_a_map_that_keeps_the_order_of_rows_leaves_a_score_of_the_order_alone():
    truth, answers = binary_answers(2_000, said=tripled)
    certainty = found(truth, answers, "roc_auc")
    assert certainty.calibration is not None
    assert certainty.score == METRICS["roc_auc"].score(truth, answers)


def test_every_metric_is_scored_as_served_but_by_what_did_not_see_the_rows():
    truth, answers, certainty = a_case("binary")
    rows = np.arange(0, 3_000, 2)
    metrics = [METRICS[name] for name in ("f1", "log_loss", "roc_auc")]

    def score(some):
        return {metric.name: metric.score(truth.take(rows), some) for metric in metrics}

    scores, unseen = certainty.scores(score, answers, rows), score(certainty.cross_fitted.take(rows))
    assert {name: scores[name] for name in ("f1", "log_loss")} == {name: unseen[name] for name in ("f1", "log_loss")}
    assert scores["roc_auc"] == score(answers.take(rows))["roc_auc"] > unseen["roc_auc"]
    assert Certainty().scores(score, answers, rows) == score(answers.take(rows))


def test_labels_are_decided_by_calibrated_probabilities():
    _, answers, certainty = a_case("binary")
    served = certainty.apply(answers)
    assert certainty.calibration is not None
    np.testing.assert_array_equal(served.codes, served.probabilities[:, 1] > certainty.threshold.value)


def test_a_threshold_that_is_asked_for_takes_the_place_of_the_models_own():
    _, answers, certainty = a_case("binary")
    served = certainty.apply(answers, threshold=0.9)
    np.testing.assert_array_equal(served.codes, served.probabilities[:, 1] > 0.9)


def test_a_set_holds_the_label_that_is_answered():
    _, answers, certainty = a_case("binary")
    for threshold in (None, 0.001, 0.999):
        served = certainty.apply(answers, level=0.5, threshold=threshold)
        assert served.sets[np.arange(len(served)), served.codes].all()


def test_answers_that_need_nothing_are_served_as_they_are():
    truth, answers = binary_answers(500)
    certainty = found(truth, answers, "roc_auc")
    assert certainty.calibration is None
    assert certainty.threshold is None
    assert certainty.apply(answers) is answers
    assert certainty.cross_fitted is None


def test_of_a_handful_of_rows_nothing_is_said_but_the_score():
    truth, answers = regression_answers(9)
    certainty = found(truth, answers, "rmse")
    assert certainty == Certainty(score=METRICS["rmse"].score(truth, answers))
    with pytest.raises(InvalidInput, match="too few rows"):
        certainty.apply(answers, level=0.9)


def test_a_level_that_is_none_is_told_before_there_are_too_few_rows():
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        Certainty().apply(regression_answers(9)[1], level=90)


def test_an_undefined_score_stays_undefined():
    truth, answers = binary_answers(200)
    one_class = Truth(y=np.zeros(200), classes=truth.classes)
    certainty = find_certainty(answers, one_class, METRICS["roc_auc"], score=None, seed=1)
    assert (certainty.score, certainty.uncertainty) == (None, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"calibration": 3, "threshold": null}'])
def test_what_was_not_saved_here_is_refused(tmp_path, text):
    a_case("regression")[2].save(tmp_path / "new")
    (tmp_path / "new" / FILE).write_text(text)
    with pytest.raises(InvalidInput, match="certainty"):
        Certainty.load(tmp_path / "new")

"""The target as a family fits it, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.family import FitInput
from athanor.engine.family.target import Classes, Quantity, load_target, save_target, target_of, weighted_quantile
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import DISTRIBUTIONS, TargetDistribution
from athanor.errors import Impossible


def target(problem, truth, metric=None, distribution=None):
    found = PROBLEMS[problem]
    none = np.zeros((len(truth.y), 1), np.float32)
    return target_of(
        FitInput(
            problem=found,
            metric=METRICS[metric or found.default_metric],
            X=none,
            truth=truth,
            X_stop=none,
            truth_stop=truth,
            categorical=(),
            seed=0,
            watch=lambda step: False,
            distribution=None if distribution is None else TargetDistribution.parse(distribution),
        )
    )


def test_classes_that_training_rows_lack_are_left_out_and_come_back_with_a_small_probability():
    found = target("multiclass", Truth(y=np.array([2.0, 0.0, 2.0]), classes=("a", "b", "c")))
    assert found == Classes(present=(0, 2), n_margins=3, n_rows=3)
    margins = found.decode(np.array([[0.3, 1.2], [-50.0, 700.0]]))
    assert margins[:, [0, 2]].tolist() == [[0.3, 1.2], [-50.0, 700.0]]
    probabilities = PROBLEMS["multiclass"].predictions(margins, ("a", "b", "c")).probabilities
    np.testing.assert_allclose(probabilities[:, 1], 1 / 7)  # 1 in 3 rows + 3 classes, beside the others' 1


def test_validation_rows_of_classes_that_training_rows_lack_cannot_be_used():
    found = target("multiclass", Truth(y=np.array([2.0, 0.0]), classes=("a", "b", "c")))
    fittable = found.encode(Truth(y=np.array([1.0, 2.0, 0.0]), classes=("a", "b", "c"), weight=np.arange(3.0)))
    assert fittable.rows.tolist() == [1, 2]
    assert fittable.y.tolist() == [1.0, 0.0]
    assert fittable.weight.tolist() == [1.0, 2.0]


def test_a_class_whose_rows_weigh_nothing_is_absent():
    truth = Truth(y=np.array([0.0, 1.0, 2.0]), classes=("a", "b", "c"), weight=np.array([1.0, 0.0, 1.0]))
    assert target("multiclass", truth).present == (0, 2)


@pytest.mark.parametrize("metric", ["rmse", "mae", "mape", "rmsle"])
def test_a_quantity_comes_back_as_it_went_in(metric):
    y = np.array([0.0, 3.0, 1e6, 2.5])
    found = target("regression", Truth(y=y), metric)
    fittable = found.encode(Truth(y=y))
    np.testing.assert_allclose(found.decode(fittable.y[:, None])[:, 0], y[fittable.rows], rtol=1e-9, atol=1e-9)


def test_rmsle_is_fitted_on_logarithms_and_mape_by_relative_weights():
    y = np.array([0.0, 1.0, 4.0])
    assert target("regression", Truth(y=y), "rmsle").is_log
    fittable = target("regression", Truth(y=y), "mape").encode(Truth(y=y))
    assert fittable.rows.tolist() == [1, 2]
    assert fittable.weight[0] == pytest.approx(4 * fittable.weight[1])


def test_the_scale_of_a_quantity_is_taken_out():
    found = target("regression", Truth(y=np.array([10.0, 30.0])))
    assert found == Quantity(center=20.0, scale=10.0)


def by(distribution, y, weight=None):
    return target("regression", Truth(y=np.array(y, float), weight=weight), distribution=distribution)


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_a_positive_mean_is_scaled_and_comes_back_from_its_logarithm(name):
    y = np.array([1.0, 5.0, 6e6])
    found = by(name, y)
    fittable = found.encode(Truth(y=y))
    assert fittable.y.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(found.decode(np.log(fittable.y)[:, None])[:, 0], y)


def test_the_scale_of_a_positive_mean_goes_by_the_weights():
    assert by("gamma", [1.0, 4.0], np.array([3.0, 1.0])).scale == 1.75


def test_zeros_are_zeros_to_a_learner_and_gamma_has_none():
    y = np.array([0.0, 3.0])
    weight = np.array([1.0, 2.0])
    truth = Truth(y=y, weight=weight)
    for name in ("poisson", "tweedie"):
        assert by(name, y).encode(truth).y.tolist() == [0.0, 2.0]
    fittable = by("gamma", [1.0, 2.0]).encode(truth)
    assert fittable.rows.tolist() == [1]
    assert fittable.weight.tolist() == [2.0]


def test_a_positive_mean_is_finite_and_above_zero_whatever_a_learner_says():
    for y in ([1e-300, 3e-300], [1.0, 2.0], [1e300, 2e300]):
        values = by("gamma", y).decode(np.array([[-1e9], [-745.0], [0.0], [1e9]]))
        assert np.isfinite(values).all()
        assert (values > 0.0).all()
        assert values[2, 0] == pytest.approx(np.mean(y))


def test_a_positive_mean_that_is_always_the_same_is_not_fitted():
    found = by("tweedie", [3.3, 3.3])
    assert found.n_outputs == 0
    assert found.decode(np.zeros((2, 0))).tolist() == [[3.3], [3.3]]


def test_a_count_that_was_always_zero_is_not_predicted_as_impossible():
    assert by("poisson", [0.0, 0.0, 0.0]).decode(np.zeros((1, 0))).tolist() == [[0.25]]


def test_a_positive_mean_of_no_usable_row_is_impossible():
    with pytest.raises(Impossible, match="gamma"):
        by("gamma", [0.0, 1.0], np.array([1.0, 0.0]))


def test_by_huber_the_median_is_the_centre_and_the_size_that_turns_absolute_the_unit():
    y = np.arange(-50.0, 51.0)
    y[-1] = 1e9
    assert by("huber:0.8", y) == Quantity(center=0.0, scale=40.0)
    weight = (np.abs(y) <= 10.0) * 1.0
    assert by("huber:0.5", y, weight) == Quantity(center=0.0, scale=5.0)


def test_by_huber_values_that_are_nearly_all_the_same_have_their_spread_as_unit():
    y = np.zeros(100)
    y[0] = 100.0
    assert by("huber", y) == Quantity(center=0.0, scale=pytest.approx(np.std(y)))


def test_a_distribution_comes_before_what_the_metric_would_fit():
    y = np.array([0.0, 10.0, 20.0])
    for name in ("gaussian", "laplace", "quantile:0.9"):
        found = target("regression", Truth(y=y), "rmsle", distribution=name)
        assert found == Quantity(center=10.0, scale=pytest.approx(np.std(y)))


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_a_target_is_the_same_when_read_again(name, tmp_path):
    found = by(name, [1.0, 2.0, 7.0])
    save_target(found, tmp_path)
    assert load_target(tmp_path) == found


def test_a_weighted_quantile_is_a_value_that_rows_with_this_share_of_the_weight_do_not_exceed():
    values, weight = np.array([30.0, 10.0, 20.0, 40.0]), np.array([1.0, 5.0, 0.0, 2.0])
    assert [weighted_quantile(values, None, level) for level in (0.01, 0.25, 0.5, 0.51, 1.0)] == [10, 10, 20, 30, 40]
    weighted = [weighted_quantile(values, weight, level) for level in (0.5, 0.625, 0.63, 0.75, 0.76)]
    assert weighted == [10, 10, 30, 30, 40]


def test_a_level_past_1_asks_for_the_greatest_value():
    assert weighted_quantile(np.array([30.0, 10.0]), np.array([0.1, 0.7]), np.nextafter(1.0, 2.0)) == 30.0

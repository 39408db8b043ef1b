"""The target as a family fits it, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.metrics import METRICS
from athanor.engine.models import FitInput
from athanor.engine.models.target import Classes, Quantity, target_of
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS


def target(problem, truth, metric=None):
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

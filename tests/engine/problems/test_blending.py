"""What members say together."""

from __future__ import annotations

import numpy as np

from athanor.engine.predictions import Predictions
from athanor.engine.problems import PROBLEMS
from athanor.engine.problems.blending import blend

REGRESSION = PROBLEMS["regression"]


def values(*given):
    return Predictions(values=np.array(given, float))


def test_a_blend_is_the_mean_by_shares():
    blended = blend({"a": values(0, 10), "b": values(4, 10), "out": values(9, 9)}, {"a": 0.75, "b": 0.25}, REGRESSION)
    assert blended.values.tolist() == [1.0, 10.0]

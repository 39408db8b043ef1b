"""Which folds the clock ended too early to be of use, and when they may be tried again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.race.stumps import Stumps

WHOLE = FoldRecord(
    trial="a", family="f", view="codes", fold=0, score=1.0, fit_s=4.0, predict_s=0.1, n_features=1, truncated=False,
    files={},
)  # fmt: skip
CUT = replace(WHOLE, truncated=True)


class Store:
    """Checkpoints whose folds answer as they are told, and that note what is dropped."""

    def __init__(self, *answers):
        self.answers = np.array(answers, np.float32)[:, None]
        self.dropped = []

    def out_of_fold(self, trial, fold):
        return self.answers

    def drop(self, record):
        self.dropped.append((record.trial, record.fold))


@pytest.mark.parametrize(
    ("record", "is_stump"),
    [
        (replace(CUT, fold=1, fit_s=1.9), True),
        (replace(CUT, fold=1, fit_s=2.1), False),
        (replace(WHOLE, fold=1, fit_s=0.1), False),  # it stopped by itself
    ],
)
def test_a_later_fold_is_one_where_it_was_cut_before_half_of_the_first_one_s_time(record, is_stump):
    assert Stumps(Store(1, 2)).has(record, WHOLE) == is_stump


@pytest.mark.parametrize(
    ("record", "answers", "is_stump"),
    [(CUT, (3, 3, 3), True), (CUT, (3, 3, 4), False), (WHOLE, (3, 3, 3), False), (CUT, (3,), False)],
)
def test_a_first_fold_is_one_where_it_was_cut_and_answers_all_rows_alike(record, answers, is_stump):
    assert Stumps(Store(*answers)).has(record, None) == is_stump


def test_what_is_left_out_is_forgotten_and_tried_again_with_twice_the_time_only():
    store = Store(3, 3)
    stumps = Stumps(store)
    assert stumps.may_try("a", 0, 0.1)
    stumps.leave_out(replace(CUT, fit_s=2.0))
    assert store.dropped == [("a", 0)]
    assert [stumps.may_try("a", 0, left_s) for left_s in (3.9, 4.0)] == [False, True]
    stumps.leave_out(replace(CUT, fit_s=0.5))  # whatever took the time, it would take it again
    assert [stumps.may_try("a", 0, left_s) for left_s in (7.9, 8.0)] == [False, True]
    assert stumps.may_try("a", 1, 0.1)
    assert stumps.may_try("b", 0, 0.1)

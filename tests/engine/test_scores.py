"""Scores beside a model are read as they were written."""

from __future__ import annotations

import pytest

from athanor.engine.scores import MeasuredOn, Scores, read_scores, write_scores
from athanor.errors import InvalidInput

SCORES = Scores(measured_on=MeasuredOn.OUT_OF_FOLD, n_rows=10, by_metric={"accuracy": 0.5, "log_loss": 0.1})


def test_scores_are_read_as_they_were_written(tmp_path):
    write_scores(tmp_path, SCORES)
    assert read_scores(tmp_path) == SCORES


def test_later_scores_take_the_place_of_earlier_ones(tmp_path):
    later = Scores(measured_on=MeasuredOn.VALIDATION, n_rows=3, by_metric={})
    for scores in (SCORES, later):
        write_scores(tmp_path, scores)
    assert read_scores(tmp_path) == later
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_a_model_that_was_made_before_there_were_scores_has_none(tmp_path):
    assert read_scores(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"measured_on": "moon", "n_rows": 1, "by_metric": {}}'])
def test_scores_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(InvalidInput, match="does not hold scores that Athanor wrote"):
        read_scores(tmp_path)

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""A table at a glance."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl
import pytest

from athanor.engine.inference import infer
from athanor.engine.profile import profile

FRAME = pl.DataFrame(
    {
        "x": [1.0, 2.0, 3.0, 4.0, None],
        "word": ["b", "a", "b", None, "ccc"],
        "flag": [True, True, False, None, True],
        "when": pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 1), None, None, None], dtype=pl.Datetime("us")),
        "empty": pl.Series([None] * 5, dtype=pl.String),
        "v": pl.Series([[1.0, 2.0]] * 5, dtype=pl.Array(pl.Float32, 2)),
    }
)


def columns(frame=FRAME, **options):
    found = profile(frame, infer(frame), **options)
    return {column.name: column for column in found.columns}


def test_numbers_have_their_range_moments_quantiles_and_histogram():
    x = columns()["x"]
    assert (x.missing, x.distinct, x.minimum, x.maximum, x.mean) == (1, 4, 1.0, 4.0, 2.5)
    assert x.std == pytest.approx(1.118, abs=1e-3)
    assert dict(x.quantiles)[0.5] == 2.5
    assert sum(x.histogram.rows) == 4
    assert len(x.histogram.edges) == len(x.histogram.rows) + 1


def test_words_have_their_most_frequent_values():
    word = columns()["word"]
    assert [(top.value, top.rows) for top in word.top] == [("b", 2), ("a", 1), ("ccc", 1)]
    assert word.length == 1.5


def test_truth_values_times_vectors_and_empty_columns_have_what_makes_sense():
    found = columns()
    assert [(top.value, top.rows) for top in found["flag"].top] == [("true", 3), ("false", 1)]
    assert (found["when"].first, found["when"].last) == ("2024-01-01 00:00:00.000000", "2024-01-02 00:00:00.000000")
    assert (found["v"].dim, found["v"].missing) == (2, 0)
    assert (found["empty"].missing, found["empty"].distinct, found["empty"].top) == (5, 0, None)


def test_a_sample_is_the_same_for_the_same_seed_and_says_that_it_is_one():
    frame = pl.DataFrame({"x": range(1000)})
    schema = infer(frame)
    first = profile(frame, schema, sample_rows=100, seed=1)
    assert (first.n_rows, first.profiled_rows) == (1000, 100)
    assert first == profile(frame, schema, sample_rows=100, seed=1)
    assert first != profile(frame, schema, sample_rows=100, seed=2)
    assert profile(frame, schema, sample_rows=5000, seed=1).profiled_rows == 1000


@pytest.mark.parametrize("values", [[7.0, 7.0], [1e308, -1e308], [0.1, 0.1 + 2**-56], [5e-324, 0.0], [1e300, 1e300]])
def test_numbers_at_the_edges_have_a_profile_of_plain_json(values):
    frame = pl.DataFrame({"x": values})
    shown = profile(frame, infer(frame)).to_json()
    assert sum(shown["columns"][0]["histogram"]["rows"]) == 2
    json.dumps(shown, allow_nan=False)


def test_a_profile_is_plain_json():
    json.dumps(profile(FRAME, infer(FRAME)).to_json(), allow_nan=False)

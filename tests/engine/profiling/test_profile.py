# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""A table at a glance."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl
import pytest

from athanor.engine.profiling.profile import Profile, profile
from athanor.engine.tables import facts
from athanor.engine.tables.inference import infer
from athanor.errors import InvalidInput

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
    assert (found["when"].first, found["when"].last) == ("2024-01-01", "2024-01-02")
    assert (found["v"].dim, found["v"].missing, found["v"].distinct) == (2, 0, None)
    assert (found["empty"].missing, found["empty"].distinct, found["empty"].top) == (5, 0, None)


def test_a_sample_is_the_same_for_the_same_seed_and_says_that_it_is_one():
    frame = pl.DataFrame({"x": range(1000)})
    schema = infer(frame)
    first = profile(frame, schema, sample_rows=100, seed=1)
    assert (first.n_rows, first.counted_rows, first.profiled_rows) == (1000, 100, 100)
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


@pytest.mark.parametrize("target", [None, "word"])
def test_a_profile_comes_back_from_json_as_it_was(target):
    numbers = FRAME.with_columns(y=pl.Series([1.5, 2.0, 0.0, 4.0, 3.0]))
    found = profile(numbers, infer(numbers), target=target)
    assert Profile.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_numbers_have_zeros_and_distinct_values():
    x = columns(pl.DataFrame({"x": [0.0, 0.0, 2.5, None]}))["x"]
    assert (x.zeros, x.distinct, x.is_distinct_approximate) == (2, 2, False)


def test_whole_numbers_have_bins_of_whole_numbers():
    few = columns(pl.DataFrame({"x": [3, 3, 5, 4, 3]}))["x"].histogram
    assert (few.edges, few.rows) == ((3.0, 4.0, 5.0, 6.0), (3, 1, 1))
    many = columns(pl.DataFrame({"x": [*range(50), 7]}))["x"].histogram
    assert many.edges[:3] == (0.0, 3.0, 6.0)
    assert many.rows[:3] == (3, 3, 4)
    assert sum(many.rows) == 51


def test_whole_numbers_that_are_categories_have_most_frequent_values():
    code = columns(pl.DataFrame({"code": [7, 7, 8, 9] * 10, "size": [7, 7, 8, 9] * 10}))
    assert [(top.value, top.rows) for top in code["code"].top] == [("7", 20), ("8", 10), ("9", 10)]
    assert code["size"].top is None


def test_times_have_a_histogram_in_seconds_since_1970():
    times = pl.Series([datetime(1970, 1, 1), datetime(1970, 1, 1, 0, 1), datetime(1970, 1, 1, 0, 0, 30, 500000)])
    found = columns(pl.DataFrame({"x": times.cast(pl.Datetime("us"))}))["x"]
    assert (found.first, found.last, found.distinct) == ("1970-01-01", "1970-01-01T00:01:00", 3)
    assert (found.histogram.edges[0], found.histogram.edges[-1]) == (0.0, 60.0)
    assert sum(found.histogram.rows) == 3


def test_words_have_their_mean_number_of_words():
    assert columns(pl.DataFrame({"x": ["one", "two of", None]}))["x"].words == 1.5


def test_vectors_have_lengths_and_zeros_dense_and_sparse():
    dense = pl.Series([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=pl.Array(pl.Float32, 4))
    sparse = pl.Series([{"indices": [0, 3], "values": [3.0, 4.0]}, {"indices": [], "values": []}])
    found = columns(pl.DataFrame({"d": dense, "s": sparse}))
    for column in found.values():
        assert (column.dim, column.norm, column.nonzeros, column.zero_share) == (4, 2.5, 1.0, 0.75)


def test_neither_nan_nor_infinity_is_counted_as_a_value():
    x = columns(pl.DataFrame({"x": [float("nan"), float("inf"), 1.0, 2.0, None]}))["x"]
    assert (x.missing, x.minimum, x.maximum, x.mean, x.distinct) == (3, 1.0, 2.0, 1.5, 2)


def test_a_scan_has_the_profile_of_its_table_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "HELD_BYTES", 0)
    FRAME.write_parquet(tmp_path / "part.parquet")
    scan = pl.scan_parquet(tmp_path / "part.parquet")
    assert profile(scan, infer(FRAME), target="flag") == profile(FRAME, infer(FRAME), target="flag")


def test_a_sample_of_a_scan_has_about_so_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "HELD_BYTES", 0)
    frame = pl.DataFrame({"x": range(10_000), "y": [i % 7 for i in range(10_000)]})
    frame.write_parquet(tmp_path / "part.parquet")
    found = profile(pl.scan_parquet(tmp_path / "part.parquet"), infer(frame), sample_rows=1000, seed=3)
    assert found.n_rows == 10_000
    assert 850 < found.profiled_rows < 1150


def test_of_a_very_long_table_all_rows_are_counted_and_distributions_are_of_a_sample(monkeypatch):
    monkeypatch.setattr("athanor.engine.profiling.profile.LARGEST", 500)
    monkeypatch.setattr(facts, "COUNTED_EXACTLY", 400)
    monkeypatch.setattr(facts, "FEW_DISTINCT", 100)
    n = 2000
    frame = pl.DataFrame({"x": [i / 2 for i in range(n)], "i": [i % 9 for i in range(n)], "w": ["a", "b"] * (n // 2)})
    found = profile(frame, infer(frame))
    assert (found.n_rows, found.counted_rows, found.profiled_rows) == (2000, 2000, 500)
    x, i, w = found.columns
    assert (x.minimum, x.maximum) == (0.0, 999.5)
    assert x.is_distinct_approximate
    assert x.distinct == pytest.approx(2000, rel=0.3)
    assert (i.distinct, w.distinct) == (9, 2)
    assert sum(x.histogram.rows) == sum(i.histogram.rows) == sum(top.rows for top in w.top) == 500


def test_a_profile_with_a_target_has_associations_and_findings():
    x = [float(i) for i in range(100)]
    frame = pl.DataFrame({"x": x, "same": ["s"] * 100, "y": [2 * value for value in x]})
    shown = profile(frame, infer(frame), target="y").to_json()
    assert shown["target"] == "y"
    assert shown["associations"][0]["column"] == "x"
    assert shown["associations"][0]["strength"] == pytest.approx(1)
    assert [finding["kind"] for finding in shown["findings"]] == ["leak", "constant"]
    assert shown["correlations"]["columns"] == ("x", "y")


def test_a_target_that_is_not_there_is_refused():
    with pytest.raises(InvalidInput, match="No column named 'z'"):
        profile(FRAME, infer(FRAME), target="z")


def test_a_table_without_rows_has_a_profile():
    frame = FRAME.clear()
    found = profile(frame, infer(frame), target="word")
    assert found.n_rows == 0
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("name", ["*", "^a.*$", "rows", "value", "len", "", "features", "row"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_column_may_have_any_name(name, lazy):
    words = [f"{i % 3}" for i in range(39)] + ["x"]
    frame = pl.DataFrame(
        {"ab": [i * 1.5 for i in range(40)], name: words, "when": FRAME["when"].extend_constant(None, 35)}
    )
    found = profile(frame.lazy() if lazy else frame, infer(frame), target=name)
    assert [column.name for column in found.columns] == frame.columns
    assert [top.value for top in found.columns[1].top] == ["0", "1", "2", "x"]
    assert "target_text_numbers" in {finding.kind for finding in found.findings}


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_sample_of_a_scan_is_uniform(share, monkeypatch):
    monkeypatch.setattr(facts, "HELD_BYTES", 0)
    frame = pl.DataFrame({"x": range(20_000), "y": [0.5, 1.5] * 10_000})
    found = profile(frame.lazy(), infer(frame), sample_rows=int(20_000 * share)).columns[0]
    assert found.mean == pytest.approx(10_000, rel=0.02)
    assert sum(found.histogram.rows[:10]) == pytest.approx(10_000 * share, rel=0.04)

# ruff: noqa: DTZ001 - a table keeps times in UTC, without saying so
"""Segments: what was written is what is read, in bounded pieces."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from athanor.engine.tables.dataset import Numbers, Words
from athanor.engine.tables.dataset_files import arrays_of, save_dataset
from athanor.engine.tables.frames import to_dataset, to_frame
from athanor.engine.tables.inference import infer
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.tables.segments import (
    Deleted,
    count_rows,
    ids_of,
    read_segments,
    rows_of,
    scan_segments,
    write_segment,
)
from athanor.errors import InvalidInput

SPARSE = pl.Struct({"indices": pl.List(pl.UInt32), "values": pl.List(pl.Float32)})
FRAME = pl.DataFrame(
    {
        "x": pl.Series([1.5, None, -2.0, 4.0]),
        "n": pl.Series([1, None, 3, 4]),
        "flag": pl.Series([True, False, None, True]),
        "word": pl.Series(["b", None, "a", "b"]),
        "when": pl.Series([datetime(2024, 3, 1), None, datetime(1969, 1, 1), None], dtype=pl.Datetime("us")),
        "dense": pl.Series([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [0.0, 0.0]], dtype=pl.Array(pl.Float32, 2)),
        "sparse": pl.Series(
            [
                {"indices": [1, 4], "values": [0.5, 2.0]},
                {"indices": [], "values": []},
                {"indices": [0], "values": [1.0]},
                {"indices": [], "values": []},
            ],
            dtype=SPARSE,
        ),
    }
)
SCHEMA = infer(FRAME)


def many_rows(n=1000):
    return FRAME[[row % 4 for row in range(n)]].with_columns(row=pl.int_range(n))


@pytest.fixture
def segments(tmp_path):
    """Files of some frames."""

    def write(*frames):
        paths = [tmp_path / f"{position}.parquet" for position in range(len(frames))]
        for frame, path in zip(frames, paths, strict=True):
            write_segment(frame, path)
        return paths

    return write


def same(first, second):
    for name in first.schema.names:
        one, other = arrays_of(first.columns[name]), arrays_of(second.columns[name])
        for part in one:
            assert one[part].dtype == other[part].dtype
            np.testing.assert_array_equal(one[part], other[part])
    assert to_frame(first).equals(to_frame(second))


# --- reading ----------------------------------------------------------------------------------------------------------


def test_segments_are_read_back_in_their_order(segments):
    dataset = read_segments(segments(FRAME, FRAME.reverse()), SCHEMA)
    same(dataset, to_dataset(pl.concat([FRAME, FRAME.reverse()]), SCHEMA))


def test_a_table_that_is_mapped_from_files_is_the_same(segments, tmp_path, monkeypatch):
    frame = many_rows().with_columns(word=pl.format("w{}", (pl.col("row") * 7919) % 101))
    schema, paths = infer(frame), segments(frame[:390], frame[390:])
    monkeypatch.setattr("athanor.engine.tables.segments._LEAST_ROWS", 7)
    monkeypatch.setattr("athanor.engine.tables.segments._GROUP_BYTES", 1)
    mapped = read_segments(paths, schema, folder=tmp_path / "rows")
    same(mapped, read_segments(paths, schema))
    save_dataset(mapped, tmp_path / "table")
    for path in (tmp_path / "rows").glob("*.npy"):
        if "indptr" in path.name:  # of 64 bits until it is known that 32 are enough
            continue
        assert path.samefile(tmp_path / "table" / path.name)
    few = read_segments(paths, schema, rows=9, seed=1, folder=tmp_path / "few")
    same(few, read_segments(paths, schema, rows=9, seed=1))


def test_slices_do_not_show(segments, monkeypatch):
    frame = many_rows().with_columns(word=pl.format("w{}", (pl.col("row") * 7919) % 101))
    schema = infer(frame)
    monkeypatch.setattr("athanor.engine.tables.segments._LEAST_ROWS", 7)
    monkeypatch.setattr("athanor.engine.tables.segments._GROUP_BYTES", 1)
    same(read_segments(segments(frame[:390], frame[390:]), schema), to_dataset(frame, schema))


def test_only_the_columns_that_are_asked_for_are_read(segments):
    dataset = read_segments(segments(FRAME), SCHEMA.select(("word", "x")))
    assert dataset.schema.names == ("word", "x")


def test_a_column_that_a_segment_lacks_is_missing_in_its_rows(segments):
    dataset = read_segments(segments(FRAME.drop("x", "word", "when"), FRAME), SCHEMA)
    for name in ("x", "word", "when"):
        assert dataset[name].missing()[:4].all()
        assert not dataset[name].missing()[4:].all()


def test_a_column_without_values_in_one_segment_is_as_in_the_others(segments):
    paths = segments(FRAME.with_columns(pl.lit(None).alias("word"), pl.lit(None).alias("x")), FRAME)
    dataset = read_segments(paths, SCHEMA)
    assert isinstance(dataset["word"], Words)
    assert isinstance(dataset["x"], Numbers)
    assert scan_segments(paths, SCHEMA).collect()["word"].to_list() == [None] * 4 + ["b", None, "a", "b"]


def test_a_segment_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1nonsense")
    for reading in (read_segments, scan_segments):
        with pytest.raises(InvalidInput, match=r"segment a\.parquet cannot be read"):
            reading([tmp_path / "a.parquet"], SCHEMA)


def test_no_segments_are_a_table_without_rows():
    dataset = read_segments([], SCHEMA)
    assert (dataset.n_rows, dataset.schema) == (0, SCHEMA)
    assert dataset["dense"].matrix.shape == (0, SCHEMA["dense"].dim)
    assert dataset["sparse"].matrix.shape == (0, SCHEMA["sparse"].dim)
    frame = scan_segments([], SCHEMA).collect()
    assert (frame.height, tuple(frame.columns)) == (0, SCHEMA.names)
    assert count_rows([]) == 0


# --- some of the rows -------------------------------------------------------------------------------------------------


def test_a_sample_has_so_many_rows_in_their_order_each_once(segments):
    frame = many_rows()
    paths = segments(frame[:300], frame[300:])
    rows = read_segments(paths, infer(frame), rows=200, seed=3)["row"].values
    assert len(rows) == 200
    assert (np.diff(rows) > 0).all()
    again, other = (read_segments(paths, infer(frame), rows=200, seed=seed)["row"].values for seed in (3, 4))
    np.testing.assert_array_equal(rows, again)
    assert not np.array_equal(rows, other)


def test_every_row_is_as_likely_in_a_sample_as_any_other(segments, monkeypatch):
    frame = pl.DataFrame({"row": range(40)})
    schema = Schema((ColumnSchema(name="row", type=ColumnType.NUMERIC, storage=Storage.INTEGER),))
    monkeypatch.setattr("athanor.engine.tables.segments._LEAST_ROWS", 3)
    monkeypatch.setattr("athanor.engine.tables.segments._GROUP_BYTES", 1)
    paths, times = segments(frame[:5], frame[5:]), 400
    counts = sum(
        np.bincount(read_segments(paths, schema, rows=10, seed=seed)["row"].values.astype(int), minlength=40)
        for seed in range(times)
    )
    assert abs(counts - times / 4).max() < 5 * (times * 3 / 16) ** 0.5


def test_a_sample_of_more_rows_than_there_are_is_all_of_them(segments):
    same(read_segments(segments(FRAME), SCHEMA, rows=9), to_dataset(FRAME, SCHEMA))


def test_deleted_rows_are_not_read(segments, tmp_path):
    frame = many_rows(20).with_columns(key=pl.format("k{}", "row"))
    schema, paths = infer(frame), segments(frame[:10], frame[10:])
    write_segment(pl.DataFrame({"key": ["k3", "k9", "k12"]}), tmp_path / "first.parquet")
    write_segment(pl.DataFrame({"key": ["k0"]}), tmp_path / "second.parquet")
    gone = {0: [tmp_path / "first.parquet", tmp_path / "second.parquet"]}  # the other segment came after them
    without = Deleted(id_column="key", tombstones=gone)
    left = [row for row in range(20) if row not in {0, 3, 9}]
    assert read_segments(paths, schema, without=without)["row"].values.tolist() == left
    assert read_segments(paths, schema.select(("row",)), without=without)["row"].values.tolist() == left
    assert scan_segments(paths, schema, without=without).collect()["row"].to_list() == left
    assert len(read_segments(paths, schema, rows=16, without=without)["row"].values) == 16
    assert set(read_segments(paths, schema, rows=16, without=without)["row"].values) < set(left)


def test_a_folder_may_be_called_as_a_pattern(tmp_path):
    folder = tmp_path / "data [1] *"
    folder.mkdir()
    path = write_segment(pl.DataFrame({"x": [1.5], "id": [7]}), folder / "0.parquet").path
    assert ids_of(path, "id").to_list() == ["7"]
    gone = write_segment(pl.DataFrame({"id": ["7"]}), folder / "gone.parquet").path
    without = Deleted(id_column="id", tombstones={0: [gone]})
    assert count_rows([path], without=without) == 0


def test_rows_can_be_named_by_numbers(segments, tmp_path):
    frame = many_rows(4)
    write_segment(pl.DataFrame({"id": ["2"]}), tmp_path / "gone.parquet")
    without = Deleted(id_column="row", tombstones={0: [tmp_path / "gone.parquet"]})
    assert read_segments(segments(frame), infer(frame), without=without)["row"].values.tolist() == [0, 1, 3]


# --- writing ----------------------------------------------------------------------------------------------------------


def test_row_groups_are_small_in_bytes_and_not_too_small_in_rows():
    assert rows_of(8) == 65_536
    assert rows_of(4 * 64) == 32_768
    assert rows_of(10**6) == 1024

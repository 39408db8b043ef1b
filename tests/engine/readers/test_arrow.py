"""Arrow: files and streams are read as Parquet is; a stream of any length in pieces, and never a part of one."""

from __future__ import annotations

import io

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from athanor.engine.readers import Notes, ReaderOptions
from athanor.engine.readers.arrow import ARROW
from athanor.errors import InvalidInput

FRAME = pl.DataFrame(
    {
        "n": range(3000),
        "word": ["a", None, "b"] * 1000,
        "level": pl.Series(["x", "y", "z"] * 1000, dtype=pl.Categorical),
        "vector": [[1.0, 2.0]] * 3000,
    }
)
READ = FRAME.with_columns(pl.col("level").cast(pl.String), pl.col("vector").cast(pl.Array(pl.Float32, 2)))


def written(way: str, frame: pl.DataFrame = FRAME) -> bytes:
    out = io.BytesIO()
    getattr(frame, way)(out)
    return out.getvalue()


@pytest.mark.parametrize("way", ["write_ipc", "write_ipc_stream"])
def test_a_file_and_a_stream_hold_the_same_table(read_bytes, way):
    table = read_bytes(written(way))
    assert table.format == "arrow"
    assert_frame_equal(table.frame, READ)


def a_stream_of_batches(*frames: pl.DataFrame) -> bytes:
    """What other programs write: one schema, then a batch for each frame."""
    streams = [written("write_ipc_stream", frame) for frame in frames]
    end = 8  # the mark at the end
    schema = 8 + int.from_bytes(streams[0][4:8], "little")
    return streams[0][:-end] + b"".join(stream[schema:-end] for stream in streams[1:]) + streams[0][-end:]


def test_a_stream_is_read_some_batches_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr("athanor.engine.readers.arrow_stream.BLOCK_BYTES", 1)
    frame = FRAME.drop("level")
    path = tmp_path / "stream"
    path.write_bytes(a_stream_of_batches(frame[:1000], frame[1000:1500], frame[1500:]))
    blocks = list(ARROW.open(path, ReaderOptions()).blocks(Notes()))
    assert [block.height for block in blocks] == [1000, 500, 1500]
    assert_frame_equal(pl.concat(blocks), READ.drop("level"))


@pytest.mark.parametrize("way", ["write_ipc", "write_ipc_stream"])
def test_no_part_of_a_file_passes_for_the_whole(read_bytes, way):
    content = written(way)
    for length in (100, len(content) // 2, len(content) - 60):
        with pytest.raises(InvalidInput, match=r"Arrow .*(damaged|cut off|rows)"):
            read_bytes(content[:length])


def test_the_mark_at_the_end_of_a_stream_may_be_missing(read_bytes):
    assert read_bytes(written("write_ipc_stream")[:-8]).frame.height == 3000


@pytest.mark.parametrize("way", ["write_ipc", "write_ipc_stream"])
def test_a_file_without_rows_is_refused(read_bytes, way):
    with pytest.raises(InvalidInput, match="4 columns and 0 rows"):
        read_bytes(written(way, FRAME.clear()))


def test_the_first_version_of_feather_is_refused_by_name(read_bytes):
    with pytest.raises(InvalidInput, match="Feather version 1"):
        read_bytes(b"FEA1" + bytes(100))


def test_numbers_that_begin_like_a_stream_are_none():
    assert not ARROW.claims(b"\xff" * 64, "numbers.f32")
    assert not ARROW.claims(b"\xff\xff\xff\xff" + bytes(60), "numbers.f32")

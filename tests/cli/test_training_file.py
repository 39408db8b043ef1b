"""The file of a training, read in one go or by way of segments."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys

import pytest

from athanor.cli import training_file
from athanor.cli.question import Question
from athanor.cli.training_file import read_file
from athanor.engine.fitting import training_table
from athanor.engine.readers import ReaderOptions
from athanor.engine.tables.dataset_files import arrays_of
from athanor.errors import Impossible

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@pytest.fixture
def read_it(tmp_path):
    def reading(text, **given):
        file = tmp_path / "t.csv"
        file.write_text(text)
        said = []
        question = Question(target="y", problem=None, metric=None, positive=None, weight=None, exclude=("z",))
        # More than what the tests before have left in this process.
        limits = {"memory_limit": 10**10, "rows_for": 10**9, "seed": 0} | given
        task, dataset = read_file(file, ReaderOptions(), question, folder=tmp_path, say=said.append, **limits)
        assert not (tmp_path / "segments").exists()
        return task, dataset, said

    return reading


TEXT = "x,z,y\n" + "".join(f"{row * 0.5},{row},{'ab'[row % 2]}\n" for row in range(5000))


def test_a_large_file_gives_what_a_small_one_gives(read_it, monkeypatch):
    task, dataset, said = read_it(TEXT)
    monkeypatch.setattr(training_file, "LARGE", 1)
    again, through_segments, also_said = read_it(TEXT)
    assert again == task
    assert also_said == said
    assert dataset.schema == through_segments.schema
    assert dataset.schema.names == ("x", "y")
    for name in dataset.schema.names:
        for part, array in arrays_of(dataset[name]).items():
            assert (array == arrays_of(through_segments[name])[part]).all()


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_a_compressed_file_is_taken_for_larger_than_it_is_whatever_it_is_called(tmp_path, monkeypatch, compress):
    file = tmp_path / "t.csv"
    file.write_bytes(compress(TEXT.encode()))
    asked = []
    monkeypatch.setattr(training_file, "LARGE", 2 * file.stat().st_size)
    monkeypatch.setattr(training_file, "_read_large", lambda *_, **__: asked.append("large"))
    limits = {"memory_limit": 10**9, "rows_for": 10**9, "seed": 0}
    read_file(file, ReaderOptions(), None, folder=tmp_path, say=asked.append, **limits)
    assert asked == ["large"]


def test_rows_are_drawn_where_memory_is_short(read_it, monkeypatch):
    monkeypatch.setattr(training_file, "LARGE", 1)
    monkeypatch.setattr(training_table, "_PROCESSES", 400_000_000)
    monkeypatch.setattr(training_table, "_LEAST_SHARE", 1e-4)
    _, dataset, said = read_it(TEXT, rows_for=400_000_000)  # whatever there is now: a continuation needs the same rows
    assert 1000 < dataset.n_rows < 5000
    assert said[-1].startswith(f"Note: Learning from {dataset.n_rows:,} of 5,000 rows")


def test_what_is_read_in_this_process_depends_on_the_cap(tmp_path, monkeypatch):
    file = tmp_path / "t.csv"
    file.write_text(TEXT)
    size = file.stat().st_size
    asked = []
    monkeypatch.setattr(training_file, "SMALL", 1)
    monkeypatch.setattr(training_file, "_BESIDE", 0)
    monkeypatch.setattr(training_file, "_TAKEN", 2)
    monkeypatch.setattr(training_file, "_read_large", lambda *_, **given: asked.append(given["memory_limit"]))
    for limits in ((2 * size - 2, 10**9), (10**9, 2 * size - 2)):
        read_file(file, ReaderOptions(), None, **_limits(*limits), folder=tmp_path, say=asked.append)
    assert asked == [2 * size - 2, 10**9]


def test_a_file_that_takes_more_time_to_read_than_is_left_is_given_up_in_words(read_it, monkeypatch):
    monkeypatch.setattr(training_file, "QUICK", 1)
    with pytest.raises(Impossible, match=r"The time limit ended while .*t\.csv was read: .* give more --time"):
        read_it(TEXT, until=0.0)


def test_a_small_file_is_read_however_little_time_is_left(read_it):
    _, dataset, _ = read_it(TEXT, until=0.0)
    assert dataset.n_rows == 5000


def test_a_file_that_takes_more_memory_to_read_than_the_cap_is_given_up_in_words(read_it, monkeypatch):
    monkeypatch.setattr(training_file, "LARGE", 1)
    with pytest.raises(Impossible, match=r"Reading .*t\.csv needs more than the cap of 1\.0 MB; raise --memory"):
        read_it(TEXT, memory_limit=2**20)


def _limits(memory_limit, rows_for):
    return {"memory_limit": memory_limit, "rows_for": rows_for, "seed": 0}

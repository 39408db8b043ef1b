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
from athanor.engine import training_table
from athanor.engine.dataset_files import arrays_of
from athanor.engine.readers import ReaderOptions

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
        limits = {"memory_limit": 10**9, "seed": 0} | given
        task, dataset = read_file(
            file, ReaderOptions(), question, folder=tmp_path / "segments", say=said.append, **limits
        )
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
    read_file(file, ReaderOptions(), None, memory_limit=10**9, seed=0, folder=tmp_path / "segments", say=asked.append)
    assert asked == ["large"]


def test_rows_are_drawn_where_memory_is_short(read_it, monkeypatch):
    monkeypatch.setattr(training_file, "LARGE", 1)
    monkeypatch.setattr(training_table, "_PROCESSES", 400_000_000)
    monkeypatch.setattr(training_table, "_LEAST_SHARE", 1e-4)
    _, dataset, said = read_it(TEXT, memory_limit=400_000_000)
    assert 1000 < dataset.n_rows < 5000
    assert said[-1].startswith(f"Note: Learning from {dataset.n_rows:,} of 5,000 rows")

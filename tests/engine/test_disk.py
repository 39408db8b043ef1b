"""How much of a disk a folder takes."""

from __future__ import annotations

import os
import shutil

import pytest

from athanor.engine import disk


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below" / "deep").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "below" / "b").write_bytes(b"123")
    (tmp_path / "below" / "deep" / "c").write_bytes(b"1")
    return tmp_path


def test_a_folder_is_as_large_as_all_files_below(folder):
    assert disk.size_of(folder) == 9


def test_a_file_with_two_names_counts_once_and_a_symbolic_link_not_at_all(folder):
    os.link(folder / "a", folder / "below" / "also-a")
    (folder / "c").symlink_to(folder / "a")
    (folder / "up").symlink_to(folder)
    assert disk.size_of(folder) == 9


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert disk.size_of(tmp_path / "gone") == 0


@pytest.mark.parametrize(("vanishes", "left"), [("below/deep", 8), ("below", 5)])
def test_a_folder_that_vanishes_after_it_was_listed_counts_nothing(folder, monkeypatch, vanishes, left):
    scan = os.scandir

    def late(path):
        if str(path) == str(folder / vanishes):
            shutil.rmtree(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", late)
    assert disk.size_of(folder) == left


def test_a_file_that_vanishes_after_it_was_listed_counts_nothing(folder, monkeypatch):
    look = os.lstat

    def late(path, **how):
        if str(path) == str(folder / "a"):
            (folder / "a").unlink()
        return look(path, **how)

    monkeypatch.setattr(disk.os, "lstat", late)
    assert disk.size_of(folder) == 4

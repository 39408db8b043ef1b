from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from threading import Thread

import pytest

from athanor.engine import memory
from athanor.engine.readers import ReaderOptions
from athanor.engine.readers import apart as reading_apart
from athanor.engine.readers.apart import OutOfTime, Reading, read_apart, read_here
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput, TooLarge, Unavailable
from support.processes import have_ended

PLENTY = 4 * 2**30
TEXT = "a;b\n" + "".join(f"{number},5;word {number % 7}\n" for number in range(300)) + "ragged\n"


@pytest.fixture
def reading(tmp_path):
    def make(text=TEXT, **more):
        path = tmp_path / "table.csv"
        path.write_text(text)
        folder = tmp_path / f"folder-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Reading(**{"path": path, "folder": folder, "filename": "table.csv", "options": ReaderOptions()} | more)

    return make


@pytest.fixture
def endless(tmp_path, reading):
    """A file that never comes: whoever opens it waits."""
    os.mkfifo(tmp_path / "endless.csv")
    return reading(path=tmp_path / "endless.csv")


@pytest.fixture
def readers():
    """Gives the processes that the test has started and that are still there."""
    others = set(memory.descendants(os.getpid()))
    return lambda: [pid for pid in memory.descendants(os.getpid()) if pid not in others]


def test_a_file_read_apart_is_read_as_it_is_here(reading):
    here, apart = read_here(reading()), read_apart(given := reading(), memory_limit=PLENTY)
    assert apart.written.schema == here.written.schema
    assert apart.written.rejects == here.written.rejects != ()
    assert apart.written.warnings == here.written.warnings
    assert json.dumps(apart.sample_profile) == json.dumps(here.sample_profile)
    assert [file.path.parent for file in apart.written.segments] == [given.folder]
    assert apart.written.segments[0].path.read_bytes() == here.written.segments[0].path.read_bytes()


def test_options_and_schema_are_handed_over(reading):
    schema = Schema((ColumnSchema(name="a", type=ColumnType.CATEGORICAL, storage=Storage.STRING),))
    given = reading("a|b\n1|2\n", options=ReaderOptions(delimiter="|"), schema=schema)
    written = read_apart(given, memory_limit=PLENTY).written
    assert written.schema["a"].storage is Storage.STRING
    assert written.schema.names == ("a", "b")


def test_what_is_wrong_with_a_file_is_said_by_the_same_error(reading):
    schema = Schema((ColumnSchema(name="a", type=ColumnType.NUMERIC, storage=Storage.INTEGER),))
    with pytest.raises(InvalidInput) as here:
        read_here(reading("a,b\n1,2\nx,3\n", schema=schema))
    with pytest.raises(InvalidInput) as apart:
        read_apart(reading("a,b\n1,2\nx,3\n", schema=schema), memory_limit=PLENTY)
    assert str(apart.value) == str(here.value)
    assert (apart.value.field, apart.value.code) == (here.value.field, here.value.code)


def test_a_file_that_takes_too_much_memory_is_given_up(endless, readers):
    with pytest.raises(TooLarge, match=r"more than 0\.0 GB of memory"):
        read_apart(endless, memory_limit=2**20)
    assert readers() == []


def test_a_file_that_takes_too_much_time_is_given_up(endless, readers):
    with pytest.raises(OutOfTime, match="The time ended while the file was read"):
        read_apart(endless, memory_limit=PLENTY, until=1.0, clock=iter([0.9, 1.0, 1.0]).__next__)
    assert readers() == []


def test_in_little_room_the_same_table_is_read_in_smaller_pieces(reading, monkeypatch):
    monkeypatch.setattr(reading_apart, "_LEAST_BYTES", 256)
    here, little = read_here(reading()), read_here(reading(room=4096))
    assert len(little.written.segments) > len(here.written.segments) == 1
    assert little.written.schema == here.written.schema
    assert little.written.rejects == here.written.rejects
    assert little.written.n_rows == here.written.n_rows


def test_a_reader_that_breaks_is_an_error_in_words(reading, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nkill -SEGV $$\n")
    broken.chmod(0o700)
    monkeypatch.setattr(reading_apart.sys, "executable", str(broken))
    with pytest.raises(InvalidInput, match=r"the process that read it broke \(SIGSEGV\)"):
        read_apart(reading(), memory_limit=PLENTY)


def test_a_long_order_is_handed_over_though_the_reader_takes_its_time_to_begin(reading, tmp_path, monkeypatch):
    slow, python = tmp_path / "slow", sys.executable
    slow.write_text(
        f"#!{python}\nimport os, signal, sys, time\n"
        "signal.alarm(30)  # rather a failure than a test without an end\n"
        f"time.sleep(0.2)\nos.execv({python!r}, [{python!r}, *sys.argv[1:]])\n"
    )
    slow.chmod(0o700)
    monkeypatch.setattr(reading_apart.sys, "executable", str(slow))
    monkeypatch.setattr(reading_apart, "LOOK_S", 0.02)
    names = [f"{number:0100}" for number in range(1000)]  # more than a pipe holds
    columns = [ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=Storage.FLOAT) for name in names]
    read = read_apart(reading(schema=Schema(tuple(columns))), memory_limit=PLENTY)
    assert read.written.n_rows == 300


def test_a_reader_that_is_killed_is_an_error_in_words(endless, readers):
    def kill():
        until = time.monotonic() + 10
        while not (found := readers()) and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(found[0], signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(InvalidInput, match="SIGKILL"):
        read_apart(endless, memory_limit=PLENTY)
    killer.join()


def test_a_reader_dies_with_the_process_that_waits_for_it(endless):
    """Whose death nobody announces."""
    code = f"""if True:
        from pathlib import Path
        from athanor.engine.readers import ReaderOptions
        from athanor.engine.readers.apart import Reading, read_apart
        read_apart(
            Reading(path=Path({str(endless.path)!r}), folder=Path({str(endless.folder)!r}), filename="x",
                    options=ReaderOptions()),
            memory_limit={PLENTY},
        )
    """
    parent = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 20
    while not _is_reading(parent.pid, endless.path) and time.monotonic() < until:
        time.sleep(0.02)
    readers = memory.descendants(parent.pid)
    assert len(readers) == 1
    parent.kill()
    parent.wait()
    assert have_ended(readers)


def _is_reading(pid, path):
    """Whether a process below has taken its order: it has the libraries loaded that it reads with."""
    return any("polars" in open(f"/proc/{child}/maps").read() for child in memory.descendants(pid))  # noqa: PTH123


def test_a_full_disk_is_said(reading, tmp_path):
    given = reading()
    (given.folder / "00000.parquet").symlink_to("/dev/full")
    with pytest.raises(Unavailable, match="No space left"):
        read_here(given)
    given = reading()
    (given.folder / "00000.parquet").symlink_to("/dev/full")
    with pytest.raises(Unavailable, match="No space left"):
        read_apart(given, memory_limit=PLENTY)

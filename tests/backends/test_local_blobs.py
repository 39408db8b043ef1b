"""What a folder adds to the contract of blobs: crashes, full disks, and what writers leave behind."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from athanor.backends.blobs.local import LocalBlobs
from athanor.errors import Unavailable

CONTENT = b"0123456789" * 300_000
DIES_AT = {"open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def model_folder(tmp_path):
    made = tmp_path / "model"
    (made / "fold-0").mkdir(parents=True)
    (made / "model.json").write_bytes(b"{}")
    (made / "fold-0" / "model.txt").write_bytes(CONTENT)
    return made


def die_at_step(number: int) -> None:
    """Kills this process before the `number`-th change that it makes to a file system."""
    steps = 0

    def count(event, _):
        nonlocal steps
        if event in DIES_AT:
            steps += 1
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def seen(blobs):
    return {key: blobs.local(key).read_bytes() for key in blobs.keys()}  # noqa: SIM118


def crash_everywhere(start, folder, act, possible):
    """Lets `act` die before each of its steps; what is seen afterwards must be one of `possible`."""
    outcomes = []
    for step in range(1, 100):
        store = folder / str(step)
        blobs = LocalBlobs(store)

        def die(blobs=blobs, step=step):
            die_at_step(step)
            act(blobs)

        status = start(die).wait()
        assert seen(blobs) in possible
        outcomes.append(possible.index(seen(blobs)))
        again = LocalBlobs(store)
        assert list((store / ".tmp").iterdir()) == []
        assert seen(again) == seen(blobs)
        if status == 0:
            return outcomes
        assert status == -signal.SIGKILL
    raise AssertionError("It never came to its end.")


def test_a_crash_at_any_step_of_put_leaves_the_whole_blob_or_none(folder, start):
    outcomes = crash_everywhere(
        start, folder, lambda blobs: blobs.put("a/b/c", io.BytesIO(CONTENT)), [{}, {"a/b/c": CONTENT}]
    )
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {0, 1}


def test_a_crash_at_any_step_of_put_folder_leaves_all_files_or_none(folder, start, model_folder):
    whole = {"models/1/fold-0/model.txt": CONTENT, "models/1/model.json": b"{}"}
    outcomes = crash_everywhere(start, folder, lambda blobs: blobs.put_folder("models/1", model_folder), [{}, whole])
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {0, 1}


def test_a_crash_at_any_step_of_delete_leaves_all_files_or_none(folder, start, model_folder):
    whole = {"models/1/fold-0/model.txt": CONTENT, "models/1/model.json": b"{}"}

    def put_and_delete(blobs):
        blobs.put_folder("models/1", model_folder)
        blobs.delete("models/1")

    assert set(crash_everywhere(start, folder, put_and_delete, [{}, whole])) == {0, 1}


def test_a_full_disk_is_unavailable_and_leaves_nothing(folder, start, model_folder):
    # A limit on the size of files is the nearest to a full disk that needs no rights.
    def fill():
        blobs = LocalBlobs(folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(Unavailable, match="too large"):
            blobs.put("a/b", io.BytesIO(CONTENT))
        with pytest.raises(Unavailable, match="too large"):
            blobs.put_folder("models/1", model_folder)
        assert list((folder / ".tmp").iterdir()) == []

    assert start(fill).wait() == 0
    assert seen(LocalBlobs(folder)) == {}


def test_what_is_not_safely_on_the_disk_is_not_there(folder, monkeypatch):
    blobs = LocalBlobs(folder)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            blobs.put("a/b", io.BytesIO(b"x"))
    assert seen(blobs) == {}
    assert list((folder / ".tmp").iterdir()) == []


def test_deleting_one_file_does_not_wait_for_the_disk_and_a_folder_does(folder, monkeypatch, model_folder):
    """A file is there or not; of a folder that was not synced, a crash could bring back some of its files."""
    blobs = LocalBlobs(folder)
    blobs.put("a/b", io.BytesIO(b"x"))
    blobs.put_folder("models/1", model_folder)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    blobs.delete("a/b")
    assert synced == []
    blobs.delete("models/1")
    assert synced != []
    assert seen(blobs) == {}


def test_file_and_folder_are_synced_before_put_returns(folder, monkeypatch):
    synced = []
    real = os.fsync

    def note(handle):
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    blobs = LocalBlobs(folder)
    synced.clear()
    blobs.put("a/b/c", io.BytesIO(b"x"))
    assert synced[0].startswith(str(folder / ".tmp"))
    assert synced[1:] == [str(folder / "a" / "b"), str(folder / "a"), str(folder)]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_dead_writer_left_is_swept(folder, start, what):
    blobs = LocalBlobs(folder)

    def leave():
        left = blobs._new_temporary()
        left.write_bytes(b"x") if what == "file" else (left / "inner").mkdir(parents=True)

    assert start(leave).wait() == 0
    assert len(list((folder / ".tmp").iterdir())) == 1
    LocalBlobs(folder)
    assert list((folder / ".tmp").iterdir()) == []


def test_what_is_being_written_is_not_swept_unless_nobody_wrote_to_it_for_an_hour(folder):
    blobs = LocalBlobs(folder)
    fresh, stale = blobs._new_temporary(), blobs._new_temporary()
    fresh.write_bytes(b"x")
    stale.write_bytes(b"x")
    os.utime(fresh, (fresh.stat().st_mtime - 3500,) * 2)
    os.utime(stale, (stale.stat().st_mtime - 3700,) * 2)
    LocalBlobs(folder)
    assert list((folder / ".tmp").iterdir()) == [fresh]


def test_the_writers_of_another_machine_are_not_called_dead(folder):
    LocalBlobs(folder)
    left = folder / ".tmp" / f"{'f' * 12}-999999999-abc"
    left.write_bytes(b"x")
    LocalBlobs(folder)
    assert left.exists()

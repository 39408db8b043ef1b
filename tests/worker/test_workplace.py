"""Where a worker works, and the locks that say whether anybody does."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest

from athanor.core.ids import new_id
from athanor.errors import Conflict
from athanor.worker import workplace
from athanor.worker.workplace import is_locked, remove_lock, take_lock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs" / "one.lock"


def test_a_lock_that_is_held_is_refused_in_words(path):
    handle = take_lock(path, what="Another worker")
    with pytest.raises(Conflict, match=r"Another worker is at work already \(.*one\.lock is locked\)"):
        take_lock(path, what="Another worker")
    os.close(handle)
    os.close(take_lock(path, what="Another worker"))


def test_a_lock_can_be_waited_for(path, monkeypatch):
    held = [take_lock(path, what="Job")]
    monkeypatch.setattr(workplace, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: os.close(held.pop())))
    os.close(take_lock(path, what="Job", wait_s=1.0))
    assert held == []


def test_one_can_see_whether_a_lock_is_held(path):
    assert not is_locked(path)
    handle = take_lock(path, what="Job")
    assert is_locked(path)
    assert is_locked(path)  # looking does not take it
    os.close(handle)
    assert not is_locked(path)


def test_a_lock_is_free_when_the_last_process_that_shares_it_is_gone_however_it_went(path):
    handle = take_lock(path, what="Job")
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    os.close(handle)
    assert is_locked(path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not is_locked(path)


def test_a_lock_file_is_for_its_owner_alone(path):
    os.close(take_lock(path, what="Job"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_runs_and_jobs_have_their_places_in_the_data_folder(yard):
    one = new_id()
    assert yard.place.run_folder(one) == yard.folder / "runs" / str(one)
    assert yard.place.job_lock(one) == yard.folder / "jobs" / f"{one}.lock"


def test_a_lock_file_that_is_held_is_not_removed(path):
    handle = take_lock(path, what="Job")
    assert not remove_lock(path)
    assert is_locked(path)
    os.close(handle)
    assert remove_lock(path)
    assert not path.exists()
    assert remove_lock(path), "it is gone, as was asked"


def test_who_gets_a_lock_file_that_was_removed_that_moment_takes_the_one_that_stands_there(path, monkeypatch):
    """Between opening and locking it: two who hold one lock each would both be alone."""
    flock, removed = workplace.fcntl.flock, []

    def late(handle, how):
        if not removed:
            removed.append(path.unlink())
        flock(handle, how)

    monkeypatch.setattr(workplace.fcntl, "flock", late)
    handle = take_lock(path, what="Job")
    monkeypatch.undo()
    assert removed
    assert is_locked(path)
    os.close(handle)

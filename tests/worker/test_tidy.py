"""What a worker clears away now and then."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from athanor.core.ids import new_id
from athanor.core.job import JobState
from athanor.errors import Unavailable
from athanor.services.retention import Retention
from athanor.worker import loop as looping
from athanor.worker import tidy as tidying
from athanor.worker.loop import Worker
from athanor.worker.tidy import remove_locks, tidy
from athanor.worker.workplace import take_lock


def a_lock(yard, job_id):
    path = yard.place.job_lock(job_id)
    os.close(take_lock(path, what="Job"))
    return path


def test_the_locks_of_jobs_that_are_over_go_and_the_others_stay(yard):
    over = yard.put(replace(yard.a_run(), state=JobState.FAILED))
    waits = yard.a_run()
    gone, kept = [a_lock(yard, one) for one in (over.id, new_id())], a_lock(yard, waits.id)
    held_by = yard.place.job_lock(new_id())
    handle = take_lock(held_by, what="Job")
    remove_locks(yard.place)
    assert not any(path.exists() for path in gone)
    assert kept.exists()
    assert held_by.exists(), "somebody is at work there, though its record is gone"
    os.close(handle)
    remove_locks(yard.place)
    assert not held_by.exists()


def test_a_file_among_the_locks_that_is_none_stays(yard):
    over = a_lock(yard, new_id())
    stray = over.with_name("somebody else's.lock")
    stray.touch()
    remove_locks(yard.place)
    assert (over.exists(), stray.exists()) == (False, True)
    stray.unlink()


def test_checkpoints_go_when_their_time_is_over(yard, leave_model):
    job = yard.put(replace(yard.a_run(), state=JobState.SUCCEEDED))
    folder = yard.run_folder(job)
    (folder / "trials").mkdir(parents=True)
    tidy(yard.place)
    assert folder.exists()
    tidy(replace(yard.place, retention=Retention(days=0)))
    assert not folder.exists()


@pytest.mark.parametrize("error", [Unavailable("The records cannot be reached now."), OSError(39, "not empty")])
def test_what_cannot_be_done_now_is_left_to_the_next_round_and_all_else_is_done(yard, monkeypatch, caplog, error):
    done = []

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(tidying, "remove_old_checkpoints", refuse)
    monkeypatch.setattr(tidying, "sweep", lambda *_, **__: done.append("blobs"))
    lock = a_lock(yard, new_id())
    with caplog.at_level("WARNING"):
        tidy(yard.place)
    assert (lock.exists(), done) == (False, ["blobs"])
    assert [record.step for record in caplog.records] == ["remove_checkpoints"]


@pytest.mark.parametrize("breaks", [False, True])
def test_a_worker_clears_away_in_a_process_of_its_own_and_not_again_at_once(yard, monkeypatch, tmp_path, breaks):
    rounds = tmp_path / "rounds"

    def note(place):
        with rounds.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if breaks:
            raise ZeroDivisionError

    monkeypatch.setattr(looping, "tidy", note)
    made = Worker(yard.place, _lock=take_lock(tmp_path / "worker.lock", what="Another worker"))
    for _ in range(2):
        made._tidy()
        yard.wait_for(lambda: (made._reap(), not made._tidier)[1], "the end of the round")
    [pid] = rounds.read_text().split()
    assert int(pid) != os.getpid()
    monkeypatch.setattr(looping, "TIDY_S", 0.0)
    made._tidy()
    yard.wait_for(lambda: (made._reap(), not made._tidier)[1], "the end of the next round")
    assert len(rounds.read_text().split()) == 2
    os.close(made._lock)

"""Finished folds on disk: whole or not there, never twice, whatever is killed when."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from athanor.engine import disk
from athanor.engine.disk import sha256_of
from athanor.engine.fitting import checkpoint
from athanor.engine.fitting.checkpoint import FolderCheckpoints, FoldRecord
from athanor.errors import Conflict, InvalidInput

BLOCK = np.array([[0.5], [-1.25]], np.float32)


@pytest.fixture
def store(tmp_path):
    made = FolderCheckpoints(tmp_path / "run")
    made.claim("print")
    return made


def keep(store, trial="t", fold=0, *, text="model", block=BLOCK):
    """A finished fold whose model is one file."""
    folder = store.new_folder()
    (folder / "model.txt").write_text(text)
    record = FoldRecord(
        trial=trial, family="linear", view="codes", fold=fold, score=0.5, fit_s=1.5, predict_s=0.1, n_features=3,
        truncated=False, files=sha256_of(folder),
    )  # fmt: skip
    store.keep_fold(folder, record, block)
    return record


def snap(store, trial="t", fold=0, *, text="so far", block=BLOCK):
    """A snapshot of the fold's fit, which is under way."""
    folder = store.new_folder()
    (folder / "model.txt").write_text(text)
    record = FoldRecord(
        trial=trial, family="linear", view="codes", fold=fold, score=0.25, fit_s=1.0, predict_s=0.1, n_features=3,
        truncated=False, files=sha256_of(folder), n_rows=9, curve=((1, 0.75), (2, 0.5)),
    )  # fmt: skip
    store.keep_snapshot(folder, record, block)
    return replace(record, truncated=True)


def save(store, text="a model"):
    with store.new_incumbent() as folder:
        (folder / "model.json").write_text(text)
        (folder / "models").mkdir()
        (folder / "models" / "weights.txt").write_text(text)


def saved(store):
    """What the incumbent says; it must be whole."""
    folder = store.incumbent()
    texts = {(folder / name).read_text() for name in ("model.json", "models/weights.txt")}
    assert len(texts) == 1
    return texts.pop()


# --- folds ----------------------------------------------------------------------------------------------------------


def test_a_fold_is_found_as_it_was_kept(store):
    record = keep(store)
    assert store.finished() == [record]
    assert np.array_equal(store.out_of_fold("t", 0), BLOCK)
    assert store.out_of_fold("t", 0).dtype == np.float32
    assert sha256_of(store.model_folder("t", 0)) == record.files
    assert (store.folder / "fits.log").read_text() == "t 0\n"


def test_folds_are_found_again_by_whoever_comes_next_in_order(store):
    for trial, fold in [("b", 1), ("a", 10), ("b", 0), ("a", 2)]:
        keep(store, trial, fold)
    found = FolderCheckpoints(store.folder).finished()
    assert [(record.trial, record.fold) for record in found] == [("a", 2), ("a", 10), ("b", 0), ("b", 1)]


def test_a_fold_that_is_being_written_is_not_there_yet(store):
    folder = store.new_folder()
    (folder / "model.txt").write_text("half")
    assert store.finished() == []


def test_two_writers_never_get_the_same_folder(store):
    assert len({store.new_folder() for _ in range(20)}) == 20


def test_a_fold_is_never_replaced(store):
    record = keep(store, text="first")
    with pytest.raises(OSError, match="not empty"):
        keep(store, text="second", block=BLOCK + 1)
    assert store.finished() == [record]
    assert (store.model_folder("t", 0) / "model.txt").read_text() == "first"
    assert np.array_equal(store.out_of_fold("t", 0), BLOCK)
    assert (store.folder / "fits.log").read_text() == "t 0\n"


def test_a_fold_comes_back_with_its_curve_and_one_from_before_there_were_curves_without(store):
    record = replace(keep(store), n_rows=40, curve=((1, 0.5), (7, 0.25)))
    path = store.folder / "trials" / "t" / "fold-0" / "fold.json"
    path.write_text(json.dumps(asdict(record)))
    assert store.finished() == [record]
    path.write_text(
        json.dumps({name: fact for name, fact in asdict(record).items() if name not in {"n_rows", "curve"}})
    )
    assert store.finished() == [replace(record, n_rows=0, curve=())]


# --- snapshots ------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_no_finished_fold(store):
    snap(store)
    assert store.finished() == []
    assert checkpoint.n_finished(store.folder) == 0


def test_a_snapshot_that_is_taken_is_a_finished_and_truncated_fold(store):
    expected = snap(store, fold=2)
    assert store.take_snapshot("t", 2) == expected
    assert store.finished() == [expected]
    assert expected.truncated
    assert np.array_equal(store.out_of_fold("t", 2), BLOCK)
    assert sha256_of(store.model_folder("t", 2)) == expected.files
    assert (store.folder / "fits.log").read_text() == "t 2\n"
    assert store.take_snapshot("t", 2) is None


def test_the_newest_snapshot_is_taken(store):
    snap(store, text="first")
    snap(store, text="second", block=BLOCK + 1)
    store.take_snapshot("t", 0)
    assert (store.model_folder("t", 0) / "model.txt").read_text() == "second"
    assert np.array_equal(store.out_of_fold("t", 0), BLOCK + 1)


def test_without_a_snapshot_there_is_nothing_to_take(store):
    snap(store, fold=1)
    assert store.take_snapshot("t", 0) is None
    assert store.take_snapshot("u", 1) is None


def test_a_finished_fold_removes_its_snapshot_and_no_other(store):
    snap(store)
    other = snap(store, fold=1)
    record = keep(store)
    assert store.take_snapshot("t", 0) is None
    assert store.finished() == [record]
    assert store.take_snapshot("t", 1) == other


def test_the_snapshots_of_an_earlier_attempt_are_swept(store):
    snap(store)
    store.claim("print")
    assert store.take_snapshot("t", 0) is None
    snap(store)
    assert store.take_snapshot("t", 0) is not None


# --- views ----------------------------------------------------------------------------------------------------------


def a_view(store, text="view"):
    folder = store.new_folder()
    (folder / "view.json").write_text(text)
    return folder


def test_a_view_is_kept_once_and_the_second_one_is_thrown_away(store):
    store.keep_view(a_view(store, "first"), "codes", 2)
    second = a_view(store, "second")
    store.keep_view(second, "codes", 2)
    assert (store.view_folder("codes", 2) / "view.json").read_text() == "first"
    assert not second.exists()


def test_of_two_processes_that_make_the_same_view_the_faster_one_wins(store, monkeypatch):
    mine = a_view(store, "mine")
    sync = checkpoint.sync_tree

    def be_overtaken(folder):
        monkeypatch.setattr(checkpoint, "sync_tree", sync)
        store.keep_view(a_view(store, "theirs"), "codes", 0)
        sync(folder)

    monkeypatch.setattr(checkpoint, "sync_tree", be_overtaken)
    store.keep_view(mine, "codes", 0)
    assert (store.view_folder("codes", 0) / "view.json").read_text() == "theirs"
    assert not mine.exists()


def test_a_view_that_cannot_be_written_is_an_error(store):
    (store.folder / "views").rmdir()
    (store.folder / "views").write_text("in the way")
    with pytest.raises(OSError, match="views"):
        store.keep_view(a_view(store), "codes", 0)


# --- whose folder it is -----------------------------------------------------------------------------------------------


def test_a_folder_belongs_to_what_its_folds_were_made_from(store):
    keep(store)
    FolderCheckpoints(store.folder).claim("print")
    with pytest.raises(Conflict, match="made from other data or another task"):
        FolderCheckpoints(store.folder).claim("other")
    assert len(store.finished()) == 1


def test_what_a_killed_process_left_half_written_is_swept(store):
    keep(store)
    (store.new_folder() / "model.txt").write_text("half")
    store.claim("print")
    assert list((store.folder / "new").iterdir()) == []
    assert len(store.finished()) == 1
    assert store.new_folder().is_dir()


def test_models_that_are_not_the_incumbent_are_swept(store):
    save(store, "the incumbent")
    (store.folder / "incumbents" / "7").mkdir()
    store.claim("print")
    assert saved(store) == "the incumbent"
    assert [path.name for path in (store.folder / "incumbents").iterdir()] == [store.incumbent().name]


def test_scratch_is_fresh_each_time(store):
    place = store.scratch("table")
    assert not place.exists()
    place.mkdir()
    (place / "old.npy").write_text("old")
    assert store.scratch("table") == place
    assert not place.exists()


# --- the incumbent --------------------------------------------------------------------------------------------------


def test_there_is_no_incumbent_at_first(store):
    assert store.incumbent() is None


def test_the_newest_model_is_the_incumbent_and_the_one_before_is_gone(store):
    save(store, "first")
    save(store, "second")
    assert saved(store) == "second"
    assert len(list((store.folder / "incumbents").iterdir())) == 1
    assert store.incumbent().is_relative_to(store.folder)


def test_the_incumbent_stays_until_its_successor_is_whole(store):
    save(store, "first")
    with store.new_incumbent() as folder:
        assert saved(store) == "first"
        (folder / "model.json").write_text("second")
        (folder / "models").mkdir()
        (folder / "models" / "weights.txt").write_text("second")
        assert saved(store) == "first"
    assert saved(store) == "second"


def test_a_model_that_failed_while_it_was_written_leaves_the_one_before(store):
    save(store, "first")

    def break_off():
        with store.new_incumbent() as folder:
            (folder / "model.json").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert saved(store) == "first"
    assert len(list((store.folder / "incumbents").iterdir())) == 1
    save(store, "second")
    assert saved(store) == "second"


def test_a_run_folder_can_be_moved_with_its_incumbent(store, tmp_path):
    save(store, "first")
    store.folder.rename(tmp_path / "moved")
    assert saved(FolderCheckpoints(tmp_path / "moved")) == "first"


# --- kill -9 at every instant ---------------------------------------------------------------------------------------


@pytest.fixture
def no_disk(monkeypatch):
    """Flushing decides what a power cut leaves, which no test here sees, and costs most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def is_killed_at(line, act):
    """Do `act` in a process that dies, without any clean-up, before its `line`-th line in checkpoint.py and disk.py.

    False where it had ended before.
    """
    pid = os.fork()
    if pid == 0:
        left = line

        def trace(frame, event, _):
            nonlocal left
            if frame.f_code.co_filename not in {checkpoint.__file__, disk.__file__}:
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os._exit(9)
            return trace

        try:
            sys.settrace(trace)
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def test_whenever_the_saver_is_killed_the_incumbent_is_a_whole_model_and_another_can_be_saved(tmp_path, no_disk):
    killed = 0
    for number in range(1000):
        store = FolderCheckpoints(tmp_path / str(number))
        store.claim("print")
        save(store, "first")
        if not is_killed_at(number, lambda: save(store, "second")):  # noqa: B023
            break
        killed += 1
        assert saved(store) in {"first", "second"}
        store.claim("print")
        assert saved(store) in {"first", "second"}
        assert len(list((store.folder / "incumbents").iterdir())) == 1
        save(store, "third")
        assert saved(store) == "third"
    assert killed > 20


def test_whenever_the_claimer_is_killed_the_next_one_leaves_a_fingerprint_and_nothing_half_written(tmp_path, no_disk):
    killed = 0
    for number in range(1000):
        folder = tmp_path / str(number)
        if not is_killed_at(number, lambda: FolderCheckpoints(folder).claim("print")):  # noqa: B023
            break
        killed += 1
        FolderCheckpoints(folder).claim("print")
        assert (folder / "fingerprint").read_text() == "print"
        assert [path.name for path in folder.iterdir() if path.is_file()] == ["fingerprint"]
        assert list((folder / "new").iterdir()) == []
    assert killed > 10


def test_whenever_the_fitter_is_killed_a_fold_is_there_whole_or_not_at_all(tmp_path, no_disk):
    killed = []
    for number in range(1000):
        store = FolderCheckpoints(tmp_path / str(number))
        store.claim("print")
        if not is_killed_at(number, lambda: keep(store)):  # noqa: B023
            break
        store.claim("print")
        found = store.finished()
        killed.append(len(found))
        if found:
            assert np.array_equal(store.out_of_fold("t", 0), BLOCK)
            assert sha256_of(store.model_folder("t", 0)) == found[0].files
        else:
            keep(store)
        assert len(store.finished()) == 1
    assert set(killed) == {0, 1}
    assert killed == sorted(killed)  # once it is there it stays


def whole(store, record):
    """The fold of this record is there, with all that belongs to it."""
    files = {path.name: path.read_bytes() for path in store.model_folder(record.trial, record.fold).iterdir()}
    return sha256_of(store.model_folder(record.trial, record.fold)) == record.files and len(files) == 1


def test_whenever_the_fitter_is_killed_there_is_a_whole_snapshot_or_none(tmp_path, no_disk):
    found = []
    for number in range(1000):
        store = FolderCheckpoints(tmp_path / str(number))
        store.claim("print")
        snap(store, text="old")
        if not is_killed_at(number, lambda: snap(store, text="new", block=BLOCK + 1)):  # noqa: B023
            break
        assert store.finished() == []
        record = store.take_snapshot("t", 0)
        if record is None:
            found.append("none")
            continue
        found.append((store.model_folder("t", 0) / "model.txt").read_text())
        assert whole(store, record)
        assert np.array_equal(store.out_of_fold("t", 0), BLOCK + (found[-1] == "new"))
    assert found[0] == "old"
    assert found[-1] == "new"
    assert found == sorted(found, key=["old", "none", "new"].index)
    assert found.count("none") < 6


def test_whenever_the_one_who_takes_it_is_killed_a_snapshot_is_a_whole_fold_or_gone_with_the_next_attempt(
    tmp_path, no_disk
):
    found = []
    for number in range(1000):
        store = FolderCheckpoints(tmp_path / str(number))
        store.claim("print")
        snap(store)
        if not is_killed_at(number, lambda: store.take_snapshot("t", 0)):  # noqa: B023
            break
        store.claim("print")
        records = store.finished()
        found.append(len(records))
        assert all(whole(store, record) for record in records)
        assert store.take_snapshot("t", 0) is None
    assert set(found) == {0, 1}
    assert found == sorted(found)


@pytest.mark.parametrize("damage", ["fold.json", "out_of_fold.npy", "model/model.txt", "model"])
def test_a_fold_that_a_disk_has_damaged_is_cleared_away_to_be_fitted_again(store, damage):
    kept, whole = keep(store, "a", 0), keep(store, "b", 0)
    place = store.folder / "trials" / "a" / "fold-0" / damage
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.write_bytes(place.read_bytes()[:2])
    store.claim("print")
    assert store.finished() == [whole]
    assert kept.trial not in {record.trial for record in store.finished()}


def test_a_damaged_fingerprint_is_told_as_that(store):
    (store.folder / "fingerprint").write_text("pr")
    with pytest.raises(InvalidInput, match=r"fingerprint is damaged, or of an earlier version\. Remove"):
        store.claim("print")

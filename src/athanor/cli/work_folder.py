"""Where a training keeps its folds: a folder beside the model, on a disk that has to hold the model as well.

<model>.folds/           stays, so that the training can go on: checkpoints, what was asked, and a lock
.<model>.training-…/     of a training that keeps nothing: gone with it
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import IO

from athanor.cli.asked import ASKED
from athanor.cli.placing import NEW, put_back
from athanor.cli.training_file import ROWS, SEGMENTS
from athanor.errors import Conflict, InvalidInput

MARK = ".training-"  # in a hidden folder's name
LOCK = "training.lock"  # held by the training's processes, however they end
WORK = ("scratch", SEGMENTS, ROWS, "new", NEW)  # in a folder of folds: nothing to go on from
TRIES, PAUSE_S = 20, 0.1  # for the lock: the processes of a training that was killed may be about to end


def folds_of(model: Path) -> Path:
    """Where the folds of a training of `model` are kept."""
    named = model.resolve() if model.name in {"", ".."} or model.is_symlink() else model
    return named.with_name(f"{named.name}.folds")


@contextmanager
def new_folds(model: Path, *, stay: Callable[[], bool]) -> Iterator[Path]:
    """A new folder for the folds of `model`; at the end of the block it is gone, or tidy where they are to stay.

    Raises InvalidInput where there are folds of another training, Conflict where that is under way.
    """
    folds = folds_of(model)
    with _parents(model.resolve().parent):
        try:
            folds.parent.mkdir(parents=True, exist_ok=True)
            folds.mkdir(exist_ok=True)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(model)) from error  # the name that people know
        if not (folds / LOCK).exists():  # nothing is left in a folder of somebody else's, not even a lock
            _check_new(folds, model)
        with _alone(folds):
            _check_new(folds, model)
            _remove_work(folds)
            try:
                yield folds
            finally:
                if stay():
                    _remove_work(folds)
                else:
                    rmtree(folds, ignore_errors=True)


@contextmanager
def kept_folds(model: Path) -> Iterator[Path]:
    """The folder with the folds of `model`, tidy before and after the block. Raises Conflict where it is in use."""
    folds = folds_of(model)
    with _alone(folds):
        put_back(model, folds)
        _remove_work(folds)
        try:
            yield folds
        finally:
            _remove_work(folds)


@contextmanager
def work_folder(model: Path) -> Iterator[Path]:
    """A new hidden folder beside `model`, gone with the block, as are the folders above it that hold nothing then."""
    with _parents(model.resolve().parent):
        work = _new_folder(model.resolve())
        try:
            with _held(work):
                yield work
        finally:
            rmtree(work, ignore_errors=True)


def remove_left_behind(model: Path) -> list[Path]:
    """Remove the hidden folders beside `model` whose training was killed; which they were."""
    removed = []
    for lock in sorted(model.resolve().parent.glob(f".*{MARK}*/{LOCK}")):
        with suppress(OSError), lock.open("r+b") as file:  # someone else's, or its training goes on
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rmtree(lock.parent, ignore_errors=True)
            removed.append(lock.parent)
    return removed


@contextmanager
def _parents(parent: Path) -> Iterator[None]:
    """Folders above that are not there yet and hold nothing after the block are gone then."""
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        yield
    finally:
        with suppress(OSError):  # not empty: the model is there
            for folder in missing:
                folder.rmdir()


def _check_new(folds: Path, model: Path) -> None:
    """Raise what speaks against taking the folder for a new training."""
    if (folds / ASKED).exists():
        raise InvalidInput(
            f"{folds} holds the folds of an earlier training. Go on with it (athanor continue {model}), remove the "
            "folder, or give --out another name.",
            field="out",
        )
    if {path.name for path in folds.iterdir()} - {LOCK, f"{ASKED}.new", *WORK}:
        raise InvalidInput(f"{folds} exists and is not empty. Give --out another name.", field="out")


def _remove_work(folds: Path) -> None:
    for name in WORK:
        rmtree(folds / name, ignore_errors=True)


@contextmanager
def _alone(folds: Path) -> Iterator[None]:
    """Lock a folder of folds as long as this process, or one forked from it, lives."""
    with (folds / LOCK).open("ab") as file:
        if not _locked(file):
            raise Conflict(f"{folds} is in use: another process is training there. Wait until it has ended.")
        yield


def _locked(file: IO[bytes]) -> bool:
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(PAUSE_S)
        except OSError:  # a disk without locks
            return True
        else:  # who had it before may have removed the folder, and another made it again
            with suppress(OSError):
                return Path(file.name).stat().st_ino == os.fstat(file.fileno()).st_ino
            return False
    return False


def _new_folder(model: Path) -> Path:
    try:
        model.parent.mkdir(parents=True, exist_ok=True)
        return Path(mkdtemp(prefix=f".{model.name}{MARK}", dir=model.parent))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(model)) from error  # the name that people know


@contextmanager
def _held(work: Path) -> Iterator[None]:
    """Lock the folder as long as this process, or one forked from it, lives. The lock is held when it can be found."""
    unfinished = work / f"{LOCK}.new"
    with unfinished.open("xb") as file:
        with suppress(OSError):  # a disk without locks: the folder is never taken for one that was left behind
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unfinished.rename(work / LOCK)
        yield

"""Where a training keeps its folds: a hidden folder beside the model, on a disk that has to hold the model as well."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athanor.engine.learn import Result

MARK = ".training-"  # in the folder's name
LOCK = "training.lock"  # held by the training's processes, however they end


@contextmanager
def work_folder(model: Path) -> Iterator[Path]:
    """A new folder beside `model`, gone with the block, as are the folders above it that hold nothing then."""
    parent = model.resolve().parent
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        work = _new_folder(model.resolve())
        try:
            with _held(work):
                yield work
        finally:
            rmtree(work, ignore_errors=True)
    finally:
        with suppress(OSError):  # not empty: the model is there
            for folder in missing:
                folder.rmdir()


def remove_left_behind(model: Path) -> list[Path]:
    """Remove the work folders beside `model` whose training was killed; which they were."""
    removed = []
    for lock in sorted(model.resolve().parent.glob(f".*{MARK}*/{LOCK}")):
        with suppress(OSError), lock.open("r+b") as file:  # someone else's, or its training goes on
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rmtree(lock.parent, ignore_errors=True)
            removed.append(lock.parent)
    return removed


def put_in_place(result: Result, model: Path, work: Path) -> None:
    """The model at its place, whole or not at all."""
    place = model.resolve()
    if place.exists():  # an empty folder, which may be someone's working directory or a mount point: it stays
        try:
            result.save(place)
        except OSError:
            _empty(place)
            raise
        return
    result.save(work / "model")
    try:
        (work / "model").rename(place)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise FileExistsError(
                error.errno, "Something else was put there during the training", str(model)
            ) from error
        raise


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


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

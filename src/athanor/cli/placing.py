"""A model comes to its place whole or not at all, and takes the place of another in one instant, where the system can.

Where it cannot, `put_in_place` and `replace_model` say what a kill may leave.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path
from shutil import copystat, rmtree
from typing import TYPE_CHECKING

from athanor.engine.serving.model_files import BESIDE
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.learn import Result

# Of a model's folder.
PARTS = frozenset({"model.json", "models", "views", "certainty", *BESIDE})
NEW, BEFORE = "model", "model-before"  # in the folder of the training
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def put_in_place(result: Result, model: Path, work: Path) -> None:
    """The first model of a training at its place, which is free or an empty folder: whole or not at all.

    Two empty folders are written into, file by file: a mount point, which cannot be replaced, and the one where the
    command was given, which would be gone for the shell. An error leaves them empty; `kill -9` meanwhile leaves parts.
    """
    place = model.resolve()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InvalidInput(f"Something else was put at {model} during the training. Move that away first.")
    if _is_here(place):
        _write_into(result, place)
        return
    new = work / NEW
    _write(result, new)
    _take_after(place, new)
    try:
        new.rename(place)  # an empty folder, too
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise FileExistsError(
                error.errno, "Something else was put there during the training", str(model)
            ) from error
        if not place.is_dir():
            raise
        rmtree(new)
        _write_into(result, place)
    _sync(place.parent)


def replace_model(result: Result, model: Path, work: Path) -> None:
    """The model in the place of the one before, if there is one: at any instant one of them is there, whole.

    On a disk that cannot exchange two folders none is there between two steps. Who is killed then leaves the one before
    in `work`, whole, for `put_back`.
    """
    place = model.resolve()
    if not place.exists() or not any(place.iterdir()):
        put_in_place(result, model, work)
        return
    check_replaceable(model)
    _write(result, work / NEW)
    _exchange(work / NEW, place, aside=work / BEFORE)
    _sync(place.parent)
    rmtree(work / NEW)


def check_replaceable(model: Path) -> None:
    """Raise InvalidInput where something else than a model stands at its place."""
    if model.exists() and (not model.is_dir() or {path.name for path in model.iterdir()} - PARTS):
        raise InvalidInput(f"{model} holds something else than a model, which would be lost. Move that away first.")


def put_back(model: Path, work: Path) -> None:
    """Where a process was killed in the middle of a replacement that took two steps: undo the first one."""
    before, place = work / BEFORE, model.resolve()
    if before.exists():
        if place.exists():
            rmtree(before)
        else:
            before.rename(place)


def _exchange(new: Path, place: Path, *, aside: Path) -> None:
    """The folders change their names: in one step where system and disk can do that, else in three."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    names = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(place), _RENAME_EXCHANGE)
    if renameat2 is not None and renameat2(*names) == 0:
        return
    place.rename(aside)
    try:
        new.rename(place)
    except OSError:
        aside.rename(place)
        raise
    aside.rename(new)


def _is_here(place: Path) -> bool:
    """Whether the command was given in that folder."""
    try:
        return place.samefile(Path.cwd())
    except OSError:  # one of them is not there
        return False


def _take_after(place: Path, new: Path) -> None:
    """Owner and mode of the empty folder that is replaced, if there is one: it may be private, or shared."""
    if place.is_dir():
        stat = place.stat()
        with suppress(OSError):  # who may not give a folder away
            os.chown(new, stat.st_uid, stat.st_gid)
        copystat(place, new)


def _write_into(result: Result, place: Path) -> None:
    """Into an empty folder that stays the one it is."""
    try:
        _write(result, place)
    except OSError:
        _empty(place)
        raise


def _write(result: Result, folder: Path) -> None:
    from athanor.engine.disk import sync_tree

    result.save(folder)
    sync_tree(folder)


def _sync(folder: Path) -> None:
    from athanor.engine.disk import sync_folder

    sync_folder(folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

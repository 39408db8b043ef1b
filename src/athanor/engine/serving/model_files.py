"""Model folders: what may be in them, and that it is what was written. No file in them can hold code.

model.json                       what the model is, and the SHA-256 of every other file it needs
models/<trial>/fold-<k>/…        fold models, in their libraries' safe formats
views/<view>/fold-<k>/…          what views learned
certainty/…                      calibration, threshold, and the quantiles of intervals or sets
importance.json                  what each column is worth, where it was measured
leaderboard.json                 the run's leaderboard, for people
scores.json                      the served model's scores by every metric
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tokenize import TokenError
from typing import Any

from athanor.errors import InvalidInput, NotFound, NotSupported, Unavailable

FORMAT = 1
HEAD = "model.json"
BESIDE = (
    "importance.json",
    "leaderboard.json",
    "scores.json",
)  # tell of the model, decide nothing that it answers, and have no hash
# Bytes in memory for each byte of a file, once a model has answered many rows: the most that families and views took
# with 8 folds. Of boosters (3 to 5) there is the text, the merged bag and, since many rows came, the bag in parts.
# Arrays of forests and nets took 3, of Gaussian processes, which keep much that follows from them, 8.5; views with
# 13,600 words took 8.
_IN_MEMORY = {".json": 8, ".npy": 9, ".txt": 5}
SAFE_SUFFIXES = frozenset(_IN_MEMORY)
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_LONGEST_NAME = 1000
_BROKEN: tuple[type[Exception], ...] = (
    *(ArithmeticError, AttributeError, EOFError, FileNotFoundError, LookupError, NotFound),
    *(RecursionError, TypeError, ValueError),
    *(SyntaxError, TokenError),  # the head of an array is read as a literal of Python's
)
_NUMBERS = "biuf"  # kinds of numpy types: all that a model's arrays hold


def read_head(folder: Path) -> dict[str, Any]:
    """The contents of `model.json`, found unchanged. Raises NotFound, or InvalidInput where it was changed."""
    path = folder / HEAD
    if not path.is_file():
        raise NotFound(f"There is no model in {folder}: {HEAD} is missing.")
    try:
        head = dict(json.loads(path.read_bytes()))
        made_by, seal = int(head["format"]), head.pop("sha256")
        is_listed = all(isinstance(digest, str) for digest in dict(head.get("files", ())).values())
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{path} is not a model's description.") from error
    if not 1 <= made_by <= FORMAT:
        raise InvalidInput(f"The model in {folder} has format {made_by}; this version of Athanor reads 1 to {FORMAT}.")
    if seal != _seal(head):
        raise InvalidInput(f"The model in {folder} was changed after it was made: {HEAD} is not as it was written.")
    if not is_listed or not isinstance(head.get("files"), dict):
        raise InvalidInput(f"{path} is not a model's description: it does not say which files the model is made of.")
    return head


def verify_files(folder: Path, head: Mapping[str, Any]) -> None:
    """Raises InvalidInput unless every file that `head` names is as it was written, and no other kind of file is there.

    What is unchanged may still be a forger's, who knows how to describe it. So arrays, which could hold a pickle, and
    boosters, which a library walks without looking where it goes, are looked through as well.
    """
    check_unchanged(folder, head)
    for name in head["files"]:
        path = folder / name
        if path.suffix in _LOOKED_THROUGH:
            _LOOKED_THROUGH[path.suffix](path)


def check_unchanged(folder: Path, head: Mapping[str, Any]) -> None:
    """Raises InvalidInput unless every file that `head` names has the contents that it had, and no other kind of file
    is there than a model may hold.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            check_name(path.relative_to(folder).as_posix())
    for name, wanted in head["files"].items():
        check_name(name)
        path = folder / name
        if not path.is_file():  # a pipe would be waited for
            raise InvalidInput(f"The model in {folder} is not complete: {name} is missing.")
        with made_by_us(path), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted:
            raise InvalidInput(f"The model in {folder} was changed after it was made: {name} has other contents.")


def _check_array(path: Path) -> None:
    """Raises InvalidInput unless the file is one whole array of numbers. Nothing of its contents is read."""
    from numpy.lib.format import open_memmap

    with made_by_us(path):
        kind = open_memmap(path, mode="r").dtype.kind  # takes no pickle, and no file that is too short
    if kind not in _NUMBERS:
        raise InvalidInput(f"{path} is not what Athanor wrote: an array of numbers is expected.")


def _check_booster(path: Path) -> None:
    """Raises InvalidInput unless the file is a booster that can be walked. No other text is in a model."""
    from athanor.engine.trees.booster_check import check_booster

    with made_by_us(path):
        check_booster(path.read_text(encoding="utf-8"))


_LOOKED_THROUGH: Mapping[str, Callable[[Path], None]] = {".npy": _check_array, ".txt": _check_booster}


@contextmanager
def made_by_us(path: Path, but: str = "is not what Athanor wrote") -> Iterator[None]:
    """What is wrong with the contents of a model's file or folder becomes InvalidInput; a library that lacks, words.

    Hashes tell what was changed by accident. What a forger described anew is found out where it is read: JSON that is
    none, numbers that are missing, names that nobody has, shapes that do not fit. Of what the system refuses (too many
    open files, a disk that fails) the contents are not to blame: that becomes Unavailable, in the system's words.

    but  what is said of the file or folder before the reason
    """
    try:
        yield
    except ImportError as error:
        raise NotSupported(
            f"The model's part {path} needs {error.name or error}, which is not installed. "
            "Install Athanor with the extra that has it."
        ) from error
    except _errors_of_reading() as error:
        raise InvalidInput(f"{path} {but}: {type(error).__name__}: {error}") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read now: {error.strerror or error}. Try again.") from error


def _errors_of_reading() -> tuple[type[Exception], ...]:
    """What comes of contents that are not as they should be, also from the library of boosters if it is loaded."""
    library: Any = sys.modules.get("lightgbm.basic")
    return _BROKEN if library is None else (*_BROKEN, library.LightGBMError)


def write_head(folder: Path, head: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Describe a model whose files are in place."""
    for name in files:
        check_name(name)
    whole = {"format": FORMAT, **head, "files": dict(sorted(files.items()))}
    (folder / HEAD).write_text(json.dumps({**whole, "sha256": _seal(whole)}, indent=1, allow_nan=False))


def _seal(head: Mapping[str, Any]) -> str:
    """A hash of what `model.json` says: against accidents and careless edits, not against a forger."""
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()


def memory_of(folder: Path, head: Mapping[str, Any]) -> int:
    """Bytes that the model in `folder` takes when it is loaded and has answered many rows: roughly, and at most."""
    return sum(_IN_MEMORY[Path(name).suffix] * (folder / name).stat().st_size for name in head["files"])


def copy_model(source: Path, target: Path) -> None:
    """The model in `source`, with leaderboard and scores beside it, in `target` too, which must be new or empty."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(f"{target} exists and is not empty. Give a new folder.")
    head = read_head(source)
    check_unchanged(source, head)
    for name in names_of(source, head):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place)


def names_of(folder: Path, head: Mapping[str, Any]) -> list[str]:
    """Every file of the model in `folder`, in order: what `head` names, itself, and what tells of the model."""
    return sorted({*head["files"], HEAD, *(name for name in BESIDE if (folder / name).is_file())})


def check_name(name: str) -> None:
    """Raises InvalidInput unless `name` is a file below the model's folder, of a kind that cannot hold code.

    There is one way to spell it, the same on every system: no `./`, no backslash, no sign that some system gives a
    meaning of its own.
    """
    path = PurePosixPath(name)
    is_plain = _SAFE_NAME.fullmatch(name) is not None and str(path) == name and len(name) <= _LONGEST_NAME
    if not is_plain or ".." in path.parts or path.suffix not in SAFE_SUFFIXES:
        raise InvalidInput(
            f"A model may not hold the file {name!r}. Allowed kinds: {', '.join(sorted(SAFE_SUFFIXES))}."
        )


def link_files(source: Path, target: Path) -> None:
    """The files of `source` below `target` too: as hard links where the disk allows it, else as copies."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, place)
            except OSError:
                shutil.copyfile(path, place)

"""Model folders: what may be in them, and that it is what was written. No file in them can hold code.

model.json                       what the model is, and the SHA-256 of every other file it needs
models/<trial>/fold-<k>/…        fold models, in their libraries' safe formats
views/<view>/fold-<k>/…          what views learned
leaderboard.json                 the run's leaderboard, for people
scores.json                      the served model's scores by every metric
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from athanor.errors import InvalidInput, NotFound

FORMAT = 1
HEAD = "model.json"
SAFE_SUFFIXES = frozenset({".cbm", ".json", ".npy", ".txt"})


def read_head(folder: Path) -> dict[str, Any]:
    """The contents of `model.json`, found unchanged. Raises NotFound, or InvalidInput where it was changed."""
    path = folder / HEAD
    if not path.is_file():
        raise NotFound(f"There is no model in {folder}: {HEAD} is missing.")
    try:
        head = dict(json.loads(path.read_bytes()))
        made_by, seal = int(head["format"]), head.pop("sha256")
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not a model's description.") from error
    if not 1 <= made_by <= FORMAT:
        raise InvalidInput(f"The model in {folder} has format {made_by}; this version of Athanor reads 1 to {FORMAT}.")
    if seal != _seal(head):
        raise InvalidInput(f"The model in {folder} was changed after it was made: {HEAD} is not as it was written.")
    return head


def verify_files(folder: Path, head: Mapping[str, Any]) -> None:
    """Raises InvalidInput unless every file that `head` names is there and unchanged, and no other kind of file is."""
    for path in folder.rglob("*"):
        if path.is_file():
            check_name(str(path.relative_to(folder)))
    for name, wanted in head["files"].items():
        check_name(name)
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise InvalidInput(f"The model in {folder} is not complete: {name} is missing.") from error
        if found != wanted:
            raise InvalidInput(f"The model in {folder} was changed after it was made: {name} has other contents.")


def write_head(folder: Path, head: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Describe a model whose files are in place."""
    for name in files:
        check_name(name)
    whole = {"format": FORMAT, **head, "files": dict(sorted(files.items()))}
    (folder / HEAD).write_text(json.dumps({**whole, "sha256": _seal(whole)}, indent=1, allow_nan=False))


def _seal(head: Mapping[str, Any]) -> str:
    """A hash of what `model.json` says: against accidents and careless edits, not against a forger."""
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()


def copy_model(source: Path, target: Path) -> None:
    """The model in `source`, with leaderboard and scores beside it, in `target` too, which must be new or empty."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(f"{target} exists and is not empty. Give a new folder.")
    head = read_head(source)
    verify_files(source, head)
    extra = [name for name in (HEAD, "leaderboard.json", "scores.json") if (source / name).exists()]
    for name in (*head["files"], *extra):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place)


def check_name(name: str) -> None:
    """Raises InvalidInput unless `name` is a file below the model's folder, of a kind that cannot hold code."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or path.suffix not in SAFE_SUFFIXES:
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

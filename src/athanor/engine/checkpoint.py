"""Finished folds, kept so that nothing is fitted twice. One folder a fold, made visible by one rename.

<folder>/fingerprint                      what the folds were made from
<folder>/fits.log                         one line for each fold that was finished, ever
<folder>/trials/<trial>/fold-<k>/         fold.json, out_of_fold.npy, model/…
<folder>/views/<view>/fold-<k>/           what a view learned from the fold's training rows, shared by trials
<folder>/incumbents/<n>/  + incumbent     model folders; the link names the newest
<folder>/scratch/                         can be made again
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRecord:
    """The manifest of one fold of one trial.

    score      the user's metric on the fold's validation rows; None where it is undefined there
    predict_s  seconds to predict 1,000 rows
    truncated  the fit ended because its time was up
    files      SHA-256 of each file, by its path below the fold's `model` folder
    """

    trial: str
    family: str
    view: str
    fold: int
    score: float | None
    fit_s: float
    predict_s: float
    n_features: int
    truncated: bool
    files: Mapping[str, str]


class CheckpointStore(Protocol):
    """Where finished folds and the best model so far are kept. The paths it gives are local folders."""

    def claim(self, fingerprint: str) -> None:
        """Say what the folds are made from. Raises Conflict where they were made from something else."""
        ...

    def finished(self) -> list[FoldRecord]:
        """Every finished fold, by trial and fold."""
        ...

    def new_folder(self) -> Path:
        """An empty folder to write into before `keep_fold` or `keep_view` makes it visible."""
        ...

    def keep_fold(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> None:
        """Make `written` (the model's files) a finished fold: durable, visible at once, never replaced."""
        ...

    def keep_view(self, written: Path, view: str, fold: int) -> None:
        """Make `written` the view of a fold. Nothing happens where there is one: views are functions of the fold."""
        ...

    def out_of_fold(self, trial: str, fold: int) -> NDArray[np.float32]:
        """(validation rows of the fold, n_margins)"""
        ...

    def model_folder(self, trial: str, fold: int) -> Path: ...

    def view_folder(self, view: str, fold: int) -> Path: ...

    def incumbent(self) -> Path | None:
        """The model folder of the best model so far."""
        ...

    def new_incumbent(self) -> AbstractContextManager[Path]:
        """Gives an empty folder; it is the incumbent when the block ends without an error."""
        ...

    def scratch(self, name: str) -> Path:
        """A fresh place for files that can be made again: what was there is gone."""
        ...


class FolderCheckpoints:
    """Checkpoints in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("trials", "views", "incumbents", "scratch", "new"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def claim(self, fingerprint: str) -> None:
        path = self.folder / "fingerprint"
        if path.exists():
            if path.read_text() != fingerprint:
                raise Conflict(
                    f"The checkpoints in {self.folder} were made from other data or another task. Use another folder."
                )
        else:
            _write_durably(path, fingerprint.encode())
        # What a killed process left half-written. Nobody else writes here: one run has one trainer.
        shutil.rmtree(self.folder / "new")
        (self.folder / "new").mkdir()
        newest = self.incumbent()
        for folder in (self.folder / "incumbents").iterdir():
            if newest is None or folder.name != newest.name:
                shutil.rmtree(folder)

    def finished(self) -> list[FoldRecord]:
        paths = (self.folder / "trials").glob("*/fold-*/fold.json")
        records = [FoldRecord(**json.loads(path.read_text())) for path in paths]
        return sorted(records, key=lambda record: (record.trial, record.fold))

    def new_folder(self) -> Path:
        place = self.folder / "new" / os.urandom(8).hex()
        place.mkdir()
        return place

    def keep_fold(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> None:
        fold = self.new_folder()
        written.rename(fold / "model")
        np.save(fold / "out_of_fold.npy", out_of_fold, allow_pickle=False)
        (fold / "fold.json").write_text(json.dumps(asdict(record)))
        self._publish(fold, self.folder / "trials" / record.trial / f"fold-{record.fold}")
        with (self.folder / "fits.log").open("a") as log:
            log.write(f"{record.trial} {record.fold}\n")

    def keep_view(self, written: Path, view: str, fold: int) -> None:
        place = self.view_folder(view, fold)
        if place.exists():
            shutil.rmtree(written)
            return
        try:
            self._publish(written, place)
        except OSError:  # another trial's process was faster
            if not place.exists():
                raise
            shutil.rmtree(written)

    def out_of_fold(self, trial: str, fold: int) -> NDArray[np.float32]:
        path = self.folder / "trials" / trial / f"fold-{fold}" / "out_of_fold.npy"
        block: NDArray[np.float32] = np.load(path, allow_pickle=False)
        return block

    def model_folder(self, trial: str, fold: int) -> Path:
        return self.folder / "trials" / trial / f"fold-{fold}" / "model"

    def view_folder(self, view: str, fold: int) -> Path:
        return self.folder / "views" / view / f"fold-{fold}"

    def incumbent(self) -> Path | None:
        link = self.folder / "incumbent"
        return link.resolve() if link.exists() else None

    @contextmanager
    def new_incumbent(self) -> Iterator[Path]:
        before = self.incumbent()
        number = 1 + max((int(path.name) for path in (self.folder / "incumbents").iterdir()), default=0)
        place = self.folder / "incumbents" / str(number)
        place.mkdir()
        try:
            yield place
            sync_tree(place)
            link = self.folder / f".incumbent-{number}"
            link.unlink(missing_ok=True)  # of a process that was killed between the next two lines
            link.symlink_to(Path("incumbents") / str(number))
            link.replace(self.folder / "incumbent")
        except BaseException:
            shutil.rmtree(place)
            raise
        sync_folder(self.folder)
        if before is not None:
            shutil.rmtree(before)

    def scratch(self, name: str) -> Path:
        place = self.folder / "scratch" / name
        if place.exists():
            shutil.rmtree(place)
        return place

    def _publish(self, written: Path, place: Path) -> None:
        sync_tree(written)
        place.parent.mkdir(parents=True, exist_ok=True)
        written.rename(place)
        sync_folder(place.parent)


def sha256_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file, by its path below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sync_tree(folder: Path) -> None:
    """Make a folder's files and names durable."""
    for root, _, names in os.walk(folder):
        for name in names:
            sync_folder(Path(root) / name)
        sync_folder(Path(root))


def sync_folder(path: Path) -> None:
    """Flush one folder (or file) to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    temporary.write_bytes(content)
    sync_folder(temporary)
    temporary.replace(path)
    sync_folder(path.parent)

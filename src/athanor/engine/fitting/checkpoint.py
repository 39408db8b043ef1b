"""Finished folds, kept so that nothing is fitted twice. One folder a fold, made visible by one rename.

<folder>/fingerprint                      what the folds were made from
<folder>/fits.log                         one line for each fold that was finished, ever
<folder>/trials/<trial>/fold-<k>/         fold.json, out_of_fold.npy, model/…
<folder>/snapshots/<trial>/fold-<k>/      the same of a fit under way, replaced now and then
<folder>/views/<view>/fold-<k>/           what a view learned from the fold's training rows, shared by trials
<folder>/incumbents/<n>/  + incumbent     model folders; the link names the newest
<folder>/new/                             what is being written: moved to its place when whole, else swept
<folder>/scratch/                         can be made again
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.disk import sha256_of, sync_folder, sync_tree
from athanor.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRecord:
    """The manifest of one fold of one trial.

    score      the user's metric on the fold's validation rows; None where it is undefined there
    predict_s  seconds to predict 1,000 rows
    truncated  the fit ended because its time was up
    files      SHA-256 of each file, by its path below the fold's `model` folder
    n_rows     training rows, those to stop by included; 0 where it was not noted
    lightened  in words, what the fit went without because memory had no room for all of it
    curve      (step, loss on the rows to stop by), at most 200 of them: the first, the best and the last are there
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
    n_rows: int = 0
    curve: tuple[tuple[int, float], ...] = ()
    lightened: str = ""

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> FoldRecord:
        curve = tuple((int(step), float(loss)) for step, loss in facts.get("curve", ()))
        return cls(**{**facts, "curve": curve})


class CheckpointStore(Protocol):
    """Where finished folds and the best model so far are kept. The paths it gives are local folders."""

    def fingerprint(self) -> str | None:
        """What the folds are made from; None where nobody has said it yet."""
        ...

    def claim(self, fingerprint: str) -> None:
        """Say what the folds are made from, and clear away what is not whole.

        Raises Conflict where they were made from something else.
        """
        ...

    def finished(self) -> list[FoldRecord]:
        """Every finished fold, by trial and fold."""
        ...

    def record(self, trial: str, fold: int) -> FoldRecord | None:
        """The finished fold of a trial; None where it is not finished."""
        ...

    def new_folder(self) -> Path:
        """An empty folder to write into before `keep_fold` or `keep_view` makes it visible."""
        ...

    def keep_fold(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> None:
        """Make `written` (the model's files) a finished fold: durable, visible at once, never replaced."""
        ...

    def adopt(self, record: FoldRecord, trial: str) -> FoldRecord:
        """Make a finished fold one of another trial, too: nothing is copied or fitted."""
        ...

    def drop(self, record: FoldRecord) -> None:
        """Forget a finished fold, so that it can be fitted anew."""
        ...

    def keep_snapshot(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> None:
        """Make `written` (the files of a model that is still being fitted) the snapshot of its fold, in the place of
        the one before. It is no finished fold; `keep_fold` and `claim` remove it.
        """
        ...

    def take_snapshot(self, trial: str, fold: int) -> FoldRecord | None:
        """Make the snapshot of a fit that was ended a finished, truncated fold. None where there is none, or where the
        fold is finished.
        """
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

    def hold(self, incumbent: Path) -> None:
        """Leave this incumbent's folder when another takes its place: somebody in this process answers with it."""
        ...

    def scratch(self, name: str) -> Path:
        """A fresh place for files that can be made again: what was there is gone."""
        ...


class FolderCheckpoints:
    """Checkpoints in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: set[str] = set()  # names of incumbents
        for part in ("trials", "snapshots", "views", "incumbents", "scratch", "new"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def fingerprint(self) -> str | None:
        path = self.folder / "fingerprint"
        return path.read_text() if path.exists() else None

    def claim(self, fingerprint: str) -> None:
        path = self.folder / "fingerprint"
        there = self.fingerprint()
        if there is not None:
            if len(there) != len(fingerprint):
                raise InvalidInput(
                    f"{path} is damaged, or of an earlier version. Remove {self.folder}, and train anew."
                )
            if there != fingerprint:
                raise Conflict(
                    f"The checkpoints in {self.folder} were made from other data or another task. Use another folder."
                )
        else:
            written = self.folder / "new" / "fingerprint"
            written.write_text(fingerprint)
            self._flush(written)
            written.rename(path)
            self._flush(self.folder)
        # What a killed process left half-written. Nobody else writes here: one run has one trainer. Snapshots go, too:
        # the fold is fitted again, whole, and so to the same bits as in a run that was never killed.
        for part in ("snapshots", "new"):
            shutil.rmtree(self.folder / part)
            (self.folder / part).mkdir()
        for fold in (self.folder / "trials").glob("*/fold-*"):
            if not _is_whole(fold):  # a disk that failed; a fold that is not there is fitted again
                shutil.rmtree(fold)
        newest = self.incumbent()
        for folder in (self.folder / "incumbents").iterdir():
            if folder.name not in self._held and (newest is None or folder.name != newest.name):
                shutil.rmtree(folder)

    def finished(self) -> list[FoldRecord]:
        paths = (self.folder / "trials").glob("*/fold-*/fold.json")
        records = [FoldRecord.from_json(json.loads(path.read_text())) for path in paths]
        return sorted(records, key=lambda record: (record.trial, record.fold))

    def record(self, trial: str, fold: int) -> FoldRecord | None:
        path = self._fold(trial, fold) / "fold.json"
        return FoldRecord.from_json(json.loads(path.read_text())) if path.exists() else None

    def new_folder(self) -> Path:
        place = self.folder / "new" / os.urandom(8).hex()
        place.mkdir()
        return place

    def keep_fold(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> None:
        self._finish(self._whole(written, record, out_of_fold), record)
        self._replace(self._snapshot(record.trial, record.fold), None)

    def keep_snapshot(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> None:
        # Not flushed to the disk: it serves the run under way, and is worth nothing after a power cut.
        snapshot = self._whole(written, replace(record, truncated=True), out_of_fold)
        place = self._snapshot(record.trial, record.fold)
        place.parent.mkdir(exist_ok=True)
        self._replace(place, snapshot)

    def take_snapshot(self, trial: str, fold: int) -> FoldRecord | None:
        snapshot = self._snapshot(trial, fold)
        if not snapshot.exists() or self._fold(trial, fold).exists():
            return None
        record = FoldRecord.from_json(json.loads((snapshot / "fold.json").read_text()))
        self._finish(snapshot, record)
        return record

    def adopt(self, record: FoldRecord, trial: str) -> FoldRecord:
        adopted = replace(record, trial=trial)
        fold = self.new_folder()
        shutil.copytree(self._fold(record.trial, record.fold), fold, copy_function=_link_or_copy, dirs_exist_ok=True)
        (fold / "fold.json").unlink()  # a link, too: what is written into it would be written into the other one
        (fold / "fold.json").write_text(json.dumps(asdict(adopted)))
        self._publish(fold, self._fold(trial, record.fold))
        return adopted

    def drop(self, record: FoldRecord) -> None:
        self._replace(self._fold(record.trial, record.fold), None)

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
            self._flush_tree(place)
            link = self.folder / "new" / f"incumbent-{number}"
            link.unlink(missing_ok=True)  # of an attempt that failed between the next two lines
            link.symlink_to(Path("incumbents") / str(number))
            link.replace(self.folder / "incumbent")
        except BaseException:
            shutil.rmtree(place)
            raise
        self._flush(self.folder)
        if before is not None and before.name not in self._held:
            shutil.rmtree(before)

    def hold(self, incumbent: Path) -> None:
        self._held.add(incumbent.name)

    def scratch(self, name: str) -> Path:
        place = self.folder / "scratch" / name
        if place.exists():
            shutil.rmtree(place)
        return place

    def _fold(self, trial: str, fold: int) -> Path:
        return self.folder / "trials" / trial / f"fold-{fold}"

    def _snapshot(self, trial: str, fold: int) -> Path:
        return self.folder / "snapshots" / trial / f"fold-{fold}"

    def _whole(self, written: Path, record: FoldRecord, out_of_fold: NDArray[np.float32]) -> Path:
        """All that belongs to a fold, in a folder that nobody sees yet."""
        fold = self.new_folder()
        written.rename(fold / "model")
        np.save(fold / "out_of_fold.npy", out_of_fold, allow_pickle=False)
        (fold / "fold.json").write_text(json.dumps(asdict(record)))
        return fold

    def _finish(self, whole: Path, record: FoldRecord) -> None:
        self._publish(whole, self._fold(record.trial, record.fold))
        with (self.folder / "fits.log").open("a") as log:
            log.write(f"{record.trial} {record.fold}\n")

    def _replace(self, place: Path, whole: Path | None) -> None:
        """Put `whole` (None: nothing) where something may stand: at each instant it is the old, nothing or the new."""
        old = self.new_folder()
        if place.exists():
            place.rename(old)  # onto an empty folder
        if whole is not None:
            whole.rename(place)
        shutil.rmtree(old)

    def _publish(self, written: Path, place: Path) -> None:
        self._flush_tree(written)
        place.parent.mkdir(parents=True, exist_ok=True)
        written.rename(place)
        self._flush(place.parent)

    def _flush_tree(self, folder: Path) -> None:
        """Make what was written durable."""
        sync_tree(folder)

    def _flush(self, folder: Path) -> None:
        """Make the names in a folder, or a file, durable."""
        sync_folder(folder)


def n_finished(folder: Path) -> int:
    """How many finished folds stand in a run's folder. Makes nothing where there is none."""
    return sum(1 for _ in (folder / "trials").glob("*/fold-*/fold.json"))


def _is_whole(fold: Path) -> bool:
    """Whether a fold's folder holds what was written into it."""
    try:
        record = FoldRecord.from_json(json.loads((fold / "fold.json").read_text()))
        _ = np.load(fold / "out_of_fold.npy", mmap_mode="r", allow_pickle=False)
        return sha256_of(fold / "model") == dict(record.files)
    except (OSError, ValueError, TypeError, AttributeError, EOFError):
        return False


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without links
        shutil.copyfile(source, target)

"""Turns rows into predictions: the one way in training, batch and online, bit for bit."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine import memory, model_files
from athanor.engine.checkpoint import CheckpointStore, FoldRecord, sha256_of
from athanor.engine.conform import conform
from athanor.engine.dataset import Dataset
from athanor.engine.features import VIEWS, FittedView
from athanor.engine.importance import Importance, Reliance, importance
from athanor.engine.models import FAMILIES, FittedModel
from athanor.engine.predictions import Predictions
from athanor.engine.problems import PROBLEMS
from athanor.engine.rows import rows_to_dataset
from athanor.engine.schema import Schema, Storage
from athanor.engine.task import Label, Task
from athanor.errors import InvalidInput

# Rows are predicted in chunks, and chunks side by side. The cells under way bound the memory of the views' matrices.
MOST_ROWS, LEAST_ROWS = 8192, 64  # of a chunk
_CHUNK_CELLS, _CELLS_UNDER_WAY = 2**20, 2**22
# Boosters are the only texts. Each stands in memory as its text, as its trees, and as these once more in parts.
_IN_MEMORY: Mapping[str, int] = {".txt": 3}
_LIBRARIES = ("athanor", "lightgbm", "numpy", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class FoldModel:
    """One fold's model, and the view of the columns it wants."""

    view: tuple[str, int]  # name of the view, and the fold it was fitted in
    model: FittedModel


@dataclass(frozen=True, slots=True)
class Member:
    """A trial in an ensemble: the bag of its fold models. A bag averages margins."""

    trial: str
    family: str
    share: float
    folds: tuple[FoldModel, ...]


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model that answers. Made by `load` alone: what is trained is what is served.

    score  of `task.metric`, out-of-fold; None where it is undefined on those rows
    """

    folder: Path
    task: Task
    schema: Schema  # of the features, in the order of training
    classes: tuple[Label, ...]
    score: float | None
    members: tuple[Member, ...]
    views: Mapping[tuple[str, int], FittedView]
    size_bytes: int  # in memory, roughly and at most
    _keep: object = field(default=None, repr=False)

    @property
    def problem(self) -> str:
        return self.task.problem or ""

    @property
    def metric(self) -> str:
        return self.task.metric or ""

    def predict(self, dataset: Dataset) -> Predictions:
        """Answers for the rows of a table. Columns that training did not see are ignored.

        Raises InvalidInput naming row and column where a cell cannot be what training saw, and where no column of
        training is there at all.
        """
        self._check_names(dataset.schema.names)
        return self._answers(conform(dataset, self.schema))

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> Predictions:
        """Answers for rows given as column name → cell. Keys that are not there are missing values.

        Raises InvalidInput like `predict`.
        """
        if rows:
            self._check_names(name for row in rows if isinstance(row, Mapping) for name in row)
        return self._answers(rows_to_dataset(rows, self.schema))

    def _check_names(self, given: Iterable[str]) -> None:
        if self.schema.names and not any(name in self.schema for name in given):
            raise InvalidInput(
                f"None of the columns that this model was trained on is there: {', '.join(self.schema.names[:20])}."
            )

    def importance(self) -> tuple[Importance, ...]:
        """What the model relies on, greatest share first. Asks no rows; see `engine/importance.py`."""
        return importance(
            self.schema,
            (
                Reliance(model=fold.model, view=self.views[fold.view], part=member.share / len(member.folds))
                for member in self.members
                for fold in member.folds
            ),
        )

    def save(self, folder: Path) -> None:
        """Write the model into `folder`, which must be new or empty."""
        model_files.copy_model(self.folder, folder)

    @classmethod
    def load(cls, folder: Path, *, keep: object = None) -> Predictor:
        """The model in `folder`. Raises NotFound or InvalidInput; never runs anything that it finds there.

        `keep` is what must live as long as the model, for its folder to be there.
        """
        head = model_files.read_head(folder)
        model_files.verify_files(folder, head)
        views: dict[tuple[str, int], FittedView] = {}
        members: list[Member] = []
        for member in head["members"]:
            folds: list[FoldModel] = []
            for fold in member["folds"]:
                key = (member["view"], fold)
                if key not in views:
                    views[key] = VIEWS[member["view"]].load(_verified(folder, _view_place(folder, *key), head["files"]))
                place = _verified(folder, _model_place(folder, member["trial"], fold), head["files"])
                model = FAMILIES[member["family"]].load(place)
                folds.append(FoldModel(key, model))
            members.append(Member(member["trial"], member["family"], member["share"], tuple(folds)))
        size = sum(_IN_MEMORY.get(Path(name).suffix, 1) * (folder / name).stat().st_size for name in head["files"])
        return cls(
            folder=folder,
            task=Task.from_json(head["task"]),
            schema=Schema.from_json(head["schema"]),
            classes=tuple(head["classes"]),
            score=head["score"],
            members=tuple(members),
            views=views,
            size_bytes=size,
            _keep=keep,
        )

    def _answers(self, features: Dataset) -> Predictions:
        width = _width(features)
        n_rows = min(max(_CHUNK_CELLS // width, LEAST_ROWS), MOST_ROWS)
        starts = range(0, max(features.n_rows, 1), n_rows)
        n_threads = min(len(starts), memory.cores(), max(_CELLS_UNDER_WAY // (n_rows * width), 1))

        def chunk(start: int) -> Predictions:
            return self._chunk(features.take(np.arange(start, min(start + n_rows, features.n_rows))))

        if n_threads == 1:
            return Predictions.join([chunk(start) for start in starts])
        with ThreadPoolExecutor(n_threads) as threads:
            return Predictions.join(list(threads.map(chunk, starts)))

    def _chunk(self, features: Dataset) -> Predictions:
        problem, matrices = PROBLEMS[self.problem], _Matrices(self.views, features)
        answers = [problem.predictions(_bag(member, matrices), self.classes) for member in self.members]
        return problem.blend(answers, np.array([member.share for member in self.members]))


@dataclass(slots=True)
class _Matrices:
    """Each view's matrix of some rows, made when first asked for."""

    views: Mapping[tuple[str, int], FittedView]
    features: Dataset
    made: dict[tuple[str, int], Any] = field(default_factory=dict)

    def __getitem__(self, key: tuple[str, int]) -> Any:
        if key not in self.made:
            self.made[key] = self.views[key].transform(self.features)
        return self.made[key]


def _bag(member: Member, matrices: _Matrices) -> NDArray[np.float64]:
    """The mean margin of the fold models, added up in their order: the same bits for one row as for many."""
    total = member.folds[0].model.margins(matrices[member.folds[0].view])
    for fold in member.folds[1:]:
        total = total + fold.model.margins(matrices[fold.view])
    return total / len(member.folds)


def write_predictor(
    folder: Path,
    checkpoints: CheckpointStore,
    *,
    task: Task,
    schema: Schema,
    classes: tuple[Label, ...],
    score: float | None,
    shares: Mapping[str, float],
    records: Iterable[FoldRecord],
) -> None:
    """Put a model together from finished folds: links to their files, and a description."""
    by_trial: dict[str, list[FoldRecord]] = {}
    for record in records:
        by_trial.setdefault(record.trial, []).append(record)
    files: dict[str, str] = {}
    members: list[dict[str, Any]] = []
    for trial in sorted(shares):
        folds = sorted(by_trial[trial], key=lambda record: record.fold)
        for record in folds:
            place = _model_place(folder, trial, record.fold)
            model_files.link_files(checkpoints.model_folder(trial, record.fold), place)
            files |= {str((place / name).relative_to(folder)): digest for name, digest in record.files.items()}
            view_place = _view_place(folder, record.view, record.fold)
            if not view_place.exists():
                source = checkpoints.view_folder(record.view, record.fold)
                model_files.link_files(source, view_place)
                files |= {
                    str((view_place / name).relative_to(folder)): digest for name, digest in sha256_of(source).items()
                }
        members.append(
            {
                "trial": trial,
                "family": folds[0].family,
                "view": folds[0].view,
                "share": shares[trial],
                "folds": [record.fold for record in folds],
            }
        )
    head = {
        "task": task.to_json(),
        "schema": schema.to_json(),
        "classes": list(classes),
        "score": score,
        "members": members,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }
    model_files.write_head(folder, head, files)


def _model_place(folder: Path, trial: str, fold: int) -> Path:
    return folder / "models" / trial / f"fold-{fold}"


def _view_place(folder: Path, view: str, fold: int) -> Path:
    return folder / "views" / view / f"fold-{fold}"


def _verified(folder: Path, place: Path, files: Iterable[str]) -> Path:
    """`place`, whose files `read_head` has found unchanged. Raises InvalidInput where they are not among them."""
    if not any((folder / name).parent == place for name in files):
        raise InvalidInput(
            f"The model in {folder} is not complete: no file of {place} is described in {model_files.HEAD}."
        )
    return place


def _width(features: Dataset) -> int:
    """Cells of a row. Sparse vectors stay as small as they are."""
    dense = sum(column.dim or 0 for column in features.schema.columns if column.storage is Storage.DENSE)
    return max(len(features.schema.columns) + dense, 1)

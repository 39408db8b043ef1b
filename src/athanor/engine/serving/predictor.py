"""Turns rows into predictions: the one way in training, batch and online, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from athanor.engine import certainty as about
from athanor.engine import memory
from athanor.engine.features import VIEWS, FittedView
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Predictions
from athanor.engine.problems import PROBLEMS
from athanor.engine.serving import model_files
from athanor.engine.serving.predictor_files import model_place, view_place
from athanor.engine.serving.reliance import Importance, Reliance, importance
from athanor.engine.serving.served import FoldModel, Matrices, Member, ViewKey, Views
from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Dataset
from athanor.engine.tables.rows import rows_to_dataset
from athanor.engine.tables.schema import Schema, Storage
from athanor.engine.task import Label, Task
from athanor.errors import InvalidInput

# Rows are predicted in chunks, and chunks side by side. The cells under way bound the memory of the views' matrices.
MOST_ROWS, LEAST_ROWS = 8192, 64  # of a chunk
_CHUNK_CELLS, _CELLS_UNDER_WAY = 2**20, 2**22


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model that answers. Made by `load` alone: what is trained is what is served.

    score      of `task.metric`, out-of-fold; None where it is undefined on those rows
    certainty  how answers are calibrated, how far off they may be, and how far off the score
    """

    folder: Path
    task: Task
    schema: Schema  # of the features, in the order of training
    classes: tuple[Label, ...]
    score: float | None
    members: tuple[Member, ...]
    views: Views
    certainty: about.Certainty
    size_bytes: int  # in memory, roughly and at most
    _keep: object = field(default=None, repr=False)

    @property
    def problem(self) -> str:
        return self.task.problem or ""

    @property
    def metric(self) -> str:
        return self.task.metric or ""

    def predict(self, dataset: Dataset, *, level: float | None = None, threshold: float | None = None) -> Predictions:
        """Answers for the rows of a table. Columns that training did not see are ignored.

        With a `level` in (0, 1), for instance 0.9, also intervals or sets that hold the truth in so many cases. Of two
        classes the last is answered where its probability is above `threshold`; None: above the model's own.

        Raises InvalidInput naming row and column where a cell cannot be what training saw, and where no column of
        training is there at all.
        """
        self._check_names(dataset.schema.names)
        return self._answers(conform(dataset, self.schema), level, threshold)

    def predict_rows(
        self, rows: Sequence[Mapping[str, Any]], *, level: float | None = None, threshold: float | None = None
    ) -> Predictions:
        """Answers for rows given as column name → cell. Keys that are not there are missing values.

        Raises InvalidInput like `predict`.
        """
        if rows:
            self._check_names(name for row in rows if isinstance(row, Mapping) for name in row)
        return self._answers(rows_to_dataset(rows, self.schema), level, threshold)

    def _check_names(self, given: Iterable[str]) -> None:
        if self.schema.names and not any(name in self.schema for name in given):
            raise InvalidInput(
                f"None of the columns that this model was trained on is there: {', '.join(self.schema.names[:20])}."
            )

    def importance(self) -> tuple[Importance, ...]:
        """What the model relies on, greatest share first. Asks no rows; see `engine/serving/reliance.py`."""
        reliances = (
            Reliance(model=fold.model, view=self.views.fitted[fold.view], part=member.share / len(member.folds))
            for member in self.members
            for fold in member.folds
        )
        with model_files.made_by_us(self.folder, "could not tell what it relies on"):
            return importance(self.schema, reliances)

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
        with model_files.made_by_us(folder):
            model = cls._of(folder, head, keep)
        with model_files.made_by_us(folder, "could not answer a row"):  # what does not fit together is found out now
            model.predict_rows(_unknown(model.schema)).labels()
        return model

    @classmethod
    def _of(cls, folder: Path, head: Mapping[str, Any], keep: object) -> Predictor:
        files = head["files"]
        fitted: dict[ViewKey, FittedView] = {}
        found: list[tuple[dict[str, Any], list[FoldModel]]] = []
        for member in head["members"]:
            folds: list[FoldModel] = []
            for fold in member["folds"]:
                key = (member["view"], fold)
                if key not in fitted:
                    fitted[key] = VIEWS[member["view"]].load(_verified(folder, view_place(folder, *key), files))
                place = _verified(folder, model_place(folder, member["trial"], fold), files)
                folds.append(FoldModel(key, FAMILIES[member["family"]].load(place)))
            found.append((member, folds))
        views = Views.of(fitted)
        members = [views.member(each["trial"], each["family"], each["share"], folds) for each, folds in found]
        return cls(
            folder=folder,
            task=Task.from_json(head["task"]),
            schema=Schema.from_json(head["schema"]),
            classes=tuple(head["classes"]),
            score=head["score"],
            members=tuple(members),
            views=views,
            certainty=_certainty(folder, files),
            size_bytes=model_files.memory_of(folder, head),
            _keep=keep,
        )

    def _answers(self, features: Dataset, level: float | None, threshold: float | None) -> Predictions:
        if features.n_rows <= LEAST_ROWS:
            return self._chunk(features, level, threshold)
        width = max(_width(features), self.views.width)
        n_rows = min(max(_CHUNK_CELLS // width, LEAST_ROWS), MOST_ROWS)
        starts = range(0, features.n_rows, n_rows)
        n_threads = min(len(starts), memory.cores(), max(_CELLS_UNDER_WAY // (n_rows * width), 1))

        def chunk(start: int) -> Predictions:
            return self._chunk(features.at(slice(start, min(start + n_rows, features.n_rows))), level, threshold)

        if n_threads == 1:
            return Predictions.join([chunk(start) for start in starts])
        with ThreadPoolExecutor(n_threads) as threads:
            return Predictions.join(list(threads.map(chunk, starts)))

    def _chunk(self, features: Dataset, level: float | None, threshold: float | None) -> Predictions:
        problem, matrices = PROBLEMS[self.problem], Matrices(self.views, features)
        answers = [problem.predictions(member.margins(matrices), self.classes) for member in self.members]
        blended = problem.blend(answers, np.array([member.share for member in self.members]))
        served = self.certainty.apply(blended, level=level, threshold=threshold)
        least = None if self.task.distribution is None else self.task.distribution.least
        if least is None or served.lower is None or served.upper is None:
            return served
        return replace(served, lower=np.maximum(served.lower, least), upper=np.maximum(served.upper, least))


def _certainty(folder: Path, files: Iterable[str]) -> about.Certainty:
    """What is known of the answers; nothing of a model that was made before anything was."""
    if f"{about.FOLDER}/{about.FILE}" not in files:
        return about.Certainty()
    return about.Certainty.load(folder / about.FOLDER)


def _unknown(schema: Schema) -> list[dict[str, Any]]:
    """Two rows of which nothing is known. Their vectors are 0, as none can be missing."""
    nothing: dict[Storage, Callable[[int], Any]] = {
        Storage.DENSE: lambda dim: [0.0] * dim,
        Storage.SPARSE: lambda _: {"indices": [], "values": []},
    }
    cells = {
        column.name: nothing[column.storage](column.dim or 0) if column.storage in nothing else None
        for column in schema.columns
    }
    return 2 * [cells]


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

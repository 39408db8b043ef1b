"""A model in a notebook: answers come in the kind of frame that the rows came in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from athanor.engine.leaderboard import read_leaderboard
from athanor.engine.profile_page.html import element
from athanor.engine.serving import predictor as engine
from athanor.engine.task import Label
from athanor.errors import InvalidInput
from athanor.notebook.frames import as_trained
from athanor.notebook.html import block, dim, table_html
from athanor.notebook.kinds import kind_of
from athanor.notebook.listing import Listing, importance_listing, leaderboard_listing
from athanor.notebook.question import level_of, path_of
from athanor.quantities import spell_score, spell_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from athanor.engine.predictions import Predictions
    from athanor.engine.tables.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model that answers. Rows may come in any kind of table; the answers have the same kind.

    model  the engine's predictor, for its own types
    """

    model: engine.Predictor

    @property
    def target(self) -> str:
        return self.model.task.target

    @property
    def problem(self) -> str:
        return self.model.problem

    @property
    def metric(self) -> str:
        return self.model.metric

    @property
    def score(self) -> float | None:
        """Of the metric, on rows that the models did not see; None where it is undefined on them."""
        return self.model.score

    @property
    def score_error(self) -> float | None:
        """The standard error of the score over the rows that it was measured on; None where it is not known."""
        known = self.model.certainty.uncertainty
        return None if known is None else known.error

    @property
    def classes(self) -> tuple[Label, ...]:
        """The labels, in the order of their probabilities; () for regression."""
        return self.model.classes

    @property
    def features(self) -> list[str]:
        """The columns that an answer needs. Others are ignored."""
        return list(self.model.schema.names)

    def predict(self, data: Any) -> Any:
        """A label or a number for each row.

        pandas gives a Series with the index of the rows, polars and files a Series, Arrow an Array, numpy, sparse
        matrices and dicts of columns an array, lists of rows a list. Raises InvalidInput where a column is not there,
        and naming row and column of a cell that cannot be what training saw.
        """
        return kind_of(data).one(data, self.target, answers_of(self._asked(data)))

    def predict_proba(self, data: Any) -> Any:
        """A probability for each row and class: a column a class, named by its label. Kinds as in `predict`; of arrays
        the columns have the order of `classes`.

        Raises InvalidInput for a regression.
        """
        found = self._asked(data)
        if found.probabilities is None:
            raise InvalidInput("This model predicts a number, so there are no classes to have probabilities.")
        return kind_of(data).many(data, dict(zip(found.classes, found.probabilities.T, strict=True)))

    def predict_interval(self, data: Any, level: float = 0.9) -> Any:
        """What the target of each row lies in, `level` of the time.

        Of a regression the columns `lower` and `upper`; of classes a column a class, true where the set of labels that
        are likely enough together holds it. Kinds as in `predict`. Raises InvalidInput where the model was learned from
        too few rows to say.
        """
        found = self._asked(data, level=level_of(level))
        columns: Mapping[Any, NDArray[Any]] = {}
        if found.lower is not None and found.upper is not None:
            columns = {"lower": found.lower, "upper": found.upper}
        elif found.sets is not None:
            columns = dict(zip(found.classes, found.sets.T, strict=True))
        return kind_of(data).many(data, columns)

    def leaderboard(self) -> Listing:
        """The trials of the training, best first; the first one is what answers. Raises NotFound."""
        return leaderboard_listing(read_leaderboard(self.model.folder))

    def importance(self) -> Listing:
        """What the model relies on, greatest share first; the shares add up to 1."""
        return importance_listing(self.model.importance())

    def save(self, place: str | os.PathLike[str]) -> None:
        """Write the model into a folder, which must be new or empty; or as one file, if the name ends in .athanor."""
        from athanor.engine.serving.model_archive import SUFFIX, export_model

        path = path_of(place, "place")
        if path.suffix == SUFFIX:
            export_model(self.model.folder, path)
        else:
            self.model.save(path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Whoever copies a program's objects copies the model's archive: it holds no code, and is checked when read."""
        return _unpacked, (_packed(self.model.folder),)

    def __repr__(self) -> str:
        members = "1 member" if len(self.model.members) == 1 else f"{len(self.model.members)} members"
        return f"<Predictor of {self.target!r}: {self.problem}, {self._score()}, {members}>"

    def _repr_html_(self) -> str:
        model = self.model
        head = element("b", f"{self.target}: {self.problem}")
        score = f", {self._score()} on rows that the models did not see"
        members = sorted(model.members, key=lambda member: -member.share)
        rows = [[member.trial, member.family, f"{member.share:.3f}", str(len(member.folds))] for member in members]
        table = table_html(("member", "family", "weight", "models"), rows, right=("weight", "models"))
        size = f"{len(self.features):,} features, {spell_size(model.size_bytes)} in memory"
        return block(element("div", head, score), table, dim(size))

    def _score(self) -> str:
        error = "" if self.score_error is None else f" ± {self.score_error:.2g}"
        return f"{self.metric} {spell_score(self.score)}{error}"

    @classmethod
    def of(cls, folder: Path, *, keep: object = None) -> Predictor:
        """The model in a folder; `keep` is what must live as long as it, for its folder to be there."""
        return cls(engine.Predictor.load(folder, keep=keep))

    def asked(self, dataset: Dataset, *, level: float | None = None) -> Predictions:
        """The engine's answers to rows that are as training saw them."""
        return self.model.predict(dataset, level=level)

    def _asked(self, data: Any, *, level: float | None = None) -> Predictions:
        if _are_rows(data):
            return self.model.predict_rows(data, level=level)
        return self.asked(as_trained(data, self.model.schema), level=level)


def load(place: str | os.PathLike[str]) -> Predictor:
    """The model in a folder, or in one file as `Predictor.save` and `athanor export` write it.

    Raises NotFound, or InvalidInput where it was changed. Nothing that stands there is ever run.
    """
    from athanor.engine.serving.model_archive import open_model

    folder, keep = open_model(path_of(place, "place"))
    return Predictor.of(folder, keep=keep)


def answers_of(found: Predictions) -> NDArray[Any]:
    """(n_rows,) labels or numbers, as an array of the type that they have."""
    if found.codes is None:
        return np.asarray(found.values)
    return np.asarray(found.classes)[found.codes]


def _are_rows(data: Any) -> bool:
    """Rows one by one go the way of a web request, whose cells may be missing row by row."""
    return isinstance(data, Sequence) and len(data) > 0 and all(isinstance(row, Mapping) for row in data)


def _packed(folder: Path) -> bytes:
    from athanor.engine.serving.model_archive import SUFFIX, export_model

    with TemporaryDirectory(prefix="athanor-") as beside:
        file = Path(beside) / f"model{SUFFIX}"
        export_model(folder, file)
        return file.read_bytes()


def _unpacked(content: bytes) -> Predictor:
    from athanor.engine.serving.model_archive import SUFFIX

    with TemporaryDirectory(prefix="athanor-") as beside:
        file = Path(beside) / f"model{SUFFIX}"
        file.write_bytes(content)
        return load(file)

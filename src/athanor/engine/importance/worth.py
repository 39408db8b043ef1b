"""What each column is worth to a finished model, on rows; kept beside the model.

At the end of a run the models of each fold are asked about the fold's own rows, which they did not see. Later any rows
with a known target can be asked about; that these are new to the model is up to who gives them. The columns that the
models rely on most come first: where time is short, the others are left unasked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from athanor.engine import certainty as about
from athanor.engine.budget import Budget
from athanor.engine.evaluation import truth_in
from athanor.engine.family import FittedModel
from athanor.engine.features import VIEWS, FittedView
from athanor.engine.fitting.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.importance.permutation import MAX_ROWS, Clock, Drop, permutation_importance
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Predictions
from athanor.engine.problems.blending import blend
from athanor.engine.serving.model_files import made_by_us, read_head
from athanor.engine.serving.predictor import Predictor
from athanor.engine.serving.reliance import Importance, Reliance, importance
from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Dataset
from athanor.errors import AthanorError, InvalidInput

FILE = "importance.json"
SHARE, MOST_S, LEAST_S = 0.05, 10.0, 2.5  # of a run's seconds; with fewer than the last nothing would be found out
LEAST_ROWS = 10
ENDING_S = 0.5  # of the run, after it: to end processes, and to put the model in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The drops of a metric, greatest first; columns that were not reached stand last.

    n_rows  that were asked about, at most
    """

    metric: str
    n_rows: int
    drops: tuple[Drop, ...]


def kept_back_s(clock: Budget) -> float:
    """Seconds that a run leaves for it."""
    box = min(SHARE * clock.left_s(), MOST_S) if clock.is_timed else 0.0
    return box if box >= LEAST_S else 0.0


@contextmanager
def its_time(clock: Budget) -> Iterator[bool]:
    """Inside the block the time ends when the measurement has to; whether there is enough for one."""
    left_s = clock.left_s()
    with clock.kept_back(max(left_s - MOST_S, ENDING_S)):
        yield clock.left_s() >= LEAST_S / 2


def measure_worth(folder: Path, store: CheckpointStore, given: TrainingSet, *, clock: Clock, seed: int) -> str | None:
    """Ask the fold models of the model in `folder` as long as there is time, and keep what they say beside it.

    The model is finished before this: what goes wrong is no error, but told in words. None: nothing did.
    """
    try:
        shares = {member["trial"]: float(member["share"]) for member in read_head(folder)["members"]}
        worth = out_of_fold_worth(folder, shares, store, given, clock=clock, seed=seed)
    except MemoryError as error:
        return f"memory ran out ({error})".replace(" ()", "")
    except AthanorError as error:
        return str(error).rstrip(".")
    except OSError as error:
        return f"a file of the run cannot be read: {error.strerror or error}"
    try:
        if worth is not None:
            write_worth(folder, worth)
    except OSError as error:
        return f"it cannot be kept: {error.strerror or error}"
    return None


def out_of_fold_worth(
    folder: Path, shares: dict[str, float], store: CheckpointStore, given: TrainingSet, *, clock: Clock, seed: int
) -> Worth | None:
    """Of the model in `folder`, by the models of its members' folds; None where no fold has all of them.

    shares  trial → share, of the members
    """
    records = [record for record in store.finished() if record.trial in shares and record.fold < given.n_folds]
    by_fold: dict[int, list[FoldRecord]] = {}
    for record in records:
        by_fold.setdefault(record.fold, []).append(record)
    whole = sorted(fold for fold, found in by_fold.items() if len(found) == len(shares))
    if not whole or clock.left_s() <= 0:
        return None
    certainty = about.Certainty.load(folder / about.FOLDER)
    models = _FoldModels(store, given, shares, certainty, by_fold)
    drops = permutation_importance(
        given.features,
        given.truth,
        [given.validated(fold) for fold in whole],
        lambda rows, place: models.answers(rows, whole[place]),
        given.metric,
        groups=[(name,) for name in _columns(models.importance(whole[0]))],
        seed=seed,
        clock=clock,
    )
    n_rows = sum(min(len(given.validated(fold)), MAX_ROWS) for fold in whole)
    return Worth(metric=given.metric.name, n_rows=n_rows, drops=drops)


def worth_on(predictor: Predictor, dataset: Dataset, *, clock: Clock, seed: int) -> Worth:
    """Of a model, on rows of a table that has the target column. Rows that it learned from flatter its columns.

    Raises InvalidInput where too few of its rows have a target, or it has no column of training.
    """
    rows, truth = truth_in(dataset, predictor.task, predictor.classes)
    if len(rows) < LEAST_ROWS:
        raise InvalidInput(
            f"The column {predictor.task.target!r} has a value in {len(rows)} rows; at least {LEAST_ROWS} are needed "
            "to see what the other columns are worth."
        )
    metric = METRICS[predictor.metric]
    drops = permutation_importance(
        conform(dataset.take(rows), predictor.schema),
        truth,
        [np.arange(len(rows))],
        lambda some, _: predictor.predict(some),
        metric,
        groups=[(name,) for name in _columns(predictor.importance())],
        seed=seed,
        clock=clock,
    )
    return Worth(metric=metric.name, n_rows=min(len(rows), MAX_ROWS), drops=drops)


def write_worth(folder: Path, worth: Worth) -> None:
    """Keep it beside a model, whole or not at all."""
    written = folder / f".{FILE}"
    written.write_text(json.dumps(asdict(worth), indent=1, allow_nan=False))
    written.replace(folder / FILE)


def read_worth(folder: Path) -> Worth | None:
    """What stands beside a model; None where nothing was measured. Raises InvalidInput."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        head = json.loads(path.read_text())
        drops = tuple(Drop(**{**drop, "columns": tuple(drop["columns"])}) for drop in head["drops"])
        return Worth(metric=str(head["metric"]), n_rows=int(head["n_rows"]), drops=drops)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} does not hold importances that Athanor wrote.") from error


def _columns(found: Iterable[Importance]) -> list[str]:
    """The columns, each where it or its first component stands."""
    return list(dict.fromkeys(each.column for each in found))


@dataclass(slots=True)
class _FoldModels:
    """The models of the members' folds, each loaded when it is first asked for."""

    store: CheckpointStore
    given: TrainingSet
    shares: dict[str, float]
    certainty: about.Certainty
    by_fold: dict[int, list[FoldRecord]]
    _models: dict[tuple[str, int], FittedModel] = field(default_factory=dict)
    _views: dict[tuple[str, int], FittedView] = field(default_factory=dict)

    def answers(self, rows: Dataset, fold: int) -> Predictions:
        """As the model would be served if it had this fold alone."""
        problem, classes = self.given.problem, self.given.truth.classes
        matrices = {record.view: self._view(record).transform(rows) for record in self.by_fold[fold]}
        members = {
            record.trial: problem.predictions(self._margins(record, matrices[record.view]), classes)
            for record in self.by_fold[fold]
        }
        return self.certainty.apply(blend(members, self.shares, problem))

    def importance(self, fold: int) -> tuple[Importance, ...]:
        """What the models of one fold rely on."""
        reliances = [
            Reliance(model=self._model(record), view=self._view(record), part=self.shares[record.trial])
            for record in self.by_fold[fold]
        ]
        with made_by_us(self.store.model_folder(self.by_fold[fold][0].trial, fold)):
            return importance(self.given.features.schema, reliances)

    def _margins(self, record: FoldRecord, matrix: Any) -> Any:
        model = self._model(record)
        with made_by_us(self.store.model_folder(record.trial, record.fold)):  # a booster is read when first asked
            return model.margins(matrix)

    def _model(self, record: FoldRecord) -> FittedModel:
        key = (record.trial, record.fold)
        if key not in self._models:
            folder = self.store.model_folder(*key)
            with made_by_us(folder):
                self._models[key] = FAMILIES[record.family].load(folder)
        return self._models[key]

    def _view(self, record: FoldRecord) -> FittedView:
        key = (record.view, record.fold)
        if key not in self._views:
            folder = self.store.view_folder(*key)
            with made_by_us(folder):
                self._views[key] = VIEWS[record.view].load(folder)
        return self._views[key]

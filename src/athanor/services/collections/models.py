"""Models of collections: trained on their vectors and named attributes, asked with other rows, listed and deleted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from athanor.core.actor import Actor, Scope
from athanor.core.dataset import DatasetVersion, Origin, StoredDataset
from athanor.core.job import JobState
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.core.run import Run
from athanor.engine.plan import Plan
from athanor.engine.tables import cells
from athanor.engine.tables.schema import ColumnType
from athanor.engine.task import Label, Task
from athanor.errors import InvalidInput, NotFound
from athanor.services.aliases import Naming
from athanor.services.collections.batches import VectorBatch, bare_table
from athanor.services.collections.collections import FIRST_INDEX
from athanor.services.collections.finding import find_collection
from athanor.services.collections.inputs import ModelInputs, fit, fitted, match_columns, needed
from athanor.services.collections.layout import Layout, layout_of
from athanor.services.collections.prediction_files import SentFile, read_file
from athanor.services.predict import SEES_IMPORTANCE, Predict
from athanor.services.rows.arrivals import Arrivals
from athanor.services.rows.contents import Content, content_of
from athanor.services.rows.reading import looking_again, reading
from athanor.services.runs import Runs, RunView
from athanor.services.train import Train
from athanor.services.versions import newest_version

if TYPE_CHECKING:
    from uuid import UUID

    from athanor.engine.predictions import Predictions
    from athanor.engine.serving.reliance import Importance
    from athanor.engine.tables.dataset import Dataset

Source = str | SentFile | VectorBatch  # a collection of the model's project, or rows that are not kept
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model of a collection is to learn.

    target         the attribute or column with the labels
    is_regression  labels are numbers to be met, not classes to be told apart
    categorical    attributes that are inputs beside the vector
    """

    target: str
    is_regression: bool = False
    categorical: tuple[str, ...] = ()

    def task(self, layout: Layout) -> Task:
        """As a task on a table of the layout: all components and the named attributes are features."""
        numbers = layout.components if layout.vector is None else (layout.vector.name,)
        named = tuple(dict.fromkeys(name for name in self.categorical if name != self.target))
        meaning = ColumnType.NUMERIC if self.is_regression else ColumnType.CATEGORICAL
        return Task(
            target=self.target,
            problem="regression" if self.is_regression else None,
            metric="rmse" if self.is_regression else "log_loss",
            features=tuple(dict.fromkeys((*numbers, *named))),
            types={self.target: meaning, **dict.fromkeys(named, ColumnType.CATEGORICAL)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A model's answers for some rows, in their order.

    labels      numbers for a regression, and where every label of the training is one; texts otherwise
    n_labelled  rows whose label was there and was compared
    scores      by all metrics that are defined on those rows
    """

    labels: Sequence[Label]
    is_regression: bool
    n_labelled: int
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A collection as it was when it was looked at."""

    dataset: StoredDataset
    version: DatasetVersion
    content: Content

    @property
    def layout(self) -> Layout:
        return layout_of(self.version.schema, self.dataset.id_column)


class CollectionModels:
    """What can be done with the models of a collection. One is a run of its dataset, whoever started it."""

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        arrivals: Arrivals,
        *,
        train: Train,
        runs: Runs,
        predict: Predict,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._arrivals = arrivals
        self._train = train
        self._runs = runs
        self._predict = predict

    def train(
        self,
        actor: Actor,
        project: str,
        collection: str,
        *,
        name: str,
        question: Question,
        plan: Callable[[int], Plan],
        validation: str | None = None,
        naming: Naming | None = None,
        origin: Origin | None = None,
    ) -> RunView:
        """A queued run that learns from the collection as it is now. What can be seen to be wrong is raised here.

        A model of the same name whose training came to nothing gives way.

        plan        made from how many cells there are to learn from: rows times inputs
        validation  another collection of the project, which the models are scored on
        """
        actor.need(Scope.RUNS_WRITE)
        stored = self._with(actor, project, collection, (question.target, *question.categorical))
        scored = None if validation is None else self._with(actor, project, validation, (question.target,))
        if scored is not None:
            if scored.dataset.id == stored.dataset.id:
                raise InvalidInput("A model is not validated on what it is trained on.", field="validation")
            _check_same_kind(stored.layout, scored.layout, validation or "")
        n_inputs = stored.layout.dim + len(set(question.categorical))
        self._give_way(actor, stored.dataset.id, name)
        return self._train.start(
            actor,
            dataset_id=stored.dataset.id,
            name=name,
            handle=name,
            task=question.task(stored.layout),
            plan=plan(stored.version.n_rows * n_inputs),
            validation_id=None if scored is None else scored.dataset.id,
            naming=naming,
            origin=origin,
        )

    def named(self, actor: Actor, project: str, collection: str, name: str) -> RunView:
        """The model, whatever state it is in. Raises NotFound."""
        actor.need(Scope.RUNS_READ)
        return self._runs.get(actor, self._run(actor, project, collection, name).id)

    def list(self, actor: Actor, project: str, collection: str) -> tuple[RunView, ...]:
        """The models that are trained, oldest first."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            dataset = find_collection(transaction, actor, project, collection)
        return tuple(view for view in self._runs.of_dataset(actor, dataset.id) if view.models)

    def predict(self, actor: Actor, project: str, collection: str, name: str, source: Source) -> Answers:
        """The model's answers for rows of another collection, of a file, or that came with the request.

        Raises Conflict where the model is not trained yet, InvalidInput naming what does not fit it.
        """
        actor.need(Scope.PREDICT)
        if isinstance(source, str):
            actor.need(Scope.DATA_READ)
        run = self._run(actor, project, collection, name)
        inputs = self._inputs(actor, run)
        found = self._predict.by_run(actor, run.id, self._table(actor, project, source, inputs))
        return Answers(
            labels=_labels(found.predictions),
            is_regression=run.is_regression,
            n_labelled=found.n_labelled,
            scores=found.scores,
        )

    def importance(self, actor: Actor, project: str, collection: str, name: str) -> tuple[Importance, ...]:
        """What the model's inputs do for it, most first. Raises Conflict where it is not trained yet."""
        actor.need(*SEES_IMPORTANCE)
        return self._predict.importance(actor, self._run(actor, project, collection, name).id)

    def delete(self, actor: Actor, project: str, collection: str, name: str) -> None:
        """Remove the model, whatever it does; its name is free at once."""
        actor.need(Scope.RUNS_WRITE)
        self._runs.discard(actor, self._run(actor, project, collection, name).id)

    def _give_way(self, actor: Actor, dataset_id: UUID, name: str) -> None:
        with self._records.look(actor.organization_id) as transaction:
            run = transaction.runs.first({"dataset_id": dataset_id, "handle": name})
            state = None if run is None else transaction.jobs.get(run.job_id).state
        if run is not None and state in {JobState.FAILED, JobState.STOPPED}:
            self._runs.discard(actor, run.id)

    def _run(self, actor: Actor, project: str, collection: str, name: str) -> Run:
        with self._records.look(actor.organization_id) as transaction:
            dataset = find_collection(transaction, actor, project, collection)
            found = transaction.runs.first({"dataset_id": dataset.id, "handle": name})
        if found is None:
            raise NotFound(f"The model {name!r} does not exist in the collection {collection!r}.")
        return found

    def _with(self, actor: Actor, project: str, collection: str, names: Sequence[str]) -> _Stored:
        """The collection as it is now. Raises InvalidInput for an attribute that no row has a value of."""

        def look() -> _Stored:
            with self._records.look(actor.organization_id) as transaction:
                stored = _stored(transaction, actor, project, collection)
            with reading(stored.content.segments, self._blobs):
                self._check_occur(stored, names, collection)
            return stored

        return looking_again(look)

    def _check_occur(self, stored: _Stored, names: Sequence[str], collection: str) -> None:
        """Raises InvalidInput for an attribute that no row has a value of."""
        from athanor.engine.tables.facts import by_name
        from athanor.engine.tables.segments import scan_segments

        schema = stored.version.schema
        taken = {stored.dataset.id_column, *(column.name for column in schema.columns if column.storage.is_vector)}
        there = [name for name in dict.fromkeys(names) if name in schema and name not in taken]
        found: dict[str, bool] = {}
        if there and stored.content.rows:
            paths, deleted = stored.content.files(self._blobs)
            scan = scan_segments(paths, schema.select(there), without=deleted)
            asked = scan.select(by_name(there).is_not_null().any()).collect()
            found = {series.name: bool(series.item()) for series in asked.get_columns()}
        for name in names:
            if not found.get(name):
                shown = ", ".join(repr(one) for one in stored.layout.attributes[:_SHOWN])
                raise InvalidInput(
                    f"No row of the collection {collection!r} has the attribute {name[:80]!r}. "
                    f"Attributes are: {shown or 'none'}.",
                    field="target",
                )

    def _inputs(self, actor: Actor, run: Run) -> ModelInputs:
        features = self._predict.best_of(actor, run.id).schema
        with self._records.look(actor.organization_id) as transaction:
            trained = transaction.versions.get(run.version_id).schema
            first_index = transaction.datasets.get(run.dataset_id).labels.get(FIRST_INDEX)
        return ModelInputs.of(
            features, run.task, trained, first_index=None if first_index is None else int(first_index)
        )

    def _table(self, actor: Actor, project: str, source: Source, inputs: ModelInputs) -> Dataset:
        """The rows of the source as the model reads them."""
        match source:
            case str():
                return self._rows_of(actor, project, source, inputs)
            case SentFile():
                return fitted(read_file(self._arrivals, source, inputs), inputs, has_names=source.has_names)
            case VectorBatch():
                if not source.n_rows:
                    raise InvalidInput("No rows came to predict.", field="data")
                return fitted(bare_table(source), inputs)

    def _rows_of(self, actor: Actor, project: str, collection: str, inputs: ModelInputs) -> Dataset:
        return looking_again(lambda: self._read_rows(actor, project, collection, inputs))

    def _read_rows(self, actor: Actor, project: str, collection: str, inputs: ModelInputs) -> Dataset:
        from athanor.engine.tables.segments import read_segments

        with self._records.look(actor.organization_id) as transaction:
            stored = _stored(transaction, actor, project, collection)
        schema = stored.version.schema
        if not stored.version.n_rows:
            raise InvalidInput(f"The collection {collection!r} has no rows to predict.")
        matching = match_columns(schema, inputs, id_column=stored.dataset.id_column)
        wanted = schema.select(needed(matching, inputs))
        self._arrivals.check_room(stored.version.n_rows, wanted)
        with reading(stored.content.segments, self._blobs):
            paths, deleted = stored.content.files(self._blobs)
            table = read_segments(paths, wanted, without=deleted)
        return fit(table, matching, inputs)


def _stored(transaction: Transaction, actor: Actor, project: str, collection: str) -> _Stored:
    dataset = find_collection(transaction, actor, project, collection)
    version = newest_version(transaction, dataset.id)
    return _Stored(dataset=dataset, version=version, content=content_of(transaction, version))


def _check_same_kind(trained: Layout, scored: Layout, collection: str) -> None:
    def kind(layout: Layout) -> str:
        return f"{'sparse' if layout.is_sparse else 'dense'} vectors of {layout.dim} numbers"

    if kind(trained) != kind(scored):
        raise InvalidInput(
            f"The collection {collection!r} has {kind(scored)}, the one to train on {kind(trained)}. "
            "Validate on one of the same type and dimension.",
            field="validation",
        )


def _labels(predictions: Predictions) -> list[Label]:
    if predictions.codes is None:
        return predictions.labels()
    numbers = as_numbers(predictions.classes)
    spelled: Sequence[Label] = (
        [cells.text(label) or "" for label in predictions.classes] if numbers is None else numbers
    )
    return [spelled[code] for code in predictions.codes.tolist()]


def as_numbers(classes: Sequence[Label]) -> tuple[float, ...] | None:
    """The numbers that the labels spell, each another one; None where they cannot be told apart so."""
    found: list[float] = []
    for label in classes:
        if isinstance(label, bool):
            return None
        try:
            number = cells.number(label) if isinstance(label, str) else float(label)
        except ValueError:
            return None
        if not math.isfinite(number):
            return None
        found.append(number)
    return tuple(found) if len(set(found)) == len(found) else None

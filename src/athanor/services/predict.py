"""Predict: rows in, predictions out, by the version that a registered model serves or by the best model of a run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.deployment import DeploymentState
from athanor.core.model import ModelVersion, RegisteredModel
from athanor.core.ports import BlobStore, Records
from athanor.engine.predictions import Predictions
from athanor.errors import Conflict, InvalidInput, NotSupported
from athanor.services.runs import view_of

if TYPE_CHECKING:
    from athanor.engine.evaluation import Evaluation
    from athanor.engine.serving.predictor import Predictor
    from athanor.engine.serving.reliance import Importance
    from athanor.engine.tables.dataset import Dataset

SEES_IMPORTANCE = (Scope.RUNS_READ, Scope.MODELS_READ)  # of these lets somebody see what a model relies on


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Predictions, in the order of the rows, and who gave them."""

    predictions: Predictions
    registered: RegisteredModel
    version: ModelVersion


def load_predictor(folder: Path) -> Predictor:
    from athanor.engine.serving.predictor import Predictor

    return Predictor.load(folder)


class LoadedModels:
    """Predictors that stay in memory, at most `memory` bytes of them; the least recently used goes first.

    Any number of threads may ask; a model is loaded by one of them while the others wait for it. One that is larger
    than `memory` alone is kept until the next one is loaded.
    """

    def __init__(self, blobs: BlobStore, memory: int, *, load: Callable[[Path], Predictor] = load_predictor) -> None:
        self._blobs = blobs
        self._memory = memory
        self._load = load
        self._lock = Lock()  # over the two tables below, never held while a model is loaded
        self._loaded: OrderedDict[str, Predictor] = OrderedDict()
        self._loading: dict[str, Lock] = {}

    def get(self, prefix: str) -> Predictor:
        """The predictor whose folder is at the blob prefix. Raises NotFound."""
        with self._lock:
            if prefix in self._loaded:
                self._loaded.move_to_end(prefix)
                return self._loaded[prefix]
            loading = self._loading.setdefault(prefix, Lock())
        with loading:
            with self._lock:
                if prefix in self._loaded:
                    return self._loaded[prefix]
            predictor = self._load(self._blobs.local(prefix))
            with self._lock:
                self._loaded[prefix] = predictor
                self._loading.pop(prefix, None)
                self._make_room()
            return predictor

    def _make_room(self) -> None:
        taken = sum(predictor.size_bytes for predictor in self._loaded.values())
        while taken > self._memory and len(self._loaded) > 1:
            _, gone = self._loaded.popitem(last=False)
            taken -= gone.size_bytes


class Predict:
    """Answers rows."""

    def __init__(self, records: Records, blobs: BlobStore, model_memory: int) -> None:
        self._records = records
        self.models = LoadedModels(blobs, model_memory)

    def rows(self, actor: Actor, registered_id: UUID, rows: Sequence[Mapping[str, Any]]) -> Answer:
        """One prediction a row. Raises Conflict where the model is not deployed, InvalidInput naming row and column."""
        actor.need(Scope.PREDICT)
        if not rows:
            raise InvalidInput("No rows came. Send at least one object with a value for each column.", field="rows")
        with self._records.look(actor.organization_id) as transaction:
            registered = transaction.registered.get(registered_id)
            deployment = transaction.deployments.first({"registered_id": registered.id})
            if deployment is None or deployment.state is not DeploymentState.ACTIVE:
                raise Conflict(
                    f"The model {registered.name!r} is not deployed, so it answers nothing. Deploy or start it first.",
                    code="model-not-deployed",
                )
            version = transaction.model_versions.get(deployment.version_id)
        predictions = self.models.get(version.artifact).predict_rows(rows)
        return Answer(predictions=predictions, registered=registered, version=version)

    def by_run(self, actor: Actor, run_id: UUID, table: Dataset) -> Evaluation:
        """One prediction a row by the run's best model, deployed or not, and how good those are that have a label.

        Raises Conflict where the run did not succeed, InvalidInput naming row and column.
        """
        from athanor.engine.evaluation import evaluate

        return evaluate(self.best_of(actor, run_id), table)

    def best_of(self, actor: Actor, run_id: UUID) -> Predictor:
        """The best model of a run, kept loaded. Raises Conflict where the run did not succeed."""
        actor.need(Scope.PREDICT)
        return self._best_of(actor, run_id)

    def importance(self, actor: Actor, run_id: UUID) -> tuple[Importance, ...]:
        """What the columns, or components of a vector, do for the run's best model, most first.

        Raises Conflict where the run did not succeed.
        """
        actor.need(*SEES_IMPORTANCE)
        return self._best_of(actor, run_id).importance()

    def _best_of(self, actor: Actor, run_id: UUID) -> Predictor:
        with self._records.look(actor.organization_id) as transaction:
            model = view_of(transaction, run_id).best
        if model.artifact is None:
            raise NotSupported(f"The files of model {model.name!r} were not kept; train again to predict with it.")
        return self.models.get(model.artifact)

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

import numpy as np
import pytest

from athanor.core.actor import Scope
from athanor.engine.predictions import Predictions
from athanor.engine.serving.reliance import Importance
from athanor.engine.tables.dataset import Dataset, Numbers
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Conflict, InvalidInput, NotFound, NotSupported, ScopeMissing
from athanor.services.predict import LoadedModels

TABLE = Dataset(
    Schema((ColumnSchema(name="age", type=ColumnType.NUMERIC, storage=Storage.FLOAT),)),
    {"age": Numbers(np.array([1.0, 2.0]))},
    2,
)


class Constant:
    """A predictor that answers with its folder's number."""

    problem, task, classes = "regression", Task(target="churned"), ()

    def __init__(self, folder, size_bytes=400):
        self.folder, self.size_bytes = folder, size_bytes

    def predict_rows(self, rows):
        return Predictions(values=np.full(len(rows), float(len(str(self.folder)))))

    def predict(self, table):
        return self.predict_rows(range(table.n_rows))

    def importance(self):
        return (Importance("age", None, 1.0),)


@pytest.fixture
def shelf(world):
    """Blob prefixes of four models, and what was loaded of them so far."""
    world.loaded = []
    (world.folder / "some").mkdir()
    (world.folder / "some" / "model.json").write_text("{}")
    for name in "abcd":
        world.blobs.put_folder(name, world.folder / "some")

    def load(folder):
        world.loaded.append(folder.name)
        return Constant(folder)

    world.models = LoadedModels(world.blobs, 1000, load=load)
    world.predict.models = world.models
    return world


def test_a_model_is_loaded_once(shelf):
    first = shelf.models.get("a")
    assert shelf.models.get("a") is first
    assert shelf.loaded == ["a"]


def test_the_least_recently_used_model_makes_room(shelf):
    for name in ("a", "b", "a", "c"):  # room for two
        shelf.models.get(name)
    shelf.models.get("a")
    assert shelf.loaded == ["a", "b", "c"]
    shelf.models.get("b")
    assert shelf.loaded == ["a", "b", "c", "b"]


def test_a_model_larger_than_the_memory_still_answers(shelf):
    models = LoadedModels(shelf.blobs, 100, load=Constant)
    assert models.get("a") is models.get("a")
    assert models.get("b") is not models.get("a")


def test_many_who_ask_first_at_once_load_a_model_once(shelf):
    together = Barrier(8)

    def ask(_):
        together.wait()
        return shelf.models.get("a")

    with ThreadPoolExecutor(8) as pool:
        assert len({id(predictor) for predictor in pool.map(ask, range(8))}) == 1
    assert shelf.loaded == ["a"]


def test_a_model_that_loads_slowly_holds_up_no_other(shelf):
    go, begun = Event(), Event()

    def load(folder):
        if folder.name == "a":
            begun.set()
            assert go.wait(10)
        return Constant(folder)

    models = LoadedModels(shelf.blobs, 1000, load=load)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(models.get, "a")
        assert begun.wait(10)
        assert models.get("b").folder.name == "b"
        go.set()
        assert slow.result(10).folder.name == "a"


def test_a_load_that_failed_is_tried_again(shelf):
    tries = []

    def load(folder):
        tries.append(folder)
        if len(tries) == 1:
            raise InvalidInput("broken")
        return Constant(folder)

    models = LoadedModels(shelf.blobs, 1000, load=load)
    with pytest.raises(InvalidInput, match="broken"):
        models.get("a")
    assert models.get("a").size_bytes == 400


def test_rows_are_answered_by_the_version_that_is_deployed(shelf):
    first = shelf.deploy.best(shelf.actor, shelf.a_finished_run().run.id, "churn")
    answer = shelf.predict.rows(shelf.actor, first.registered.id, [{"age": 1}, {}])
    assert (answer.version, answer.registered.id, len(answer.predictions)) == (first.version, first.registered.id, 2)
    second = shelf.deploy.best(shelf.actor, shelf.a_finished_run().run.id, "churn")
    assert shelf.predict.rows(shelf.actor, first.registered.id, [{}]).version == second.version


def test_a_model_that_is_stopped_answers_nothing_even_when_it_is_loaded(shelf):
    deployed = shelf.deploy.best(shelf.actor, shelf.a_finished_run().run.id)
    shelf.predict.rows(shelf.actor, deployed.registered.id, [{}])
    shelf.deploy.stop(shelf.actor, deployed.registered.id)
    with pytest.raises(Conflict) as caught:
        shelf.predict.rows(shelf.actor, deployed.registered.id, [{}])
    assert caught.value.code == "model-not-deployed"


def test_no_rows_are_refused_in_words(shelf):
    deployed = shelf.deploy.best(shelf.actor, shelf.a_finished_run().run.id)
    with pytest.raises(InvalidInput, match="at least one"):
        shelf.predict.rows(shelf.actor, deployed.registered.id, [])


def test_predicting_needs_its_scope_and_a_model_of_the_own_organization(shelf):
    deployed = shelf.deploy.best(shelf.actor, shelf.a_finished_run().run.id)
    with pytest.raises(ScopeMissing, match="predict"):
        shelf.predict.rows(shelf.without(Scope.PREDICT), deployed.registered.id, [{}])
    with pytest.raises(NotFound):
        shelf.predict.rows(shelf.an_actor(), deployed.registered.id, [{}])


def test_a_run_answers_a_table_whether_it_is_deployed_or_not(shelf):
    run = shelf.a_finished_run().run
    found = shelf.predict.by_run(shelf.actor, run.id, TABLE)
    assert len(found.predictions) == 2
    assert (found.n_labelled, found.scores) == (0, {})
    assert shelf.predict.importance(shelf.actor, run.id)[0].column == "age"
    assert len(shelf.loaded) == 1


def test_a_run_that_did_not_succeed_answers_nothing(shelf):
    run = shelf.a_running_run().run
    for ask in (
        lambda: shelf.predict.by_run(shelf.actor, run.id, TABLE),
        lambda: shelf.predict.importance(shelf.actor, run.id),
    ):
        with pytest.raises(Conflict, match="is running") as caught:
            ask()
        assert caught.value.code == "job-not-completed"


def test_a_run_whose_files_were_not_kept_says_so(shelf):
    run = shelf.a_finished_run().run
    with shelf.records.change(shelf.actor.organization_id) as transaction:
        best = transaction.models.find({"run_id": run.id}, sort="rank", limit=1).items[0]
        transaction.models.put(replace(best, artifact=None))
    with pytest.raises(NotSupported, match="train again"):
        shelf.predict.by_run(shelf.actor, run.id, TABLE)


def test_asking_a_run_needs_a_scope_and_a_run_of_the_own_organization(shelf):
    run = shelf.a_finished_run().run
    with pytest.raises(ScopeMissing, match="predict"):
        shelf.predict.by_run(shelf.without(Scope.PREDICT), run.id, TABLE)
    for scope in (Scope.RUNS_READ, Scope.MODELS_READ):
        shelf.predict.importance(shelf.without(scope), run.id)
    neither = shelf.actor.scopes - {Scope.RUNS_READ, Scope.MODELS_READ}
    with pytest.raises(ScopeMissing, match="models:read"):
        shelf.predict.importance(replace(shelf.actor, scopes=neither), run.id)
    with pytest.raises(NotFound):
        shelf.predict.by_run(shelf.an_actor(), run.id, TABLE)

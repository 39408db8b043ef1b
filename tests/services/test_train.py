from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.actor import Scope
from athanor.core.dataset import Origin
from athanor.core.job import JobKind, JobState, Lane
from athanor.core.ports import EVERYONE
from athanor.engine.models import FAMILIES
from athanor.engine.plan import Plan
from athanor.engine.problems import PROBLEMS
from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Impossible, InvalidInput, NotFound, ScopeMissing
from athanor.services.train import resolve

CHURN = Task(target="churned")


def a_schema(**storages: Storage) -> Schema:
    return Schema(
        tuple(ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=storage) for name, storage in storages.items())
    )


PLAIN = a_schema(age=Storage.INTEGER, spend=Storage.FLOAT, plan=Storage.STRING, churned=Storage.STRING)


def test_a_run_is_queued_with_its_job(world):
    dataset = world.a_dataset()
    view = world.a_run("  churn ", dataset)
    assert (view.run.name, view.state) == ("churn", JobState.QUEUED)
    assert (view.job.kind, view.job.lane, view.job.subject_id) == (JobKind.TRAIN, Lane.TRAIN, view.run.id)
    assert (view.run.dataset_id, view.run.version_id) == (dataset.dataset.id, dataset.version.id)
    assert world.runs.get(world.actor, view.run.id) == view


def test_task_plan_labels_and_origin_are_kept_with_the_run(world):
    task = Task(target="churned", problem="binary", metric="roc_auc", positive="yes", features=("age", "plan"))
    plan = Plan(time_limit_s=None, max_trials=3, seed=7, excluded_families=("linear",))
    origin = Origin(dialect="workbench", body={"hardware": "gpu"})
    view = world.a_run(task=task, plan=plan, labels={"domain": "telecom"}, origin=origin, description="a test")
    kept = world.runs.get(world.actor, view.run.id).run
    assert (kept.task, kept.plan, kept.origin) == (task, plan, origin)
    assert (kept.labels, kept.description) == ({"domain": "telecom"}, "a test")


def test_features_are_kept_once_and_without_target_excluded_and_weight():
    task = Task(
        target="churned", features=("age", "churned", "age", "plan", "spend"), excluded=("plan",), weight="spend"
    )
    assert resolve(task, PLAIN).features == ("age",)


def test_no_named_features_stay_no_named_features():
    assert resolve(CHURN, PLAIN).features is None


@pytest.mark.parametrize(
    ("task", "field"),
    [
        (Task(target="Churned"), "target"),
        (replace(CHURN, features=("age", "colour")), "features"),
        (replace(CHURN, excluded=("colour",)), "excluded"),
        (replace(CHURN, types={"colour": ColumnType.TEXT}), "types"),
        (replace(CHURN, weight="colour"), "weight"),
        (replace(CHURN, weight="plan"), "weight"),
        (replace(CHURN, weight="churned"), "weight"),
        (replace(CHURN, features=("churned",)), "features"),
        (replace(CHURN, excluded=("age", "spend", "plan")), "features"),
        (replace(CHURN, problem="ranking"), "problem"),
        (replace(CHURN, problem="regression"), "problem"),
        (replace(CHURN, metric="auc"), "metric"),
        (replace(CHURN, metric="rmse"), "metric"),
        (replace(CHURN, problem="binary", metric="rmse"), "metric"),
        (replace(CHURN, default_metrics={"binary": "auc"}), "metric"),
        (Task(target="spend", problem="regression", metric="accuracy"), "metric"),
    ],
)
def test_what_cannot_be_is_refused_at_once_and_the_field_is_named(task, field):
    with pytest.raises(InvalidInput) as caught:
        resolve(task, PLAIN)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "task",
    [
        replace(CHURN, problem="binary", metric="roc_auc"),
        replace(CHURN, metric="accuracy"),
        Task(target="spend", metric="accuracy"),
        Task(target="spend", metric="rmse"),
        Task(target="age", problem="multiclass"),
        replace(CHURN, weight="spend"),
    ],
)
def test_what_can_be_is_accepted(task):
    assert resolve(task, PLAIN) == task


@pytest.mark.parametrize("storage", [Storage.DATETIME, Storage.DENSE, Storage.SPARSE])
def test_times_and_vectors_are_no_targets(storage):
    with pytest.raises(InvalidInput, match="cannot be a target") as caught:
        resolve(Task(target="it"), a_schema(it=storage, other=Storage.FLOAT))
    assert caught.value.field == "target"


def test_a_message_about_a_missing_column_names_those_that_are_there():
    with pytest.raises(InvalidInput, match="age, spend, plan, churned"):
        resolve(Task(target="x"), PLAIN)


@pytest.mark.parametrize("storage", list(Storage))
@pytest.mark.parametrize("problem", PROBLEMS.names())
def test_a_target_is_accepted_as_its_problem_says_that_it_may_be_stored(problem, storage):
    task, schema = Task(target="it", problem=problem), a_schema(it=storage, other=Storage.FLOAT)
    if storage in PROBLEMS[problem].targets:
        assert resolve(task, schema) == task
    else:
        with pytest.raises(InvalidInput, match="'it'"):
            resolve(task, schema)


def test_families_to_exclude_must_exist_and_one_must_be_left(world):
    with pytest.raises(InvalidInput, match="No model family 'svm'"):
        world.a_run(plan=Plan(excluded_families=("svm",)))
    with pytest.raises(InvalidInput, match="leave at least one"):
        world.a_run(plan=Plan(excluded_families=tuple(FAMILIES.names())))


def test_one_row_is_too_few(world):
    with pytest.raises(Impossible, match="1 row"):
        world.a_run(dataset=world.a_dataset(text="age,churned\n1,yes\n"))


def test_what_is_refused_leaves_no_run(world):
    dataset = world.a_dataset()
    before = world.audited()
    with pytest.raises(InvalidInput):
        world.a_run(dataset=dataset, task=Task(target="nothing"))
    assert (world.all_of("runs"), world.audited()) == ([], before)


def test_the_newest_version_is_learned_from(world):
    dataset = world.a_dataset()
    newer = replace(dataset.version, id=dataset.dataset.id, number=2)
    with world.records.change(EVERYONE) as transaction:
        transaction.versions.add(newer)
    assert world.a_run(dataset=dataset).run.version_id == newer.id


def test_a_dataset_of_another_organization_does_not_exist(world):
    dataset = world.a_dataset(actor=world.an_actor())
    with pytest.raises(NotFound):
        world.a_run(dataset=dataset)


def test_starting_a_run_needs_its_scope_and_is_audited(world):
    dataset = world.a_dataset()
    with pytest.raises(ScopeMissing, match="runs:write"):
        world.train.start(
            world.without(Scope.RUNS_WRITE), dataset_id=dataset.dataset.id, name="x", task=CHURN, plan=Plan()
        )
    world.a_run(dataset=dataset)
    assert world.audited() == ["dataset.create", "run.create"]


@pytest.mark.parametrize(("field", "given"), [("name", {"name": " "}), ("description", {"description": "x" * 10_001})])
def test_names_and_descriptions_have_bounds(world, field, given):
    with pytest.raises(InvalidInput) as caught:
        world.a_run(**given)
    assert caught.value.field == field

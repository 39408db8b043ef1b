from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from athanor.core.actor import Scope
from athanor.core.dataset import DatasetVersion, Origin
from athanor.core.ids import new_id
from athanor.core.job import JobKind, JobState, Lane
from athanor.core.ports import EVERYONE
from athanor.engine.models import FAMILIES
from athanor.engine.plan import Plan
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Dataset, Numbers, Times, Words
from athanor.engine.tables.overrides import with_types
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Conflict, Impossible, InvalidInput, NotFound, ScopeMissing
from athanor.services.aliases import Naming
from athanor.services.train import as_meant, check_validation, resolve

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


def test_runs_of_one_name_get_handles_of_their_own(world):
    dataset = world.a_dataset()
    handles = [world.a_run("Churn 2024", dataset).run.handle for _ in range(3)]
    assert handles == ["churn-2024", "churn-2024-2", "churn-2024-3"]
    assert world.a_run("Churn 2024").run.handle == "churn-2024"  # of another dataset


def test_a_given_handle_is_kept_as_it_is_and_can_be_given_once(world):
    dataset = world.a_dataset()
    assert world.a_run("m", dataset, handle="Model 1").run.handle == "Model 1"
    before = world.audited()
    with pytest.raises(Conflict, match="'Model 1' already exists") as caught:
        world.a_run("m", dataset, handle="Model 1")
    assert caught.value.code == "model-exists"
    assert world.audited() == before
    assert world.a_run("m", handle="Model 1").run.handle == "Model 1"  # of another dataset


def test_a_given_handle_keeps_to_the_rule(world):
    with pytest.raises(InvalidInput, match="1 to 128 characters") as caught:
        world.a_run(handle="../up")
    assert caught.value.field == "name"


def test_the_job_is_named_where_a_dialect_asks_for_it(world):
    dataset, naming = world.a_dataset(), Naming(dialect="vecml", text="a_TrainJob", said={"model_name": "m"})
    views = [world.a_run("m", dataset, naming=naming) for _ in range(2)]
    assert [view.job_name for view in views] == ["a_TrainJob", "a_TrainJob_2"]
    assert {alias.object_id: alias.said for alias in world.all_of("aliases")} == {
        view.job.id: {"model_name": "m"} for view in views
    }
    assert world.a_run("n", dataset).job_name is None


# --- what columns mean decides what they can be -----------------------------------------------------------------------

RETYPED = {ColumnType.NUMERIC, ColumnType.CATEGORICAL, ColumnType.DATETIME, ColumnType.TEXT, ColumnType.BOOLEAN}
CELLS = {
    Storage.FLOAT: Numbers(np.array([1.5, 2.5])),
    Storage.INTEGER: Numbers(np.array([1_700_000_000.0, 1_700_000_001.0])),
    Storage.BOOLEAN: Numbers(np.array([0.0, 1.0])),
    Storage.STRING: Words.of(["1700000000", "1700000001"]),
    Storage.DATETIME: Times(np.array(["2024-01-01", "2024-01-02"], "datetime64[us]")),
}


@pytest.mark.parametrize("meaning", sorted(RETYPED))
@pytest.mark.parametrize("storage", CELLS)
def test_the_storage_that_a_meaning_asks_for_is_the_one_that_cells_are_read_in(storage, meaning):
    schema = a_schema(it=storage)
    try:
        read = with_types(Dataset(schema, {"it": CELLS[storage]}, 2), {"it": meaning})
    except InvalidInput:
        return  # the job will say which cell
    assert as_meant(schema, {"it": meaning})["it"].storage is read.schema["it"].storage


def test_a_column_of_words_that_is_meant_as_numbers_can_be_a_regression_target_and_a_weight():
    types = {"churned": ColumnType.NUMERIC}
    task = Task(target="churned", problem="regression", metric="rmse", types=types)
    assert resolve(task, PLAIN) == task
    weighted = Task(target="plan", weight="churned", types=types)
    assert resolve(weighted, PLAIN) == weighted


def test_numbers_that_are_meant_as_points_in_time_are_no_target():
    with pytest.raises(InvalidInput, match="points in time"):
        resolve(Task(target="age", types={"age": ColumnType.DATETIME}), PLAIN)


# --- validation ---------------------------------------------------------------------------------------------------------

VECTORS = Schema(
    (
        ColumnSchema(name="id", type=ColumnType.ID, storage=Storage.STRING),
        ColumnSchema(name="vector", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=4),
        ColumnSchema(name="label", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
        ColumnSchema(name="weight", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
    )
)


def a_version(*columns, n_rows=3, **changes):
    """Of a dataset to validate on: VECTORS, less or with other columns."""
    left = tuple(column for column in VECTORS.columns if column.name not in columns)
    changed = tuple(replace(column, **changes.get(column.name, {})) for column in left)
    return DatasetVersion(
        id=new_id(),
        organization_id=new_id(),
        dataset_id=new_id(),
        number=1,
        n_segments=1,
        n_rows=n_rows,
        schema=Schema(changed),
        warnings=(),
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def test_a_run_is_validated_on_the_newest_version_of_the_other_dataset(world):
    dataset, other = world.a_dataset(), world.a_dataset(text="age,plan,spend,churned\n1,basic,2,yes\n2,plus,3,no\n")
    view = world.a_run(dataset=dataset, validation_id=other.dataset.id)
    assert (view.run.version_id, view.run.validation_version_id) == (dataset.version.id, other.version.id)
    assert world.a_run(dataset=dataset).run.validation_version_id is None


def test_a_dataset_that_lacks_the_target_or_a_feature_is_no_validation(world):
    dataset, other = world.a_dataset(), world.a_dataset(text="age,plan,churned\n1,basic,yes\n2,plus,no\n")
    with pytest.raises(InvalidInput, match="no column 'spend'") as caught:
        world.a_run(dataset=dataset, validation_id=other.dataset.id)
    assert caught.value.field == "validation"
    assert world.a_run(dataset=dataset, validation_id=other.dataset.id, task=replace(CHURN, excluded=("spend",)))
    assert world.a_run(dataset=dataset, validation_id=other.dataset.id, task=replace(CHURN, features=("age",)))


def test_another_organizations_dataset_is_no_validation(world):
    other = world.a_dataset(actor=world.an_actor())
    with pytest.raises(NotFound):
        world.a_run(validation_id=other.dataset.id)


@pytest.mark.parametrize(
    ("version", "match"),
    [
        (a_version("label"), "no column 'label'"),
        (a_version("vector"), "no column 'vector'"),
        (a_version(vector={"dim": 5}), "dense vectors of 4, and dense vectors of 5"),
        (a_version(vector={"storage": Storage.SPARSE}), "dense vectors of 4, and sparse vectors of 4"),
        (a_version(vector={"storage": Storage.STRING, "dim": None}), "dense vectors of 4, and words"),
        (a_version(label={"storage": Storage.DENSE, "dim": 2}), "words, and dense vectors of 2"),
        (a_version(n_rows=0), "no rows"),
    ],
)
def test_what_a_model_cannot_be_scored_on_is_no_validation(version, match):
    task = Task(target="label", features=("vector",), weight="weight")
    with pytest.raises(InvalidInput, match=match) as caught:
        check_validation(task, VECTORS, version)
    assert caught.value.field == "validation"


@pytest.mark.parametrize("version", [a_version(), a_version("weight"), a_version("id"), a_version("id", "weight")])
@pytest.mark.parametrize("features", [None, ("vector",)])
def test_ids_and_weights_are_not_needed_for_a_validation(version, features):
    check_validation(Task(target="label", features=features, weight="weight"), VECTORS, version)


# --- going on -----------------------------------------------------------------------------------------------------------


def test_a_run_that_has_ended_goes_on_with_a_job_of_its_own_limits(world):
    view = world.a_finished_run()
    world.leave_folds(view, 4)
    continued = world.train.continue_(world.actor, view.run.id, time_limit_s=120.0)
    job = continued.job
    assert (job.kind, job.lane, job.state, job.spent_s) == (JobKind.CONTINUE, Lane.TRAIN, JobState.QUEUED, 0.0)
    assert (job.follows, job.checkpoints) == (view.job.id, 4)
    assert job.plan == continued.plan == replace(view.run.plan, time_limit_s=120.0)
    assert continued.run == replace(view.run, job_id=job.id), "what was asked for at first stands there still"
    assert continued.models == view.models
    assert world.audited()[-1] == "run.continue"


def test_trials_are_added_to_those_that_the_run_has_however_often(world):
    view = world.a_run(plan=Plan(time_limit_s=None, max_trials=2))
    world.put_in_state(view, JobState.RUNNING, JobState.STOPPED)
    world.leave_folds(view)
    first = world.train.continue_(world.actor, view.run.id, more_trials=3)
    assert (first.plan.max_trials, first.plan.time_limit_s) == (5, None)
    world.put_in_state(first, JobState.RUNNING, JobState.SUCCEEDED)
    assert world.train.continue_(world.actor, view.run.id, more_trials=1).plan.max_trials == 6


@pytest.mark.parametrize("state", [JobState.READY, JobState.QUEUED, JobState.RUNNING])
def test_a_run_that_is_under_way_cannot_be_continued(world, state):
    view = world.a_finished_run()
    world.leave_folds(view)
    continued = world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    world.change_job(continued, state=state)
    with pytest.raises(Conflict, match=f"The run is {state.value}") as caught:
        world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    assert caught.value.code == "job-running"


def test_a_run_whose_checkpoints_are_gone_cannot_be_continued(world):
    view = world.a_finished_run()
    with pytest.raises(Conflict, match="checkpoints of the run are gone") as caught:
        world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    assert caught.value.code == "checkpoints-gone"
    assert world.runs.get(world.actor, view.run.id) == view


def test_a_run_whose_validation_dataset_is_gone_cannot_be_continued(world):
    view = world.a_run(validation_id=world.a_dataset(name="scored").dataset.id)
    world.put_in_state(view, JobState.RUNNING, JobState.SUCCEEDED)
    world.leave_folds(view)
    with world.records.change(EVERYONE) as transaction:
        transaction.runs.put(replace(view.run, validation_version_id=new_id()))
    with pytest.raises(Conflict, match="validated on was deleted") as caught:
        world.train.continue_(world.actor, view.run.id, time_limit_s=60.0)
    assert caught.value.code == "dataset-gone"


def test_a_run_goes_on_with_more_of_something(world):
    view = world.a_finished_run()
    world.leave_folds(view)
    with pytest.raises(InvalidInput, match="more time or more trials"):
        world.train.continue_(world.actor, view.run.id)
    with pytest.raises(InvalidInput, match="no more to add"):
        world.train.continue_(world.actor, view.run.id, more_trials=1)


def test_only_those_go_on_with_a_run_who_may_and_whose_it_is(world):
    view = world.a_finished_run()
    with pytest.raises(ScopeMissing):
        world.train.continue_(world.without(Scope.RUNS_WRITE), view.run.id, time_limit_s=60.0)
    with pytest.raises(NotFound):
        world.train.continue_(world.an_actor(), view.run.id, time_limit_s=60.0)

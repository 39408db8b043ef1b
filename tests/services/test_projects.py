from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.actor import Scope, User
from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import JobState
from athanor.core.ports import EVERYONE
from athanor.errors import Conflict, Forbidden, InvalidInput, NotFound, ScopeMissing
from athanor.services.aliases import Naming


@pytest.fixture
def colleague(world):
    """Another user of the same organization."""
    user = User(id=new_id(), organization_id=world.actor.organization_id, name="jan", created_at=world.clock())
    with world.records.change(EVERYONE) as transaction:
        transaction.users.add(user)
    return replace(world.actor, user_id=user.id)


def a_dataset_in(world, project, **more):
    view = world.a_dataset(**more)
    with world.records.change(EVERYONE) as transaction:
        moved = replace(transaction.datasets.get(view.dataset.id), project_id=project.id)
        transaction.datasets.put(moved)
    return replace(view, dataset=moved)


def names(projects):
    return [project.handle for project in projects]


def test_a_project_is_made_with_its_name_as_it_is_and_its_labels(world):
    made = world.projects.create(world.actor, "AutoML-Demo", labels={"application": "autoML"})
    assert (made.handle, made.name, made.is_shared) == ("AutoML-Demo", "AutoML-Demo", False)
    assert world.projects.get(world.actor, "AutoML-Demo") == made
    assert made.labels == {"application": "autoML"}


def test_a_name_is_taken_once_made_and_nothing_is_changed(world):
    made = world.projects.create(world.actor, "demo", labels={"a": "1"})
    with pytest.raises(Conflict, match="'demo' already exists") as caught:
        world.projects.create(world.actor, "demo", labels={"a": "2"})
    assert caught.value.code == "project-exists"
    assert world.projects.get(world.actor, "demo") == made


def test_names_are_told_apart_by_their_case(world):
    world.projects.create(world.actor, "demo")
    world.projects.create(world.actor, "Demo")
    assert names(world.projects.list(world.actor)) == ["default", "demo", "Demo"]


def test_the_name_of_a_shared_project_is_taken_for_everybody(world):
    with pytest.raises(Conflict, match="already exists"):
        world.projects.create(world.actor, "default")


def test_two_users_may_both_have_a_project_of_one_name(world, colleague):
    mine = world.projects.create(world.actor, "demo")
    theirs = world.projects.create(colleague, "demo")
    assert mine.id != theirs.id
    assert world.projects.get(world.actor, "demo") == mine
    assert world.projects.get(colleague, "demo") == theirs


def test_a_user_sees_their_own_and_the_shared_projects_oldest_first(world, colleague):
    for name in ("b", "a"):
        world.clock.pass_(minutes=1)
        world.projects.create(world.actor, name)
    world.projects.create(colleague, "theirs")
    assert names(world.projects.list(world.actor)) == ["default", "b", "a"]
    assert names(world.projects.list(colleague)) == ["default", "theirs"]
    assert names(world.projects.list(world.an_actor())) == ["default"]


@pytest.mark.parametrize("whose", ["a colleague", "a stranger"])
def test_somebody_elses_project_does_not_exist(world, colleague, whose):
    world.projects.create(world.actor, "demo")
    other = colleague if whose == "a colleague" else world.an_actor()
    for ask in (world.projects.get, world.projects.delete):
        with pytest.raises(NotFound, match=r"The project 'demo' does not exist\."):
            ask(other, "demo")
    assert world.projects.get(world.actor, "demo")


@pytest.mark.parametrize("name", ["", " ", ".hidden", "a/b", "../up", "x" * 129, "a\nb", " a", "a "])
def test_a_name_that_is_no_handle_is_refused(world, name):
    with pytest.raises(InvalidInput, match="1 to 128 characters"):
        world.projects.create(world.actor, name)


def test_a_deleted_project_goes_with_all_that_stands_in_it_and_nothing_else(world, colleague):
    kept = world.a_finished_run("kept")
    before = {what: world.all_of(what) for what in ("datasets", "versions", "segments", "runs", "jobs", "models")}
    blobs, theirs = set(world.blobs.keys()), world.projects.create(colleague, "demo")
    project = world.projects.create(world.actor, "demo")
    dataset = a_dataset_in(world, project, text="id,age,churned\na,1,yes\nb,2,no\nragged\nc,3,no\n", id_column="id")
    for name, states in (("waits", []), ("runs", [JobState.RUNNING]), ("failed", [JobState.RUNNING, JobState.FAILED])):
        naming = Naming(dialect="vecml", text=name)
        view = world.a_run(name, dataset, naming=naming, validation_id=dataset.dataset.id)
        world.tell(view, (EventKind.LINE, {"level": "info", "message": "hello"}))
        world.put_in_state(view, *states, error="broken")
        (world.runs_folder / str(view.run.id) / "trials").mkdir(parents=True)
    discarded = world.a_run("discarded", dataset, naming=Naming(dialect="vecml", text="discarded"))
    world.runs.discard(world.actor, discarded.run.id)
    world.projects.delete(world.actor, "demo")
    assert {what: world.all_of(what) for what in before} == before
    assert world.all_of("aliases") == []
    assert set(world.blobs.keys()) == blobs
    assert list(world.runs_folder.iterdir()) == []
    assert world.runs.get(world.actor, kept.run.id) == kept
    assert world.projects.get(colleague, "demo") == theirs
    with pytest.raises(NotFound, match="does not exist"):
        world.projects.get(world.actor, "demo")
    assert world.projects.create(world.actor, "demo").id != project.id


def test_a_shared_project_cannot_be_deleted(world):
    world.a_dataset()
    with pytest.raises(Forbidden, match="'default'"):
        world.projects.delete(world.actor, "default")
    assert len(world.all_of("datasets")) == 1


def test_making_and_deleting_projects_is_in_the_audit_log(world):
    world.projects.create(world.actor, "demo")
    world.projects.delete(world.actor, "demo")
    assert world.audited() == ["project.create", "project.delete"]


def test_projects_need_the_scopes_of_what_stands_in_them(world):
    world.projects.create(world.actor, "demo")
    asked = {
        Scope.DATA_READ: [lambda actor: world.projects.get(actor, "demo"), world.projects.list],
        Scope.DATA_WRITE: [
            lambda actor: world.projects.create(actor, "more"),
            lambda actor: world.projects.delete(actor, "demo"),
        ],
        Scope.RUNS_WRITE: [lambda actor: world.projects.delete(actor, "demo")],
    }
    for scope, asks in asked.items():
        for ask in asks:
            with pytest.raises(ScopeMissing, match=scope.value):
                ask(world.without(scope))

from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.actor import Scope
from athanor.core.deployment import DeploymentState
from athanor.core.ids import new_id
from athanor.core.job import JobState
from athanor.core.model import Model
from athanor.core.ports import EVERYONE
from athanor.errors import Conflict, NotFound, NotSupported, ScopeMissing
from athanor.services.deploy import Deploy


def test_the_best_model_of_a_run_is_registered_and_answers(world):
    view = world.a_finished_run("churn")
    deployed = world.deploy.best(world.actor, view.run.id)
    assert (deployed.registered.name, deployed.registered.handle) == ("churn - Best", "churn-best")
    assert (deployed.version.number, deployed.version.model_id) == (1, view.models[0].id)
    assert (deployed.version.metric, deployed.version.score) == ("accuracy", 0.9)
    assert deployed.deployment.state is DeploymentState.ACTIVE
    assert deployed.deployment.version_id == deployed.version.id


def test_a_version_has_files_of_its_own(world):
    view = world.a_finished_run()
    version = world.deploy.best(world.actor, view.run.id).version
    assert version.artifact == f"registered/{version.id}"
    assert (world.blobs.local(version.artifact) / "model.json").is_file()


def test_deploying_again_gives_the_same(world):
    view = world.a_finished_run()
    first = world.deploy.best(world.actor, view.run.id)
    blobs, audited = set(world.blobs.keys()), world.audited()
    assert world.deploy.best(world.actor, view.run.id, "another name") == first
    assert (set(world.blobs.keys()), world.audited()) == (blobs, audited)


def test_deploying_again_starts_what_was_stopped(world):
    view = world.a_finished_run()
    first = world.deploy.best(world.actor, view.run.id)
    world.deploy.stop(world.actor, first.registered.id)
    again = world.deploy.best(world.actor, view.run.id)
    assert (again.registered.id, again.deployment.state) == (first.registered.id, DeploymentState.ACTIVE)


def test_a_run_whose_registered_model_was_deleted_can_be_deployed_anew(world):
    view = world.a_finished_run()
    first = world.deploy.best(world.actor, view.run.id)
    world.deploy.stop(world.actor, first.registered.id)
    world.register.delete(world.actor, first.registered.id)
    assert world.deploy.best(world.actor, view.run.id).registered.id != first.registered.id


def test_a_registered_model_may_have_the_name_it_is_given(world):
    view = world.a_finished_run()
    assert world.deploy.best(world.actor, view.run.id, " Churn v2 ").registered.name == "Churn v2"


def test_a_given_name_that_is_there_gets_another_version_which_answers(world):
    first = world.deploy.best(world.actor, world.a_finished_run().run.id, "churn")
    second = world.deploy.best(world.actor, world.a_finished_run().run.id, "churn")
    assert second.registered.id == first.registered.id
    assert (second.version.number, second.deployment.version_id) == (2, second.version.id)
    assert second.deployment.id == first.deployment.id


def test_runs_of_the_same_name_become_different_registered_models(world):
    handles = [world.deploy.best(world.actor, world.a_finished_run("x").run.id).registered.handle for _ in range(2)]
    assert handles == ["x-best", "x-best-2"]


def test_a_long_name_leaves_room_for_what_is_added(world):
    view = world.a_finished_run("x" * 200)
    assert len(world.deploy.best(world.actor, view.run.id).registered.name) == 200


@pytest.mark.parametrize("states", [[], [JobState.RUNNING], [JobState.STOPPED], [JobState.RUNNING, JobState.FAILED]])
def test_only_a_run_that_succeeded_is_deployed(world, states):
    view = world.a_run()
    if states:
        world.put_in_state(view, *states, error="broken")
    with pytest.raises(Conflict) as caught:
        world.deploy.best(world.actor, view.run.id)
    assert caught.value.code == "job-not-completed"


def test_two_who_deploy_at_once_get_the_same_model_and_one_copy(world):
    view = world.a_finished_run()
    rival = []

    class Slow:
        """Blobs under which the rival is faster: while our copy is made, theirs is recorded."""

        def __getattr__(self, name):
            return getattr(world.blobs, name)

        def put_folder(self, prefix, folder):
            world.blobs.put_folder(prefix, folder)
            rival.append(world.deploy.best(world.actor, view.run.id))

    slow = Deploy(world.records, Slow(), world.clock)
    assert slow.best(world.actor, view.run.id) == rival[0]
    assert {key.split("/")[1] for key in world.blobs.keys("registered")} == {str(rival[0].version.id)}


def test_a_run_that_is_deleted_meanwhile_leaves_no_copy(world):
    view = world.a_finished_run()

    class Slow:
        def __getattr__(self, name):
            return getattr(world.blobs, name)

        def put_folder(self, prefix, folder):
            world.blobs.put_folder(prefix, folder)
            world.runs.delete(world.actor, view.run.id)

    with pytest.raises(NotFound):
        Deploy(world.records, Slow(), world.clock).best(world.actor, view.run.id)
    assert list(world.blobs.keys("registered")) == []


def a_run_without_files(world):
    view = world.a_finished_run()
    with world.records.change(EVERYONE) as transaction:
        transaction.models.put(replace(view.models[0], artifact=None))
    return view


def test_a_model_without_files_is_made_when_it_is_asked_for(world):
    view = a_run_without_files(world)
    (world.folder / "made").mkdir()
    (world.folder / "made" / "model.json").write_text("made")

    def materialize(model: Model) -> str:
        world.blobs.put_folder(f"models/{model.id}", world.folder / "made")
        return f"models/{model.id}"

    deploy = Deploy(world.records, world.blobs, world.clock, materialize=materialize)
    version = deploy.best(world.actor, view.run.id).version
    assert (world.blobs.local(version.artifact) / "model.json").read_text() == "made"


def test_a_model_without_files_that_cannot_be_made_is_refused_in_words(world):
    with pytest.raises(NotSupported, match="were not kept"):
        world.deploy.best(world.actor, a_run_without_files(world).run.id)


def test_a_deployment_is_stopped_and_started_any_number_of_times(world):
    registered = world.deploy.best(world.actor, world.a_finished_run().run.id).registered
    for call, is_deployed in [
        (world.deploy.stop, False),
        (world.deploy.stop, False),
        (world.deploy.start, True),
        (world.deploy.start, True),
    ]:
        assert call(world.actor, registered.id).is_deployed is is_deployed
        assert world.register.get(world.actor, registered.id).is_deployed is is_deployed
    assert world.audited()[-2:] == ["deployment.stop", "deployment.start"]


def test_a_run_of_another_organization_does_not_exist(world):
    view, stranger = world.a_finished_run(), world.an_actor()
    with pytest.raises(NotFound):
        world.deploy.best(stranger, view.run.id)
    registered = world.deploy.best(world.actor, view.run.id).registered
    for call in (world.deploy.stop, world.deploy.start):
        with pytest.raises(NotFound):
            call(stranger, registered.id)


def test_deploying_and_steering_deployments_need_their_scopes(world):
    view = world.a_finished_run()
    with pytest.raises(ScopeMissing, match="runs:write"):
        world.deploy.best(world.without(Scope.RUNS_WRITE), view.run.id)
    registered = world.deploy.best(world.actor, view.run.id).registered
    for call in (world.deploy.stop, world.deploy.start):
        with pytest.raises(ScopeMissing, match="models:write"):
            call(world.without(Scope.MODELS_WRITE), registered.id)


def test_every_step_is_in_the_audit_log(world):
    view = world.a_finished_run()
    before = len(world.audited())
    world.deploy.best(world.actor, view.run.id)
    assert set(world.audited()[before:]) == {"model.register", "model.add-version", "deployment.start"}


def test_a_run_that_was_continued_is_deployed_anew_as_the_next_version(world):
    view = world.a_finished_run("churn")
    first = world.deploy.best(world.actor, view.run.id)
    with world.records.change(EVERYONE) as transaction:  # as a continuation leaves it
        best = transaction.models.get(view.best.id)
        transaction.models.remove(best.id)
        transaction.models.add(replace(best, id=new_id(), score=0.95))
    second = world.deploy.best(world.actor, view.run.id)
    assert second.registered.id == first.registered.id
    assert (second.version.number, second.version.score) == (2, 0.95)
    assert second.deployment.version_id == second.version.id
    assert world.deploy.best(world.actor, view.run.id) == second

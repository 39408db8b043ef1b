from __future__ import annotations

import pytest

from athanor.core.actor import Scope
from athanor.errors import Conflict, InvalidInput, NotFound, ScopeMissing


@pytest.fixture
def shelf(world):
    """Three registered models, made a minute apart; the second is stopped."""
    world.made = {}
    for name in ("churn", "Prices", "fraud"):
        view = world.a_finished_run(name)
        world.made[name] = world.deploy.best(world.actor, view.run.id, name).registered
        world.clock.pass_(minutes=1)
    world.deploy.stop(world.actor, world.made["Prices"].id)
    return world


def names(page) -> list[str]:
    return [view.registered.name for view in page.items]


def test_models_are_found_newest_first_and_page_by_page(shelf):
    assert names(shelf.register.find(shelf.actor)) == ["fraud", "Prices", "churn"]
    page = shelf.register.find(shelf.actor, limit=1, offset=1)
    assert (names(page), page.total) == (["Prices"], 3)


@pytest.mark.parametrize(("is_deployed", "found"), [(True, ["churn", "fraud"]), (False, ["Prices"])])
def test_models_are_found_by_whether_they_answer(shelf, is_deployed, found):
    page = shelf.register.find(shelf.actor, is_deployed=is_deployed, sort="name", descending=False)
    assert (names(page), page.total) == (found, len(found))
    first = shelf.register.find(shelf.actor, is_deployed=is_deployed, sort="name", descending=False, limit=1)
    assert (names(first), first.total) == (found[:1], len(found))


def test_models_are_found_by_text_and_source(shelf):
    shelf.register.update(shelf.actor, shelf.made["fraud"].id, description="knows PRICES")
    assert names(shelf.register.find(shelf.actor, search="prices")) == ["fraud", "Prices"]
    assert names(shelf.register.find(shelf.actor, source="automl")) == ["fraud", "Prices", "churn"]
    assert names(shelf.register.find(shelf.actor, source="manual", is_deployed=True)) == []


def test_an_unknown_order_is_refused_in_words(shelf):
    with pytest.raises(InvalidInput, match="created_at"):
        shelf.register.find(shelf.actor, sort="colour")


def test_versions_come_newest_first(shelf):
    shelf.deploy.best(shelf.actor, shelf.a_finished_run("again").run.id, "churn")
    view = shelf.register.get(shelf.actor, shelf.made["churn"].id)
    assert [version.number for version in view.versions] == [2, 1]
    assert view.served == view.versions[0]
    assert shelf.register.versions(shelf.actor, shelf.made["churn"].id) == view.versions


def test_an_update_changes_what_is_given_and_nothing_else(shelf):
    before = shelf.register.get(shelf.actor, shelf.made["churn"].id).registered
    changed = shelf.register.update(shelf.actor, before.id, description="new", labels={"team": "a"}).registered
    assert (changed.name, changed.handle) == (before.name, before.handle)
    assert (changed.description, changed.labels) == ("new", {"team": "a"})
    assert changed.updated_at > before.updated_at
    assert shelf.register.update(shelf.actor, before.id, description="").registered.description is None
    with pytest.raises(InvalidInput, match="empty"):
        shelf.register.update(shelf.actor, before.id, name=" ")


def test_a_model_that_answers_is_not_deleted(shelf):
    with pytest.raises(Conflict) as caught:
        shelf.register.delete(shelf.actor, shelf.made["churn"].id)
    assert caught.value.code == "model-in-use"


def test_a_deleted_model_is_gone_with_its_versions_and_files(shelf):
    gone = shelf.register.get(shelf.actor, shelf.made["Prices"].id)
    shelf.register.delete(shelf.actor, gone.registered.id)
    with pytest.raises(NotFound):
        shelf.register.get(shelf.actor, gone.registered.id)
    assert gone.registered.id not in {version.registered_id for version in shelf.all_of("model_versions")}
    assert list(shelf.blobs.keys(gone.versions[0].artifact)) == []
    assert len(shelf.all_of("runs")) == 3, "the run stays"


def test_a_model_of_another_organization_does_not_exist(shelf):
    stranger, model_id = shelf.an_actor(), shelf.made["churn"].id
    assert shelf.register.find(stranger).total == 0
    for call in (shelf.register.get, shelf.register.versions, shelf.register.update, shelf.register.delete):
        with pytest.raises(NotFound):
            call(stranger, model_id)


def test_reading_and_writing_models_need_their_scopes(shelf):
    model_id = shelf.made["Prices"].id
    for call in (shelf.register.get, shelf.register.versions):
        with pytest.raises(ScopeMissing, match="models:read"):
            call(shelf.without(Scope.MODELS_READ), model_id)
    with pytest.raises(ScopeMissing, match="models:read"):
        shelf.register.find(shelf.without(Scope.MODELS_READ))
    for call in (shelf.register.update, shelf.register.delete):
        with pytest.raises(ScopeMissing, match="models:write"):
            call(shelf.without(Scope.MODELS_WRITE), model_id)


def test_changes_are_in_the_audit_log(shelf):
    shelf.register.update(shelf.actor, shelf.made["Prices"].id, name="new")
    shelf.register.delete(shelf.actor, shelf.made["Prices"].id)
    assert shelf.audited()[-2:] == ["model.update", "model.delete"]

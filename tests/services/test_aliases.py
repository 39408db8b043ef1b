from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.actor import User
from athanor.core.ids import new_id
from athanor.core.ports import EVERYONE
from athanor.errors import Conflict, NotFound
from athanor.services.aliases import Naming, give_name, named

UPLOAD = Naming(dialect="vecml", text="eva_p_c_UploadJob")


@pytest.fixture
def name(world):
    """Gives a name to something new."""

    def give(naming=UPLOAD, *, actor=None, object_id=None):
        actor = actor or world.actor
        with world.records.change(actor.organization_id) as transaction:
            return give_name(transaction, actor, naming, object_id or new_id(), now=world.clock())

    return give


def find(world, text, *, actor=None, dialect="vecml"):
    actor = actor or world.actor
    with world.records.look(actor.organization_id) as transaction:
        return named(transaction, actor, dialect, text)


def a_colleague(world):
    user = User(id=new_id(), organization_id=world.actor.organization_id, name="colleague", created_at=world.clock())
    with world.records.change(EVERYONE) as transaction:
        transaction.users.add(user)
    return replace(world.actor, user_id=user.id)


def test_a_name_leads_to_its_noun_and_to_what_was_said(world, name):
    noun = new_id()
    text = name(replace(UPLOAD, said={"model_name": "m"}), object_id=noun)
    alias = find(world, text)
    assert (text, alias.object_id, alias.said) == (UPLOAD.text, noun, {"model_name": "m"})


def test_a_name_that_is_taken_gets_the_next_number(name):
    given = [name() for _ in range(40)]
    assert given == [UPLOAD.text, *(f"{UPLOAD.text}_{number}" for number in range(2, 41))]


def test_numbers_are_found_in_few_looks(world, name, monkeypatch):
    for _ in range(300):
        name()
    looks = []
    collection = type(world.records.look(EVERYONE).__enter__().aliases)
    find_before = collection.find
    monkeypatch.setattr(collection, "find", lambda self, *a, **k: looks.append(1) or find_before(self, *a, **k))
    assert name() == f"{UPLOAD.text}_301"
    assert len(looks) <= 4


def test_a_name_that_another_wants_with_a_number_of_its_own_is_never_given_twice(name):
    given = [name(replace(UPLOAD, text=text)) for text in ("a_2", "a", "a", "a_2", "a_3", "a")]
    assert given[:2] == ["a_2", "a"]
    assert len(set(given)) == len(given)


def test_names_that_went_leave_gaps_that_do_no_harm(world, name):
    given = [name() for _ in range(9)]
    with world.records.change(EVERYONE) as transaction:
        for text in (given[0], given[3], given[7]):
            transaction.aliases.remove(find(world, text).id)
    kept = set(given) - {given[0], given[3], given[7]}
    again = [name() for _ in range(5)]
    assert len({*kept, *again}) == len(kept) + 5


def test_a_name_holds_for_its_owner_and_dialect_alone(world, name):
    text, colleague = name(), a_colleague(world)
    for where in ({"actor": colleague}, {"actor": world.an_actor()}, {"dialect": "native"}):
        with pytest.raises(NotFound):
            find(world, text, **where)
    assert name(actor=colleague) == text
    assert name(replace(UPLOAD, dialect="native")) == text
    assert find(world, text, actor=colleague).owner_id == colleague.user_id


@pytest.mark.parametrize("text", ["", "unknown", "nul\0", "x" * 100_000])
def test_an_unknown_name_is_not_found_whatever_it_is(world, text):
    with pytest.raises(NotFound):
        find(world, text)


def test_a_name_that_somebody_took_since_the_look_is_tried_with_the_next_number(world, name, monkeypatch):
    collection = type(world.records.look(EVERYONE).__enter__().aliases)
    add_before, refused = collection.add, []

    def add(self, noun):
        if not refused:
            refused.append(noun.text)
            add_before(self, replace(noun, id=new_id()))
            raise Conflict("taken")
        add_before(self, noun)

    monkeypatch.setattr(collection, "add", add)
    assert name() == f"{UPLOAD.text}_2"

from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.backends.memory import MemoryRecords
from athanor.core.actor import ALL_SCOPES, Scope
from athanor.errors import Forbidden, InvalidInput, NotFound, ScopeMissing, Unauthenticated
from athanor.services.keys import Keys, KeyStatus

READ = frozenset({Scope.DATA_READ})


@pytest.fixture
def keys(world):
    """Keys of a platform that nobody has used yet."""
    return Keys(MemoryRecords(), world.clock)


def test_the_first_start_makes_an_admin_key_that_may_do_everything(keys):
    assert keys.authenticate(keys.first_start()).scopes == ALL_SCOPES


def test_the_admin_key_is_given_once(keys):
    keys.first_start()
    assert keys.first_start() is None


def test_no_admin_key_is_made_where_the_command_line_made_a_key_before(keys):
    keys.create(keys.admin(), "laptop", ALL_SCOPES)
    assert keys.first_start() is None


def test_an_admin_key_is_still_made_where_the_command_line_only_looked(keys):
    assert keys.list(keys.admin()) == ()
    text = keys.first_start()
    assert text is not None
    assert keys.authenticate(text).organization_id == keys.admin().organization_id


def test_the_command_line_acts_as_the_first_user(keys):
    text = keys.first_start("root")
    assert keys.admin().user_id == keys.authenticate(text).user_id


def test_a_key_says_who_acts_and_what_they_may_do(world):
    key, text = world.keys.create(world.actor, "ci", READ)
    actor = world.keys.authenticate(text)
    assert (actor.organization_id, actor.user_id) == (world.actor.organization_id, world.actor.user_id)
    assert (actor.scopes, actor.key_id) == (READ, key.id)


def test_the_text_of_a_key_is_not_stored(world):
    _, text = world.keys.create(world.actor, "ci", READ)
    assert text.split("_")[-1] not in repr(world.all_of("keys"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "x",
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text.replace("ath_", "sk_", 1),
        lambda text: "ath_" + "0" * 32 + "_" + text.split("_", 2)[2],
        lambda _: "",
        lambda _: "ath__",
    ],
)
def test_a_key_that_is_not_exactly_right_is_refused(world, spoil):
    _, text = world.keys.create(world.actor, "ci", READ)
    with pytest.raises(Unauthenticated):
        world.keys.authenticate(spoil(text))


def test_a_wrong_secret_and_an_unknown_id_are_told_in_the_same_words(world):
    _, text = world.keys.create(world.actor, "ci", READ)
    told = []
    for wrong in (text + "x", "ath_" + "0" * 32 + "_" + "x" * 43):
        with pytest.raises(Unauthenticated) as caught:
            world.keys.authenticate(wrong)
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_an_expired_key_is_refused(world):
    _, text = world.keys.create(world.actor, "ci", READ, expires_in_days=1)
    world.clock.pass_(days=1)
    with pytest.raises(Unauthenticated, match="expired"):
        world.keys.authenticate(text)


def test_a_revoked_key_is_refused_at_once(world):
    key, text = world.keys.create(world.actor, "ci", READ)
    world.keys.revoke(world.actor, key.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        world.keys.authenticate(text)


def test_revoking_twice_changes_nothing(world):
    key, _ = world.keys.create(world.actor, "ci", READ)
    first = world.keys.revoke(world.actor, key.id)
    world.clock.pass_(hours=1)
    assert world.keys.revoke(world.actor, key.id) == first


def test_keys_are_listed_newest_first_and_by_status(world):
    made = {}
    for name, days in [("kept", None), ("short", 1), ("gone", None)]:
        made[name], _ = world.keys.create(world.actor, name, READ, expires_in_days=days)
        world.clock.pass_(minutes=1)
    world.keys.revoke(world.actor, made["gone"].id)
    world.clock.pass_(days=2)
    names = {status: [key.name for key in world.keys.list(world.actor, status)] for status in (None, *KeyStatus)}
    assert names == {
        None: ["gone", "short", "kept"],
        KeyStatus.ACTIVE: ["kept"],
        KeyStatus.EXPIRED: ["short"],
        KeyStatus.REVOKED: ["gone"],
    }


def test_nobody_gives_a_scope_that_they_lack(world):
    with pytest.raises(ScopeMissing, match="predict"):
        world.keys.create(world.without(Scope.PREDICT), "more", {Scope.PREDICT})


def test_a_key_needs_a_scope_and_a_name(world):
    with pytest.raises(InvalidInput, match="at least one scope"):
        world.keys.create(world.actor, "nothing", [])
    with pytest.raises(InvalidInput, match="empty"):
        world.keys.create(world.actor, " ", READ)


@pytest.mark.parametrize("days", [0, -1, 3651, float("inf"), float("nan")])
def test_a_key_lasts_for_a_time_that_makes_sense(world, days):
    with pytest.raises(InvalidInput, match="days"):
        world.keys.create(world.actor, "odd", READ, expires_in_days=days)


def test_keys_of_another_organization_do_not_exist(world):
    key, _ = world.keys.create(world.actor, "ci", READ)
    stranger = world.an_actor()
    assert world.keys.list(stranger) == ()
    with pytest.raises(NotFound):
        world.keys.revoke(stranger, key.id)


def test_making_and_revoking_keys_is_in_the_audit_log(world):
    key, _ = world.keys.create(replace(world.actor, key_id=None), "ci", READ)
    world.keys.revoke(world.actor, key.id)
    assert world.audited() == ["key.create", "key.revoke"]


def test_the_data_folders_admin_makes_keys_of_other_users_who_are_made_where_there_are_none(world):
    _, text = world.keys.create(world.actor, "notebook", READ, user="eva")
    eva = world.keys.authenticate(text)
    assert eva.organization_id == world.actor.organization_id
    assert eva.user_id != world.actor.user_id
    assert world.keys.user_of(eva).name == "eva"
    assert [user.name for user in world.keys.users(world.actor)] == ["someone", "eva"]
    assert world.audited() == ["user.create", "key.create"]


def test_a_second_key_of_a_user_is_the_same_users(world):
    keys = [world.keys.create(world.actor, "notebook", READ, user=name)[0] for name in ("eva", " eva ", "jan")]
    assert keys[0].user_id == keys[1].user_id != keys[2].user_id
    assert world.keys.create(world.actor, "mine", READ, user="someone")[0].user_id == world.actor.user_id


def test_a_user_of_another_organization_is_not_found_by_name(world):
    stranger = world.an_actor()
    theirs, _ = world.keys.create(stranger, "notebook", READ, user="eva")
    mine, _ = world.keys.create(world.actor, "notebook", READ, user="eva")
    assert (theirs.user_id != mine.user_id, mine.organization_id) == (True, world.actor.organization_id)


def test_who_comes_with_a_key_makes_keys_of_their_own_user_alone(world):
    _, text = world.keys.create(world.actor, "ci", ALL_SCOPES)
    actor = world.keys.authenticate(text)
    with pytest.raises(Forbidden, match="--user"):
        world.keys.create(actor, "more", READ, user="eva")
    assert world.keys.create(actor, "more", READ)[0].user_id == actor.user_id
    assert len(world.all_of("users")) == 1


def test_a_users_name_is_checked_and_listing_them_needs_its_scope(world):
    with pytest.raises(InvalidInput) as caught:
        world.keys.create(world.actor, "notebook", READ, user=" ")
    assert caught.value.field == "user"
    with pytest.raises(ScopeMissing, match="keys:read"):
        world.keys.users(world.without(Scope.KEYS_READ))

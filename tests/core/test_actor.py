from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from athanor.core.actor import Actor, Scope, make_key, parse_key
from athanor.core.ids import new_id
from athanor.errors import Forbidden, InvalidInput, ScopeMissing, Unauthenticated

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def a_key(**more):
    given = {"organization_id": new_id(), "user_id": new_id(), "name": "ci", "scopes": frozenset({Scope.PREDICT})}
    return make_key(**given, now=NOW, **more)


def test_the_text_of_a_key_leads_back_to_it():
    key, text = a_key()
    key_id, secret = parse_key(text)
    assert key_id == key.id
    assert key.fits(secret)


def test_a_key_does_not_fit_another_secret():
    key, _ = a_key()
    _, other = a_key()
    assert not key.fits(parse_key(other)[1])
    assert not key.fits("")


def test_a_secret_has_256_bits():
    _, text = a_key()
    secret = parse_key(text)[1]
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32


def test_a_secret_with_underscores_is_read_whole():
    key_id = new_id()
    assert parse_key(f"ath_{key_id.hex}_a_b__c") == (key_id, "a_b__c")


def test_the_prefix_is_the_beginning_of_the_text_and_not_of_the_secret():
    key, text = a_key()
    assert text.startswith(key.prefix)
    assert key.prefix in f"ath_{key.id.hex}"


@pytest.mark.parametrize(
    "text", ["", "ath", "ath_", "ath_zz_x", "ath_" + "0" * 32, "ath_" + "0" * 32 + "_", "sk_1_2", "é"]
)
def test_what_is_no_key_is_refused_in_words(text):
    with pytest.raises(Unauthenticated, match="should look like"):
        parse_key(text)


def test_a_key_without_scopes_is_not_made():
    with pytest.raises(InvalidInput, match="at least one scope"):
        make_key(organization_id=new_id(), user_id=new_id(), name="x", scopes=frozenset(), now=NOW)


def test_a_key_is_active_until_it_expires_or_is_revoked():
    key, _ = a_key(expires_at=NOW + timedelta(days=1))
    assert key.is_active(NOW)
    assert not key.is_active(NOW + timedelta(days=1))
    assert not replace(key, revoked_at=NOW).is_active(NOW)


def test_write_does_not_include_read():
    actor = Actor(organization_id=new_id(), user_id=new_id(), scopes=frozenset({Scope.DATA_WRITE}))
    actor.need(Scope.DATA_WRITE)
    with pytest.raises(ScopeMissing, match="data:read") as caught:
        actor.need(Scope.DATA_READ)
    assert isinstance(caught.value, Forbidden)

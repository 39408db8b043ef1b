"""Keys: who may ask, and the first start of a platform that knows nobody yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from athanor.core.actor import ALL_SCOPES, Actor, ApiKey, Organization, Scope, User, make_key, parse_key
from athanor.core.audit import audited
from athanor.core.ids import new_id
from athanor.core.names import check_name
from athanor.core.ports import EVERYONE, Records, Transaction
from athanor.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from athanor.services.projects import make_default_project

LONGEST_DAYS = 3650


class KeyStatus(StrEnum):
    """How a key stands. One that is revoked stays revoked when its time is over as well."""

    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"


def status_of(key: ApiKey, *, now: datetime) -> KeyStatus:
    if key.revoked_at is not None:
        return KeyStatus.REVOKED
    return KeyStatus.ACTIVE if key.is_active(now) else KeyStatus.EXPIRED


class Keys:
    """Makes, lists, revokes and recognizes API keys."""

    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def first_start(self, admin_name: str = "admin") -> str | None:
        """Make the organization where there is none, and the text of an admin key where no key was ever made.

        The text is given once; only its hash is kept. None: there are keys already.
        """
        with self._records.change(EVERYONE) as transaction:
            admin = self._establish(transaction, admin_name)
            if transaction.keys.first() is not None:
                return None
            _, text = self._add(
                transaction, admin, admin_name, ALL_SCOPES, expires_in_days=None, owner_id=admin.user_id
            )
            return text

    def admin(self) -> Actor:
        """Who may use the data folder itself, as the command line does: the first user, who may do everything."""
        with self._records.look(EVERYONE) as transaction:
            present = self._first_user(transaction)
        if present is not None:
            return present
        with self._records.change(EVERYONE) as transaction:
            return self._establish(transaction, "admin")

    def create(
        self,
        actor: Actor,
        name: str,
        scopes: Iterable[Scope],
        expires_in_days: float | None = None,
        *,
        user: str | None = None,
    ) -> tuple[ApiKey, str]:
        """A key, and its text, which is shown once. Nobody gives a scope that they lack.

        user  name of the user of the organization whose key it is, made where there is none; None: the actor. Only who
              may use the data folder itself makes keys for others.
        """
        actor.need(Scope.KEYS_WRITE)
        granted = frozenset(scopes)
        for scope in sorted(granted):
            actor.need(scope)
        if user is not None and actor.key_id is not None:
            raise Forbidden(
                "A key makes keys of its own user alone. `athanor keys create NAME --user USER` makes others."
            )
        with self._records.change(actor.organization_id) as transaction:
            owner = actor.user_id if user is None else self._user_named(transaction, actor, user).id
            return self._add(transaction, actor, name, granted, expires_in_days=expires_in_days, owner_id=owner)

    def user_of(self, actor: Actor) -> User:
        """Who the actor is."""
        with self._records.look(actor.organization_id) as transaction:
            return transaction.users.get(actor.user_id)

    def users(self, actor: Actor) -> tuple[User, ...]:
        """The organization's users, oldest first."""
        actor.need(Scope.KEYS_READ)
        with self._records.look(actor.organization_id) as transaction:
            return tuple(transaction.users.find().items)

    def list(self, actor: Actor, status: KeyStatus | None = None) -> tuple[ApiKey, ...]:
        """The organization's keys, newest first."""
        actor.need(Scope.KEYS_READ)
        now = self._now()
        with self._records.look(actor.organization_id) as transaction:
            keys = transaction.keys.find(descending=True).items
        return tuple(key for key in keys if status is None or status_of(key, now=now) is status)

    def get(self, actor: Actor, key_id: UUID) -> ApiKey:
        actor.need(Scope.KEYS_READ)
        with self._records.look(actor.organization_id) as transaction:
            return transaction.keys.get(key_id)

    def revoke(self, actor: Actor, key_id: UUID) -> ApiKey:
        """The key, of no use from now on. Revoking it again changes nothing."""
        actor.need(Scope.KEYS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            key = transaction.keys.get(key_id, lock=True)
            if key.revoked_at is not None:
                return key
            revoked = replace(key, revoked_at=now)
            transaction.keys.put(revoked)
            transaction.audit.add(audited(actor, "key.revoke", key_id, now=now))
        return revoked

    def authenticate(self, text: str) -> Actor:
        """Whoever holds the key. Raises Unauthenticated without saying which part of it was wrong."""
        key_id, secret = parse_key(text)
        try:
            with self._records.look(EVERYONE) as transaction:
                key = transaction.keys.get(key_id)
        except NotFound as error:
            raise Unauthenticated(_UNKNOWN) from error
        if not key.fits(secret):
            raise Unauthenticated(_UNKNOWN)
        if not key.is_active(self._now()):
            status = status_of(key, now=self._now()).value
            raise Unauthenticated(f"The API key {key.prefix}… is {status}. Make a new one.")
        return Actor(organization_id=key.organization_id, user_id=key.user_id, scopes=key.scopes, key_id=key.id)

    def _first_user(self, transaction: Transaction) -> Actor | None:
        organization = transaction.organizations.first()
        user = transaction.users.first({"organization_id": organization.id}) if organization is not None else None
        return None if user is None else Actor(organization_id=user.organization_id, user_id=user.id, scopes=ALL_SCOPES)

    def _establish(self, transaction: Transaction, user_name: str) -> Actor:
        """The first user of the first organization, made where the records are empty."""
        if present := self._first_user(transaction):
            return present
        now = self._now()
        organization = Organization(id=new_id(), name="default", created_at=now)
        user = User(id=new_id(), organization_id=organization.id, name=check_name(user_name), created_at=now)
        transaction.organizations.add(organization)
        transaction.users.add(user)
        make_default_project(transaction, organization.id, now=now)
        actor = Actor(organization_id=organization.id, user_id=user.id, scopes=ALL_SCOPES)
        transaction.audit.add(audited(actor, "organization.create", organization.id, now=now))
        return actor

    def _user_named(self, transaction: Transaction, actor: Actor, name: str) -> User:
        """The oldest user of the name, or a new one."""
        transaction.organizations.get(actor.organization_id, lock=True)  # two who ask at once make one user
        wanted = check_name(name, field="user")
        found = transaction.users.first({"name": wanted})
        if found is not None:
            return found
        now = self._now()
        user = User(id=new_id(), organization_id=actor.organization_id, name=wanted, created_at=now)
        transaction.users.add(user)
        transaction.audit.add(audited(actor, "user.create", user.id, now=now, name=wanted))
        return user

    def _add(
        self,
        transaction: Transaction,
        actor: Actor,
        name: str,
        scopes: frozenset[Scope],
        *,
        expires_in_days: float | None,
        owner_id: UUID,
    ) -> tuple[ApiKey, str]:
        now = self._now()
        if expires_in_days is not None and not 0 < expires_in_days <= LONGEST_DAYS:
            raise InvalidInput(
                f"A key may last more than 0 and at most {LONGEST_DAYS} days, or for ever (none given); "
                f"got {expires_in_days}.",
                field="expires_in_days",
            )
        key, text = make_key(
            organization_id=actor.organization_id,
            user_id=owner_id,
            name=check_name(name),
            scopes=scopes,
            now=now,
            expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
        )
        transaction.keys.add(key)
        transaction.audit.add(audited(actor, "key.create", key.id, now=now, scopes=" ".join(sorted(scopes))))
        return key, text


_UNKNOWN = "The API key is not known. Check that it was copied whole, or make a new one."

"""Who acts: organizations, users, keys, scopes; and what a caller may see."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from athanor.core.ids import new_id
from athanor.errors import InvalidInput, ScopeMissing, Unauthenticated


class Scope(StrEnum):
    """What a key may do. Write does not include read."""

    DATA_READ = "data:read"
    DATA_WRITE = "data:write"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    PREDICT = "predict"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UUID
    organization_id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as stored: its secret only as SHA-256 (the secret has 256 bits, so no slow hash is needed)."""

    id: UUID
    organization_id: UUID
    user_id: UUID
    name: str
    scopes: frozenset[Scope]
    secret_sha256: str
    prefix: str  # the first characters, to recognize it by
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def fits(self, secret: str) -> bool:
        return hmac.compare_digest(self.secret_sha256, hashlib.sha256(secret.encode()).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The one who asks: every service takes one, and every query goes through its organization."""

    organization_id: UUID
    user_id: UUID
    scopes: frozenset[Scope]
    key_id: UUID | None = None

    def need(self, *either: Scope) -> None:
        """Raises ScopeMissing, naming the last, without any of these."""
        if self.scopes.isdisjoint(either):
            raise ScopeMissing(either[-1].value)


def make_key(
    *,
    organization_id: UUID,
    user_id: UUID,
    name: str,
    scopes: frozenset[Scope],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text `ath_<id>_<secret>`, which is shown once and never stored."""
    if not scopes:
        raise InvalidInput("A key needs at least one scope.", field="scopes")
    key_id, secret = new_id(), secrets.token_urlsafe(32)
    text = f"ath_{key_id.hex}_{secret}"
    key = ApiKey(
        id=key_id,
        organization_id=organization_id,
        user_id=user_id,
        name=name,
        scopes=scopes,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        prefix=text[:12],
        created_at=now,
        expires_at=expires_at,
    )
    return key, text


def parse_key(text: str) -> tuple[UUID, str]:
    """The id and the secret in a key's text. Raises Unauthenticated when it is no key of ours."""
    parts = text.split("_", 2)
    if len(parts) == 3 and parts[0] == "ath" and parts[2]:
        try:
            return UUID(hex=parts[1]), parts[2]
        except ValueError:
            pass
    raise Unauthenticated("The API key is not valid. It should look like ath_<id>_<secret>.")

"""The audit log: who changed what, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from athanor.core.actor import Actor
from athanor.core.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: UUID
    organization_id: UUID
    at: datetime
    user_id: UUID
    key_id: UUID | None
    action: str  # "dataset.create", "run.stop", …
    object_id: UUID
    detail: Mapping[str, str] = field(default_factory=dict)


def audited(actor: Actor, action: str, object_id: UUID, *, now: datetime, **detail: str) -> AuditEntry:
    return AuditEntry(
        id=new_id(),
        organization_id=actor.organization_id,
        at=now,
        user_id=actor.user_id,
        key_id=actor.key_id,
        action=action,
        object_id=object_id,
        detail=detail,
    )

"""A deployment: a version of a registered model that answers rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DeploymentState(StrEnum):
    ACTIVE = "active"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    id: UUID
    organization_id: UUID
    registered_id: UUID
    version_id: UUID
    state: DeploymentState
    created_at: datetime
    updated_at: datetime

"""A project: where datasets, runs and models of one purpose stand together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

DEFAULT_PROJECT = "default"  # the handle of the project every organization has


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: UUID
    organization_id: UUID
    name: str
    handle: str  # unique in the organization
    created_at: datetime

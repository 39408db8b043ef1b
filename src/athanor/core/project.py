"""A project: where datasets, runs and models of one purpose stand together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

DEFAULT_PROJECT = "default"  # the handle of the project every organization has


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of one user, or of the whole organization. Two users may both have a project of one handle.

    namespace  within which its handle is unique: the id of the user whose it is, or of the organization
    """

    id: UUID
    organization_id: UUID
    namespace: UUID
    name: str
    handle: str
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        """Whether it is everybody's of the organization."""
        return self.namespace == self.organization_id

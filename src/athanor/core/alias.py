"""Aliases: what another system calls one of our nouns, where the name is more than a spelling of the id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name that a dialect gave out. It holds for its owner alone."""

    id: UUID
    organization_id: UUID
    owner_id: UUID  # the user
    dialect: str
    text: str  # unique for the owner in the dialect
    object_id: UUID
    created_at: datetime
    said: Mapping[str, str] = field(default_factory=dict)  # what the dialect echoes with it, even when the noun is gone

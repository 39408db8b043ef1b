"""A run: one training of a plan on a task and a dataset version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from athanor.core.dataset import Origin
from athanor.engine.plan import Plan
from athanor.engine.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for. How it goes stands in its jobs.

    job_id  the newest one that trains it. One that was to continue it and brought nothing gives the place back to the
            one before it
    """

    id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    handle: str  # unique among the runs of its dataset
    description: str | None
    dataset_id: UUID
    version_id: UUID
    task: Task
    plan: Plan
    job_id: UUID
    owner_id: UUID
    created_at: datetime
    validation_version_id: UUID | None = None  # of the dataset that the model is scored on; None: out-of-fold
    labels: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = None

    @property
    def is_regression(self) -> bool:
        """Whether models answer with a quantity; known once the run has succeeded."""
        return self.task.problem == "regression"

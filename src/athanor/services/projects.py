"""Projects: every organization has one, `default`, and new nouns stand in it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from athanor.core.ids import new_id
from athanor.core.ports import Transaction
from athanor.core.project import DEFAULT_PROJECT, Project
from athanor.errors import NotFound


def make_default_project(transaction: Transaction, organization_id: UUID, *, now: datetime) -> Project:
    project = Project(
        id=new_id(),
        organization_id=organization_id,
        namespace=organization_id,
        name="Default",
        handle=DEFAULT_PROJECT,
        created_at=now,
    )
    transaction.projects.add(project)
    return project


def default_project(transaction: Transaction, *, lock: bool = False) -> Project:
    """The project of the transaction's organization. `lock`: nobody else gives out handles in it meanwhile."""
    found = [project for project in transaction.projects.find({"handle": DEFAULT_PROJECT}).items if project.is_shared]
    if not found:
        raise NotFound("The organization has no default project: it was not made by this platform's first start.")
    return transaction.projects.get(found[0].id, lock=True) if lock else found[0]

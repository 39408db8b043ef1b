"""Projects: each user's own, and those that an organization shares; every organization has one, `default`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.ids import new_id
from athanor.core.names import check_handle
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.core.project import DEFAULT_PROJECT, Project
from athanor.errors import Conflict, Forbidden, NotFound
from athanor.services.references import clear, remove_project

log = logging.getLogger(__name__)


class Projects:
    """Makes, lists and deletes projects. Another user's do not exist here; names that a user sees are unique.

    runs_folder  where the checkpoints stand, one folder a run
    """

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], runs_folder: Path) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._runs_folder = runs_folder

    def create(self, actor: Actor, name: str, *, labels: Mapping[str, str] | None = None) -> Project:
        """A project of the actor's own, empty. Raises Conflict where they see one of this name."""
        actor.need(Scope.DATA_WRITE)
        now = self._now()
        project = Project(
            id=new_id(),
            organization_id=actor.organization_id,
            namespace=actor.user_id,
            name=name,
            handle=check_handle(name, field="name"),
            created_at=now,
            labels=dict(labels or {}),
        )
        with self._records.change(actor.organization_id) as transaction:
            if _seen(transaction, actor, name):
                raise _exists(name)
            try:
                transaction.projects.add(project)
            except Conflict as error:  # made since the look
                raise _exists(name) from error
            transaction.audit.add(audited(actor, "project.create", project.id, now=now, name=name))
        return project

    def list(self, actor: Actor) -> tuple[Project, ...]:
        """The actor's own and the shared ones, oldest first."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            where = {"namespace": (actor.user_id, actor.organization_id)}
            return tuple(transaction.projects.find(where).items)

    def get(self, actor: Actor, name: str) -> Project:
        """The actor's project of this name, or the shared one. Raises NotFound."""
        actor.need(Scope.DATA_READ)
        with self._records.look(actor.organization_id) as transaction:
            return find_project(transaction, actor, name)

    def delete(self, actor: Actor, name: str) -> None:
        """Remove the project with its datasets, runs, models, jobs and their names. What runs there ends.

        Raises Forbidden for a shared project.
        """
        actor.need(Scope.DATA_WRITE)
        actor.need(Scope.RUNS_WRITE)
        with self._records.change(actor.organization_id) as transaction:
            project = find_project(transaction, actor, name)
            if project.is_shared:
                raise Forbidden(f"The project {name!r} is everybody's and cannot be deleted. Delete what is in it.")
            now = self._now()
            gone = remove_project(transaction, transaction.projects.get(project.id, lock=True), now=now)
            transaction.audit.add(audited(actor, "project.delete", project.id, now=now, name=name))
        clear(gone, self._blobs, self._runs_folder)
        log.info("project deleted", extra={"project_id": str(project.id)})


def find_project(transaction: Transaction, actor: Actor, name: str) -> Project:
    """The actor's project of this name, or the shared one. Raises NotFound."""
    found = _seen(transaction, actor, name)
    if not found:
        raise NotFound(f"The project {name!r} does not exist.")
    return found[0]


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


def _seen(transaction: Transaction, actor: Actor, name: str) -> list[Project]:
    """The projects of this name that the actor sees, their own first."""
    where = {"namespace": (actor.user_id, actor.organization_id), "handle": name}
    return sorted(transaction.projects.find(where).items, key=lambda project: project.is_shared)


def _exists(name: str) -> Conflict:
    return Conflict(
        f"The project {name!r} already exists. Use it, or choose another name.",
        code="project-exists",
    )

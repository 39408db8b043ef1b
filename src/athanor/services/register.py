"""Register: models that outlive their run, their versions, and whether they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.deployment import Deployment, DeploymentState
from athanor.core.model import ModelVersion, RegisteredModel
from athanor.core.names import check_name
from athanor.core.ports import BlobStore, Page, Records, Transaction
from athanor.errors import Conflict, InvalidInput
from athanor.services.references import clear_blobs

SORTS = frozenset({"created_at", "updated_at", "name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredView:
    """A registered model, its versions (newest first) and its deployment, where it has one."""

    registered: RegisteredModel
    versions: tuple[ModelVersion, ...]
    deployment: Deployment | None

    @property
    def is_deployed(self) -> bool:
        return self.deployment is not None and self.deployment.state is DeploymentState.ACTIVE

    @property
    def served(self) -> ModelVersion | None:
        """The version that answers rows, or would if it were started again."""
        if self.deployment is None:
            return None
        return next(version for version in self.versions if version.id == self.deployment.version_id)


class Register:
    """Looks after registered models. They come here by `Deploy`."""

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime]) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now

    def find(
        self,
        actor: Actor,
        *,
        search: str | None = None,
        source: str | None = None,
        is_deployed: bool | None = None,
        sort: str = "created_at",
        descending: bool = True,
        limit: int | None = 20,
        offset: int = 0,
    ) -> Page[RegisteredView]:
        """Registered models with `search` in name or description. `is_deployed`: only those that answer, or do not."""
        actor.need(Scope.MODELS_READ)
        if sort not in SORTS:
            known = ", ".join(sorted(SORTS))
            raise InvalidInput(f"Models cannot be sorted by {sort!r}. Known: {known}.", field="sort")
        where = None if source is None else {"source": source}
        wanted = (search, ("name", "description")) if search else None
        with self._records.look(actor.organization_id) as transaction:
            if is_deployed is None:
                page = transaction.registered.find(
                    where, search=wanted, sort=sort, descending=descending, limit=limit, offset=offset
                )
                return Page(tuple(registered_view(transaction, model) for model in page.items), page.total)
            active = _deployed(transaction)
            models = transaction.registered.find(where, search=wanted, sort=sort, descending=descending).items
            found = [model for model in models if (model.id in active) == is_deployed]
            end = None if limit is None else offset + limit
            return Page(tuple(registered_view(transaction, model) for model in found[offset:end]), len(found))

    def get(self, actor: Actor, registered_id: UUID) -> RegisteredView:
        actor.need(Scope.MODELS_READ)
        with self._records.look(actor.organization_id) as transaction:
            return registered_view(transaction, transaction.registered.get(registered_id))

    def versions(self, actor: Actor, registered_id: UUID) -> tuple[ModelVersion, ...]:
        """Newest first."""
        return self.get(actor, registered_id).versions

    def update(
        self,
        actor: Actor,
        registered_id: UUID,
        *,
        name: str | None = None,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> RegisteredView:
        """The model with what was given changed; None leaves a field as it is, an empty description removes it."""
        actor.need(Scope.MODELS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            model = transaction.registered.get(registered_id, lock=True)
            changed = replace(
                model,
                name=model.name if name is None else check_name(name),
                description=model.description if description is None else description or None,
                labels=model.labels if labels is None else dict(labels),
                updated_at=now,
            )
            transaction.registered.put(changed)
            transaction.audit.add(audited(actor, "model.update", registered_id, now=now))
            return registered_view(transaction, changed)

    def delete(self, actor: Actor, registered_id: UUID) -> None:
        """Remove the model with its versions and their files. Raises Conflict while it answers rows."""
        actor.need(Scope.MODELS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            model = transaction.registered.get(registered_id, lock=True)
            view = registered_view(transaction, model)
            if view.is_deployed:
                raise Conflict("The model is deployed. Stop its deployment first, then delete it.", code="model-in-use")
            for deployment in transaction.deployments.find({"registered_id": model.id}).items:
                transaction.deployments.remove(deployment.id)
            for version in view.versions:
                transaction.model_versions.remove(version.id)
            transaction.registered.remove(model.id)
            transaction.audit.add(audited(actor, "model.delete", model.id, now=now, name=model.name))
        clear_blobs([version.artifact for version in view.versions], self._blobs)


def registered_view(transaction: Transaction, model: RegisteredModel) -> RegisteredView:
    return RegisteredView(
        registered=model,
        versions=tuple(
            transaction.model_versions.find({"registered_id": model.id}, sort="number", descending=True).items
        ),
        deployment=transaction.deployments.first({"registered_id": model.id}),
    )


def _deployed(transaction: Transaction) -> set[UUID]:
    active = transaction.deployments.find({"state": DeploymentState.ACTIVE}).items
    return {deployment.registered_id for deployment in active}

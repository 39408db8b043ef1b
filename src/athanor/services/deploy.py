"""Deploy: the best model of a run is registered and answers rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.audit import audited
from athanor.core.deployment import Deployment, DeploymentState
from athanor.core.ids import new_id
from athanor.core.model import Model, ModelVersion, RegisteredModel
from athanor.core.names import MAX_NAME, check_name, handle_for
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.core.run import Run
from athanor.errors import Conflict, NotSupported
from athanor.services.projects import default_project
from athanor.services.register import RegisteredView, registered_view

log = logging.getLogger(__name__)

_SUFFIX = " - Best"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedView:
    """What came of deploying a run."""

    run: Run
    registered: RegisteredModel
    version: ModelVersion
    deployment: Deployment


class Deploy:
    """Puts models into service and takes them out again.

    materialize  makes the model folder of a model that has none yet among the blobs, and gives its prefix
    """

    def __init__(
        self,
        records: Records,
        blobs: BlobStore,
        now: Callable[[], datetime],
        *,
        materialize: Callable[[Model], str] | None = None,
    ) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._materialize = materialize

    def best(self, actor: Actor, run_id: UUID, name: str | None = None) -> DeployedView:
        """The best model of a run, registered and answering. Asked again, it is the same one.

        name  of the registered model; where there is one of this name it gets another version, which answers from now
              on. None: the one that the run was deployed as before, or a new one, named after the run.
        """
        actor.need(Scope.RUNS_WRITE)
        wanted = None if name is None else check_name(name)
        with self._records.look(actor.organization_id) as transaction:
            run = transaction.runs.get(run_id)
            model = transaction.models.first({"run_id": run.id}, sort="rank")
            if model is None:
                state = transaction.jobs.get(run.job_id).state
                raise Conflict(
                    f"The run is {state.value}. Only one that succeeded has a model to deploy.",
                    code="job-not-completed",
                )
            is_registered = _version_of(transaction, model) is not None
        with ExitStack() as undo:
            version_id = new_id()
            artifact = f"registered/{version_id}"
            if not is_registered:
                undo.callback(self._remove_unrecorded, version_id, artifact, actor)
                self._blobs.put_folder(artifact, self._blobs.local(self._artifact_of(model)))
            with self._records.change(actor.organization_id) as transaction:
                project = default_project(transaction, lock=True)  # so that two who ask at once get the same one
                run = transaction.runs.get(run_id)
                version = _version_of(transaction, model)
                if version is None:
                    if is_registered:
                        raise Conflict("The registered model was deleted a moment ago. Try again.")
                    registered = self._registered(transaction, actor, run, project_id=project.id, wanted=wanted)
                    version = self._add_version(
                        transaction, actor, registered, model, version_id=version_id, artifact=artifact
                    )
                registered = transaction.registered.get(version.registered_id)
                deployment = self._activate(transaction, registered, version, actor)
            # Ends here with the copy recorded, or superfluous because somebody else was faster: the callback looks.
        return DeployedView(run=run, registered=registered, version=version, deployment=deployment)

    def start(self, actor: Actor, registered_id: UUID) -> RegisteredView:
        """The registered model, answering: the version it answered with, or the newest. Nothing happens if it does."""
        actor.need(Scope.MODELS_WRITE)
        with self._records.change(actor.organization_id) as transaction:
            registered = transaction.registered.get(registered_id, lock=True)
            view = registered_view(transaction, registered)
            self._activate(transaction, registered, view.served or view.versions[0], actor)
            return registered_view(transaction, registered)

    def stop(self, actor: Actor, registered_id: UUID) -> RegisteredView:
        """The registered model, answering no more. Nothing happens where it does not answer."""
        actor.need(Scope.MODELS_WRITE)
        now = self._now()
        with self._records.change(actor.organization_id) as transaction:
            registered = transaction.registered.get(registered_id, lock=True)
            view = registered_view(transaction, registered)
            if view.deployment is not None and view.is_deployed:
                stopped = replace(view.deployment, state=DeploymentState.STOPPED, updated_at=now)
                transaction.deployments.put(stopped)
                transaction.audit.add(audited(actor, "deployment.stop", stopped.id, now=now))
                log.info("deployment stopped", extra={"registered_id": str(registered.id)})
            return registered_view(transaction, registered)

    def _artifact_of(self, model: Model) -> str:
        if model.artifact is not None:
            return model.artifact
        if self._materialize is None:
            raise NotSupported(f"The files of model {model.name!r} were not kept; train again to deploy it.")
        return self._materialize(model)

    def _remove_unrecorded(self, version_id: UUID, artifact: str, actor: Actor) -> None:
        with self._records.look(actor.organization_id) as transaction:
            is_recorded = transaction.model_versions.first({"id": version_id}) is not None
        if not is_recorded:
            self._blobs.delete(artifact)

    def _registered(
        self, transaction: Transaction, actor: Actor, run: Run, *, project_id: UUID, wanted: str | None
    ) -> RegisteredModel:
        """The registered model of the wanted name, or the run's where none is wanted; a new one where there is none."""
        if wanted is None:
            of_run = transaction.model_versions.first({"run_id": run.id}, descending=True)
            if of_run is not None:
                return transaction.registered.get(of_run.registered_id, lock=True)
        elif known := transaction.registered.first({"name": wanted}):
            return known
        now = self._now()
        name = wanted or run.name[: MAX_NAME - len(_SUFFIX)] + _SUFFIX
        registered = RegisteredModel(
            id=new_id(),
            organization_id=actor.organization_id,
            project_id=project_id,
            name=name,
            handle=handle_for(
                name, is_taken=lambda handle: transaction.registered.first({"handle": handle}) is not None
            ),
            description=run.description,
            owner_id=actor.user_id,
            created_at=now,
            updated_at=now,
            labels=run.labels,
        )
        transaction.registered.add(registered)
        transaction.audit.add(audited(actor, "model.register", registered.id, now=now, name=name))
        return registered

    def _add_version(
        self,
        transaction: Transaction,
        actor: Actor,
        registered: RegisteredModel,
        model: Model,
        *,
        version_id: UUID,
        artifact: str,
    ) -> ModelVersion:
        now = self._now()
        newest = transaction.model_versions.find(
            {"registered_id": registered.id}, sort="number", descending=True, limit=1
        ).items
        version = ModelVersion(
            id=version_id,
            organization_id=actor.organization_id,
            registered_id=registered.id,
            number=newest[0].number + 1 if newest else 1,
            model_id=model.id,
            run_id=model.run_id,
            artifact=artifact,
            metric=model.metric,
            score=model.score,
            created_at=now,
        )
        transaction.model_versions.add(version)
        transaction.registered.put(replace(registered, updated_at=now))
        transaction.audit.add(audited(actor, "model.add-version", registered.id, now=now, number=str(version.number)))
        return version

    def _activate(
        self, transaction: Transaction, registered: RegisteredModel, version: ModelVersion, actor: Actor
    ) -> Deployment:
        """The registered model's one deployment, answering with `version`."""
        now = self._now()
        found = transaction.deployments.first({"registered_id": registered.id})
        if found is not None and found.state is DeploymentState.ACTIVE and found.version_id == version.id:
            return found
        if found is not None:
            deployment = replace(found, state=DeploymentState.ACTIVE, version_id=version.id, updated_at=now)
            transaction.deployments.put(deployment)
        else:
            deployment = Deployment(
                id=new_id(),
                organization_id=actor.organization_id,
                registered_id=registered.id,
                version_id=version.id,
                state=DeploymentState.ACTIVE,
                created_at=now,
                updated_at=now,
            )
            transaction.deployments.add(deployment)
        transaction.audit.add(audited(actor, "deployment.start", deployment.id, now=now, version=str(version.number)))
        log.info("deployment started", extra={"registered_id": str(registered.id), "version": version.number})
        return deployment


def _version_of(transaction: Transaction, model: Model) -> ModelVersion | None:
    """The newest version that was registered of the model."""
    return transaction.model_versions.first({"model_id": model.id}, descending=True)

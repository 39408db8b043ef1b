"""Collections: datasets that are named by a project and their own name; how one is made, and how it is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from athanor.core.actor import Actor
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, StoredDataset
from athanor.core.ids import new_id
from athanor.core.names import check_handle
from athanor.core.ports import Transaction
from athanor.core.project import Project
from athanor.engine.tables.schema import Schema, Storage
from athanor.errors import Conflict, InvalidInput, NotFound
from athanor.services.collections.layout import ID, Layout, check_length, id_schema, layout_of, vector_schema
from athanor.services.projects import find_project
from athanor.services.versions import DatasetView

EXISTS = "collection-exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionView:
    """A collection as it is now."""

    dataset: StoredDataset
    version: DatasetVersion
    layout: Layout

    @classmethod
    def of(cls, dataset: StoredDataset, version: DatasetVersion) -> CollectionView:
        return cls(dataset=dataset, version=version, layout=layout_of(version.schema, dataset.id_column))


def find_collection(transaction: Transaction, actor: Actor, project: str, name: str) -> StoredDataset:
    """The collection of this name in the project of that name. Raises NotFound for either."""
    home = find_project(transaction, actor, project)
    found = transaction.datasets.first({"project_id": home.id, "handle": name})
    if found is None:
        raise no_collection(name, project)
    return found


def no_collection(name: str, project: str) -> NotFound:
    return NotFound(f"The collection {name!r} does not exist in project {project!r}.")


def vectors_schema(storage: Storage, dim: int | None) -> Schema:
    """Ids and vectors; sparse ones may leave open how long they are."""
    if not storage.is_vector or (storage is Storage.DENSE and dim is None):
        raise InvalidInput("Say how many numbers a vector has: its dimension.", field="dim")
    if dim is not None:
        check_length(storage, dim)
    return Schema((id_schema(), vector_schema(storage, dim or 0, is_fixed=dim is not None)))


def new_collection(
    actor: Actor,
    home: Project,
    name: str,
    schema: Schema,
    *,
    now: datetime,
    id_column: str = ID,
    file_format: str = "vectors",
    n_ids_made: int = 0,
    labels: Mapping[str, str] | None = None,
) -> DatasetView:
    """A collection without rows that is not yet recorded."""
    dataset = StoredDataset(
        id=new_id(),
        organization_id=actor.organization_id,
        project_id=home.id,
        name=name,
        handle=check_handle(name, field="name"),
        format=file_format,
        size_bytes=0,
        owner_id=actor.user_id,
        created_at=now,
        labels=dict(labels or {}),
        id_column=id_column,
        n_ids_made=n_ids_made,
    )
    version = DatasetVersion(
        id=new_id(),
        organization_id=actor.organization_id,
        dataset_id=dataset.id,
        number=1,
        n_segments=0,
        n_rows=0,
        schema=schema,
        warnings=(),
        created_at=now,
    )
    return DatasetView(dataset=dataset, version=version)


def add_collection(transaction: Transaction, actor: Actor, project: str, view: DatasetView) -> None:
    """Record a collection. Raises Conflict (`collection-exists`) where the project has one of this name."""
    dataset = view.dataset
    try:
        transaction.projects.get(dataset.project_id, lock=True)  # nobody else makes one in it meanwhile
    except NotFound as error:
        raise NotFound(f"The project {project!r} does not exist.") from error
    where = {"project_id": dataset.project_id, "handle": dataset.handle}
    if transaction.datasets.first(where) is not None:
        raise Conflict(
            f"The collection {dataset.handle!r} already exists in project {project!r}. Use it, or choose another name.",
            code=EXISTS,
        )
    transaction.datasets.add(dataset)
    transaction.versions.add(view.version)
    transaction.audit.add(audited(actor, "dataset.create", dataset.id, now=dataset.created_at, name=dataset.name))

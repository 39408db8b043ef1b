"""Which nouns are kept, what must be unique among them, and what each of them stands under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from athanor.backends.records.rows import Shape
from athanor.core.actor import ApiKey, Organization, User
from athanor.core.alias import Alias
from athanor.core.audit import AuditEntry
from athanor.core.dataset import DatasetVersion, Segment, StoredDataset, Upload
from athanor.core.deployment import Deployment
from athanor.core.event import JobEvent
from athanor.core.job import Job
from athanor.core.model import Model, ModelVersion, RegisteredModel
from athanor.core.project import Project
from athanor.core.run import Run

N = TypeVar("N")


@dataclass(frozen=True)
class Noun(Generic[N]):
    """One kind of noun.

    unique   fields that no two of them share together
    parents  field → collection of what it belongs to, always in the same organization: it comes before its parts and
             goes after them. A run's dataset or a version's model is no parent: the one may go while the other stays.
    indexes  fields that are searched together
    """

    collection: str  # its name in a `Transaction`, and its table's
    type: type[N]
    word: str  # what people call it
    unique: tuple[tuple[str, ...], ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def shape(self) -> Shape[N]:
        return Shape(self.type)

    @property
    def owner_field(self) -> str:
        """The field that says whose it is. An organization is its own."""
        return "id" if self.type is Organization else "organization_id"

    def owner(self, noun: N) -> UUID:
        return getattr(noun, self.owner_field)  # type: ignore[no-any-return]


_OF_ORGANIZATION = (("organization_id", "created_at"),)

# Parents before their parts: tables are made in this order.
NOUNS: tuple[Noun[Any], ...] = (
    Noun("organizations", Organization, "organization"),
    Noun("users", User, "user", indexes=_OF_ORGANIZATION),
    Noun("keys", ApiKey, "key", parents={"user_id": "users"}, indexes=_OF_ORGANIZATION),
    Noun("projects", Project, "project", unique=(("namespace", "handle"),), indexes=_OF_ORGANIZATION),
    Noun(
        "datasets",
        StoredDataset,
        "dataset",
        unique=(("project_id", "handle"),),
        parents={"project_id": "projects"},
        indexes=_OF_ORGANIZATION,
    ),
    Noun(
        "segments",
        Segment,
        "segment",
        unique=(("dataset_id", "position"),),
        parents={"dataset_id": "datasets"},
        indexes=(("organization_id", "source_sha256"), ("blob",), ("ids_blob",), ("rejects_blob",)),
    ),
    Noun(
        "versions",
        DatasetVersion,
        "dataset version",
        unique=(("dataset_id", "number"),),
        parents={"dataset_id": "datasets"},
    ),
    Noun("uploads", Upload, "upload", parents={"user_id": "users"}, indexes=_OF_ORGANIZATION),
    Noun(
        "runs",
        Run,
        "run",
        unique=(("dataset_id", "handle"),),
        parents={"project_id": "projects"},
        indexes=(*_OF_ORGANIZATION, ("version_id",), ("validation_version_id",), ("job_id",)),
    ),
    Noun(
        "jobs",
        Job,
        "job",
        parents={"project_id": "projects"},
        indexes=(("state", "lane", "executor", "created_at"), ("subject_id",), ("dataset_id",)),
    ),
    Noun(
        "aliases",
        Alias,
        "alias",
        unique=(("owner_id", "dialect", "text"),),
        parents={"owner_id": "users"},
        indexes=(("object_id",),),
    ),
    Noun("models", Model, "model", parents={"run_id": "runs"}, indexes=(("run_id", "rank"),)),
    Noun(
        "registered",
        RegisteredModel,
        "registered model",
        unique=(("organization_id", "handle"),),
        parents={"project_id": "projects"},
        indexes=_OF_ORGANIZATION,
    ),
    Noun(
        "model_versions",
        ModelVersion,
        "model version",
        unique=(("registered_id", "number"),),
        parents={"registered_id": "registered"},
        indexes=(("run_id",), ("model_id",)),
    ),
    Noun(
        "deployments",
        Deployment,
        "deployment",
        parents={"registered_id": "registered", "version_id": "model_versions"},
        indexes=(("registered_id",), ("version_id",)),
    ),
    Noun("audit", AuditEntry, "audit entry", indexes=(("organization_id", "at"), ("object_id",))),
)

# Events have no id of their own: (job_id, seq) names them, and they go with their job.
EVENT = Noun("events", JobEvent, "event", indexes=(("job_id", "kind", "seq"),))

"""The backends that the contracts run over, and nouns to fill them with."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from athanor.backends.blobs import STORES
from athanor.backends.memory import MemoryRecords
from athanor.core.actor import ALL_SCOPES, ApiKey, Organization, User
from athanor.core.alias import Alias
from athanor.core.audit import AuditEntry
from athanor.core.dataset import DatasetVersion, Origin, Segment, SegmentKind, StoredDataset, Upload
from athanor.core.deployment import Deployment, DeploymentState
from athanor.core.ids import new_id
from athanor.core.job import Job, JobKind, Lane
from athanor.core.model import Model, ModelVersion, RegisteredModel
from athanor.core.ports import EVERYONE
from athanor.core.project import Project
from athanor.core.run import Run
from athanor.engine.plan import Plan
from athanor.engine.scores import MeasuredOn
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task

NOW = datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)


@dataclass
class World:
    """Makes nouns of one organization, each under the last one of what it belongs to."""

    organization: Organization
    user: User
    project: Project
    now: datetime = NOW

    @classmethod
    def new(cls) -> World:
        organization = Organization(id=new_id(), name="Acme", created_at=NOW)
        user = User(id=new_id(), organization_id=organization.id, name="Ada", created_at=NOW)
        project = Project(
            id=new_id(),
            organization_id=organization.id,
            namespace=organization.id,
            name="Default",
            handle="default",
            created_at=NOW,
        )
        return cls(organization, user, project)

    @property
    def id(self) -> UUID:
        return self.organization.id

    def later(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def _common(self, changes):
        return {"id": new_id(), "organization_id": self.id, "created_at": self.now} | changes

    def another_project(self, **changes) -> Project:
        return Project(
            **self._common({"namespace": self.user.id, "name": "Churn", "handle": f"churn-{uuid4().hex}"} | changes)
        )

    def key(self, **changes) -> ApiKey:
        given = {"user_id": self.user.id, "name": "laptop", "scopes": ALL_SCOPES, "secret_sha256": "0" * 64}
        return ApiKey(**self._common(given | {"prefix": "ath_01234567"} | changes))

    def dataset(self, **changes) -> StoredDataset:
        given = {"project_id": self.project.id, "name": "Houses", "handle": f"houses-{uuid4().hex}", "format": "csv"}
        given |= {"size_bytes": 2**40, "owner_id": self.user.id, "labels": {"b": "1", "a": "2"}}
        given |= {"id_column": "Nr."}
        origin = Origin(dialect="workbench", body={"z": [1, 2.5, None, True], "a": {"deep": "ü"}})
        return StoredDataset(**self._common(given | {"origin": origin} | changes))

    def segment(self, dataset: StoredDataset, **changes) -> Segment:
        given = {"dataset_id": dataset.id, "position": 0, "n_rows": 10, "blob": "datasets/a", "source_sha256": "1" * 64}
        given |= {"kind": SegmentKind.TOMBSTONES, "size_bytes": 2**40, "ids_blob": "ids/a", "rejects_blob": "rejects/a"}
        given |= {"n_rejected": 3, "merged_sha256": ("2" * 64, "3" * 64)}
        return Segment(**self._common(given | changes))

    def version(self, dataset: StoredDataset, **changes) -> DatasetVersion:
        columns = (
            ColumnSchema(name="price", type=ColumnType.NUMERIC, storage=Storage.FLOAT, reason="all numbers"),
            ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=3),
        )
        given = {"dataset_id": dataset.id, "number": 1, "n_segments": 1, "n_rows": 10, "schema": Schema(columns)}
        given |= {"first_segment": 2, "is_pinned": True, "profile_blob": "profiles/a.json"}
        return DatasetVersion(**self._common(given | {"warnings": ("row 3 is ragged",)} | changes))

    def upload(self, **changes) -> Upload:
        given = {"user_id": self.user.id, "filename": "a.csv", "expires_at": self.later(3600)}
        return Upload(**self._common(given | changes))

    def run(self, **changes) -> Run:
        task = Task(
            target="price", positive=True, features=("a", "b"), types={"z": ColumnType.TEXT, "a": ColumnType.ID}
        )
        given = {"project_id": self.project.id, "name": "First", "handle": f"first-{uuid4().hex}", "description": None}
        given |= {"dataset_id": new_id(), "validation_version_id": new_id()}
        given |= {"version_id": new_id(), "task": task, "plan": Plan(max_trials=3, excluded_families=("linear",))}
        return Run(**self._common(given | {"job_id": new_id(), "owner_id": self.user.id} | changes))

    def job(self, **changes) -> Job:
        given = {"project_id": self.project.id, "kind": JobKind.TRAIN, "lane": Lane.TRAIN}
        given |= {"subject_id": new_id(), "dataset_id": new_id(), "result": {"n_rows": 3}}
        return Job(**self._common(given | {"updated_at": self.now} | changes))

    def alias(self, **changes) -> Alias:
        given = {"owner_id": self.user.id, "dialect": "vecml", "text": f"job_{uuid4().hex}", "object_id": new_id()}
        given |= {"said": {"model_name": "m"}}
        return Alias(**self._common(given | changes))

    def model(self, run: Run, **changes) -> Model:
        given = {"run_id": run.id, "name": "LightGBM-2", "family": "gbdt", "metric": "rmse", "score": 0.1 + 0.2}
        scored = {"scores": {"r2": 0.5}, "scored_on": MeasuredOn.VALIDATION, "n_scored": 7}
        return Model(**self._common(given | {"rank": 1, "fit_s": 1.5, "predict_s": 0.25} | scored | changes))

    def registered(self, **changes) -> RegisteredModel:
        given = {"project_id": self.project.id, "name": "Prices", "handle": f"prices-{uuid4().hex}", "description": "x"}
        return RegisteredModel(**self._common(given | {"owner_id": self.user.id, "updated_at": self.now} | changes))

    def model_version(self, registered: RegisteredModel, **changes) -> ModelVersion:
        given = {"registered_id": registered.id, "number": 1, "model_id": new_id(), "run_id": new_id()}
        return ModelVersion(
            **self._common(given | {"artifact": "models/a", "metric": "rmse", "score": 1e-300} | changes)
        )

    def deployment(self, version: ModelVersion, **changes) -> Deployment:
        given = {"registered_id": version.registered_id, "version_id": version.id, "updated_at": self.now}
        return Deployment(**self._common(given | {"state": DeploymentState.ACTIVE} | changes))

    def audit_entry(self, **changes) -> AuditEntry:
        given = {"id": new_id(), "organization_id": self.id, "at": self.now, "user_id": self.user.id, "key_id": None}
        return AuditEntry(**given | {"action": "run.stop", "object_id": new_id(), "detail": {"run": "1"}} | changes)

    def one_of_each(self) -> list[tuple[str, object]]:
        """(collection, noun) for every noun below the project, parents first."""
        dataset, run, registered = self.dataset(), self.run(), self.registered()
        version = self.model_version(registered)
        return [
            ("keys", self.key()),
            ("datasets", dataset),
            ("segments", self.segment(dataset)),
            ("versions", self.version(dataset)),
            ("uploads", self.upload()),
            ("runs", run),
            ("jobs", self.job()),
            ("models", self.model(run)),
            ("registered", registered),
            ("model_versions", version),
            ("aliases", self.alias()),
            ("deployments", self.deployment(version)),
            ("audit", self.audit_entry()),
        ]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """An empty SQLite database, made once; a copy of it is a new one."""
    from athanor.backends.records.sql import migrate

    file = tmp_path_factory.mktemp("sqlite") / "empty.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_url():
    """A new database beside the one that ATHANOR_TEST_POSTGRES_URL names, gone afterwards."""
    given = os.environ.get("ATHANOR_TEST_POSTGRES_URL")
    if given is None:
        pytest.skip("ATHANOR_TEST_POSTGRES_URL names no PostgreSQL server")
    from sqlalchemy import create_engine, make_url, text

    from athanor.backends.records.sql import migrate

    server = create_engine(make_url(given), isolation_level="AUTOCOMMIT")
    name = f"athanor_test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(given).set(database=name).render_as_string(hide_password=False)
    migrate(url)
    yield url
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_url(migrated_file, tmp_path):
    shutil.copy(migrated_file, tmp_path / "records.db")
    return f"sqlite:///{tmp_path / 'records.db'}"


def open_records(kind, request):
    if kind == "memory":
        return MemoryRecords()
    from sqlalchemy import text

    from athanor.backends.records.sql import SqlRecords

    records = SqlRecords(request.getfixturevalue(f"{kind}_url"))
    if kind == "postgres":
        with records._engine.begin() as connection:
            connection.execute(text("TRUNCATE organizations CASCADE"))
    return records


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def records(request):
    opened = open_records(request.param, request)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def a_world():
    """Makes worlds that stand nowhere yet."""
    return World.new


@pytest.fixture
def new_world(records):
    """Makes worlds whose organization, user and project are there."""

    def make() -> World:
        world = World.new()
        with records.change(EVERYONE) as tx:
            tx.organizations.add(world.organization)
            tx.users.add(world.user)
            tx.projects.add(world.project)
        return world

    return make


@pytest.fixture
def world(new_world):
    return new_world()


@pytest.fixture(params=STORES.names())
def blobs(request, tmp_path):
    return STORES[request.param](tmp_path / "blobs")

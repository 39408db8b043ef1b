"""A server over records in memory: what a test needs to speak HTTP with every dialect, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest

from athanor.api.limits import Limits
from athanor.api.server import Server
from athanor.api.uploads import Spool
from athanor.backends.blobs.memory import MemoryBlobs
from athanor.backends.memory import MemoryRecords
from athanor.core.actor import ALL_SCOPES, Actor, Organization, Scope, User, make_key
from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import JobState, advance
from athanor.core.model import Model
from athanor.core.ports import EVERYONE
from athanor.engine.predictions import Predictions
from athanor.engine.serving.model_files import write_head
from athanor.engine.tables.rows import rows_to_dataset
from athanor.engine.tables.schema import Schema
from athanor.services import Services
from athanor.services.collections.collections import Collections
from athanor.services.collections.models import CollectionModels
from athanor.services.collections.single_rows import CollectionRows
from athanor.services.datasets import Datasets
from athanor.services.deploy import Deploy
from athanor.services.ingest import Ingest
from athanor.services.jobs import Jobs
from athanor.services.keys import Keys
from athanor.services.model_files import ModelFiles
from athanor.services.predict import LoadedModels, Predict
from athanor.services.projects import Projects, make_default_project
from athanor.services.register import Register
from athanor.services.rows.arrivals import Arrivals
from athanor.services.runs import Runs
from athanor.services.train import Train

CSV = "age,plan,spend,churned\n" + "".join(
    f"{20 + i},{'ab'[i % 2]},{i * 1.5},{'yes' if i % 3 else 'no'}\n" for i in range(30)
)
PLENTY = Limits(requests_per_minute=1e9, burst=10**9, upload_bytes=500 * 2**20, json_bytes=10 * 2**20)


class Clock:
    """A time that moves when it is told to. Starts at the vendor's example day."""

    def __init__(self) -> None:
        self.at = datetime(2025, 2, 1, 9, 55, 0, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


@dataclass
class FakePredictor:
    """Answers without having learned: yes with 0.75 where age is above 30."""

    schema: Schema
    size_bytes: int = 1
    is_regression: bool = False

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> Predictions:
        age = rows_to_dataset(rows, self.schema)["age"].values
        if self.is_regression:
            return Predictions(values=age * 2)
        positive = np.where(age > 30, 0.75, 0.25)
        return Predictions(
            classes=("no", "yes"),
            probabilities=np.stack([1 - positive, positive], axis=1),
            codes=(positive > 0.5).astype(np.int64),
        )


@dataclass
class World:
    """A platform, its server, two organizations, and the keys of the first one's admin and the second one's."""

    folder: Path
    limits: Limits = PLENTY
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.records, self.blobs = MemoryRecords(), MemoryBlobs(self.folder / "blobs")
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir(parents=True)
        roots = self.folder / "roots"
        roots.mkdir()
        (roots / "customers.csv").write_text(CSV)
        (self.folder / "secret.csv").write_text(CSV)
        predict = Predict(self.records, self.blobs, 2**20)
        predict.models = LoadedModels(self.blobs, 2**20, load=lambda _: self.predictor)
        arrivals = Arrivals(self.records, self.blobs, self.scratch)
        train = Train(self.records, self.clock, self.folder / "runs")
        runs = Runs(self.records, self.blobs, self.clock, self.folder / "runs", wait_s=0.0)
        self.services = Services(
            keys=Keys(self.records, self.clock),
            ingest=Ingest(self.records, self.blobs, self.clock, arrivals, server_paths=(roots,)),
            datasets=Datasets(self.records, self.blobs, self.clock, arrivals),
            train=train,
            runs=runs,
            jobs=Jobs(self.records),
            projects=Projects(self.records, self.blobs, self.clock, self.folder / "runs"),
            register=Register(self.records, self.blobs, self.clock),
            deploy=Deploy(self.records, self.blobs, self.clock),
            predict=predict,
            model_files=ModelFiles(self.records, self.blobs, arrivals),
            collection_models=CollectionModels(
                self.records, self.blobs, arrivals, train=train, runs=runs, predict=predict
            ),
            collections=Collections(self.records, self.blobs, self.clock, arrivals, self.folder / "runs"),
            collection_rows=CollectionRows(self.records, self.blobs, self.clock, arrivals),
        )
        self.spool = Spool(self.scratch)
        self.server = Server(
            self.services,
            spool=self.spool,
            limits=self.limits,
            now=self.clock,
            options={"vecml": {"high_speed": 15, "balanced": 300, "high_accuracy": 1800}},
            version="1.2.3",
            clock=lambda: 0.0,
        )
        self.key = self.services.keys.first_start() or ""
        self.actor = self.services.keys.authenticate(self.key)
        self.predictor = FakePredictor(Schema(()))

    # keys

    def a_key(self, *scopes: Scope) -> str:
        return self.services.keys.create(self.actor, "some", scopes)[1]

    def a_foreign_key(self) -> str:
        """A key with every scope, of another organization."""
        now = self.clock()
        organization = Organization(id=new_id(), name="other", created_at=now)
        user = User(id=new_id(), organization_id=organization.id, name="eve", created_at=now)
        key, text = make_key(organization_id=organization.id, user_id=user.id, name="eve", scopes=ALL_SCOPES, now=now)
        with self.records.change(EVERYONE) as transaction:
            transaction.organizations.add(organization)
            transaction.users.add(user)
            transaction.keys.add(key)
            make_default_project(transaction, organization.id, now=now)
        return text

    # nouns

    def a_dataset(self, text: str = CSV, *, actor: Actor | None = None) -> UUID:
        path = self.folder / "sent.csv"
        path.write_text(text)
        view = self.services.ingest.receive(path, filename="customers.csv", name=None, actor=actor or self.actor)
        self.predictor = FakePredictor(view.version.schema)
        return view.dataset.id

    def a_job(self, state: JobState = JobState.QUEUED, **body: Any) -> str:
        """A job made over HTTP, its run brought into `state` as a worker would."""
        asked = {"name": "Churn", "dataset": f"ds_{self.a_dataset().hex}", "targetColumn": "churned", **body}
        answer = self.call("POST", "/api/v1/automl/jobs", json=asked)
        assert answer.status_code == 201, answer.text
        job_id: str = answer.json()["id"]
        self.bring(job_id, state)
        return job_id

    def bring(self, job_id: str, state: JobState) -> None:
        now = self.clock()
        with self.records.change(self.actor.organization_id) as transaction:
            run = transaction.runs.get(UUID(job_id.removeprefix("aml_")))
            job = transaction.jobs.get(run.job_id)
            if state is JobState.READY:
                transaction.jobs.put(replace(job, state=state))
                return
            if state is JobState.QUEUED:
                return
            if state is not JobState.STOPPED and job.state is not JobState.RUNNING:
                job = advance(job, JobState.RUNNING, now=now)
            if state in {JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED}:
                job = advance(job, state, now=now, error="It broke." if state is JobState.FAILED else None)
            transaction.jobs.put(job)
            if state is JobState.SUCCEEDED:
                model = Model(
                    id=new_id(),
                    organization_id=run.organization_id,
                    run_id=run.id,
                    name="Ensemble",
                    family="ensemble",
                    metric="accuracy",
                    score=0.875,
                    rank=1,
                    fit_s=1.5,
                    predict_s=0.01,
                    created_at=now,
                    artifact=f"models/{run.id}",
                )
                transaction.models.add(model)
                folder = self.folder / f"model-{run.id}"
                folder.mkdir()
                write_head(folder, {}, {})
                self.blobs.put_folder(f"models/{run.id}", folder)

    def tell(self, job_id: str, *events: tuple[EventKind, Mapping[str, Any]]) -> None:
        """What a trainer would tell, now."""
        with self.records.change(self.actor.organization_id) as transaction:
            run = transaction.runs.get(UUID(job_id.removeprefix("aml_")))
            transaction.events.append(run.job_id, [(self.clock(), kind, payload) for kind, payload in events])

    def a_model(self) -> str:
        """A deployed model."""
        job = self.a_job(JobState.SUCCEEDED)
        answer = self.call("POST", f"/api/v1/automl/jobs/{job}/deploy")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["modelId"])

    # HTTP

    def call(self, method: str, path: str, *, key: str | None = "", **how: Any) -> httpx.Response:
        """An answer to a request with the admin's key; with another one, or with none (None)."""
        headers = dict(how.pop("headers", {}))
        if key is not None:
            headers.setdefault("X-API-Key", key or self.key)
        if "json" in how:  # httpx refuses what a hostile client sends
            how["content"] = json.dumps(how.pop("json")).encode()
            headers.setdefault("Content-Type", "application/json")

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.server)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return await client.request(method, path, headers=headers, **how)

        return asyncio.run(ask())


@pytest.fixture(scope="session")
def world_class() -> type[World]:
    return World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)

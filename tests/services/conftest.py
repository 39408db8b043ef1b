"""Services over records and blobs in memory, with small real files and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from athanor.backends.blobs.memory import MemoryBlobs
from athanor.backends.memory import MemoryRecords
from athanor.core.actor import ALL_SCOPES, Actor, Organization, Scope, User
from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import Job, JobState, Request, advance
from athanor.core.model import Model
from athanor.core.ports import EVERYONE
from athanor.engine.plan import Plan
from athanor.engine.serving.model_files import write_head
from athanor.engine.task import Task
from athanor.services.collections.collections import Collections
from athanor.services.collections.models import CollectionModels
from athanor.services.collections.single_rows import CollectionRows
from athanor.services.datasets import Datasets
from athanor.services.deploy import Deploy
from athanor.services.ingest import Ingest
from athanor.services.jobs import Jobs
from athanor.services.keys import Keys
from athanor.services.model_files import ModelFiles
from athanor.services.predict import Predict
from athanor.services.projects import Projects, make_default_project
from athanor.services.register import Register
from athanor.services.rows.arrivals import Arrivals
from athanor.services.runs import Runs, RunView
from athanor.services.train import Train
from athanor.services.versions import DatasetView

CSV = "age,plan,spend,churned\n" + "".join(
    f"{20 + row},{'basic' if row % 2 else 'plus'},{row * 1.5},{'yes' if row % 3 else 'no'}\n" for row in range(40)
)


class Clock:
    """A time that moves only when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **of: float) -> None:
        self.at += timedelta(**of)


@dataclass
class World:
    """All services over one memory, and what a test needs to set a scene."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    naps: list[float] = field(default_factory=list)
    during_nap: Callable[[], object] = lambda: None  # what others do while `stop` waits

    def __post_init__(self) -> None:
        self.blobs = MemoryBlobs(self.folder / "unfolded")
        self.scratch = self.folder / "scratch"
        self.runs_folder = self.folder / "runs"
        self.served = self.folder / "served"
        for folder in (self.scratch, self.runs_folder, self.served):
            folder.mkdir()
        self.keys = Keys(self.records, self.clock)
        self.arrivals = Arrivals(self.records, self.blobs, self.scratch, max_columns=50)
        self.ingest = Ingest(self.records, self.blobs, self.clock, self.arrivals, server_paths=(self.served,))
        self.datasets = Datasets(self.records, self.blobs, self.clock, self.arrivals)
        self.model_files = ModelFiles(self.records, self.blobs, self.arrivals)
        self.collections = Collections(self.records, self.blobs, self.clock, self.arrivals, self.runs_folder)
        self.collection_rows = CollectionRows(self.records, self.blobs, self.clock, self.arrivals)
        self.train = Train(self.records, self.clock, self.runs_folder)
        self.runs = Runs(self.records, self.blobs, self.clock, self.runs_folder, sleep=self._nap)
        self.jobs = Jobs(self.records)
        self.projects = Projects(self.records, self.blobs, self.clock, self.runs_folder)
        self.register = Register(self.records, self.blobs, self.clock)
        self.deploy = Deploy(self.records, self.blobs, self.clock)
        self.predict = Predict(self.records, self.blobs, model_memory=1000)
        self.collection_models = CollectionModels(
            self.records, self.blobs, self.arrivals, train=self.train, runs=self.runs, predict=self.predict
        )
        self.actor = self.an_actor()

    def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.during_nap()

    def an_actor(self) -> Actor:
        """Somebody of an organization of their own, who may do everything."""
        organization = Organization(id=new_id(), name="somewhere", created_at=self.clock())
        user = User(id=new_id(), organization_id=organization.id, name="someone", created_at=self.clock())
        with self.records.change(EVERYONE) as transaction:
            transaction.organizations.add(organization)
            transaction.users.add(user)
            make_default_project(transaction, organization.id, now=self.clock())
        return Actor(organization_id=organization.id, user_id=user.id, scopes=ALL_SCOPES)

    def without(self, scope: Scope) -> Actor:
        return replace(self.actor, scopes=ALL_SCOPES - {scope})

    def a_file(self, text: str = CSV, name: str = "customers.csv") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def a_dataset(self, text: str = CSV, name: str | None = None, **more: Any) -> DatasetView:
        path = self.a_file(text)
        return self.ingest.receive(path, **{"filename": path.name, "name": name, "actor": self.actor} | more)

    def a_run(self, name: str = "churn", dataset: DatasetView | None = None, **more: Any) -> RunView:
        dataset = dataset or self.a_dataset()
        given = {"task": Task(target="churned"), "plan": Plan(time_limit_s=30)} | more
        return self.train.start(self.actor, dataset_id=dataset.dataset.id, name=name, **given)

    def change_job(self, view: RunView, **fields: Any) -> Job:
        with self.records.change(EVERYONE) as transaction:
            changed = replace(transaction.jobs.get(view.job.id), **fields)
            transaction.jobs.put(changed)
        return changed

    def let_jobs_run(self, subject_id: UUID) -> None:
        """Take the jobs that work on this, as an executor would."""
        with self.records.change(EVERYONE) as transaction:
            for job in transaction.jobs.find({"subject_id": subject_id}).items:
                transaction.jobs.put(advance(job, JobState.RUNNING, now=self.clock()))

    def put_in_state(self, view: RunView, *states: JobState, error: str | None = None) -> Job:
        """Lead the run's job through the states, as an executor would."""
        with self.records.change(EVERYONE) as transaction:
            job = transaction.jobs.get(view.job.id)
            for state in states:
                job = advance(job, state, now=self.clock(), error=error if state is JobState.FAILED else None)
            transaction.jobs.put(job)
        return job

    def a_running_run(self, name: str = "churn", request: Request | None = None) -> RunView:
        view = self.a_run(name)
        self.put_in_state(view, JobState.RUNNING)
        self.change_job(view, request=request)
        return self.runs.get(self.actor, view.run.id)

    def a_finished_run(self, name: str = "churn") -> RunView:
        """One that succeeded, with two models; the better one has files."""
        view = self.a_running_run(name)
        self.put_in_state(view, JobState.SUCCEEDED)
        folder = self.folder / f"model-{view.run.id}"
        folder.mkdir()
        write_head(folder, {}, {})
        artifact = f"models/{new_id()}"
        self.blobs.put_folder(artifact, folder)
        with self.records.change(EVERYONE) as transaction:
            for rank, (label, score) in enumerate([("Ensemble", 0.9), ("LightGBM", 0.8)], start=1):
                transaction.models.add(
                    Model(
                        id=new_id(),
                        organization_id=view.run.organization_id,
                        run_id=view.run.id,
                        name=label,
                        family=label.lower(),
                        metric="accuracy",
                        score=score,
                        rank=rank,
                        fit_s=1.0,
                        predict_s=0.1,
                        created_at=self.clock(),
                        artifact=artifact if rank == 1 else None,
                    )
                )
        return self.runs.get(self.actor, view.run.id)

    def leave_folds(self, view: RunView, n_folds: int = 3) -> Path:
        """Finished folds in the run's folder, as a trainer leaves them."""
        folder = self.runs_folder / str(view.run.id)
        for number in range(n_folds):
            fold = folder / "trials" / "linear" / f"fold-{number}"
            fold.mkdir(parents=True)
            (fold / "fold.json").write_text("{}")
        return folder

    def a_continued_run(self, name: str = "churn", **limits: Any) -> RunView:
        """One that succeeded and goes on, its new job queued."""
        view = self.a_finished_run(name)
        self.leave_folds(view)
        return self.train.continue_(self.actor, view.run.id, **({"time_limit_s": 60.0} | limits))

    def tell(self, view: RunView, *events: tuple[EventKind, dict[str, Any]]) -> None:
        with self.records.change(EVERYONE) as transaction:
            transaction.events.append(view.job.id, [(self.clock(), kind, payload) for kind, payload in events])

    def all_of(self, collection: str) -> list[Any]:
        with self.records.look(EVERYONE) as transaction:
            sort = "at" if collection == "audit" else "created_at"
            return list(getattr(transaction, collection).find(sort=sort).items)

    def audited(self) -> list[str]:
        return [entry.action for entry in self.all_of("audit")]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all tests of a module: for scenes that take long to set."""
    return World(tmp_path_factory.mktemp("world"))

"""A data folder with runs to work on, a run that has a model, and processes that supervise as a worker's would."""

from __future__ import annotations

import os
import shutil
import signal
import time
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from athanor.app import now, open_platform
from athanor.core.actor import ALL_SCOPES, Actor
from athanor.core.event import EventKind
from athanor.core.job import Job, JobState, Lane
from athanor.core.ports import EVERYONE
from athanor.engine.plan import Plan
from athanor.engine.task import Task
from athanor.services.retention import Retention
from athanor.settings import load_settings
from athanor.worker.workplace import Workplace

CSV = "usage,plan,churned\n" + "".join(
    f"{row * 7 % 31},{'basic' if row % 2 else 'pro'},{'yes' if row * 7 % 31 > 15 else 'no'}\n" for row in range(120)
)
PATIENCE_S = 60.0


@dataclass
class Yard:
    """A platform in a folder of its own, and what tests do with its jobs."""

    folder: Path
    platform: object = field(init=False)
    actor: Actor = field(init=False)
    place: Workplace = field(init=False)

    def __post_init__(self):
        self.platform = open_platform(load_settings(data_folder=self.folder, port=0), forks=True)
        services = self.platform.services
        services.keys.first_start()
        self.actor = replace(services.keys.admin(), scopes=ALL_SCOPES)
        self.place = Workplace(
            records=self.platform.records,
            blobs=self.platform.blobs,
            folder=self.folder,
            slots={Lane.LIGHT: 1, Lane.TRAIN: 1},
            cores_per_job=1,
            memory_limit=None,
            retention=Retention(),
            now=now,
        )
        path = self.folder / "churn.csv"
        path.write_text(CSV)
        self.dataset = services.ingest.receive(path, filename=path.name, name=None, actor=self.actor).dataset.id
        self.profile_job = self.all_jobs()[0]
        self.put(replace(self.profile_job, state=JobState.SUCCEEDED))

    @property
    def execution(self):
        return self.place.execution

    def a_run(self, target="churned", problem=None, **plan):
        """A run whose job waits."""
        given = Plan(**{"time_limit_s": None, "max_trials": 2, "preset": "medium_quality", "cores": 1} | plan)
        view = self.platform.services.train.start(
            self.actor, dataset_id=self.dataset, name="churn", task=Task(target=target, problem=problem), plan=given
        )
        return view.job

    def a_profile(self):
        """A job that waits to profile the dataset."""
        return self.put(replace(self.profile_job, state=JobState.QUEUED))

    def put(self, job):
        with self.platform.records.change(EVERYONE) as transaction:
            transaction.jobs.put(job)
        return job

    def ask(self, job, request):
        self.put(replace(self.job(job), request=request))

    def job(self, job) -> Job:
        with self.platform.records.look(EVERYONE) as transaction:
            return transaction.jobs.get(job.id)

    def all_jobs(self):
        with self.platform.records.look(EVERYONE) as transaction:
            return list(transaction.jobs.find().items)

    def models(self, job):
        with self.platform.records.look(EVERYONE) as transaction:
            return list(transaction.models.find({"run_id": job.subject_id}, sort="rank").items)

    def lines(self, job):
        with self.platform.records.look(EVERYONE) as transaction:
            return [event.payload["message"] for event in transaction.events.after(job.id, kinds=[EventKind.LINE])]

    def run_folder(self, job):
        return self.place.run_folder(job.subject_id)

    def fork(self, act):
        return Child.of(act)

    def wait_for(self, condition, what):
        until = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < until, f"Waited in vain for {what}."
            time.sleep(0.02)
        return found

    def wait_for_state(self, job, *states):
        return self.wait_for(lambda: (found := self.job(job)).state in states and found, f"{states}")


@dataclass
class Child:
    """A forked process that does `act`: 0 where it came through, 1 where it raised."""

    pid: int

    @classmethod
    def of(cls, act):
        pid = os.fork()
        if pid:
            return cls(pid)
        status = 1
        try:
            act()
            status = 0
        except BaseException:  # noqa: BLE001 - its outcome is told by its status
            traceback.print_exc()
        finally:
            os._exit(status)

    def tell(self, number=signal.SIGTERM):
        os.kill(self.pid, number)

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture(scope="session")
def shared_yard(tmp_path_factory):
    made = Yard(tmp_path_factory.mktemp("data"))
    yield made
    made.platform.close()


@pytest.fixture
def yard(shared_yard):
    """The data folder, with an empty queue."""
    yield shared_yard
    for job in shared_yard.all_jobs():
        if not job.is_final:
            shared_yard.put(replace(job, state=JobState.STOPPED, token=None, lease_until=None))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, shared_yard):
    """Checkpoints as a trainer leaves them: finished folds, and the best model so far."""
    from athanor.engine.fitting.checkpoint import FolderCheckpoints
    from athanor.engine.learn import learn
    from athanor.engine.processes.pool import InlinePool
    from athanor.engine.tables.segments import read_segments

    job = shared_yard.a_run()
    content, schema = shared_yard.execution.table_of(shared_yard.execution.run_of(job))
    dataset = read_segments(content.files(shared_yard.place.blobs)[0], schema)
    folder = tmp_path_factory.mktemp("trained")
    plan = Plan(time_limit_s=None, max_trials=2, preset="medium_quality")
    learn(dataset, Task(target="churned"), plan, pool=InlinePool(), checkpoints=FolderCheckpoints(folder))
    return folder


@pytest.fixture
def leave_model(trained):
    """What a trainer does that has found a model: it lies in the run's folder."""

    def leave(given, place):
        shutil.copytree(trained, place.run_folder(given.job.subject_id), symlinks=True, dirs_exist_ok=True)

    return leave

from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.actor import Scope
from athanor.core.ids import new_id
from athanor.core.job import LANES, Job, JobKind, JobState
from athanor.core.ports import EVERYONE
from athanor.errors import NotFound, ScopeMissing
from athanor.services.aliases import Naming, give_name

TRAIN = Naming(dialect="vecml", text="eva_p_c_m_TrainJob", said={"model_name": "m"})
UPLOAD = Naming(dialect="vecml", text="eva_p_c_UploadJob")


def an_upload(world, dataset=None):
    """A job of rows that came, born finished."""
    dataset = dataset or world.a_dataset()
    job = Job(
        id=new_id(),
        organization_id=world.actor.organization_id,
        project_id=dataset.dataset.project_id,
        kind=JobKind.INGEST,
        lane=LANES[JobKind.INGEST],
        subject_id=dataset.dataset.id,
        dataset_id=dataset.dataset.id,
        created_at=world.clock(),
        updated_at=world.clock(),
        state=JobState.SUCCEEDED,
        result={"n_rows": 40},
    )
    with world.records.change(EVERYONE) as transaction:
        transaction.jobs.add(job)
        give_name(transaction, world.actor, UPLOAD, job.id, now=world.clock())
    return job


def test_an_upload_is_found_by_its_name_with_what_came_of_it(world):
    job = an_upload(world)
    view = world.jobs.named(world.actor, "vecml", UPLOAD.text)
    assert (view.job, view.trained) == (job, None)
    assert view.job.result == {"n_rows": 40}


def test_a_training_is_found_by_its_name_with_the_run_that_it_trains(world):
    started = world.a_run(naming=TRAIN)
    assert started.job_name == TRAIN.text
    view = world.jobs.named(world.actor, "vecml", started.job_name)
    assert (view.job, view.alias.said) == (started.job, {"model_name": "m"})
    assert view.trained == world.runs.get(world.actor, started.run.id)


def test_an_unknown_job_and_somebody_elses_do_not_exist(world):
    an_upload(world)
    for actor, text in ((world.actor, "other"), (world.an_actor(), UPLOAD.text), (world.actor, UPLOAD.text.upper())):
        with pytest.raises(NotFound, match=f"The job '{text}' does not exist"):
            world.jobs.named(actor, "vecml", text)


def test_each_kind_of_job_needs_its_scope(world):
    an_upload(world)
    world.a_run(naming=TRAIN)
    for text, scope in ((TRAIN.text, Scope.RUNS_READ), (UPLOAD.text, Scope.DATA_READ)):
        with pytest.raises(ScopeMissing, match=scope.value):
            world.jobs.named(world.without(scope), "vecml", text)
        other = {Scope.RUNS_READ: Scope.DATA_READ, Scope.DATA_READ: Scope.RUNS_READ}[scope]
        assert world.jobs.named(world.without(other), "vecml", text).alias.text == text
    with pytest.raises(ScopeMissing):
        world.jobs.named(replace(world.actor, scopes=frozenset({Scope.PREDICT})), "vecml", "unknown")


def test_the_job_of_a_discarded_run_keeps_its_name_until_its_dataset_goes(world):
    dataset = world.a_dataset()
    upload = an_upload(world, dataset)
    view = world.a_run(dataset=dataset, naming=TRAIN)
    world.runs.discard(world.actor, view.run.id)
    found = world.jobs.named(world.actor, "vecml", TRAIN.text)
    assert (found.job.id, found.job.state, found.trained) == (view.job.id, JobState.STOPPED, None)
    assert found.job.subject_id == view.run.id
    assert "deleted before its training was finished" in (found.job.error or "")
    world.datasets.delete(world.actor, dataset.dataset.id)
    for text in (TRAIN.text, UPLOAD.text):
        with pytest.raises(NotFound):
            world.jobs.named(world.actor, "vecml", text)
    assert upload.id not in {job.id for job in world.all_of("jobs")}
    assert (world.all_of("aliases"), world.all_of("jobs")) == ([], [])


def test_a_training_whose_run_is_continued_is_what_the_continuation_is(world):
    started = world.a_run(naming=TRAIN)
    world.put_in_state(started, JobState.RUNNING, JobState.FAILED, error="too little time")
    world.leave_folds(started)
    continued = world.train.continue_(world.actor, started.run.id, time_limit_s=60.0)
    view = world.jobs.named(world.actor, "vecml", TRAIN.text)
    assert (view.job, view.trained) == (continued.job, continued)

from __future__ import annotations

import io

import pytest

from athanor.core.ids import new_id
from athanor.core.job import FINAL, JobState
from athanor.core.ports import EVERYONE
from athanor.errors import Unavailable
from athanor.services.profile import make_profile
from athanor.services.references import Gone, clear, remove_dataset, sweep, sweep_runs


def test_the_sweep_removes_old_blobs_that_no_record_refers_to(world):
    view = world.a_dataset("id,x\na,1\nragged\n" + "".join(f"{n},2\n" for n in range(20)), id_column="id")
    make_profile(world.records, world.blobs, view.version.id)
    kept = set(world.blobs.keys())
    assert {key.partition("/")[0] for key in kept} == {"segments", "ids", "rejects", "profiles"}
    for key in ("segments/{}.parquet", "ids/{}.npy", "rejects/{}.csv", f"profiles/{new_id()}-{{}}.json"):
        world.blobs.put(key.format(new_id()), io.BytesIO(b"forgotten"))
    world.blobs.put("elsewhere/else.json", io.BytesIO(b"{}"))
    assert sweep(world.records, world.blobs, now=world.clock()) == 4  # the clock of this world is years ahead
    assert set(world.blobs.keys()) == kept | {"elsewhere/else.json"}


def test_the_sweep_removes_the_files_of_models_that_no_record_refers_to(world):
    view = world.a_finished_run()
    world.deploy.best(world.actor, view.run.id)
    kept = set(world.blobs.keys())
    assert {key.partition("/")[0] for key in kept} >= {"models", "registered"}
    for prefix in ("models", "registered"):
        folder = f"{prefix}/{new_id()}"
        for name in ("model.json", f"trials/{new_id()}/weights.npy"):
            world.blobs.put(f"{folder}/{name}", io.BytesIO(b"forgotten"))
    assert sweep(world.records, world.blobs, now=world.clock()) == 2
    assert set(world.blobs.keys()) == kept


def test_the_sweep_removes_the_folders_of_runs_that_no_record_refers_to(world):
    view = world.a_run()
    for name in (str(view.run.id), str(new_id()), "somebody else's"):
        (world.runs_folder / name / "trials").mkdir(parents=True)
    assert sweep_runs(world.records, world.runs_folder) == 1
    assert {path.name for path in world.runs_folder.iterdir()} == {str(view.run.id), "somebody else's"}
    assert sweep_runs(world.records, world.runs_folder) == 0


def test_the_sweep_leaves_blobs_that_may_still_get_their_record(world):
    from datetime import UTC, datetime, timedelta

    world.blobs.put(f"segments/{new_id()}.parquet", io.BytesIO(b"on its way"))
    now = datetime.now(UTC)
    assert sweep(world.records, world.blobs, now=now + timedelta(hours=23)) == 0
    assert sweep(world.records, world.blobs, now=now + timedelta(hours=25)) == 1


def test_a_dataset_goes_with_the_runs_that_were_made_from_it(world):
    kept, gone = world.a_finished_run("kept"), world.a_finished_run("gone")
    with world.records.change(EVERYONE) as transaction:
        left = remove_dataset(transaction, gone.run.dataset_id, now=world.clock())
    assert [run.id for run in world.all_of("runs")] == [kept.run.id]
    assert {model.run_id for model in world.all_of("models")} == {kept.run.id}
    assert [dataset.id for dataset in world.all_of("datasets")] == [kept.run.dataset_id]
    assert left.runs == (gone.run.id,)
    clear(left, world.blobs, world.runs_folder)
    assert list(world.blobs.keys(gone.models[0].artifact)) == []
    assert list(world.blobs.keys(kept.models[0].artifact)) != []


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, *sorted(FINAL)])
def test_a_run_that_was_to_be_validated_on_a_dataset_that_goes_fails_in_words_and_a_finished_one_stays(world, state):
    other = world.a_dataset()
    view = world.a_run(validation_id=other.dataset.id)
    world.change_job(view, state=state, token=new_id(), error="as it was")
    with world.records.change(EVERYONE) as transaction:
        remove_dataset(transaction, other.dataset.id, now=world.clock())
    found = world.runs.get(world.actor, view.run.id)
    if state in FINAL:
        assert (found.state, found.job.error) == (state, "as it was")
    else:
        assert (found.state, found.job.finished_at, found.job.token) == (JobState.FAILED, world.clock(), None)
        assert "was to be validated on was deleted" in (found.job.error or "")


def test_what_cannot_be_cleared_now_does_not_keep_the_rest(world, monkeypatch):
    keys = [f"segments/{new_id()}.parquet" for _ in range(3)]
    for key in keys:
        world.blobs.put(key, io.BytesIO(b"rows"))
    delete_before = world.blobs.delete

    def delete(key):
        if key == keys[0]:
            raise Unavailable("busy")
        delete_before(key)

    monkeypatch.setattr(world.blobs, "delete", delete)
    run_id = new_id()
    (world.runs_folder / str(run_id)).mkdir()
    clear(Gone(blobs=tuple(keys), runs=(run_id, new_id())), world.blobs, world.runs_folder)
    assert list(world.blobs.keys()) == [keys[0]]
    assert list(world.runs_folder.iterdir()) == []


def test_a_dataset_whose_runs_are_validated_on_itself_goes_with_them(world):
    view = world.a_dataset()
    world.a_run(dataset=view, validation_id=view.dataset.id)
    with world.records.change(EVERYONE) as transaction:
        remove_dataset(transaction, view.dataset.id, now=world.clock())
    assert (world.all_of("runs"), world.all_of("jobs")) == ([], [])

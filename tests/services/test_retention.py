"""How long checkpoints are kept: days, a quota, and never less than a run that is under way needs."""

from __future__ import annotations

import os

import pytest

from athanor.core.ids import new_id
from athanor.core.job import JobState
from athanor.services.retention import Retention, remove_old_checkpoints

SIZE = 10_000


@pytest.fixture
def three(world):
    """Three runs that ended a day after each other, the last one now, with checkpoints of 10,000 bytes each."""
    views = []
    for name in ("first", "second", "third"):
        world.clock.pass_(days=1)
        view = world.a_finished_run(name)
        (world.leave_folds(view) / "trials" / "model.txt").write_bytes(bytes(SIZE))
        views.append(view)
    return views


def removed(world, **retention):
    return remove_old_checkpoints(world.records, world.runs_folder, Retention(**retention), now=world.clock())


def there(world):
    return {path.name for path in world.runs_folder.iterdir()}


def ids(views):
    return {str(view.run.id) for view in views}


def test_checkpoints_go_when_their_days_are_over_and_the_run_stays(world, three):
    first, *others = three
    world.clock.pass_(days=5)
    assert removed(world, days=7) == [first.run.id]
    assert there(world) == ids(others)
    assert world.runs.get(world.actor, first.run.id) == first
    assert removed(world, days=7) == []


def test_the_days_begin_anew_when_a_run_was_continued(world, three):
    continued = world.train.continue_(world.actor, three[0].run.id, time_limit_s=60.0)
    world.clock.pass_(days=6.5)
    assert removed(world, days=7) == [three[1].run.id], "one that waits to go on keeps them"
    world.put_in_state(continued, JobState.RUNNING, JobState.SUCCEEDED)
    world.clock.pass_(days=6)
    assert removed(world, days=7) == [three[2].run.id]
    assert there(world) == ids(three[:1])


def test_beyond_the_quota_those_go_whose_run_ended_first(world, three):
    assert removed(world, quota=3 * SIZE + 1000) == []
    assert removed(world, quota=2 * SIZE + SIZE // 2) == [three[0].run.id]
    assert removed(world, quota=0) == [view.run.id for view in three[1:]]
    assert there(world) == set()


def test_what_a_run_under_way_has_counts_and_stays(world, three):
    running = world.a_running_run("running")
    (world.leave_folds(running) / "trials" / "model.txt").write_bytes(bytes(SIZE))
    assert removed(world, quota=0) == [view.run.id for view in three]
    assert there(world) == ids([running])


def test_files_that_several_names_lead_to_count_once(world, three):
    for view in three:
        model = world.runs_folder / str(view.run.id) / "trials" / "model.txt"
        for number in range(20):
            os.link(model, model.with_name(f"link-{number}"))
    assert removed(world, quota=9 * SIZE) == []


def test_a_run_that_was_continued_a_moment_ago_keeps_its_checkpoints(world, three, monkeypatch):
    """Between the look and the removal."""
    from athanor.services import retention

    remove = retention._remove

    def late(records, kept):
        world.train.continue_(world.actor, kept.run_id, time_limit_s=60.0)
        return remove(records, kept)

    monkeypatch.setattr(retention, "_remove", late)
    assert removed(world, days=0) == []
    assert there(world) == ids(three)


def test_what_somebody_who_was_killed_began_to_remove_goes_first(world, three):
    folder = world.runs_folder / str(three[0].run.id)
    folder.rename(folder.with_name(folder.name + ".gone"))
    assert removed(world) == []
    assert there(world) == ids(three[1:])


def test_folders_that_are_nobodys_are_left_to_the_sweep(world):
    for name in (str(new_id()), "somebody else's"):
        (world.runs_folder / name).mkdir()
    assert removed(world, days=0, quota=0) == []
    assert len(there(world)) == 2


def test_one_whose_folder_cannot_be_taken_away_keeps_no_other_from_going(world, three, monkeypatch):
    """Somebody made a beginning, could not end it, and the run was continued since."""
    gone = world.runs_folder / f"{three[0].run.id}.gone" / "below"
    gone.mkdir(parents=True)
    (gone / "file").write_bytes(b"x")
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *_, **__: None)
        assert removed(world, days=0) == [view.run.id for view in three[1:]]
    assert ids(three[:1]) <= there(world)
    assert removed(world, days=0) == [three[0].run.id]

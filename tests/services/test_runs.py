from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest

from athanor.core.actor import Scope
from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import LEASE, JobKind, JobState, Request
from athanor.core.ports import EVERYONE
from athanor.engine.events import LeaderboardRow, Progressed
from athanor.engine.serving.model_files import read_head
from athanor.errors import Conflict, InvalidInput, NotFound, ScopeMissing
from athanor.services.aliases import Naming, give_name
from athanor.services.runs import JOB_SORTS, RUN_SORTS

ROW = {
    "rank": 1,
    "name": "Ensemble",
    "family": "ensemble",
    "score": 0.9,
    "fit_s": 1.0,
    "predict_s": 0.1,
    "folds": 5,
    "n_folds": 5,
    "trial": "ensemble",
}


def names(page) -> list[str]:
    return [view.run.name for view in page.items]


@pytest.fixture
def busy(world):
    """Four runs, made a minute apart, in four states."""
    dataset = world.a_dataset()
    made = {}
    for name, description in [("delta", None), ("Alpha", "about 100% churn"), ("beta", "ALPHA again"), ("gamma", "")]:
        made[name] = world.a_run(name, dataset, description=description)
        world.clock.pass_(minutes=1)
    world.put_in_state(made["beta"], JobState.RUNNING)
    world.clock.pass_(minutes=1)
    world.put_in_state(made["Alpha"], JobState.RUNNING)
    world.clock.pass_(minutes=1)
    world.put_in_state(made["Alpha"], JobState.SUCCEEDED)
    world.put_in_state(made["delta"], JobState.RUNNING, JobState.FAILED, error="broken")
    return world


def test_runs_are_found_newest_first(busy):
    page = busy.runs.find(busy.actor)
    assert (names(page), page.total) == (["gamma", "beta", "Alpha", "delta"], 4)


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ({JobState.QUEUED}, ["gamma"]),
        ({JobState.RUNNING}, ["beta"]),
        ({JobState.SUCCEEDED, JobState.FAILED}, ["Alpha", "delta"]),
        ({JobState.STOPPED}, []),
        (set(), []),
    ],
)
def test_runs_are_filtered_by_the_state_of_their_job(busy, states, found):
    page = busy.runs.find(busy.actor, states=states)
    assert (names(page), page.total) == (found, len(found))
    assert all(view.state in states for view in page.items)


@pytest.mark.parametrize(
    ("search", "found"), [("alpha", ["beta", "Alpha"]), ("100%", ["Alpha"]), ("_", []), ("elt", ["delta"])]
)
def test_a_search_looks_into_names_and_descriptions_whatever_the_case(busy, search, found):
    page = busy.runs.find(busy.actor, search=search)
    assert (names(page), page.total) == (found, len(found))


def test_state_and_search_go_together_in_every_order(busy):
    for sort in sorted(RUN_SORTS | JOB_SORTS):
        page = busy.runs.find(busy.actor, states={JobState.RUNNING, JobState.QUEUED}, search="alpha", sort=sort)
        assert (names(page), page.total) == (["beta"], 1)


@pytest.mark.parametrize(
    ("sort", "ascending"),
    [
        ("created_at", ["delta", "Alpha", "beta", "gamma"]),
        ("name", ["Alpha", "beta", "delta", "gamma"]),
        ("updated_at", ["gamma", "beta", "delta", "Alpha"]),
        ("started_at", ["gamma", "beta", "Alpha", "delta"]),
        ("state", ["delta", "gamma", "beta", "Alpha"]),
    ],
)
def test_runs_are_sorted_by_fields_of_run_and_job(busy, sort, ascending):
    up = names(busy.runs.find(busy.actor, sort=sort, descending=False))
    down = names(busy.runs.find(busy.actor, sort=sort, descending=True))
    assert down == up[::-1]
    same = {"updated_at": {"delta", "Alpha"}}.get(sort, set())  # at the same instant: ids decide
    assert [name for name in up if name not in same] == [name for name in ascending if name not in same]


@pytest.mark.parametrize("sort", sorted(RUN_SORTS | JOB_SORTS))
@pytest.mark.parametrize("states", [None, set(JobState)])
def test_pages_together_are_the_whole_and_each_knows_the_total(busy, sort, states):
    whole = names(busy.runs.find(busy.actor, sort=sort, states=states, limit=None))
    pages = [busy.runs.find(busy.actor, sort=sort, states=states, limit=3, offset=offset) for offset in (0, 3, 6)]
    assert [name for page in pages for name in names(page)] == whole
    assert [page.total for page in pages] == [4, 4, 4]
    assert len(whole) == 4


def test_an_unknown_order_is_refused_in_words(world):
    with pytest.raises(InvalidInput, match="created_at"):
        world.runs.find(world.actor, sort="colour")


def test_runs_are_counted_by_state_and_profiles_are_not(busy):
    counts = busy.runs.counts(busy.actor)
    assert set(counts) == set(JobState)
    assert {state: count for state, count in counts.items() if count} == {
        JobState.QUEUED: 1,
        JobState.RUNNING: 1,
        JobState.SUCCEEDED: 1,
        JobState.FAILED: 1,
    }
    assert any(job.kind is JobKind.PROFILE for job in busy.all_of("jobs"))


def test_a_found_run_has_its_models_best_first(world):
    view = world.a_finished_run()
    (found,) = world.runs.find(world.actor).items
    assert [model.name for model in found.models] == ["Ensemble", "LightGBM"]
    assert found == view


def test_a_found_run_knows_what_it_was_deployed_as(world):
    view = world.a_finished_run()
    deployed = world.deploy.best(world.actor, view.run.id)
    assert world.runs.get(world.actor, view.run.id).registered_id == deployed.registered.id
    assert world.runs.find(world.actor).items[0].registered_id == deployed.registered.id


def test_a_waiting_run_is_stopped_at_once(world):
    view = world.runs.stop(world.actor, world.a_run().run.id)
    assert (view.state, view.job.finished_at) == (JobState.STOPPED, world.clock())
    assert world.naps == []
    assert [event.payload["message"] for event in world.runs.lines(world.actor, view.run.id)] == ["AutoML job stopped"]


def test_a_running_run_is_asked_to_stop_and_the_answer_waits_for_it(world):
    view = world.a_running_run()

    def supervisor():
        if len(world.naps) == 3:
            world.put_in_state(view, JobState.STOPPED)

    world.during_nap = supervisor
    assert world.runs.stop(world.actor, view.run.id).state is JobState.STOPPED
    assert len(world.naps) == 3


def test_the_answer_to_a_stop_comes_within_five_seconds_whatever_happens(world):
    view = world.runs.stop(world.actor, world.a_running_run().run.id)
    assert (view.state, view.job.request) == (JobState.RUNNING, Request.STOP)
    assert sum(world.naps) == pytest.approx(5.0)


def test_stopping_goes_before_finishing(world):
    view = world.a_running_run(request=Request.FINISH)
    assert world.runs.stop(world.actor, view.run.id).job.request is Request.STOP


def test_stopping_a_stopped_run_changes_nothing(world):
    view = world.runs.stop(world.actor, world.a_run().run.id)
    world.clock.pass_(minutes=1)
    assert world.runs.stop(world.actor, view.run.id) == view
    assert world.audited().count("run.stop") == 1


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
def test_a_run_that_ended_by_itself_cannot_be_stopped(world, state):
    view = world.a_running_run()
    world.put_in_state(view, state, error="broken")
    with pytest.raises(Conflict, match=state.value) as caught:
        world.runs.stop(world.actor, view.run.id)
    assert caught.value.code == "job-finished"


def test_a_run_whose_executor_is_silent_is_stopped_without_it(world):
    view = world.a_running_run()
    world.clock.pass_(seconds=LEASE.total_seconds())
    stopped = world.runs.stop(world.actor, view.run.id)
    assert (stopped.state, stopped.job.token) == (JobState.STOPPED, None)
    assert world.naps == []


def test_a_run_that_its_executor_gave_back_while_it_was_to_stop_is_stopped(world):
    view = world.a_running_run()
    world.during_nap = lambda: world.put_in_state(view, JobState.QUEUED)
    assert world.runs.stop(world.actor, view.run.id).state is JobState.STOPPED


def test_a_running_run_is_asked_to_finish_once(world):
    view = world.a_running_run()
    for _ in range(2):
        assert world.runs.finish(world.actor, view.run.id).job.request is Request.FINISH
    assert world.audited().count("run.finish") == 1


def test_a_run_that_succeeded_has_finished_already(world):
    view = world.a_finished_run()
    assert world.runs.finish(world.actor, view.run.id) == view


@pytest.mark.parametrize("states", [[], [JobState.STOPPED], [JobState.RUNNING, JobState.FAILED]])
def test_only_a_running_run_can_be_finished(world, states):
    view = world.a_run()
    if states:
        world.put_in_state(view, *states, error="broken")
    with pytest.raises(Conflict, match="only one that is running"):
        world.runs.finish(world.actor, view.run.id)


def test_a_run_that_is_being_stopped_cannot_be_finished(world):
    view = world.a_running_run(request=Request.STOP)
    with pytest.raises(Conflict, match="being stopped"):
        world.runs.finish(world.actor, view.run.id)


def test_a_deleted_run_is_gone_with_all_that_belongs_to_it(world):
    view, kept = world.a_finished_run("gone"), world.a_finished_run("kept")
    for run in (view, kept):
        world.tell(run, (EventKind.LINE, {"level": "info", "message": "hello"}))
        (world.runs_folder / str(run.run.id) / "trials").mkdir(parents=True)
    world.runs.delete(world.actor, view.run.id)
    assert [run.name for run in world.all_of("runs")] == ["kept"]
    assert {model.run_id for model in world.all_of("models")} == {kept.run.id}
    assert [job.subject_id for job in world.all_of("jobs") if job.kind is JobKind.TRAIN] == [kept.run.id]
    assert [folder.name for folder in world.runs_folder.iterdir()] == [str(kept.run.id)]
    assert list(world.blobs.keys(view.models[0].artifact)) == []
    assert list(world.blobs.keys(kept.models[0].artifact)) != []
    assert len(world.runs.lines(world.actor, kept.run.id)) == 1
    with pytest.raises(NotFound):
        world.runs.get(world.actor, view.run.id)


def test_deleting_a_run_leaves_its_registered_model_at_work(world):
    view = world.a_finished_run()
    deployed = world.deploy.best(world.actor, view.run.id)
    world.runs.delete(world.actor, view.run.id)
    assert world.register.get(world.actor, deployed.registered.id).is_deployed
    assert read_head(world.blobs.local(deployed.version.artifact))["files"] == {}


def test_a_running_run_must_be_stopped_before_it_is_deleted(world):
    view = world.a_running_run()
    with pytest.raises(Conflict) as caught:
        world.runs.delete(world.actor, view.run.id)
    assert caught.value.code == "job-running"
    assert world.runs.get(world.actor, view.run.id) == view


@pytest.mark.parametrize("states", [[], [JobState.STOPPED], [JobState.RUNNING, JobState.FAILED]])
def test_a_run_that_does_not_run_can_be_deleted(world, states):
    view = world.a_run()
    if states:
        world.put_in_state(view, *states, error="broken")
    world.runs.delete(world.actor, view.run.id)
    assert world.all_of("runs") == []
    assert world.audited()[-1] == "run.delete"


def a_named_job(text="eva_p_c_m_TrainJob"):
    return Naming(dialect="vecml", text=text)


def test_the_names_of_a_deleted_runs_jobs_go_with_it(world):
    view = world.a_run(naming=a_named_job())
    world.runs.delete(world.actor, view.run.id)
    assert world.all_of("aliases") == []


def test_the_runs_of_a_dataset_come_oldest_first(world):
    dataset = world.a_dataset()
    world.a_run("elsewhere")
    made = []
    for name in ("b", "a"):
        made.append(world.a_run(name, dataset))
        world.clock.pass_(minutes=1)
    assert list(world.runs.of_dataset(world.actor, dataset.dataset.id)) == made
    assert world.runs.of_dataset(world.actor, world.a_dataset().dataset.id) == ()
    assert world.runs.of_dataset(world.an_actor(), dataset.dataset.id) == ()


@pytest.mark.parametrize("states", [[], [JobState.RUNNING], [JobState.RUNNING, JobState.QUEUED], [JobState.STOPPED]])
def test_a_run_that_is_not_finished_is_discarded_at_once_and_nobody_holds_its_job_any_more(world, states):
    view = world.a_run(naming=a_named_job())
    world.put_in_state(view, *states)
    (world.runs_folder / str(view.run.id) / "trials").mkdir(parents=True)
    world.tell(view, (EventKind.LINE, {"level": "info", "message": "hello"}))
    world.runs.discard(world.actor, view.run.id)
    assert world.all_of("runs") == []
    (job,) = [job for job in world.all_of("jobs") if job.kind is JobKind.TRAIN]
    assert (job.state, job.token, job.lease_until, job.finished_at) == (JobState.STOPPED, None, None, world.clock())
    with world.records.look(EVERYONE) as transaction:
        assert transaction.events.after(job.id) == []
    assert list(world.runs_folder.iterdir()) == []
    assert world.naps == []
    assert world.audited()[-1] == "run.discard"


def test_a_finished_run_is_discarded_with_its_models_and_files(world):
    view, kept = world.a_finished_run("gone"), world.a_finished_run("kept")
    with world.records.change(EVERYONE) as transaction:
        give_name(transaction, world.actor, a_named_job(), view.job.id, now=world.clock())
    world.runs.discard(world.actor, view.run.id)
    assert {model.run_id for model in world.all_of("models")} == {kept.run.id}
    assert list(world.blobs.keys(view.models[0].artifact)) == []
    assert list(world.blobs.keys(kept.models[0].artifact)) != []
    job = world.jobs.named(world.actor, "vecml", a_named_job().text).job
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)


def test_the_job_of_a_discarded_run_that_nobody_has_a_name_for_goes_with_it(world):
    view = world.a_running_run()
    world.runs.discard(world.actor, view.run.id)
    assert [job.kind for job in world.all_of("jobs")] == [JobKind.PROFILE]


def test_the_handle_of_a_discarded_run_is_free_at_once(world):
    dataset = world.a_dataset()
    given = {"handle": "m", "naming": a_named_job()}
    first = world.a_run("m", dataset, **given)
    world.put_in_state(first, JobState.RUNNING)
    world.runs.discard(world.actor, first.run.id)
    second = world.a_run("m", dataset, **given)
    assert second.run.handle == "m"
    assert (first.job_name, second.job_name) == (a_named_job().text, a_named_job().text + "_2")


def test_discarded_runs_are_neither_counted_nor_found(world):
    dataset = world.a_dataset()
    kept = world.a_run("kept", dataset)
    for name in ("a", "b"):
        view = world.a_run(name, dataset, naming=a_named_job(name))
        world.put_in_state(view, JobState.RUNNING, *([JobState.SUCCEEDED] if name == "a" else []))
        world.runs.discard(world.actor, view.run.id)
    counts = world.runs.counts(world.actor)
    assert {state: count for state, count in counts.items() if count} == {JobState.QUEUED: 1}
    assert names(world.runs.find(world.actor, states=set(JobState))) == ["kept"]
    assert world.runs.of_dataset(world.actor, dataset.dataset.id) == (kept,)


def test_the_last_lines_come_oldest_first(world):
    view = world.a_running_run()
    for number in range(5):
        world.tell(view, (EventKind.LINE, {"level": "info", "message": str(number)}), (EventKind.FOLD, {}))
        world.clock.pass_(seconds=1)
    told = world.runs.lines(world.actor, view.run.id, last=2)
    assert [event.payload["message"] for event in told] == ["3", "4"]
    since = world.runs.lines(world.actor, view.run.id, since=told[0].at - timedelta(seconds=1))
    assert [event.payload["message"] for event in since] == ["3", "4"]
    before = world.runs.lines(world.actor, view.run.id, last=2, until=told[0].at)
    assert [event.payload["message"] for event in before] == ["1", "2"]


def test_the_leaderboard_is_the_one_told_last(world):
    view = world.a_running_run()
    assert world.runs.leaderboard(world.actor, view.run.id) == ()
    world.tell(view, (EventKind.LEADERBOARD, {"rows": [ROW]}))
    world.tell(view, (EventKind.LEADERBOARD, {"rows": [ROW, ROW | {"rank": None, "score": None, "new": "field"}]}))
    first, second = world.runs.leaderboard(world.actor, view.run.id)
    assert first == LeaderboardRow(**ROW)
    assert (second.rank, second.score) == (None, None)


def test_progress_is_what_was_told_last(world):
    view = world.a_running_run()
    assert world.runs.progress(world.actor, view.run.id) is None
    for fraction in (0.1, 0.5):
        payload = {"fraction": fraction, "elapsed_s": 3.0, "left_s": None, "doing": "fitting"}
        world.tell(view, (EventKind.PROGRESS, payload))
    assert world.runs.progress(world.actor, view.run.id) == Progressed(
        fraction=0.5, elapsed_s=3.0, left_s=None, doing="fitting"
    )


LOOKS = {
    "get": lambda runs, actor, run_id: runs.get(actor, run_id),
    "lines": lambda runs, actor, run_id: runs.lines(actor, run_id),
    "leaderboard": lambda runs, actor, run_id: runs.leaderboard(actor, run_id),
    "progress": lambda runs, actor, run_id: runs.progress(actor, run_id),
}
CHANGES = {
    "stop": lambda runs, actor, run_id: runs.stop(actor, run_id),
    "finish": lambda runs, actor, run_id: runs.finish(actor, run_id),
    "delete": lambda runs, actor, run_id: runs.delete(actor, run_id),
    "discard": lambda runs, actor, run_id: runs.discard(actor, run_id),
}


@pytest.mark.parametrize("what", [*LOOKS, *CHANGES])
def test_a_run_of_another_organization_does_not_exist(world, what):
    view, stranger = world.a_running_run(), world.an_actor()
    with pytest.raises(NotFound):
        (LOOKS | CHANGES)[what](world.runs, stranger, view.run.id)
    assert world.runs.find(stranger).total == 0
    assert not any(world.runs.counts(stranger).values())


@pytest.mark.parametrize("what", [*LOOKS, *CHANGES])
def test_looking_at_runs_and_changing_them_need_their_scopes(world, what):
    view = world.a_running_run()
    scope = Scope.RUNS_READ if what in LOOKS else Scope.RUNS_WRITE
    with pytest.raises(ScopeMissing, match=scope.value):
        (LOOKS | CHANGES)[what](world.runs, world.without(scope), view.run.id)


def test_finding_and_counting_need_the_scope_to_read(world):
    nobody = new_id()
    for look in (world.runs.find, world.runs.counts, partial(world.runs.of_dataset, dataset_id=nobody)):
        with pytest.raises(ScopeMissing, match="runs:read"):
            look(world.without(Scope.RUNS_READ))


@pytest.mark.parametrize("order", list(permutations(["stop", "finish"])))
def test_stop_and_finish_in_any_order_end_in_stop(world, order):
    view = world.a_running_run()
    for what in order:
        try:
            CHANGES[what](world.runs, world.actor, view.run.id)
        except Conflict:
            assert what == "finish"
    assert world.runs.get(world.actor, view.run.id).job.request is Request.STOP

"""What the answers of the native API hold about runs."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest

from athanor.api.dialects.native import event_stream
from athanor.core.event import EventKind
from athanor.core.job import JobState
from athanor.core.ports import EVERYONE
from athanor.engine.plan import Plan
from athanor.engine.serving.model_archive import import_model
from athanor.engine.serving.model_files import read_head
from athanor.engine.target_distribution import TargetDistribution
from athanor.engine.task import Task
from athanor.errors import Unavailable

ROW = {
    "rank": 1, "name": "Ensemble", "family": "ensemble", "score": 0.9, "fit_s": 1.0, "predict_s": 0.1, "folds": 5,
    "n_folds": 5, "trial": "ensemble", "score_error": None,
}  # fmt: skip


def start(world, **body):
    asked = {"dataset": str(world.a_dataset()), "target": "churned", **body}
    answer = world.call("POST", "/v1/runs", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def get(world, path, **how):
    answer = world.call("GET", f"/v1/runs{path}", **how)
    assert answer.status_code == 200, answer.text
    return answer.json()


def a_run(world, state=JobState.SUCCEEDED):
    """A run in that state, with checkpoints."""
    run = start(world)["id"]
    world.bring(f"aml_{UUID(run).hex}", state)
    fold = world.folder / "runs" / run / "trials" / "linear" / "fold-0"
    fold.mkdir(parents=True)
    (fold / "fold.json").write_text("{}")
    return run


def tell(world, run, *events):
    world.tell(f"aml_{UUID(run).hex}", *events)


def kept(world, run):
    with world.records.look(EVERYONE) as transaction:
        return transaction.runs.get(UUID(run))


def test_a_run_is_queued_as_it_was_asked_for(world):
    made = start(world)
    assert (made["name"], made["state"], made["progress"], made["models"]) == ("churned", "queued", 0.0, [])
    assert made["plan"]["time_limit_s"] == 3600
    assert kept(world, made["id"]).plan == Plan()
    assert get(world, f"/{made['id']}")["jobs"][0]["id"] == made["job"]


def test_all_that_is_said_reaches_the_core(world):
    plan = {
        "time_limit_s": None, "max_trials": 3, "memory_limit": 2**30, "cores": 2, "seed": 7, "preset": "good_quality",
        "excluded_families": ["linear"], "ensemble": False,
    }  # fmt: skip
    task = {
        "problem": "binary", "metric": "roc_auc", "positive": "yes", "features": ["age", "spend"], "excluded": ["plan"],
        "types": {"age": "numeric"},
    }  # fmt: skip
    made = start(world, name="Churn", description="A test.", labels={"team": "risk"}, plan=plan, **task)
    run = kept(world, made["id"])
    assert run.plan == Plan(**{**plan, "excluded_families": ("linear",)})
    assert run.task == Task(
        target="churned", problem="binary", metric="roc_auc", positive="yes", features=("age", "spend"),
        excluded=("plan",), types={"age": "numeric"},
    )  # fmt: skip
    assert (run.name, run.description, run.labels) == ("Churn", "A test.", {"team": "risk"})
    assert run.origin.dialect == "native"
    assert made["plan"] == plan
    assert made["task"] == {"target": "churned", "weight": None, "distribution": None, **task}


def test_what_is_wrong_with_a_plan_is_named_where_it_stands(world):
    asked = {"dataset": str(world.a_dataset()), "target": "churned", "plan": {"preset": "quick"}}
    answer = world.call("POST", "/v1/runs", json=asked)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "plan.preset")


def test_a_run_is_seen_through_the_workbench_and_the_other_way_round(world):
    made = start(world)
    [job] = world.call("GET", "/api/v1/automl/jobs").json()["jobs"]
    assert job["id"] == f"aml_{UUID(made['id']).hex}"
    other = world.a_job()
    assert get(world, f"/{UUID(other.removeprefix('aml_'))}")["name"] == "Churn"


def test_runs_are_listed_newest_first_by_state_and_text_page_by_page(world):
    names = ["first", "second", "third"]
    ids = {}
    for name in names:
        ids[name] = start(world, name=name)["id"]
        world.clock.pass_(1)
    world.bring(f"aml_{UUID(ids['second']).hex}", JobState.RUNNING)
    assert [run["name"] for run in get(world, "")["runs"]] == names[::-1]
    assert [run["name"] for run in get(world, "?state=running&state=failed")["runs"]] == ["second"]
    assert [run["name"] for run in get(world, "?search=IR")["runs"]] == ["third", "first"]
    page = get(world, "?limit=2")
    assert (len(page["runs"]), page["total"]) == (2, 3)
    assert [run["name"] for run in world.call("GET", page["next"]).json()["runs"]] == ["first"]


def test_a_finished_run_has_its_models(world):
    run = get(world, f"/{a_run(world)}")
    assert (run["state"], run["progress"], [model["name"] for model in run["models"]]) == (
        "succeeded",
        1.0,
        ["Ensemble"],
    )
    assert run["models"][0]["score"] == 0.875


def test_a_run_says_what_it_is_doing(world):
    run = a_run(world, JobState.RUNNING)
    assert get(world, f"/{run}")["doing"] is None
    payload = {"fraction": 0.5, "elapsed_s": 3.0, "left_s": 4.0, "doing": "fitting", "memory_bytes": 0}
    tell(world, run, (EventKind.PROGRESS, {**payload, "memory_limit": None}))
    assert {name: get(world, f"/{run}")[name] for name in ("doing", "left_s")} == {"doing": "fitting", "left_s": 4.0}


def test_the_leaderboard_is_the_newest_one(world):
    run = a_run(world, JobState.RUNNING)
    assert get(world, f"/{run}/leaderboard") == {"run": run, "state": "running", "metric": None, "rows": []}
    tell(world, run, (EventKind.LEADERBOARD, {"rows": [ROW]}))
    tell(world, run, (EventKind.LEADERBOARD, {"rows": [{**ROW, "score": 0.95}]}))
    assert get(world, f"/{run}/leaderboard")["rows"] == [{**ROW, "score": 0.95}]


def test_a_run_is_continued_by_a_job_of_its_own_and_keeps_its_models(world):
    run = a_run(world)
    before = get(world, f"/{run}")
    answer = world.call("POST", f"/v1/runs/{run}/continue", json={"time_limit_s": 90})
    assert answer.status_code == 202
    after = get(world, f"/{run}")
    assert (after["state"], after["plan"]["time_limit_s"], after["models"]) == ("queued", 90, before["models"])
    assert [(job["kind"], job["state"]) for job in after["jobs"]] == [("train", "succeeded"), ("continue", "queued")]
    assert [job["plan"]["time_limit_s"] for job in after["jobs"]] == [3600, 90]
    stopped = world.call("POST", f"/v1/runs/{run}/stop").json()
    assert (stopped["state"], stopped["job"], stopped["models"]) == ("succeeded", before["job"], before["models"])


@pytest.mark.parametrize(
    ("state", "route", "code"),
    [
        (JobState.QUEUED, "continue", "job-running"),
        (JobState.RUNNING, "continue", "job-running"),
        (JobState.QUEUED, "finish", "job-not-running"),
        (JobState.SUCCEEDED, "stop", "job-finished"),
    ],
)
def test_what_does_not_go_in_a_state_is_a_conflict(world, state, route, code):
    body = {"json": {"time_limit_s": 60}} if route == "continue" else {}
    answer = world.call("POST", f"/v1/runs/{a_run(world, state)}/{route}", **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


def test_without_checkpoints_a_run_cannot_be_continued(world):
    run = start(world)["id"]
    world.bring(f"aml_{UUID(run).hex}", JobState.SUCCEEDED)
    answer = world.call("POST", f"/v1/runs/{run}/continue", json={"time_limit_s": 60})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "checkpoints-gone")


def test_a_running_run_is_asked_to_finish(world):
    run = a_run(world, JobState.RUNNING)
    assert world.call("POST", f"/v1/runs/{run}/finish").json()["state"] == "running"
    assert get(world, f"/{run}")["jobs"][0]["request"] == "finish"


# events


def lines(*messages):
    return [(EventKind.LINE, {"level": "info", "message": message}) for message in messages]


def test_events_come_in_order_and_from_where_one_was(world):
    run = a_run(world, JobState.RUNNING)
    tell(world, run, *lines("a", "b"), (EventKind.LEADERBOARD, {"rows": []}))
    page = get(world, f"/{run}/events?limit=2")
    assert [(event["seq"], event["kind"], event["payload"]["message"]) for event in page["events"]] == [
        (1, "line", "a"),
        (2, "line", "b"),
    ]
    assert (page["state"], page["last"], page["job"]) == ("running", 2, get(world, f"/{run}")["job"])
    page = get(world, f"/{run}/events?after={page['last']}")
    assert [event["kind"] for event in page["events"]] == ["leaderboard"]
    assert get(world, f"/{run}/events?after=3")["last"] == 3


def test_each_job_of_a_run_has_told_its_own(world):
    run = a_run(world)
    tell(world, run, *lines("trained"))
    first = get(world, f"/{run}")["job"]
    world.call("POST", f"/v1/runs/{run}/continue", json={"time_limit_s": 90})
    assert get(world, f"/{run}/events")["events"] == []
    assert get(world, f"/{run}/events?job={first}")["events"][0]["payload"]["message"] == "trained"
    other = get(world, f"/{a_run(world)}")["job"]
    assert world.call("GET", f"/v1/runs/{run}/events?job={other}").status_code == 404


def heard(world, run, query="", **how):
    """Number, kind and data of what a stream gives until it ends."""
    answer = world.call("GET", f"/v1/runs/{run}/events/stream{query}", **how)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    found = []
    for piece in answer.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in piece.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def test_a_stream_tells_all_and_that_the_job_has_ended(world):
    run = a_run(world)
    tell(world, run, *lines("a", "two\nlines"))
    *events, end = heard(world, run)
    assert [(number, kind, data["payload"]["message"]) for number, kind, data in events] == [
        ("1", "line", "a"),
        ("2", "line", "two\nlines"),
    ]
    assert end == (None, "end", {"job": get(world, f"/{run}")["job"], "state": "succeeded"})


@pytest.mark.parametrize("how", [{"query": "?after=1"}, {"headers": {"Last-Event-ID": "1"}}])
def test_a_stream_goes_on_from_where_one_was(world, how):
    run = a_run(world)
    tell(world, run, *lines("a", "b"))
    assert [number for number, _, _ in heard(world, run, **how)] == ["2", None]


def test_a_stream_gives_more_than_one_look_does(world, monkeypatch):
    monkeypatch.setattr("athanor.api.dialects.native.runs.AT_ONCE", 2)
    monkeypatch.setattr(event_stream, "AT_ONCE", 2)
    run = a_run(world)
    tell(world, run, *lines(*"abcde"))
    assert [number for number, _, _ in heard(world, run)] == ["1", "2", "3", "4", "5", None]


@pytest.fixture
def waiting(world, monkeypatch):
    """What happens while a stream waits between two looks, one thing a time."""
    happens, passed = [], [1000.0]

    async def sleep(seconds):
        passed[0] += seconds
        if happens:
            happens.pop(0)()

    monkeypatch.setattr(event_stream.anyio, "sleep", sleep)
    monkeypatch.setattr(event_stream.anyio, "current_time", lambda: passed[0])
    return happens


def test_a_stream_tells_what_comes_while_it_is_open(world, waiting):
    run = a_run(world, JobState.RUNNING)
    tell(world, run, *lines("a"))
    waiting += [
        lambda: tell(world, run, *lines("b")),
        lambda: None,
        lambda: world.bring(f"aml_{UUID(run).hex}", JobState.SUCCEEDED),
    ]
    assert [kind for _, kind, _ in heard(world, run)] == ["line", "line", "end"]


def test_a_stream_says_now_and_then_that_it_is_there_and_ends_when_its_time_is_over(world, waiting):
    run = a_run(world, JobState.RUNNING)
    text = world.call("GET", f"/v1/runs/{run}/events/stream").text
    assert text.count(": nothing new\n\n") == event_stream.LONGEST_S / event_stream.HEARTBEAT_S
    assert "event: end" not in text


def test_the_time_that_looks_take_counts_for_a_stream_as_well(world, monkeypatch):
    """Somebody tells without end: there is always more, and nothing is waited for."""
    monkeypatch.setattr("athanor.api.dialects.native.runs.AT_ONCE", 1)
    monkeypatch.setattr(event_stream, "AT_ONCE", 1)
    run = a_run(world, JobState.RUNNING)
    tell(world, run, *lines(*"abcdefgh"))
    third, told, passed = event_stream.LONGEST_S / 3, world.services.runs.told, [1000.0]

    def slow(*given, **how):
        passed[0] += third
        return told(*given, **how)

    monkeypatch.setattr(world.services.runs, "told", slow)
    monkeypatch.setattr(event_stream.anyio, "current_time", lambda: passed[0])
    assert [number for number, _, _ in heard(world, run)] == ["1", "2", "3"]


def test_a_client_that_does_not_read_loses_its_stream_when_its_time_is_over(world, monkeypatch):
    monkeypatch.setattr(event_stream, "LONGEST_S", 0.0)
    monkeypatch.setattr(event_stream, "GRACE_S", 0.0)
    first = world.services.runs.told(world.actor, UUID(a_run(world, JobState.RUNNING)))
    streams = event_stream.OpenStreams(1)

    async def never(*_):
        await event_stream.anyio.sleep_forever()

    async def two():
        for _ in range(2):
            stream = event_stream.EventStream(lambda _: first, first, after=0, streams=streams)
            await stream({"type": "http", "asgi": {"spec_version": "2.4"}}, never, never)

    event_stream.anyio.run(two)
    streams.enter()


def test_a_stream_of_a_run_that_is_deleted_ends(world, waiting):
    run = a_run(world, JobState.RUNNING)
    waiting.append(lambda: world.services.runs.discard(world.actor, UUID(run)))
    assert heard(world, run)[-1][2]["state"] is None


def test_a_busy_store_is_no_end_of_a_stream(world, waiting, monkeypatch):
    run = a_run(world, JobState.RUNNING)
    told = world.services.runs.told

    def refuse(*_, **__):
        monkeypatch.setattr(world.services.runs, "told", told)
        raise Unavailable("The records cannot be reached now.")

    waiting += [
        lambda: monkeypatch.setattr(world.services.runs, "told", refuse),
        lambda: world.bring(f"aml_{UUID(run).hex}", JobState.SUCCEEDED),
    ]
    assert heard(world, run)[-1][2]["state"] == "succeeded"


def test_too_many_streams_at_once_are_refused(world, monkeypatch):
    monkeypatch.setattr(event_stream.OpenStreams.__init__, "__defaults__", (0,))
    world = type(world)(world.folder / "other")
    answer = world.call("GET", f"/v1/runs/{a_run(world)}/events/stream")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_a_stream_that_ended_makes_room_for_another(world, monkeypatch):
    monkeypatch.setattr(event_stream.OpenStreams.__init__, "__defaults__", (1,))
    world = type(world)(world.folder / "other")
    run = a_run(world)
    assert len({len(heard(world, run)) for _ in range(3)}) == 1


def test_a_job_that_failed_says_why(world):
    run = a_run(world, JobState.FAILED)
    found = get(world, f"/{run}")
    assert (found["state"], found["error"], found["reason"]) == ("failed", "It broke.", None)
    with world.records.change(EVERYONE) as transaction:
        job = transaction.jobs.get(UUID(found["job"]))
        transaction.jobs.put(replace(job, reason="time limit"))
    assert get(world, f"/{run}")["reason"] == "time limit"


def test_the_best_model_of_a_run_comes_as_one_file_named_after_the_run(world):
    made = start(world, name="Churn, März")["id"]
    world.bring(f"aml_{UUID(made).hex}", JobState.SUCCEEDED)
    answer = world.call("GET", f"/v1/runs/{made}/model")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="churn-marz.athanor"' in answer.headers["content-disposition"]
    (world.folder / "churn.athanor").write_bytes(answer.content)
    import_model(world.folder / "churn.athanor", world.folder / "churn")
    assert read_head(world.folder / "churn") == read_head(world.blobs.local(f"models/{made}"))
    assert list(world.scratch.iterdir()) == []


def test_a_run_that_is_not_done_has_no_model_to_give(world):
    answer = world.call("GET", f"/v1/runs/{a_run(world, JobState.RUNNING)}/model")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job-not-completed")


def test_the_model_of_another_organization_is_not_there(world):
    run = a_run(world)
    assert world.call("GET", f"/v1/runs/{run}/model", key=world.a_foreign_key()).status_code == 404


def test_a_distribution_is_asked_for_by_a_word_and_told_by_it(world):
    made = start(world, target="spend", problem="regression", distribution="Quantile:0.9")
    assert made["task"]["distribution"] == "quantile:0.9"
    assert kept(world, made["id"]).task.distribution == TargetDistribution(name="quantile", parameter=0.9)
    assert start(world, target="spend", problem="regression")["task"]["distribution"] is None

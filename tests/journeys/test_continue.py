"""A run is trained, continued, and continued again under `kill -9`, by the native API over real HTTP."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from uuid import UUID

import pytest

from support.native import native
from support.server import wait_for

ROW = {"usage": 20.0, "plan": "basic", "months": 2, "tickets": 9}
FINAL = {"succeeded", "failed", "stopped"}


@pytest.fixture(scope="module")
def api(server):
    with native(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def dataset(api, churn):
    answer = api.post("/datasets", params={"filename": churn.name}, content=churn.read_bytes())
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def got(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()


def started(api, dataset, **plan):
    body = {"dataset": dataset, "target": "churned", "metric": "log_loss", "plan": {"cores": 1, "seed": 1, **plan}}
    return got(api.post("/runs", json=body), 201)["id"]


def wait_for_end(api, run):
    return wait_for(lambda: (found := got(api.get(f"/runs/{run}")))["state"] in FINAL and found, "the run to end")


def folds(api, run):
    return {row["trial"]: row["folds"] for row in got(api.get(f"/runs/{run}/leaderboard"))["rows"]}


def predicts(client, model):
    answer = client.post(f"/model-registry/models/{model}/predict", json={"input_data": ROW})
    return got(answer)["prediction"]


def test_a_run_goes_on_with_more_trials_and_answers_throughout(server, api, client, dataset):
    run = started(api, dataset, time_limit_s=None, max_trials=2, preset="good_quality")
    first = wait_for_end(api, run)
    assert (first["state"], first["error"]) == ("succeeded", None), first
    assert first["reason"]
    before = folds(api, run)
    deployed = got(client.post(f"/automl/jobs/{run}/deploy"))

    continued = got(api.post(f"/runs/{run}/continue", json={"more_trials": 2}), 202)
    assert (continued["state"], continued["plan"]["max_trials"]) == ("queued", 4)
    assert continued["models"] == first["models"], "they answer until there are better ones"
    again = api.post(f"/runs/{run}/continue", json={"more_trials": 2})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job-running")
    answers, states = set(), set()

    def has_ended():
        states.add(got(client.get(f"/automl/jobs/{run}"))["status"])
        answers.add(predicts(client, deployed["modelId"]))
        return "completed" in states

    wait_for(has_ended, "the continuation to end", log=server.log)
    assert answers == {"yes"}
    assert "running" in states, "other APIs show that it is at work again"

    second = wait_for_end(api, run)
    assert (second["state"], [job["kind"] for job in second["jobs"]]) == ("succeeded", ["train", "continue"])
    after = folds(api, run)
    assert set(before) < set(after), "there are more trials"
    assert all(after[trial] >= n_folds for trial, n_folds in before.items() if trial in after)
    assert second["models"][0]["score"] <= first["models"][0]["score"], "the loss on the same rows is no greater"
    fits = Counter((server.data / "runs" / run / "fits.log").read_text().splitlines())
    assert max(fits.values()) == 1, "nothing was fitted twice"

    redeployed = got(client.post(f"/automl/jobs/{run}/deploy"))
    assert redeployed["modelId"] == deployed["modelId"]
    is_same = second["models"][0]["id"] == first["models"][0]["id"]
    versions = got(client.get(f"/model-registry/models/{deployed['modelId']}/versions"))["versions"]
    assert len(versions) == (1 if is_same else 2)
    assert predicts(client, deployed["modelId"]) == "yes"


def test_what_a_continuation_tells_can_be_heard_while_it_works(api, dataset):
    run = started(api, dataset, time_limit_s=None, max_trials=1, preset="medium_quality")
    wait_for_end(api, run)
    job = got(api.post(f"/runs/{run}/continue", json={"time_limit_s": 20, "more_trials": 1}), 202)["job"]
    with api.stream("GET", f"/runs/{run}/events/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        heard = list(stream.iter_lines())
    assert json.loads(heard[-2].removeprefix("data: ")) == {"job": job, "state": "succeeded"}
    numbers = [int(line.removeprefix("id: ")) for line in heard if line.startswith("id: ")]
    assert numbers == sorted(set(numbers))
    kinds = {line.removeprefix("event: ") for line in heard if line.startswith("event: ")}
    assert {"started", "line", "leaderboard", "end"} <= kinds
    told = got(api.get(f"/runs/{run}/events", params={"job": job, "limit": 1000}))
    assert {event["seq"] for event in told["events"]} <= set(numbers)


@pytest.mark.parametrize("kind", ["worker", "trainer"])
def test_a_continuation_survives_kill_9_and_goes_on_from_its_last_fold(server, api, client, dataset, kind):
    run = started(api, dataset, time_limit_s=None, max_trials=1, preset="good_quality")
    first = wait_for_end(api, run)
    log = server.data / "runs" / str(UUID(run)) / "fits.log"
    n_before = len(log.read_text().splitlines())
    job = got(api.post(f"/runs/{run}/continue", json={"more_trials": 4}), 202)["job"]

    def is_on_its_way():
        assert got(api.get(f"/runs/{run}"))["state"] not in FINAL, "it ended before a fold was fitted"
        return len(log.read_text().splitlines()) > n_before

    wait_for(is_on_its_way, "a fold of the continuation", log=server.log)
    for pid in server.pids(kind)[:1]:
        os.kill(pid, signal.SIGKILL)
    ended = wait_for_end(api, run)
    assert (ended["state"], ended["error"], ended["job"]) == ("succeeded", None, job)
    assert ended["plan"]["max_trials"] == 5
    assert ended["models"][0]["score"] <= first["models"][0]["score"]
    assert ended["jobs"][-1]["attempts"] >= 2
    assert max(Counter(log.read_text().splitlines()).values()) == 1, "nothing was fitted twice"


def test_a_continuation_that_is_stopped_leaves_the_run_as_it_was(api, client, dataset):
    run = started(api, dataset, time_limit_s=None, max_trials=1, preset="medium_quality")
    first = wait_for_end(api, run)
    got(api.post(f"/runs/{run}/continue", json={"time_limit_s": 60, "more_trials": 3}), 202)
    got(api.post(f"/runs/{run}/stop"))
    ended = wait_for_end(api, run)
    assert (ended["state"], ended["models"], ended["job"]) == ("succeeded", first["models"], first["job"])
    assert [job["state"] for job in ended["jobs"]] == ["succeeded", "stopped"]
    assert got(client.get(f"/automl/jobs/{run}"))["status"] == "completed"

"""`kill -9` of any process at any instant: the job ends succeeded, nothing is fitted twice, lost or left over."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from support.native import native
from support.server import ServerProcess, wait_for
from support.tables import write_churn
from support.workbench import job, start_job, upload, wait_for_end

KINDS = ("server", "worker", "supervisor", "trainer", "pool")
INSTANTS = int(os.environ.get("ATHANOR_FAULT_INSTANTS", "3"))
SEED = int(os.environ.get("ATHANOR_FAULT_SEED", str(int(time.time()))))
LATEST_S = 1.8  # after the job is running; it takes about 2 s when nobody disturbs it, and longer when somebody does


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    process = ServerProcess(tmp_path_factory.mktemp("killed") / "data")
    yield process
    if process.left_over():
        assert process.end() == 0
        wait_for(lambda: not process.left_over(), "every process to be gone", patience_s=15)


@pytest.fixture
def server(shared):
    """One for all kinds and all instants, started again where it is gone: each job also proves that it recovered."""
    return shared if shared.left_over() else shared.start()


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_survives_the_death_of_its(kind, server, tmp_path, record_property):
    print(f"\nfaults: ATHANOR_FAULT_SEED={SEED} kind={kind} instants={INSTANTS}")  # noqa: T201 - to run it again
    record_property("seed", SEED)
    rng = random.Random(f"{SEED}/{kind}")
    acknowledged, killed = [], []
    for number in range(INSTANTS):
        table = write_churn(tmp_path / f"churn-{number}.csv", seed=number)
        with server.client() as client:
            acknowledged.append(upload(client, table))
            job_id = start_job(client, acknowledged[-1], "churned", name=f"job {number}", preset="medium_quality")
            wait_for(lambda: job(client, job_id)["status"] == "running", "the job to run", log=server.log)  # noqa: B023
            killed.append(_kill(server, kind, after_s=rng.uniform(0.0, LATEST_S)))
        if kind == "server":
            wait_for(lambda: not server.left_over(), "the server's processes to follow it", patience_s=10)
            server.start()
        with server.client() as client:
            ended = wait_for_end(client, job_id)
            assert ended["status"] == "completed", (number, killed[-1], ended, server.log.read_text()[-4000:])
            kept = {found["id"] for found in client.get("/automl/datasets").json()["datasets"]}
            assert set(acknowledged) <= kept
            _predicts(client, job_id)
    check(server, killed)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_continued_survives_the_death_of_its(kind, server, tmp_path, record_property):
    """It goes on from its last fold with the limits that the continuation was given, and is never worse than before."""
    print(f"\nfaults: ATHANOR_FAULT_SEED={SEED} kind={kind} instants={INSTANTS}")  # noqa: T201 - to run it again
    record_property("seed", SEED)
    rng = random.Random(f"{SEED}/{kind}/continued")
    killed = []
    for number in range(INSTANTS):
        table = write_churn(tmp_path / f"churn-{number}.csv", seed=number)
        with native(server) as client:
            sent = client.post("/datasets", params={"filename": table.name}, content=table.read_bytes()).json()
            body = {"dataset": sent["id"], "target": "churned", "metric": "log_loss"}
            body["plan"] = {"time_limit_s": None, "max_trials": 1, "preset": "good_quality"}
            run = client.post("/runs", json=body).json()["id"]
            before = _ended_run(server, run)
            job_id = client.post(f"/runs/{run}/continue", json={"more_trials": 3}).json()["job"]
            wait_for(lambda: client.get(f"/runs/{run}").json()["state"] == "running", "the run to go on")  # noqa: B023
            killed.append(_kill(server, kind, after_s=rng.uniform(0.0, LATEST_S)))
        if kind == "server":
            wait_for(lambda: not server.left_over(), "the server's processes to follow it", patience_s=10)
            server.start()
        after = _ended_run(server, run)
        told = (number, killed[-1], after["error"], server.log.read_text()[-4000:])
        assert (after["state"], after["job"], after["plan"]["max_trials"]) == ("succeeded", job_id, 4), told
        assert len(after["models"]) > len(before["models"]), told
        assert after["models"][0]["score"] <= before["models"][0]["score"], told
        with server.client() as client:
            _predicts(client, run)
    check(server, killed)


def check(server: ServerProcess, killed: list[str]) -> None:
    """That nothing was fitted twice, that something was killed, and that nobody is left of the jobs."""
    for log in (server.data / "runs").glob("*/fits.log"):
        fits = Counter(log.read_text().splitlines())
        assert max(fits.values()) == 1, fits.most_common(3)
    hits = [said for said in killed if not said.startswith("nothing")]
    assert 3 * len(hits) >= INSTANTS, killed  # otherwise this test has shown nothing
    wait_for(
        lambda: set(server.left_over()) == {server.pid, *server.pids("worker")},
        "server and worker to be alone",
        patience_s=15,
    )


def _ended_run(server: ServerProcess, run: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        found = client.get(f"/runs/{run}").json()
        return dict(found) if found["state"] in {"succeeded", "failed", "stopped"} else None

    with native(server) as client:
        return dict(wait_for(ended, f"run {run} to end", log=server.log))


def _kill(server: ServerProcess, kind: str, *, after_s: float) -> str:
    """Kill one process of the kind at the instant, if there is one: the job may have ended before."""
    until = time.monotonic() + after_s
    time.sleep(after_s)
    found = server.pids(kind)
    while not found and time.monotonic() < until + 1.0:  # pool processes are born a moment after the trainer
        found = server.pids(kind)
    if not found:
        return f"nothing ({kind} was gone after {after_s:.2f} s)"
    if kind == "server":
        server.kill()
    else:
        os.kill(found[0], signal.SIGKILL)
    return f"{kind} {found[0]} after {after_s:.2f} s"


def _predicts(client: httpx.Client, job_id: str) -> None:
    deployed = client.post(f"/automl/jobs/{job_id}/deploy")
    assert deployed.status_code == 200, deployed.text
    row = {"usage": 20.0, "plan": "basic", "months": 2, "tickets": 9}
    answer = client.post(f"/model-registry/models/{deployed.json()['modelId']}/predict", json={"input_data": row})
    assert answer.status_code == 200, answer.text
    assert answer.json()["prediction"] == "yes"

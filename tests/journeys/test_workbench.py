"""A workbench user's day, over real HTTP against a real server, worker and trainer."""

from __future__ import annotations

import csv
import time

import pytest

from athanor.engine.serving.predictor import Predictor
from support.server import wait_for
from support.workbench import job, run_folder, start_job, upload, wait_for_end

ROW = {"usage": 20.0, "plan": "basic", "months": 2, "tickets": 9}


@pytest.fixture(scope="module")
def completed(server, churn):
    """A dataset, and a job on it that ended well. (dataset id, job id, the job)"""
    with server.client() as client:
        dataset = upload(client, churn)
        words = {"name": "Churn", "description": "who leaves", "metric": "f1"}
        job_id = start_job(client, dataset, "churned", **words, preset="medium_quality", timeLimit=120)
        return dataset, job_id, wait_for_end(client, job_id)


def test_an_uploaded_file_is_listed_with_its_rows_and_columns(client, completed):
    listed = {found["id"]: found for found in client.get("/automl/datasets").json()["datasets"]}
    found = listed[completed[0]]
    assert (found["rows"], found["columns"], found["format"]) == (1200, 5, "csv")


def test_a_job_ends_completed_with_its_times_its_best_model_and_its_task_resolved(completed):
    ended = completed[2]
    assert ended["status"] == "completed", ended
    assert ended["error"] is None
    assert ended["startedAt"] <= ended["finishedAt"]
    assert ended["problemType"] == "binary_classification"
    assert ended["metric"] == "f1"
    assert ended["progress"] == 1.0
    assert 0.8 < ended["bestScore"] <= 1.0


def test_the_log_tells_what_happened_in_the_published_sentences(client, completed):
    messages = [line["message"] for line in client.get(f"/automl/jobs/{completed[1]}/logs").json()["logs"]]
    assert messages[0] == "AutoML job started - problem type: binary_classification"
    assert any(message.startswith("Feature engineering completed - ") for message in messages)
    assert any(message.startswith("Model training: LightGBM completed - f1: 0.") for message in messages)


def test_the_log_can_be_followed_by_its_last_timestamp(client, completed):
    logs = f"/automl/jobs/{completed[1]}/logs"
    last_two = client.get(logs, params={"lines": 2}).json()["logs"]
    assert len(last_two) == 2
    assert client.get(logs, params={"since": last_two[-1]["timestamp"]}).json()["logs"] == []


def test_jobs_are_found_by_state_words_and_order(client, completed):
    params = {"status": "completed", "search": "WHO LEAVES", "limit": 1, "sort": "createdAt:desc"}
    found = client.get("/automl/jobs", params=params).json()
    assert found["count"] >= 1
    assert [one["id"] for one in found["jobs"]] == [completed[1]]


def test_the_statistics_add_up(client, completed):
    stats = client.get("/automl/stats").json()
    parts = ("running", "completed", "failed", "queued", "stopped")
    assert stats["total"] == sum(stats[part] for part in parts)
    assert stats["completed"] >= 1


def test_the_leaderboard_stands_in_the_metrics_best_first(client, completed):
    board = client.get(f"/automl/jobs/{completed[1]}/metrics").json()["leaderboard"]
    ranked = [row["score_val"] for row in board if row["rank"] is not None]
    assert ranked == sorted(ranked, reverse=True)
    assert len(ranked) >= 2


def test_the_deployed_model_answers_and_deploying_twice_gives_the_same(client, completed):
    deployed = client.post(f"/automl/jobs/{completed[1]}/deploy")
    assert deployed.status_code == 200
    assert deployed.json()["modelName"] == "Churn - Best"
    again = client.post(f"/automl/jobs/{completed[1]}/deploy").json()
    assert again["modelId"] == deployed.json()["modelId"]
    answer = client.post(f"/model-registry/models/{again['modelId']}/predict", json={"input_data": ROW}).json()
    assert answer["prediction"] == "yes"
    assert set(answer["probabilities"][0]) == {"no", "yes"}


def test_what_is_served_is_what_was_trained_to_the_last_bit(server, client, completed, churn):
    model_id = client.post(f"/automl/jobs/{completed[1]}/deploy").json()["modelId"]
    with churn.open() as file:
        rows = [{name: cell for name, cell in row.items() if name != "churned"} for row in csv.DictReader(file)][:50]
    served = client.post(f"/model-registry/models/{model_id}/predict", json={"input_data": rows}).json()
    trained = Predictor.load((run_folder(server.data, completed[1]) / "incumbent").resolve()).predict_rows(rows)
    assert [answer["yes"] for answer in served["probabilities"]] == trained.probabilities[:, 1].tolist()


def test_a_running_job_cannot_be_deleted_but_stopped_within_seconds_and_then_deleted(server, client, completed):
    job_id = start_job(client, completed[0], "churned", name="long", timeLimit=3600)
    wait_for(lambda: job(client, job_id)["status"] == "running", "the job to run", log=server.log)
    assert client.delete(f"/automl/jobs/{job_id}").status_code == 409
    assert client.post(f"/automl/jobs/{job_id}/deploy").status_code == 409
    stopped = client.post(f"/automl/jobs/{job_id}/stop")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped")
    wait_for(lambda: not server.pids("supervisor"), "the job's processes to end", patience_s=10)
    assert client.delete(f"/automl/jobs/{job_id}").status_code == 204
    assert client.get(f"/automl/jobs/{job_id}").status_code == 404


def test_the_leaderboard_grows_while_the_job_runs(server, client, completed):
    job_id = start_job(client, completed[0], "churned", name="watched", timeLimit=120)
    sizes = set()

    def seen():
        sizes.add(len(client.get(f"/automl/jobs/{job_id}/metrics").json()["leaderboard"]))
        return len(sizes) >= 2

    wait_for(seen, "the leaderboard to grow", log=server.log)
    assert job(client, job_id)["status"] == "running"
    client.post(f"/automl/jobs/{job_id}/stop")


def test_a_dataset_without_anything_to_learn_fails_in_words(server, client, tmp_path):
    path = tmp_path / "same.csv"
    path.write_text("size,colour\n" + "".join(f"{number},red\n" for number in range(50)))
    job_id = start_job(client, upload(client, path), "colour")
    ended = wait_for_end(client, job_id)
    assert ended["status"] == "failed"
    assert "'red'" in ended["error"]


def test_an_upload_is_answered_and_profiled_while_the_trainer_is_busy(server, client, completed, churn, tmp_path):
    job_id = start_job(client, completed[0], "churned", name="busy", timeLimit=600)
    wait_for(lambda: job(client, job_id)["status"] == "running", "the job to run", log=server.log)
    other = tmp_path / "other.csv"
    other.write_bytes(churn.read_bytes() + b"50,pro,12,1,no\n")
    before = set((server.data / "blobs" / "profiles").glob("*.json"))
    upload(client, other)
    profiles = wait_for(
        lambda: set((server.data / "blobs" / "profiles").glob("*.json")) - before, "the profile", log=server.log
    )
    assert len(profiles) == 1
    assert client.post(f"/automl/jobs/{job_id}/stop").json()["status"] == "stopped"


def test_a_server_that_is_ended_and_started_again_goes_on_with_the_job(server, churn):
    with server.client() as client:
        words = {"name": "interrupted", "preset": "medium_quality", "hardware": {"cpu_count": 1}, "timeLimit": 60}
        job_id = start_job(client, upload(client, churn), "churned", **words)
        fits = run_folder(server.data, job_id) / "fits.log"
        wait_for(fits.exists, "a first fold", log=server.log)
    before = fits.read_text().splitlines()
    started = time.monotonic()
    assert server.end() == 0
    assert not server.left_over()
    assert time.monotonic() - started < 30
    server.start()
    with server.client() as client:
        assert wait_for_end(client, job_id)["status"] == "completed"
    after = fits.read_text().splitlines()
    assert after[: len(before)] == before
    assert len(set(after)) == len(after) > len(before)


def test_keys_have_the_scopes_that_they_were_given_and_no_others(server, completed):
    reader = server.make_key("reader", "runs:read", "data:read")
    with server.client(reader) as client:
        assert client.get(f"/automl/jobs/{completed[1]}").status_code == 200
        refused = client.post("/automl/jobs", json={"name": "x", "dataset": completed[0], "targetColumn": "churned"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope-required")
    with server.client("") as client:
        assert client.get("/automl/jobs").status_code == 401

"""What a VecML caller may not: errors in the vendor's shape, and limits that are kept before the damage."""

from __future__ import annotations

import json

import httpx
import pytest

from support.server import ServerProcess
from support.vecml import Vecml, encoded, example_rows

SENTENCE = "Request limit reached, please try again later"
BODY_LIMIT = 200_000
NAMES = {"project_name": "P", "collection_name": "c"}
ROWS = example_rows(60, "r", seed=3, dim=4)
TRAINING = {"training_mode": "high_speed", "task_type": "classification", "label_attribute": "label"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("limits") / "data"
    process = ServerProcess(data, vecml_body_limit=str(BODY_LIMIT), vecml_rate_per_second="0").start()
    yield process
    if process.left_over():
        process.end()


@pytest.fixture(scope="module")
def vecml(server):
    with Vecml(server) as caller:
        caller.ok("create_project", project_name="P")
        caller.ok("init", **NAMES, vector_type="dense", vector_dim=4)
        caller.ok("add_data_batch", **NAMES, **ROWS.batch())
        yield caller


def test_a_wrong_key_is_refused_in_json(server):
    for key in ("", "nonsense", "ath_" + "0" * 32 + "_secret"):
        with Vecml(server, key) as stranger:
            assert "key" in stranger.refused("list_projects", 401)
    answer = httpx.post(f"{server.url}/vecml/api/list_projects", json={})
    assert (answer.status_code, answer.json()["success"]) == (401, False)


def test_an_unknown_job_is_not_there_on_either_status_operation(vecml):
    for operation in ("get_upload_data_status", "get_automl_training_status"):
        vecml.refused(operation, 404, job_id="nobody_P_c_m_TrainJob")


def test_a_row_of_another_length_refuses_the_batch_and_nothing_is_stored(vecml):
    message = vecml.refused("add_data_batch", 400, **NAMES, string_ids=["x", "y"], data=[[0.0] * 4, [0.0] * 3])
    assert "4" in message
    assert "3" in message
    assert vecml.ok("get_collection_info", **NAMES)["num_vectors"] == 60


def test_an_id_that_is_there_or_comes_twice_refuses_the_batch(vecml):
    vecml.refused("add_data_batch", 409, **NAMES, string_ids=["new", ROWS.ids[0]], data=[[0.0] * 4] * 2)
    vecml.refused("add_data_batch", 400, **NAMES, string_ids=["new", "new"], data=[[0.0] * 4] * 2)
    assert vecml.ok("get_collection_info", **NAMES)["num_vectors"] == 60


def test_a_models_name_has_at_most_128_plain_characters_and_is_taken_once(vecml):
    vecml.refused("train_automl_model", 400, **NAMES, **TRAINING, model_name="m" * 129)
    vecml.refused("train_automl_model", 400, **NAMES, **TRAINING, model_name="a/b")
    vecml.trained(**NAMES, model_name="m" * 128)
    again = vecml.refused("train_automl_model", 409, **NAMES, **TRAINING, model_name="m" * 128)
    assert "already exists" in again


def test_a_body_over_the_limit_is_refused_before_it_is_read(server, vecml):
    message = vecml.refused("upload", 413, **NAMES, file_format="csv", file_data=encoded(b"0,1\n" * BODY_LIMIT))
    assert f"{BODY_LIMIT:,}" in message

    def endless():
        yield b'{"user_api_key": "'
        for _ in range(100):
            yield b"x" * 10_000

    answer = httpx.post(f"{server.url}/vecml/api/upload", content=endless())
    assert answer.status_code == 413
    assert answer.json()["success"] is False


def test_another_method_and_an_unknown_operation_are_answered_in_the_same_shape(server):
    with httpx.Client(base_url=server.url) as client:
        for path, status in (("/vecml/api/init", 405), ("/api/init", 405), ("/vecml/api/nothing", 404)):
            answer = client.get(path)
            assert answer.status_code == status, path
            assert answer.json()["success"] is False


def test_what_is_no_json_is_refused_in_json(server):
    for content in (b"", b"{", b"[]", b"\xff", b'"text"', json.dumps({"user_api_key": 5}).encode()):
        answer = httpx.post(f"{server.url}/vecml/api/list_projects", content=content)
        assert answer.status_code in {400, 401}, content
        assert answer.json()["success"] is False


def test_too_many_calls_are_answered_with_the_plain_sentence(tmp_path):
    limited = ServerProcess(tmp_path / "data", vecml_rate_per_second="1", vecml_rate_burst="5").start()
    try:
        with Vecml(limited) as caller, Vecml(limited, limited.make_key("other", user="other")) as other:
            answers = [caller.post("list_projects") for _ in range(12)]
            refused = [answer for answer in answers if answer.status_code != 200]
            assert refused
            assert {(one.status_code, one.text, one.headers["content-type"].partition(";")[0]) for one in refused} == {
                (400, SENTENCE, "text/plain")
            }
            assert other.post("list_projects").status_code == 200  # the limit is the key's own
    finally:
        limited.end()

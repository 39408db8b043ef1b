"""Vectors added, looked up, changed, deleted; and the jobs that they leave."""

import numpy as np
import pytest


def n_vectors(ask, collection):
    return ask("get_collection_info", **collection).json()["num_vectors"]


def message(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.json()["success"] is False
    return answer.json()["error_message"]


ROWS = {"string_ids": ["a", "b"], "data": [[1, 2, 3], [4, 5.5, -6]], "attributes": [{"label": "x"}, {"n": 1}]}


def test_a_batch_is_stored_and_its_job_is_finished(world, ask, collection):
    answer = ask("add_data_batch", **collection, **ROWS)
    assert answer.json() == {"success": True, "job_id": "admin_demo_vectors_UploadJob"}
    for operation in ("get_upload_data_status", "get_automl_training_status"):
        status = ask(operation, job_id="admin_demo_vectors_UploadJob").json()
        assert status["success"] is True
        assert (status["status"], status["num_inserted"]) == ("finished", 2)
        assert (status["start_time"], status["duration"]) == ("2025/02/01 09:55:00", "00:00:00")
    info = ask("get_collection_info", **collection).json()
    assert (info["num_vectors"], info["attributes"]) == (2, ["label", "n"])


def test_jobs_of_one_collection_are_numbered(ask, collection):
    ids = [ask("add_data", **collection, data=[1, 2, 3]).json()["job_id"] for _ in range(3)]
    assert ids == [f"admin_demo_vectors_UploadJob{end}" for end in ("", "_2", "_3")]


def test_an_unknown_job_does_not_exist(world, ask, collection):
    ask("add_data", **collection, data=[1, 2, 3])
    assert "does not exist" in message(ask("get_upload_data_status", job_id="nothing"), 404)
    foreign = ask("get_upload_data_status", key=world.a_foreign_key(), job_id="admin_demo_vectors_UploadJob")
    assert "does not exist" in message(foreign, 404)


def test_a_deleted_project_takes_its_jobs_along(ask, collection, project):
    job = ask("add_data", **collection, data=[1, 2, 3]).json()
    ask("delete_project", **project)
    assert ask("get_upload_data_status", job_id=job["job_id"]).status_code == 404


def test_vectors_are_looked_up_in_the_order_of_the_ids(ask, collection):
    ask("add_data_batch", **collection, **ROWS)
    assert ask("get_data", **collection, string_ids=["b", "a"]).json()["vectors"] == [
        {"string_id": "b", "data": [4.0, 5.5, -6.0], "attributes": {"n": "1"}},
        {"string_id": "a", "data": [1.0, 2.0, 3.0], "attributes": {"label": "x"}},
    ]
    assert ask("get_data", **collection, id="a").json()["vectors"][0]["string_id"] == "a"
    assert "'c'" in message(ask("get_data", **collection, string_ids=["a", "c"]), 404)
    for fields in ({}, {"string_id": "a", "string_ids": ["a"]}):
        assert "either" in message(ask("get_data", **collection, **fields), 400)


def test_ids_are_made_where_none_come(ask, collection):
    ask("add_data_batch", **collection, data=[[1, 2, 3], [4, 5, 6]])
    ask("add_data", **collection, data=[7, 8, 9])
    found = ask("get_data", **collection, string_ids=["0", "1", "2"]).json()["vectors"]
    assert [vector["data"][0] for vector in found] == [1, 4, 7]


def test_attributes_are_kept_as_text(ask, collection):
    given = {"text": "x", "whole": 1, "part": 1.5, "yes": True, "no": False, "nothing": None}
    ask("add_data", **collection, string_id="a", data=[1, 2, 3], attributes=given)
    kept = ask("get_data", **collection, string_id="a").json()["vectors"][0]["attributes"]
    assert kept == {"text": "x", "whole": "1", "part": "1.5", "yes": "true", "no": "false"}


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"data": [[1, 2, 3], [1, 2]]}, 400, "row 2 has 2 numbers; vectors have 3 here"),
        ({"data": [[1, 2], [3, 4]]}, 400, "row 1 has 2 numbers; vectors have 3 here"),
        ({"data": [[1, 2, 3], [1, "2", 3]]}, 400, "row 2, position 2"),
        ({"data": [[1, 2, 3], [1, True, 3]]}, 400, "row 2, position 2"),
        ({"data": [[1, 2, 3]]}, 400, "2 ids came, and 1 vectors"),
        ({"data": []}, 400, "No rows"),
        ({"data": None}, 400, "`data`"),
        ({"string_ids": ["a", "a"]}, 400, "'a'"),
        ({"string_ids": ["a", ""]}, 400, "Row 2"),
        ({"string_ids": ["a", 5]}, 400, "row 2: an id is a text, the number 5 came"),
        ({"string_ids": "ab"}, 400, "`string_ids`"),
        ({"string_ids": ["a"]}, 400, "1 ids came, and 2 vectors"),
        ({"attributes": [{}]}, 400, "attributes"),
        ({"attributes": {"label": "x"}}, 400, "`attributes`"),
        ({"attributes": [{}, "x"]}, 400, "row 2 must be an object of name: value, a text came"),
        ({"attributes": [{}, {"x": [1]}]}, 400, "row 2, 'x': a text, a number, true or false is expected, a list came"),
        ({"attributes": [{"string_id": "x"}, {}]}, 400, "string_id"),
        ({"string_ids": ["there", "b"]}, 409, "'there'"),
        ({"collection_name": "nowhere"}, 404, "does not exist"),
        ({"project_name": "nowhere"}, 404, "does not exist"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_whole(ask, collection, changes, status, told):
    ask("add_data", **collection, string_id="there", data=[1, 2, 3])
    answer = ask("add_data_batch", **{**collection, **ROWS, **changes})
    assert told in message(answer, status)
    assert n_vectors(ask, collection) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e39", "1e999", "9" * 400])
def test_numbers_must_be_finite(world, ask, collection, number):
    names = ", ".join(f'"{name}": "{value}"' for name, value in ask.with_key(collection).items())
    answer = world.call("POST", "/api/add_data", key=None, content=f'{{{names}, "data": [1, {number}, 3]}}'.encode())
    assert "row 1, position 2" in message(answer, 400)


def test_a_vector_gets_other_numbers_or_other_attributes(ask, collection):
    ask("add_data_batch", **collection, **ROWS)
    assert ask("update_data", **collection, string_id="a", data=[7, 8, 9]).json() == {"success": True}
    assert ask("update_data", **collection, string_id="b", attributes={"n": None, "label": "y"}).status_code == 200
    assert ask("get_data", **collection, string_ids=["a", "b"]).json()["vectors"] == [
        {"string_id": "a", "data": [7.0, 8.0, 9.0], "attributes": {"label": "x"}},
        {"string_id": "b", "data": [4.0, 5.5, -6.0], "attributes": {"label": "y"}},
    ]
    assert "'c'" in message(ask("update_data", **collection, string_id="c", data=[1, 2, 3]), 404)
    assert "Nothing" in message(ask("update_data", **collection, string_id="a"), 400)
    assert "3 here" in message(ask("update_data", **collection, string_id="a", data=[1]), 400)
    assert n_vectors(ask, collection) == 2


def test_vectors_are_deleted_and_their_ids_are_free(ask, collection):
    ask("add_data_batch", **collection, **ROWS)
    assert ask("delete_data", **collection, string_id="a").json() == {"success": True, "num_deleted": 1}
    assert ask("delete_data_batch", **collection, string_ids=["a", "b", "c"]).json()["num_deleted"] == 1
    assert n_vectors(ask, collection) == 0
    assert ask("add_data_batch", **collection, **ROWS).status_code == 200


def test_sparse_vectors_come_as_objects_or_pairs(ask, project):
    named = {**project, "collection_name": "sparse"}
    ask("init", **named, vector_type="sparse")
    ask("add_data_batch", **named, string_ids=["a", "b"], data=[{"0": 1.5, "7": 2}, {}])
    ask("add_data", **named, string_id="c", data=[[9, 1]])
    assert ask("get_collection_info", **named).json()["vector_dim"] == 10
    found = ask("get_data", **named, string_ids=["a", "b", "c"]).json()["vectors"]
    assert [vector["data"] for vector in found] == [{"0": 1.5, "7": 2.0}, {}, {"9": 1.0}]


def test_vectors_of_bytes_hold_whole_numbers_up_to_255(ask, project):
    named = {**project, "collection_name": "bytes"}
    ask("init", **named, vector_type="dense8Bit", vector_dim=2)
    assert ask("add_data", **named, string_id="a", data=[0, 255]).status_code == 200
    for wrong in (-1, 256, 0.5):
        assert "0 to 255" in message(ask("add_data", **named, data=[0, wrong]), 400)
        assert "0 to 255" in message(ask("update_data", **named, string_id="a", data=[wrong, 0]), 400)


def test_the_example_of_the_vendor_loads(ask, project):
    named = {**project, "collection_name": "training_data"}
    ask("init", **named, vector_type="dense", vector_dim=64)
    rows = np.random.default_rng(1).normal(size=(1000, 64))
    answer = ask(
        "add_data_batch",
        **named,
        string_ids=[f"train_{number:03d}" for number in range(1000)],
        data=rows.tolist(),
        attributes=[{"label": str(number % 2), "category": "ABC"[number % 3]} for number in range(1000)],
    )
    assert answer.status_code == 200
    assert n_vectors(ask, named) == 1000
    [last] = ask("get_data", **named, string_id="train_999").json()["vectors"]
    assert np.allclose(last["data"], rows[-1], rtol=1e-6)
    assert last["attributes"] == {"label": "1", "category": "A"}

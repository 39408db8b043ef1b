"""How every operation is answered, whatever it does: the key, the body, limits, methods, errors."""

import asyncio
import gzip
import itertools
import json
import logging
import re
import threading
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from athanor.api.dialects.vecml import endpoint
from athanor.api.dialects.vecml.app import OPERATIONS
from athanor.api.dialects.vecml.errors import TOO_MANY
from athanor.api.limits import Limits
from athanor.api.server import Server
from athanor.api.uploads import MAX_OPEN_UPLOADS
from athanor.core.actor import Scope
from athanor.logs import JsonLines


def told(answer):
    """The text of an error, which must have the vendor's shape."""
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"success", "error_message"}
    assert body["success"] is False
    return body["error_message"]


def post(world, path, content, **headers):
    return world.call("POST", path, key=None, content=content, headers=headers)


def talking(world, talk):
    """What `talk` gives, which may call the server many times at once."""

    async def main():
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=world.server), base_url="http://server"
        ) as client:
            return await talk(client)

    return asyncio.run(asyncio.wait_for(main(), 60))


# where


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_stands_at_the_vendors_path(world, name):
    answer = post(world, f"/api/{name}", b"{}")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/list_projects",
        "/api//list_projects",
        "/api/list_projects/",
        "/vecml/api/list_projects",
        "/vecml/api//list_projects",
    ],
)
def test_an_operation_answers_with_slashes_doubled_too(world, ask, path):
    answer = world.call("POST", path, key=None, json=ask.with_key({}))
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert [project["project_name"] for project in answer.json()["projects"]] == ["default"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/init", "/vecml/api//init"])
def test_other_methods_are_refused_in_the_vendors_shape(world, method, path):
    answer = world.call(method, path, key=None)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    if method != "HEAD":
        assert "POST" in told(answer)


@pytest.mark.parametrize(
    "path", ["/vecml/api/nothing", "/vecml/nothing", "/vecml/init", "/vecml/api", "/vecml/api/v1/x"]
)
def test_an_unknown_route_is_a_404_in_the_vendors_shape(world, path):
    answer = post(world, path, b"{}")
    assert answer.status_code == 404
    assert "No such operation" in told(answer)


def test_the_workbench_keeps_its_place(world):
    assert world.call("GET", "/api/v1/auth/whoami").status_code == 200
    assert world.call("POST", "/api//v1/automl/jobs").status_code == 404


# the key


@pytest.mark.parametrize("key", [None, "", "  ", 5, True, [], {}, "vml_x", "ath_", "ath_" + "0" * 32 + "_x", "ätsch"])
def test_a_key_that_is_missing_or_unknown_is_a_401(ask, key):
    fields = {} if key is None else {"user_api_key": key}
    answer = ask("list_projects", key=None, **fields)
    assert answer.status_code == 401
    assert told(answer)


def test_a_key_in_a_header_is_no_key_here(world):
    answer = world.call("POST", "/api/list_projects", json={})
    assert answer.status_code == 401


def test_a_key_that_lacks_the_scope_is_told_which(world, ask):
    answer = ask("create_project", key=world.a_key(Scope.DATA_READ), project_name="x")
    assert answer.status_code == 403
    assert "data:write" in told(answer)


def test_what_does_not_fit_is_told_only_to_those_who_have_a_key(ask):
    assert ask("create_project", key="ath_x").status_code == 401
    assert ask("create_project").status_code == 400


def refuse_to_parse(*_):
    raise AssertionError("a body was taken apart before its key was known")


@pytest.mark.parametrize("operation", ["add_data_batch", "upload", "list_projects"])
@pytest.mark.parametrize("key", [None, "ath_x", 5, ["ath_x"], "ätsch"])
def test_nothing_of_a_large_body_is_taken_apart_without_a_good_key(ask, monkeypatch, operation, key):
    monkeypatch.setattr(endpoint, "SMALL", 100)
    monkeypatch.setattr(endpoint, "read_fields", refuse_to_parse)
    monkeypatch.setattr(endpoint, "form_fields", refuse_to_parse)
    fields = {} if key is None else {"user_api_key": key}
    assert ask(operation, key=None, data=[[1.5]] * 100, **fields).status_code == 401
    assert ask(operation, key=None, data=[[1.5]] * 100_000, **fields).status_code == 401


def test_nothing_of_a_form_is_taken_apart_without_a_good_key(ask, monkeypatch):
    monkeypatch.setattr(endpoint, "form_fields", refuse_to_parse)
    assert ask.form("upload", b"a", user_api_key="ath_x", project_name="x").status_code == 401


@pytest.mark.parametrize("small", [0, 10**6])
@pytest.mark.parametrize("head", [0, 10**6])
def test_the_key_that_was_looked_at_must_be_the_one_that_is_read(world, monkeypatch, small, head):
    monkeypatch.setattr(endpoint, "SMALL", small)
    monkeypatch.setattr(endpoint, "HEAD", head)
    other = world.a_foreign_key()
    for text in (
        f'{{"user_api_key": "{world.key}", "user_\\u0061pi_key": "{other}", "project_name": "x"}}',
        f'{{"user_\\u0061pi_key": "{other}", "deep": {{"user_api_key": "{world.key}"}}, "project_name": "x"}}',
        f'{{"user_api_key": "{world.key}", "user_\\u0061pi_key": 5, "project_name": "x"}}',
    ):
        answer = post(world, "/api/add_data_batch", text.encode())
        assert answer.status_code == 401
        assert "user_api_key" in told(answer)


@pytest.mark.parametrize("head", [20, 10**6])
def test_the_key_of_a_large_body_may_stand_anywhere(world, collection, monkeypatch, head):
    monkeypatch.setattr(endpoint, "SMALL", 100)
    monkeypatch.setattr(endpoint, "HEAD", head)
    rows = [[1, 2, 3]] * 100
    for fields in (
        {"user_api_key": world.key, **collection, "data": rows},
        {**collection, "user_api_key": world.key, "data": rows},
        {**collection, "data": rows, "user_api_key": world.key},
    ):
        assert post(world, "/api/add_data_batch", json.dumps(fields).encode()).status_code == 200


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b'{"user_api_key": "ath_x", "data": "', "application/json"),
        (
            b'--b\r\nContent-Disposition: form-data; name="user_api_key"\r\n\r\nath_x\r\n--b\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_a_wrong_key_at_the_beginning_ends_a_large_body_there(world, start, kind):
    sent = []

    async def parts():
        for number in range(1000):
            sent.append(number)
            yield (b"" if number else start) + b"x" * 10_000

    assert post(world, "/api/upload", parts(), **{"Content-Type": kind}).status_code == 401
    assert len(sent) < 10
    assert list(world.scratch.iterdir()) == []


@pytest.mark.parametrize("is_known", [False, True])
def test_large_bodies_that_stay_away_keep_nobody_else_out(world, ask, collection, monkeypatch, is_known):
    monkeypatch.setattr(endpoint, "SMALL", 0)
    n_let_in, end = (MAX_OPEN_UPLOADS, 400) if is_known else (endpoint.STRANGERS, 401)
    start = json.dumps(ask.with_key({}) if is_known else {"a": 1})[:-1].encode() + b', "data": "' + b"x" * endpoint.HEAD

    async def talk(client):
        goes_on = asyncio.Event()

        async def dripping():
            yield start
            await goes_on.wait()
            yield b'"}'

        calls = [asyncio.create_task(client.post("/api/upload", content=dripping())) for _ in range(20)]
        for refused in itertools.islice(asyncio.as_completed(calls), 20 - n_let_in):
            assert (await refused).status_code == 503
        keyed = await client.post("/api/add_data_batch", json=ask.with_key({**collection, "data": [[1, 2, 3]]}))
        assert keyed.status_code == (503 if is_known else 200)
        form = {"files": {"file": ("some.csv", b"a,b\n1,2\n3,4\n")}, "headers": {"X-API-Key": world.key}}
        assert (await client.post("/api/v1/automl/datasets", **form)).status_code == 201
        goes_on.set()
        return [(await call).status_code for call in calls]

    statuses = talking(world, talk)
    assert sorted(statuses) == [end] * n_let_in + [503] * (20 - n_let_in)
    assert post(world, "/api/upload", start + b'"}').status_code == end
    assert list(world.scratch.iterdir()) == []


def test_the_key_stands_in_no_log_and_no_answer(world, ask, caplog):
    secret = world.key.rpartition("_")[2]
    with caplog.at_level(logging.DEBUG):
        answers = [
            ask("list_projects"),
            ask("create_project", project_name=[world.key]),
            ask("create_project", project_name=5, extra=world.key),
            ask("init", key=world.key + "x"),
            ask("add_data_batch", data={"user_api_key": world.key}),
            post(world, "/api/init", f'{{"user_api_key": "{world.key}", oops'.encode()),
            post(world, "/api/init", f'["{world.key}"]'.encode()),
            ask.form("upload", b"a", project_name="x", collection_name="y", file_format="csv"),
        ]
    assert [answer.status_code for answer in answers] == [200, 400, 400, 401, 400, 400, 400, 404]
    for answer in answers:
        assert secret not in answer.text
        assert secret not in str(answer.headers)
    for record in caplog.records:
        assert secret not in JsonLines().format(record)


# the body


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"user_api_key=x", b"\xff\xfe{}", b'{"a":' + b"[" * 10**5]
)
def test_a_body_that_is_no_json_object_is_a_400(world, content):
    answer = post(world, "/api/list_projects", content)
    assert answer.status_code == 400
    assert "JSON" in told(answer)


def test_the_content_type_does_not_matter(world, ask):
    body = json.dumps(ask.with_key({})).encode()
    for kind in ("text/plain", "application/json; charset=utf-8", "application/octet-stream"):
        assert post(world, "/api/list_projects", body, **{"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "`project_name`: It is required and did not come."),
        ({"project_name": None}, "`project_name`: It is required and did not come."),
        ({"project_name": 5}, "`project_name`: Input should be a valid string; the number 5 came."),
        ({"project_name": ["x"]}, "`project_name`: Input should be a valid string; a list of 1 came."),
    ],
)
def test_a_field_that_does_not_fit_is_named(ask, fields, message):
    answer = ask("create_project", **fields)
    assert answer.status_code == 400
    assert told(answer) == message


def test_unknown_fields_are_ignored(ask):
    assert ask("create_project", project_name="x", colour="blue").status_code == 200


def test_a_large_body_is_read_from_a_file_that_is_gone_afterwards(world, ask, collection, monkeypatch):
    monkeypatch.setattr(endpoint, "SMALL", 100)
    rows = [[number, 0.5, -1] for number in range(1000)]
    answer = ask("add_data_batch", **collection, data=rows, attributes=[{"n": number} for number in range(1000)])
    assert answer.status_code == 200, answer.text
    assert ask("get_collection_info", **collection).json()["num_vectors"] == 1000
    assert ask("get_data", **collection, string_id="999").json()["vectors"] == [
        {"string_id": "999", "data": [999.0, 0.5, -1.0], "attributes": {"n": "999"}}
    ]
    assert list(world.scratch.iterdir()) == []


def test_the_fields_of_a_form_may_be_as_large_as_a_body_without_its_bulk(ask, project, monkeypatch):
    ids = [f"vector-{number:08}" for number in range(6000)]
    fields = {**project, "collection_name": "new", "file_format": "libsvm", "string_ids": json.dumps(ids)}
    answer = ask.form("upload", b"1 1:0.5\n" * len(ids), **fields, filler="x" * 2**21)
    assert answer.status_code == 200, answer.text
    assert ask("get_collection_info", **project, collection_name="new").json()["num_vectors"] == len(ids)
    monkeypatch.setattr(endpoint, "LARGEST_REST", 2**21)
    assert ask.form("upload", b"1 1:0.5\n", **fields, filler="x" * 2**21).status_code == 413


def test_a_large_body_never_stands_in_memory_as_a_whole(world, ask):
    named = {"project_name": "demo", "collection_name": "wide"}
    ask("create_project", project_name="demo")
    ask("init", **named, vector_type="dense", vector_dim=64)
    row = json.dumps([number / 77 for number in range(64)]).encode()
    n_rows = 20_000
    n_bytes = 0

    async def parts():
        nonlocal n_bytes
        yield json.dumps(ask.with_key(named)).encode()[:-1] + b', "data": [' + row
        for _ in range(n_rows // 100 - 1):
            n_bytes += 100 * len(row)
            yield (b"," + row) * 100
        yield b"]}"

    tracemalloc.start()
    try:
        answer = post(world, "/api/add_data_batch", parts())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 200, answer.text
    assert peak < n_bytes * 0.75


def test_a_large_body_that_does_not_fit_is_told_as_exactly_as_a_small_one(ask, collection, monkeypatch):
    def answers():
        yield ask("add_data_batch", **collection, data=[[1, 2, 3]] * 50 + [[1, 2]])
        yield ask("add_data_batch", **collection, data=[[1, 2, 3]] * 50 + [[1, None, 3]])
        yield ask("add_data_batch", key="ath_wrong", **collection, data=[[1, 2, 3]] * 50)
        yield ask("add_data_batch", **collection)

    small = [(answer.status_code, told(answer)) for answer in answers()]
    monkeypatch.setattr(endpoint, "SMALL", 10)
    assert [(answer.status_code, told(answer)) for answer in answers()] == small
    assert [status for status, _ in small] == [400, 400, 401, 400]


# whatever comes


HOSTILE = [
    "",
    "x" * 5000,
    "\0",
    "../../etc/passwd",
    "*",
    "^.*$",
    0,
    -1,
    1.5,
    10**30,
    True,
    [],
    [None],
    [[]],
    [[[]]],
    ["a", "a"],
    [1, 2, 3],
    [{}],
    [{"": "x"}],
    [{"*": "x"}],
    {},
    {"a": {"b": 1}},
    {"1": 1},
]


def good_fields(name, collection, b64):
    """Fields that fit an operation where the collection has the vectors a and b."""
    good = {
        **collection,
        "string_id": "a",
        "string_ids": ["a", "b"],
        "data": [1, 2, 3] if name in {"add_data", "update_data"} else [[1, 2, 3], [4, 5, 6]],
        "attributes": {"label": "x"} if name in {"add_data", "update_data"} else [{"label": "x"}, {}],
        "file_data": b64("1,2,3\n4,5,6\n"),
        "X": b64("1,2,3\n4,5,6\n"),
        "file_format": "csv",
        "has_field_names": False,
        "attribute_name": "label",
        "model_name": "m",
        "task_type": "classification",
        "label_attribute": "label",
        "job_id": "admin_demo_vectors_UploadJob",
    }
    if name == "get_data":
        del good["string_id"]
    return good


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_value_of_any_field_breaks_an_operation(ask, collection, b64, name):
    ask("add_data_batch", **collection, string_ids=["a", "b"], data=[[1, 2, 3], [4, 5, 6]])
    good = good_fields(name, collection, b64)
    for field in OPERATIONS[name].body.model_fields:
        for value in HOSTILE:
            answer = ask(name, **{**good, field: value})
            assert answer.status_code in {200, 400, 404, 409, 413}, (field, value, answer.text)
            if answer.status_code == 200:
                assert answer.json()["success"] is True
            else:
                assert told(answer), (field, value)
        if name in {"delete_project", "delete_collection"}:
            ask("create_project", project_name="demo")
            ask("init", **collection, vector_type="dense", vector_dim=3)


# scopes


def documented_scopes():
    """Of each operation what the reference says: sets of scopes, of which a key needs one whole."""
    page = (Path(__file__).parents[3] / "docs/reference/vecml-api.md").read_text()
    rows = re.findall(r"^\| `POST /api/(\w+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE)
    return {name: [set(re.findall(r"\w+:\w+|predict", one)) for one in cell.split(" or ")] for name, cell in rows}


DOCUMENTED = documented_scopes()


def test_the_reference_names_every_operation_with_its_scopes():
    assert set(DOCUMENTED) == {operation.name for operation in OPERATIONS.values()}
    assert all(DOCUMENTED.values())
    for operation in OPERATIONS.values():  # what depends on the call is not in its entry
        assert all({scope.value for scope in operation.scopes} <= way for way in DOCUMENTED[operation.name])


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_an_operation_asks_for_the_scopes_that_the_reference_names(world, ask, collection, b64, name):
    batch = {"string_ids": ["a", "b"], "data": [[1, 2, 3], [4, 5, 6]], "attributes": [{"label": "x"}, {"label": "y"}]}
    assert ask("add_data_batch", **collection, **batch).status_code == 200
    training = {"model_name": "m", "task_type": "classification", "label_attribute": "label"}
    trained = ask("train_automl_model", **collection, **training).json()
    good = good_fields(name, collection, b64)
    if name == "get_automl_training_status":
        good["job_id"] = trained["job_id"]
    ways = DOCUMENTED[name]
    for choice in itertools.product(*ways):  # of every way one scope is missing
        answer = ask(name, key=world.a_key(*(scope for scope in Scope if scope.value not in choice)), **good)
        assert answer.status_code == 403, choice
        assert any(scope in told(answer) for scope in choice)
    for way in ways:
        assert ask(name, key=world.a_key(*(Scope(scope) for scope in way)), **good).status_code != 403


# limits


PREDICTED = SimpleNamespace(labels=["x"], scores={}, n_labelled=0, is_regression=False)
CROWD = 45  # more calls than a server has threads for


class Gate:
    """Stands for what takes long: answers when it is opened, and counts how many were inside at once."""

    def __init__(self, answer):
        self.answer, self.is_open, self.lock = answer, threading.Event(), threading.Lock()
        self.n_inside = self.most_inside = 0

    def __call__(self, *_, **__):
        with self.lock:
            self.n_inside += 1
            self.most_inside = max(self.most_inside, self.n_inside)
        assert self.is_open.wait(60)
        with self.lock:
            self.n_inside -= 1
        return self.answer


def crowd(world, monkeypatch, gate, operation, fields, *, other="list_projects"):
    """Statuses of many calls that wait at the gate, and before it is opened of two others."""
    known = threading.Semaphore(0)
    authenticate = world.services.keys.authenticate

    def counted(text):
        actor = authenticate(text)
        known.release()
        return actor

    monkeypatch.setattr(world.services.keys, "authenticate", counted)

    async def talk(client):
        calls = [asyncio.create_task(client.post(f"/api/{operation}", json=fields)) for _ in range(CROWD)]
        try:
            for _ in calls:
                assert await asyncio.to_thread(known.acquire, timeout=10), "calls wait in threads that others need"
            others = [
                await asyncio.wait_for(other, 10)
                for other in (client.get("/readyz"), client.post(f"/api/{other}", json=fields))
            ]
        finally:
            gate.is_open.set()
        return [(await call).status_code for call in calls], [other.status_code for other in others]

    return talking(world, talk)


def test_predictions_that_wait_keep_no_other_call_waiting(world, ask, monkeypatch):
    gate = Gate(PREDICTED)
    monkeypatch.setattr(world.services.collection_models, "predict", gate)
    names = {"project_name": "demo", "collection_name": "vectors", "model_name": "m", "prediction_dataset": "vectors"}
    assert crowd(world, monkeypatch, gate, "automl_predict", ask.with_key(names)) == ([200] * CROWD, [200, 200])
    assert gate.most_inside <= endpoint.AT_ONCE


def test_few_files_are_worked_on_at_once_however_small_they_come(world, ask, b64, monkeypatch):
    gate = Gate(SimpleNamespace(job_name="x"))
    monkeypatch.setattr(world.services.collections, "upload", gate)
    monkeypatch.setattr(world.services.collection_models, "predict", lambda *_: PREDICTED)
    file = {"file_data": b64(gzip.compress(b"a,b\n1,2\n")), "file_format": "csv", "compression_type": "gzip"}
    fields = ask.with_key({"project_name": "demo", "collection_name": "vectors", "model_name": "m", **file})
    assert crowd(world, monkeypatch, gate, "upload", fields, other="automl_predict") == ([200] * CROWD, [200, 200])
    assert gate.most_inside <= endpoint.AT_ONCE


class Tick:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


@pytest.fixture
def tick():
    return Tick()


@pytest.fixture
def limited(world, tick):
    """Give the dialect other limits."""

    def limit(**changes):
        own = Limits(**{"requests_per_minute": 60, "burst": 3, "upload_bytes": 2000, "json_bytes": 1000, **changes})
        world.server = Server(
            world.services,
            spool=world.spool,
            limits=world.limits,
            own_limits={"vecml": own},
            now=world.clock,
            clock=tick,
        )

    return limit


def is_refused(answer):
    if answer.text != TOO_MANY:
        return False
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["retry-after"] == "1"
    return True


def test_too_many_requests_are_a_plain_text(ask, limited, tick):
    limited()
    assert TOO_MANY == "Request limit reached, please try again later"
    assert [is_refused(ask("list_projects")) for _ in range(5)] == [False, False, False, True, True]
    tick.at += 1.0
    assert [is_refused(ask("list_projects")) for _ in range(2)] == [False, True]


def test_every_key_counts_on_its_own(world, ask, limited):
    limited()
    other = world.a_key(Scope.DATA_READ)
    assert [is_refused(ask("list_projects")) for _ in range(4)] == [False, False, False, True]
    assert [is_refused(ask("list_projects", key=other)) for _ in range(4)] == [False, False, False, True]


def test_guessing_keys_is_refused_at_the_door_even_for_the_right_one(ask, limited, tick):
    limited()
    assert [ask("list_projects", key=f"ath_{number}").status_code for number in range(3)] == [401] * 3
    assert is_refused(ask("list_projects", key="ath_4"))
    assert is_refused(ask("list_projects"))  # unread: nothing is learned
    tick.at += 1.0
    assert ask("list_projects").status_code == 200


def test_what_has_no_good_key_counts_on_the_address_whatever_else_is_wrong(world, ask, limited):
    limited()
    assert post(world, "/api/init", b"{").status_code == 400
    assert post(world, "/vecml/api/nothing", b"{}").status_code == 404
    assert post(world, "/api/init", b"{}", **{"Content-Length": "5000"}).status_code == 413
    assert is_refused(post(world, "/api/init", b"{}"))


def test_a_good_key_costs_its_address_nothing_even_where_the_request_fails(world, ask, limited):
    limited(burst=3)
    keys = [world.a_key(Scope.DATA_READ) for _ in range(5)]
    assert [ask("create_project", key=key, project_name="x").status_code for key in keys] == [403] * 5


def test_the_rate_can_be_switched_off(ask, limited):
    limited(requests_per_minute=0, burst=1)
    assert {ask("list_projects").status_code for _ in range(20)} == {200}
    assert {ask("list_projects", key="ath_x").status_code for _ in range(20)} == {401}


def test_a_body_of_data_has_the_limit_of_data_and_others_that_of_json(world, ask, limited):
    limited(burst=100)
    filler = "x" * 1500
    assert ask("list_projects", filler=filler).status_code == 413
    assert "1,000 bytes" in told(ask("list_projects", filler=filler))
    assert ask("add_data_batch", filler=filler).status_code == 400
    assert "2,000 bytes" in told(ask("add_data_batch", filler=filler * 2))


@pytest.mark.parametrize("small", [0, 10**6])
def test_a_body_that_does_not_announce_itself_is_stopped_at_the_limit(world, limited, small, monkeypatch):
    monkeypatch.setattr(endpoint, "SMALL", small)
    limited()
    sent = []

    async def parts():
        for _ in range(100):
            sent.append(500)
            yield b"x" * 500

    answer = world.call("POST", "/api//add_data_batch", key=None, content=parts())
    assert answer.status_code == 413
    assert "2,000 bytes" in told(answer)
    assert sum(sent) == 2500
    assert list(world.scratch.iterdir()) == []


# faults


def test_a_fault_of_ours_is_json_and_tells_nothing(world, ask, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(world.services.projects, "list", broken)
    answer = ask("list_projects")
    assert answer.status_code == 500
    assert "secret" not in told(answer)


def test_every_answer_fits_what_the_docs_say(ask, collection):
    ask("add_data", **collection, data=[1, 2, 3], string_id="a")
    for name, fields in {
        "list_projects": {},
        "list_collections": collection,
        "get_collection_info": collection,
        "get_data": {**collection, "string_id": "a"},
        "add_data": {**collection, "data": [1, 2, 3]},
        "get_upload_data_status": {"job_id": "admin_demo_vectors_UploadJob"},
        "delete_data": {**collection, "string_id": "a"},
    }.items():
        answer = ask(name, **fields)
        assert answer.status_code == 200, answer.text
        OPERATIONS[name].answer.model_validate(answer.json())

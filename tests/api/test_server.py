"""The dispatcher: who answers where, ids of requests, health, and what happens when all goes wrong."""

import asyncio
import json
import logging
import re

import pytest

from athanor.api.dialects import DIALECTS
from athanor.api.server import Server
from athanor.api.uploads import Spool
from athanor.errors import Unavailable
from athanor.logs import JsonLines, bound


def test_the_front_page_says_where_the_apis_and_their_docs_are(world):
    front = world.call("GET", "/", key=None)
    assert front.status_code == 200
    assert set(front.json()["apis"]) == set(DIALECTS.names())
    for api in front.json()["apis"].values():
        assert world.call("GET", api["docs"], key=None).headers["content-type"].startswith("text/html")
        assert world.call("GET", api["openapi"], key=None).json()["openapi"].startswith("3.")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1", "native"),
        ("/v1/datasets", "native"),
        ("/api/v1", "workbench"),
        ("/api/v1/init", "workbench"),
        ("/api/init", "vecml"),
        ("/api//init/", "vecml"),
    ],
)
def test_a_shared_place_belongs_to_one_dialect(path, dialect):
    names = [name for name in DIALECTS.names() if any(one.fullmatch(path) for one in DIALECTS[name].places())]
    assert names == [dialect]


def test_a_dialect_answers_at_the_vendors_path_and_whole_below_its_prefix(world):
    at_its_path = world.call("GET", "/api/v1/auth/whoami").json()["data"]
    below_its_prefix = world.call("GET", "/workbench/api/v1/auth/whoami").json()["data"]
    assert at_its_path == below_its_prefix


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/nope", "/workbench/nope", "/workbench/api/v2/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "TRACE"])
def test_an_unknown_route_answers_in_the_shape_of_its_prefix(world, method, path):
    answer = world.call(method, path, key=None)
    assert answer.status_code == 404
    assert answer.json()["success"] is False
    assert answer.json()["error"]["code"] == "not-found"


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/v2", "/api/v12", "/docs", "/workbenches", "//", "/%00"])
def test_what_belongs_to_no_dialect_answers_in_json_as_well(world, path):
    answer = world.call("GET", path, key=None)
    expected = 200 if path == "//" else 404
    assert answer.status_code == expected
    assert answer.headers["content-type"] == "application/json"
    if expected == 404:
        assert answer.json()["error"]["code"] == "not-found"


def test_a_wrong_method_is_told_which_ones_work(world):
    for path, allowed in {"/healthz": "GET, HEAD", "/api/v1/automl/stats": "GET"}.items():
        answer = world.call("PATCH", path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == allowed
        assert answer.json()["error"]["code"] == "method-not-allowed"


def test_every_answer_has_an_id_of_its_own_that_stands_in_the_header_and_the_body(world):
    answers = [world.call("GET", "/api/v1/nope") for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [answer.json()["meta"]["requestId"] for answer in answers] == ids
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", made) for made in ids)


def test_health_needs_no_key(world):
    assert world.call("GET", "/healthz", key=None).json() == {"status": "ok"}
    assert world.call("GET", "/readyz", key=None).json() == {"status": "ready"}
    assert world.call("HEAD", "/healthz", key=None).status_code == 200


def test_a_platform_that_cannot_work_is_not_ready_but_alive(world):
    def is_ready():
        raise Unavailable("The records cannot be read.")

    world.server = Server(world.services, spool=world.spool, limits=world.limits, now=world.clock, is_ready=is_ready)
    assert world.call("GET", "/readyz").status_code == 503
    assert world.call("GET", "/readyz").json()["error"]["message"] == "The records cannot be read."
    assert world.call("GET", "/healthz").status_code == 200


def test_a_fault_of_ours_is_a_500_in_shape_that_tells_nothing_and_is_logged(world, monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(world.services.runs, "counts", broken)
    with caplog.at_level(logging.INFO, "athanor.api"):
        answer = world.call("GET", "/api/v1/automl/stats")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal-error"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "the secret of the house" in caplog.text
    assert caplog.records[-1].status == 500


def test_a_request_leaves_one_line_in_the_log_without_its_key(world, caplog):
    with caplog.at_level(logging.INFO, "athanor.api"):
        world.call("GET", "/api/v1/automl/stats?search=rows")
    (line,) = [record for record in caplog.records if record.name == "athanor.api.server"]
    assert (line.getMessage(), line.method, line.path, line.status) == (
        "request answered",
        "GET",
        "/api/v1/automl/stats",
        200,
    )
    assert world.key not in JsonLines().format(line)


def test_a_log_line_is_json_and_carries_what_is_bound():
    record = logging.makeLogRecord({"msg": "trial %s", "args": ("finished",), "levelname": "INFO", "score": 0.5})
    with bound(request_id="req_1"), bound(job_id="j"):
        line = json.loads(JsonLines().format(record))
    assert line["event"] == "trial finished"
    assert (line["request_id"], line["job_id"], line["score"], line["level"]) == ("req_1", "j", 0.5, "info")
    assert "request_id" not in json.loads(JsonLines().format(record))


def test_starting_sweeps_what_a_dead_server_left_and_ending_runs_the_hooks(world):
    ended = []
    left, other = world.scratch / "upload-left", world.scratch / "segment-other"
    left.write_text("x")
    other.write_text("x")
    server = Server(
        world.services,
        spool=Spool(world.scratch),
        limits=world.limits,
        now=world.clock,
        on_stop=(lambda: ended.append("records"), lambda: ended.append("blobs")),
    )
    told = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(told)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(server({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert ended == ["records", "blobs"]
    assert not left.exists()
    assert other.exists()


def test_a_web_socket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    server = Server.__new__(Server)
    asyncio.run(server({"type": "websocket", "path": "/"}, receive, send))
    assert sent[0]["type"] == "websocket.close"


def test_addresses_in_answers_stand_where_the_client_found_the_server(world):
    body = {"filename": "a.csv"}
    shared = world.call("POST", "/api/v1/automl/datasets/upload-url", json=body).json()["uploadUrl"]
    whole = world.call("POST", "/workbench/api/v1/automl/datasets/upload-url", json=body).json()["uploadUrl"]
    assert shared.startswith("http://server/api/v1/automl/datasets/uploads/upload_")
    assert whole.startswith("http://server/workbench/api/v1/automl/datasets/uploads/upload_")
    assert world.call("PUT", whole.removeprefix("http://server"), content=b"a,b\n1,x\n2,y\n").status_code == 201

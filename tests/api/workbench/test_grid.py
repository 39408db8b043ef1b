"""THE GRID: every route against every way of asking wrongly, with the exact status and code of each answer.

A route that has no entry here fails `test_every_route_is_in_the_grid`; so does a text field without a word on hostile texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from athanor.api.dialects import DIALECTS, Surroundings
from athanor.api.limits import Limits
from athanor.core.actor import ALL_SCOPES, Scope
from athanor.core.job import JobState
from athanor.engine.models import FAMILIES

BASE = "/api/v1"
LIMIT = 20_000  # bytes of any body, in this file
FILE = {"files": {"file": ("c.csv", b"a,b\n1,x\n2,y\n")}}
ROW = {"age": 50, "plan": "a", "spend": 1.5}
HOSTILE = [
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\u202ena\u00efve \U0001f9ea",
    "'; DROP TABLE runs; --",
    " ",
]
BROKEN = {"a NUL": "a\0b", "10,000 characters": "x" * 10_000, "a lone surrogate": "\ud800"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A way of asking, and its answer. `how` changes the world and gives path ids, and what differs in the request."""

    name: str
    how: Callable[[Any], dict[str, Any]]
    status: int
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A route. `right` sets the scene and gives path ids and the rest of a good request."""

    right: Callable[[Any], dict[str, Any]]
    status: int
    stranger: int = 404  # what another organization's key gets for the very same request
    states: tuple[Case, ...] = ()
    ranges: tuple[Case, ...] = ()
    hostile: dict[str, tuple[int, str | None]] | None = None  # text field of the body -> answer to HOSTILE texts


def job_in(state: JobState) -> Callable[[Any], dict[str, Any]]:
    return lambda world: {"job": world.a_job(state)}


def a_model(world: Any) -> dict[str, Any]:
    return {"model": world.a_model()}


def a_stopped_model(world: Any) -> dict[str, Any]:
    model = world.a_model()
    assert world.call("POST", f"{BASE}/model-registry/models/{model}/stop").status_code == 200
    return {"model": model}


def a_dataset(world: Any) -> dict[str, Any]:
    return {"dataset": f"ds_{world.a_dataset().hex}"}


def an_upload(world: Any) -> dict[str, Any]:
    opened = world.call("POST", f"{BASE}/automl/datasets/upload-url", json={"filename": "c.csv"}).json()
    return {"upload": opened["uploadUrl"].rpartition("/")[2], "content": b"a,b\n1,x\n2,y\n"}


def a_used_upload(world: Any) -> dict[str, Any]:
    sent = an_upload(world)
    assert (
        world.call("PUT", f"{BASE}/automl/datasets/uploads/{sent['upload']}", content=b"a,b\n1,x\n").status_code == 201
    )
    return sent


def an_old_upload(world: Any) -> dict[str, Any]:
    sent = an_upload(world)
    world.clock.pass_(3601)
    return sent


def a_job_body(world: Any, **changes: Any) -> dict[str, Any]:
    body = {
        "name": "Churn",
        "dataset": a_dataset(world)["dataset"],
        "targetColumn": "churned",
        "description": "Who leaves",
        "problemType": "binary_classification",
        "predictorType": "tabular",
        "preset": "medium_quality",
        "timeLimit": 60,
        "metric": "f1",
        "featureColumns": ["age", "spend"],
        "labelColumn": "churned",
        "dataSource": "ds_postgres_main",
        "hardware": "gpu-a100-40gb",
        "advanced": {"excludeModels": ["KNN"], "enableEnsemble": True},
    }
    return {"json": {**body, **changes}}


def a_key(world: Any) -> dict[str, Any]:
    body = {"name": "ci", "scopes": ["runs:read"]}
    return {"key": world.call("POST", f"{BASE}/auth/api-keys", json=body).json()["data"]["id"]}


def query(text: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"query": text}


def refused(*queries: str) -> tuple[Case, ...]:
    return tuple(Case(name=text, how=query(text), status=400, code="validation-error") for text in queries)


def taken(*queries: str) -> tuple[Case, ...]:
    return tuple(Case(name=text, how=query(text), status=200) for text in queries)


def body_case(name: str, status: int, code: str | None, make: Callable[[Any], dict[str, Any]]) -> Case:
    return Case(name=name, how=lambda world: {"json": make(world)}, status=status, code=code)


def job_with(status: int, code: str | None, **changes: Any) -> Case:
    name = ", ".join(f"{field}={str(value)[:50]} ({len(str(value))})" for field, value in changes.items())
    return body_case(name, status, code, lambda world: a_job_body(world, **changes)["json"])


def never(_: Any) -> dict[str, Any]:
    return {}


PAGES = (
    *refused("limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5", "offset=-1", "offset=x", f"offset={10**30}"),
    *refused("sort=nope:asc", "sort=name:sideways", "sortBy=owner", "sortBy=name&sortOrder=up"),
    *refused("search=%00", "search=" + "x" * 300),
    *taken(
        f"limit={10**9}", "limit=1&offset=1000", "sort=name:asc", "sort=createdAt", "sortBy=updatedAt&sortOrder=asc"
    ),
    *taken(
        "search=%25_%5C", "search=..%2F..%2F", "search=%3Cscript%3E", "search=%F0%9F%A7%AA", "search=%FF", "search="
    ),
)
INVALID = (400, "validation-error")
MISSING = (404, "not-found")

GRID: dict[str, Entry] = {
    "GET /automl/jobs": Entry(
        right=never,
        status=200,
        stranger=200,
        ranges=(
            *PAGES,
            *refused("status=ready", "status=RUNNING", "status=", "sort=state"),
            *taken(
                "status=stopped", "sort=startedAt:desc", "sort=finishedAt:asc", "sort=status:asc", "sort=progress:asc"
            ),
        ),
    ),
    "POST /automl/jobs": Entry(
        right=a_job_body,
        status=201,
        ranges=(
            job_with(400, "validation-error", timeLimit=0),
            job_with(400, "validation-error", timeLimit=-5),
            job_with(400, "validation-error", timeLimit=10**400),
            job_with(400, "validation-error", timeLimit=1.5),
            job_with(400, "validation-error", timeLimit=True),
            job_with(201, None, timeLimit=None, preset=None, predictorType=None, advanced=None, hardware=None),
            job_with(400, "validation-error", name=""),
            job_with(400, "validation-error", name="x" * 201),
            job_with(201, None, name="x" * 200),
            job_with(400, "validation-error", description="x" * 4001),
            job_with(201, None, description=""),
            job_with(201, None, description=None),
            job_with(400, "validation-error", problemType="clustering"),
            job_with(400, "not-supported", problemType="time_series"),
            job_with(400, "not-supported", problemType="timeseries"),
            job_with(400, "not-supported", problemType="multimodal"),
            job_with(400, "not-supported", predictorType="text"),
            job_with(400, "not-supported", predictorType="image"),
            job_with(400, "not-supported", predictorType="multimodal"),
            job_with(400, "validation-error", predictorType="quantum"),
            job_with(400, "validation-error", problemType="regression", predictorType="BinaryClassifier"),
            job_with(201, None, problemType="tabular", predictorType="auto"),
            job_with(201, None, problemType=None, predictorType="BinaryClassifier"),
            job_with(400, "validation-error", problemType="regression", metric=None),
            job_with(400, "validation-error", preset="extreme_quality"),
            job_with(201, None, preset="optimize_for_deployment"),
            job_with(400, "validation-error", metric="beauty"),
            job_with(400, "validation-error", metric="rmse"),
            job_with(201, None, metric="AUC"),
            job_with(400, "validation-error", featureColumns=[]),
            job_with(400, "validation-error", featureColumns=["churned"]),
            job_with(400, "validation-error", featureColumns=["age", "nope"]),
            job_with(201, None, featureColumns=["age", "churned", "age"]),
            job_with(400, "validation-error", featureColumns=[1]),
            job_with(400, "validation-error", hardware={"cpu_count": 0}),
            job_with(400, "validation-error", hardware={"cpu_count": "2"}),
            job_with(400, "validation-error", hardware={"memory_gb": -1}),
            job_with(201, None, hardware={"cpu_count": 2, "memory_gb": 4, "disk_gb": 10, "gpu_count": 0}),
            job_with(400, "validation-error", advanced={"excludeModels": "KNN"}),
            job_with(400, "validation-error", advanced={"excludeModels": [None]}),
            job_with(400, "validation-error", advanced={"excludeModels": ["x"] * 101}),
            job_with(400, "validation-error", advanced={"enableEnsemble": "yes"}),
            job_with(400, "validation-error", advanced={"excludeModels": list(FAMILIES.names())}),
            job_with(201, None, advanced={"numStacks": 3}),
            job_with(404, "not-found", dataset="ds_" + "0" * 32),
            job_with(404, "not-found", dataset="/etc/passwd"),
            job_with(404, "not-found", dataset="../secret.csv"),
            job_with(201, None, dataset="customers.csv"),
            job_with(404, "not-found", datasetFile="other.csv"),
            job_with(400, "validation-error", targetColumn="nope", labelColumn=None),
            job_with(400, "validation-error", targetColumn="nope"),
        ),
        states=(
            body_case(
                "a dataset of one row",
                422,
                "unprocessable",
                lambda world: a_job_body(
                    world,
                    dataset=f"ds_{world.a_dataset('age,spend,churned' + chr(10) + '1,2,yes' + chr(10)).hex}",
                )["json"],
            ),
            body_case(
                "an upload whose file has not come",
                404,
                "not-found",
                lambda world: a_job_body(world, dataset=f"uploads/{an_upload(world)['upload']}")["json"],
            ),
        ),
        hostile={
            "name": (201, None),
            "dataset": MISSING,
            "targetColumn": INVALID,
            "description": (201, None),
            "problemType": INVALID,
            "predictorType": INVALID,
            "preset": INVALID,
            "metric": INVALID,
            "labelColumn": INVALID,
            "dataSource": (201, None),
            "datasetFile": MISSING,
            "hardware": (201, None),
        },
    ),
    "GET /automl/jobs/{job}": Entry(right=job_in(JobState.QUEUED), status=200),
    "DELETE /automl/jobs/{job}": Entry(
        right=job_in(JobState.QUEUED),
        status=204,
        states=(
            Case(name="running", how=job_in(JobState.RUNNING), status=409, code="job-running"),
            *(
                Case(name=state, how=job_in(state), status=204)
                for state in (JobState.READY, JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED)
            ),
        ),
    ),
    "POST /automl/jobs/{job}/stop": Entry(
        right=job_in(JobState.QUEUED),
        status=200,
        states=(
            Case(name="stopped", how=job_in(JobState.STOPPED), status=200),
            Case(name="ready", how=job_in(JobState.READY), status=200),
            Case(name="running", how=job_in(JobState.RUNNING), status=200),
            Case(name="completed", how=job_in(JobState.SUCCEEDED), status=409, code="job-finished"),
            Case(name="failed", how=job_in(JobState.FAILED), status=409, code="job-finished"),
        ),
    ),
    "POST /automl/jobs/{job}/deploy": Entry(
        right=job_in(JobState.SUCCEEDED),
        status=200,
        states=tuple(
            Case(name=state, how=job_in(state), status=409, code="job-not-completed")
            for state in JobState
            if state is not JobState.SUCCEEDED
        ),
        hostile={"registryName": (200, None)},
    ),
    "GET /automl/jobs/{job}/logs": Entry(
        right=job_in(JobState.RUNNING),
        status=200,
        ranges=(
            *refused("lines=0", "lines=-1", "lines=x", "lines=2.5", "since=yesterday", "since=", "since=10%3A00"),
            *refused("since=9999-99-99T00:00:00Z", "since=%00", "since=" + "1" * 300),
            *taken("lines=1", f"lines={10**9}", "since=2025-02-01T10:00:05Z", "since=2025-02-01T10:00:05.123Z"),
            *taken("since=2025-02-01T10:00:05%2B02:00", "since=2025-02-01", "since=2025-02-01T10:00:05+02:00"),
            *taken("since=0001-01-01T00:00:00Z", "since=9999-12-31T23:59:59Z"),
        ),
    ),
    "GET /automl/jobs/{job}/status": Entry(right=job_in(JobState.FAILED), status=200),
    "GET /automl/jobs/{job}/metrics": Entry(right=job_in(JobState.SUCCEEDED), status=200),
    "GET /automl/stats": Entry(right=never, status=200, stranger=200),
    "GET /automl/datasets": Entry(right=never, status=200, stranger=200),
    "POST /automl/datasets": Entry(
        right=lambda _: FILE,
        status=201,
        stranger=201,
        ranges=(
            Case(
                name="no form",
                how=lambda _: {"files": None, "content": b"a,b\n1,2\n"},
                status=415,
                code="unsupported-media-type",
            ),
            Case(
                name="JSON",
                how=lambda _: {"files": None, "json": {"file": "a"}},
                status=415,
                code="unsupported-media-type",
            ),
            Case(name="no file", how=lambda _: {"files": {"name": (None, b"x")}}, status=400, code="validation-error"),
            Case(
                name="the file in another part",
                how=lambda _: {"files": {"data": ("c.csv", b"a,b\n1,2\n")}},
                status=400,
                code="validation-error",
            ),
            Case(
                name="an empty file",
                how=lambda _: {"files": {"file": ("c.csv", b"")}},
                status=400,
                code="validation-error",
            ),
            Case(
                name="an empty name", how=lambda _: {**FILE, "data": {"name": " "}}, status=400, code="validation-error"
            ),
            Case(
                name="a long name",
                how=lambda _: {**FILE, "data": {"name": "x" * 201}},
                status=400,
                code="validation-error",
            ),
            Case(
                name="a NUL in the name",
                how=lambda _: {**FILE, "data": {"name": "a\0b"}},
                status=400,
                code="validation-error",
            ),
            Case(name="a path as the name", how=lambda _: {**FILE, "data": {"name": "../../x"}}, status=201),
            Case(
                name="a path as the file's name",
                how=lambda _: {"files": {"file": ("../../../etc/cron.d/x.csv", b"a,b\n1,x\n2,y\n")}},
                status=201,
            ),
            Case(
                name="Parquet that is none",
                how=lambda _: {"files": {"file": ("c.parquet", b"PAR1 and no more PAR1")}},
                status=400,
                code="validation-error",
            ),
        ),
    ),
    "POST /automl/datasets/upload-url": Entry(
        right=lambda _: {"json": {"filename": "c.csv", "contentType": "text/csv"}},
        status=200,
        stranger=200,
        ranges=(
            body_case("an empty name", 400, "validation-error", lambda _: {"filename": ""}),
            body_case("a long name", 400, "validation-error", lambda _: {"filename": "x" * 201}),
        ),
        hostile={"filename": (200, None), "contentType": (200, None)},
    ),
    "PUT /automl/datasets/uploads/{upload}": Entry(
        right=an_upload,
        status=201,
        states=(
            Case(name="used", how=a_used_upload, status=409, code="conflict"),
            Case(name="too old", how=an_old_upload, status=409, code="conflict"),
        ),
        ranges=(
            Case(
                name="an empty file",
                how=lambda world: {**an_upload(world), "content": b""},
                status=400,
                code="validation-error",
            ),
        ),
    ),
    "POST /automl/datasets/import-from-datasource": Entry(
        right=lambda _: {"json": {"datasourceId": "ds_1", "objectKey": "a.csv", "bucket": "b", "filename": "c.csv"}},
        status=501,
        stranger=501,
        hostile=dict.fromkeys(("datasourceId", "objectKey", "bucket", "filename"), (501, "not-supported")),
    ),
    "GET /automl/datasets/{dataset}/files": Entry(right=a_dataset, status=200),
    "GET /automl/datasets/{dataset}/columns": Entry(
        right=a_dataset,
        status=200,
        ranges=(
            Case(name="its file", how=query("file=customers.csv"), status=200),
            Case(name="another file", how=query("file=..%2F..%2Fetc%2Fpasswd"), status=404, code="not-found"),
            Case(name="a NUL", how=query("file=%00"), status=404, code="not-found"),
        ),
    ),
    "GET /model-registry/models": Entry(
        right=never,
        status=200,
        stranger=200,
        ranges=(
            *PAGES,
            *refused("framework=keras", "source=elsewhere", "status=running", "sort=startedAt"),
            *taken("framework=custom", "framework=sklearn", "source=automl", "status=deployed", "status=archived"),
        ),
    ),
    "GET /model-registry/models/{model}": Entry(right=a_model, status=200),
    "PUT /model-registry/models/{model}": Entry(
        right=lambda world: {**a_model(world), "json": {"name": "n", "description": "d", "tags": ["team:risk", "eu"]}},
        status=200,
        ranges=(
            body_case("an empty name", 400, "validation-error", lambda _: {"name": ""}),
            body_case("a long name", 400, "validation-error", lambda _: {"name": "x" * 201}),
            body_case("a long description", 400, "validation-error", lambda _: {"description": "x" * 4001}),
            body_case("too many tags", 400, "validation-error", lambda _: {"tags": ["x"] * 51}),
            body_case("a tag that is no text", 400, "validation-error", lambda _: {"tags": [1]}),
            body_case("nothing to change", 200, None, lambda _: {}),
        ),
        hostile={"name": (200, None), "description": (200, None)},
    ),
    "DELETE /model-registry/models/{model}": Entry(
        right=a_stopped_model,
        status=204,
        states=(Case(name="deployed", how=a_model, status=409, code="model-in-use"),),
    ),
    "GET /model-registry/models/{model}/versions": Entry(right=a_model, status=200),
    "GET /model-registry/models/{model}/status": Entry(right=a_model, status=200),
    "POST /model-registry/models/{model}/deploy": Entry(
        right=a_model, status=200, states=(Case(name="stopped", how=a_stopped_model, status=200),)
    ),
    "POST /model-registry/models/{model}/start": Entry(
        right=a_stopped_model, status=200, states=(Case(name="started", how=a_model, status=200),)
    ),
    "POST /model-registry/models/{model}/stop": Entry(
        right=a_model, status=200, states=(Case(name="stopped", how=a_stopped_model, status=200),)
    ),
    "POST /model-registry/models/{model}/predict": Entry(
        right=lambda world: {
            **a_model(world),
            "json": {"input_data": ROW, "path": "p", "entityId": "e", "source": "test"},
        },
        status=200,
        states=(
            Case(
                name="stopped",
                how=lambda world: {**a_stopped_model(world), "json": {"input_data": ROW}},
                status=409,
                code="model-not-deployed",
            ),
        ),
        ranges=(
            body_case("no rows", 400, "validation-error", lambda _: {"input_data": []}),
            body_case("a row that is none", 400, "validation-error", lambda _: {"input_data": [ROW, 5]}),
            body_case("a list of lists", 400, "validation-error", lambda _: {"input_data": [[1, 2]]}),
            body_case("a text for a number", 400, "validation-error", lambda _: {"input_data": {**ROW, "age": "old"}}),
            body_case("an object for a number", 400, "validation-error", lambda _: {"input_data": {"age": {"a": 1}}}),
            body_case("a list for a text", 400, "validation-error", lambda _: {"input_data": {"plan": ["a"]}}),
            body_case("another source", 400, "validation-error", lambda _: {"input_data": ROW, "source": "moon"}),
            body_case("an empty row", 200, None, lambda _: {"input_data": {}}),
            body_case("an unknown column", 200, None, lambda _: {"input_data": {**ROW, "../x\0": "\ud800"}}),
            body_case("hostile values", 200, None, lambda _: {"input_data": [{"plan": text} for text in HOSTILE]}),
            body_case(
                "broken values", 200, None, lambda _: {"input_data": [{"plan": text} for text in BROKEN.values()]}
            ),
            body_case("a huge number", 200, None, lambda _: {"input_data": {"age": 10**400}}),
            body_case("no number", 200, None, lambda _: {"input_data": {"age": float("nan"), "spend": float("inf")}}),
            body_case("the other spelling", 200, None, lambda _: {"inputData": [ROW, ROW]}),
        ),
        hostile={"path": (200, None), "entityId": (200, None), "source": INVALID},
    ),
    "GET /auth/whoami": Entry(right=never, status=200, stranger=200),
    "POST /auth/api-keys": Entry(
        right=lambda _: {"json": {"name": "ci", "scopes": ["ml-workbench:read", "predict"], "expiresInDays": 30}},
        status=201,
        stranger=201,
        ranges=(
            body_case("no scopes", 400, "validation-error", lambda _: {"name": "ci", "scopes": []}),
            body_case("an unknown scope", 400, "validation-error", lambda _: {"name": "ci", "scopes": ["root"]}),
            body_case("a scope that is no text", 400, "validation-error", lambda _: {"name": "ci", "scopes": [1]}),
            body_case("too many scopes", 400, "validation-error", lambda _: {"name": "ci", "scopes": ["predict"] * 51}),
            *(
                body_case(
                    f"{days!r} days",
                    400,
                    "validation-error",
                    lambda _, days=days: {"name": "ci", "scopes": ["predict"], "expiresInDays": days},
                )
                for days in (0, -1, 3651, 1.5, "30", 10**400)
            ),
        ),
        hostile={"name": (201, None)},
    ),
    "GET /auth/api-keys": Entry(
        right=never,
        status=200,
        stranger=200,
        ranges=(*refused("status=lost", "status="), *taken("status=active", "status=revoked", "status=expired")),
    ),
    "DELETE /auth/api-keys/{key}": Entry(
        right=a_key,
        status=204,
        states=(
            Case(
                name="revoked",
                how=lambda world: (sent := a_key(world), world.call("DELETE", f"{BASE}/auth/api-keys/{sent['key']}"))[
                    0
                ],
                status=204,
            ),
        ),
    ),
}

SCHEMA = DIALECTS["workbench"].app(Surroundings(services=SimpleNamespace(), spool=None, now=None)).openapi()
OPERATIONS = {
    f"{method.upper()} {path.removeprefix(BASE)}": operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
}
ROUTES = sorted(GRID)


def body_schema(route: str) -> dict[str, Any]:
    """The JSON body that a route takes; {} for none."""
    content = OPERATIONS[route].get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    found = [part for part in (schema, *schema.get("anyOf", ())) if "$ref" in part]
    return SCHEMA["components"]["schemas"][found[0]["$ref"].rpartition("/")[2]] if found else {}


BODIES = [route for route in ROUTES if route in OPERATIONS and body_schema(route)]
WITH_ID = [route for route in ROUTES if "{" in route]


def ask(world: Any, route: str, sent: dict[str, Any], **how: Any) -> Any:
    """The answer to `route` with the path ids and the rest in `sent`."""
    method, path = route.split(" ")
    sent = dict(sent)
    for name in re.findall(r"{(\w+)}", path):
        path = path.replace(f"{{{name}}}", sent.pop(name))
    found = sent.pop("query", None)
    return world.call(method, BASE + path + (f"?{found}" if found else ""), **{**sent, **how})


def expect(answer: Any, status: int, code: str | None) -> None:
    assert answer.status_code == status, answer.text
    if code is None:
        assert status < 400
        return
    body = answer.json()
    assert set(body) == {"success", "error", "meta"}
    assert body["success"] is False
    assert body["error"]["code"] == code, answer.text
    assert set(body["error"]) <= {"code", "message", "details"}
    assert 10 < len(body["error"]["message"]) < 6000
    assert body["meta"] == {"requestId": answer.headers["x-request-id"]}
    assert "Traceback" not in answer.text
    assert answer.headers["content-type"] == "application/json"


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, make_world: Any) -> Any:
    """A world for requests that are refused: they leave it as it is."""
    return make_world(tmp_path_factory.mktemp("still"))


@pytest.fixture(scope="module")
def scenes(still: Any) -> dict[str, dict[str, Any]]:
    """A good request to every route, in the still world."""
    return {route: GRID[route].right(still) for route in ROUTES}


@pytest.fixture(scope="module")
def make_world(request: pytest.FixtureRequest) -> Callable[[Path], Any]:
    world_class = request.getfixturevalue("world_class")
    return lambda folder: world_class(
        folder, limits=Limits(requests_per_minute=1e9, burst=10**9, upload_bytes=LIMIT, json_bytes=LIMIT)
    )


@pytest.fixture
def fresh(tmp_path: Path, make_world: Any) -> Any:
    return make_world(tmp_path)


def test_every_route_is_in_the_grid() -> None:
    assert set(GRID) == set(OPERATIONS)


def test_every_text_in_a_body_has_a_word_on_hostile_texts() -> None:
    for route in BODIES:
        texts = {field for field, part in body_schema(route).get("properties", {}).items() if is_text(part)}
        assert texts == set(GRID[route].hostile or {}), route


def is_text(part: dict[str, Any]) -> bool:
    return any(branch.get("type") == "string" for branch in (part, *part.get("anyOf", ())))


@pytest.mark.parametrize("route", ROUTES)
def test_a_good_request_is_answered(fresh: Any, route: str) -> None:
    answer = ask(fresh, route, GRID[route].right(fresh))
    assert answer.status_code == GRID[route].status, answer.text
    if answer.status_code == 204:
        assert answer.content == b""


# keys


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_key_nobody_gets_in(still: Any, scenes: Any, route: str) -> None:
    expect(ask(still, route, scenes[route], key=None), 401, "unauthorized")


@pytest.mark.parametrize(
    "bad", ["nonsense", "ath_", "ath_x_y", f"ath_{'0' * 32}_secret", "sk-prod-" + "x" * 32, "x" * 8000, "é"]
)
@pytest.mark.parametrize("route", ROUTES)
def test_a_bad_key_is_no_key(still: Any, scenes: Any, route: str, bad: str) -> None:
    expect(ask(still, route, scenes[route], key=None, headers={"X-API-Key": bad.encode()}), 401, "unauthorized")


@pytest.mark.parametrize("route", ROUTES)
def test_the_id_of_a_good_key_with_another_secret_is_no_key(still: Any, scenes: Any, route: str) -> None:
    expect(
        ask(still, route, scenes[route], key=still.key[:-1] + ("A" if still.key[-1] != "A" else "B")),
        401,
        "unauthorized",
    )


@pytest.mark.parametrize("route", ROUTES)
def test_a_key_as_a_bearer_token_is_as_good(still: Any, scenes: Any, route: str) -> None:
    key = still.a_key(Scope.KEYS_READ)
    needed = OPERATIONS[route]["x-needs"]
    answer = ask(still, route, scenes[route], key=None, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == (GRID[route].status if set(needed) <= {"keys:read"} else 403)


@pytest.mark.parametrize("route", ROUTES)
def test_another_organizations_key_finds_nothing_of_ours(still: Any, scenes: Any, route: str, stranger: str) -> None:
    answer = ask(still, route, scenes[route], key=stranger)
    expected = 404 if "{" in route else GRID[route].stranger
    expect(answer, expected, {404: "not-found", 501: "not-supported"}.get(expected))
    if answer.status_code == 200:
        for ours in (still.actor.organization_id.hex, still.actor.user_id.hex):
            assert ours not in answer.text


@pytest.fixture(scope="module")
def stranger(still: Any) -> str:
    return str(still.a_foreign_key())


@pytest.mark.parametrize("route", ROUTES)
def test_a_key_without_one_of_the_scopes_is_refused_and_told_which(still: Any, scenes: Any, route: str) -> None:
    for needed in OPERATIONS[route]["x-needs"]:
        key = still.a_key(*(ALL_SCOPES - {Scope(needed)}))
        answer = ask(still, route, scenes[route], key=key)
        expect(answer, 403, "scope-required")
        assert re.search(r"'(ml-workbench|model-registry|api-keys):(read|write)'", answer.json()["error"]["message"])


@pytest.mark.parametrize("route", ROUTES)
def test_the_scopes_that_a_route_names_are_enough(fresh: Any, route: str) -> None:
    """The services ask as well; a route that names too few would be refused by them."""
    sent = GRID[route].right(fresh)
    needed = [Scope(word) for word in OPERATIONS[route]["x-needs"]] or [Scope.PREDICT]
    if sent.get("json") and "scopes" in sent["json"]:
        needed += [Scope.DATA_READ, Scope.RUNS_READ, Scope.PREDICT]  # nobody gives what they lack
    assert ask(fresh, route, sent, key=fresh.a_key(*needed)).status_code == GRID[route].status


def test_only_whoami_needs_no_scope() -> None:
    assert [route for route in ROUTES if not OPERATIONS[route]["x-needs"]] == ["GET /auth/whoami"]


# ids


@pytest.mark.parametrize(
    "bad",
    [
        "nope",
        "%252e%252e",
        "%00",
        "%ff",
        "%F0%9F%A7%AA",
        "<script>",
        "x" * 2000,
        "0" * 31,
        "0" * 32,
        "aml_" + "g" * 32,
        "'--",
    ],
)
@pytest.mark.parametrize("route", WITH_ID)
def test_an_id_that_names_nothing_is_not_found(still: Any, scenes: Any, route: str, bad: str) -> None:
    (name,) = re.findall(r"{(\w+)}", route)
    expect(ask(still, route, {**scenes[route], name: bad}), 404, "not-found")


@pytest.mark.parametrize("route", WITH_ID)
def test_an_id_is_taken_as_other_dialects_spell_it(fresh: Any, route: str) -> None:
    (name,) = re.findall(r"{(\w+)}", route)
    sent = GRID[route].right(fresh)
    digits = sent[name].rpartition("_")[2]
    sent[name] = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).upper()
    assert ask(fresh, route, sent).status_code == GRID[route].status


# bodies


def test_every_case_has_a_name_of_its_own() -> None:
    for entry in GRID.values():
        names = [case.name for case in (*entry.ranges, *entry.states)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("route", BODIES)
def test_a_required_field_that_is_missing_or_null_is_named(still: Any, scenes: Any, route: str) -> None:
    for field in body_schema(route).get("required", ()):
        body = scenes[route]["json"]
        for changed in ({name: value for name, value in body.items() if name != field}, {**body, field: None}):
            answer = ask(still, route, {**scenes[route], "json": changed})
            expect(answer, 400, "validation-error")
            assert any(detail["field"].startswith(field) for detail in answer.json()["error"]["details"])


@pytest.mark.parametrize("route", BODIES)
def test_a_field_of_the_wrong_type_is_named(still: Any, scenes: Any, route: str) -> None:
    for field in body_schema(route)["properties"]:
        body = scenes[route].get("json", {})
        for wrong in (5.25, [[[]]], True):
            answer = ask(still, route, {**scenes[route], "json": {**body, field: wrong}})
            expect(answer, 400, "validation-error")
            assert any(detail["field"].startswith(field) for detail in answer.json()["error"]["details"]), (
                field,
                wrong,
            )


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", b'"text"', b"\xff\xfe", b"{'a': 1}", b"[" * 5000, b'{"a":' * 4000, b"1" * 5000]
)
def test_a_body_that_is_no_object_is_refused(still: Any, scenes: Any, route: str, body: bytes) -> None:
    sent = {name: value for name, value in scenes[route].items() if name != "json"}
    headers = {"Content-Type": "application/json"}
    expect(ask(still, route, sent, content=body, headers=headers), 400, "validation-error")


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data", "json"]
)
def test_a_body_of_another_kind_is_refused(still: Any, scenes: Any, route: str, kind: str) -> None:
    sent = {**scenes[route], "json": scenes[route].get("json", {})}
    expect(ask(still, route, sent, headers={"Content-Type": kind}), 415, "unsupported-media-type")


@pytest.mark.parametrize("route", BODIES)
def test_a_body_without_a_content_type_is_taken_for_json(fresh: Any, route: str) -> None:
    sent = GRID[route].right(fresh)
    body = json.dumps(sent.pop("json", {})).encode()
    assert ask(fresh, route, sent, content=body).status_code == GRID[route].status


@pytest.mark.parametrize("route", [route for route in BODIES if OPERATIONS[route]["requestBody"].get("required")])
def test_a_body_that_must_come_and_does_not_is_missed(still: Any, scenes: Any, route: str) -> None:
    sent = {name: value for name, value in scenes[route].items() if name != "json"}
    expect(ask(still, route, sent), 400, "validation-error")


@pytest.mark.parametrize(
    ("route", "field"), [(route, field) for route in BODIES for field in GRID[route].hostile or {}]
)
def test_hostile_texts_are_only_texts(still: Any, scenes: Any, route: str, field: str) -> None:
    status, code = GRID[route].hostile[field]
    for text in HOSTILE:
        if text == " " and field in {"name", "registryName", "filename"}:
            continue  # an empty name, which the next lines look at
        sent = scenes[route] if field != "registryName" else {"job": still.a_job(JobState.SUCCEEDED)}
        answer = ask(still, route, {**sent, "json": {**sent.get("json", {}), field: text}})
        expect(answer, status, code) if code else None
        assert answer.status_code == status, (text, answer.text)
    for name, text in BROKEN.items():
        sent = scenes[route]
        answer = ask(still, route, {**sent, "json": {**sent.get("json", {}), field: text}})
        expect(answer, 400, "validation-error")
        assert answer.json()["error"]["details"][0]["field"] == field, name


@pytest.mark.parametrize(
    ("route", "case"),
    [(route, case) for route in ROUTES for case in (*GRID[route].ranges, *GRID[route].states)],
    ids=lambda value: value.name[:40].replace(" ", "-") if isinstance(value, Case) else value.replace(" ", ""),
)
def test_a_value_at_an_edge_or_a_noun_in_another_state(
    make_world: Any, tmp_path: Path, scenes: Any, *, still: Any, route: str, case: Case
) -> None:
    """A refused one leaves the world as it is; the others get a world of their own."""
    world = still if case.status == 400 else make_world(tmp_path)
    right = scenes[route] if world is still else GRID[route].right(world)
    expect(ask(world, route, {**right, **case.how(world)}), case.status, case.code)


# sizes


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_announces_itself_too_large_is_refused_unread(still: Any, scenes: Any, route: str) -> None:
    sent = {name: value for name, value in scenes[route].items() if name not in {"json", "files", "content"}}
    expect(ask(still, route, sent, content=b" " * (LIMIT + 1)), 413, "too-large")


@pytest.mark.parametrize("route", [*BODIES, "POST /automl/datasets", "PUT /automl/datasets/uploads/{upload}"])
def test_a_body_that_turns_out_too_large_is_refused(still: Any, scenes: Any, route: str) -> None:
    sent = {name: value for name, value in scenes[route].items() if name not in {"json", "files", "content"}}
    headers = {"Content-Type": "multipart/form-data; boundary=b"} if route == "POST /automl/datasets" else {}
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if headers else b""

    async def body() -> Any:
        yield head
        for _ in range(LIMIT // 1000 + 1):
            yield b" " * 1000

    expect(ask(still, route, sent, content=body(), headers=headers), 413, "too-large")
    assert list(still.scratch.iterdir()) == []


def test_the_still_world_was_left_as_it_was(still: Any) -> None:
    assert list(still.scratch.iterdir()) == []
    stats = still.call("GET", f"{BASE}/automl/stats").json()
    assert stats["total"] == sum(stats[word] for word in ("queued", "running", "completed", "failed", "stopped"))

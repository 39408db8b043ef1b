"""THE GRID of the native API: every route against every way of asking wrongly, with status and code of each answer.

A route that has no entry here fails `test_every_route_is_in_the_grid`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from athanor.api.dialects import DIALECTS, Surroundings
from athanor.api.dialects.native.files import FILE_OPTIONS
from athanor.api.limits import Limits
from athanor.api.reading_fields import READING
from athanor.core.actor import ALL_SCOPES, Scope
from athanor.core.job import JobState
from athanor.engine.models import FAMILIES

BASE = "/v1"
LIMIT, FILE_LIMIT = 20_000, 40_000  # bytes of a JSON body and of a file, in this file
CSV = b"key,size,colour\na,1.5,red\nb,2.5,blue\nc,3.5,red\n"
MORE = b"key,size,colour\nd,4.5,red\ne,5.5,blue\n"
FORM = {"files": {"file": ("c.csv", CSV)}}
RAW = {"content": CSV, "headers": {"Content-Type": "application/octet-stream"}}
HOSTILE = [
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\u202ena\u00efve \U0001f9ea",
    "'; DROP TABLE runs; --",
]
BROKEN = {"a NUL": "a\0b", "10,000 characters": "x" * 10_000, "a lone surrogate": "\ud800"}
INVALID = "invalid-input"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A way of asking, and its answer. `how` gives what differs in the request."""

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
    cases: tuple[Case, ...] = ()


def never(_: Any) -> dict[str, Any]:
    return {}


def a_dataset(world: Any) -> dict[str, Any]:
    """A dataset whose rows have names."""
    answer = world.call("POST", f"{BASE}/datasets?filename=c.csv&id_column=key", **RAW)
    assert answer.status_code == 201, answer.text
    return {"dataset": answer.json()["id"]}


def with_dataset(**sent: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda world: {**a_dataset(world), **sent}


def query(text: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"query": text}


def refused(*queries: str) -> tuple[Case, ...]:
    return tuple(Case(name=text[:60], how=query(text), status=400, code=INVALID) for text in queries)


def taken(*queries: str) -> tuple[Case, ...]:
    return tuple(Case(name=text[:60], how=query(text), status=200) for text in queries)


def body_case(name: str, status: int, body: Any, code: str | None = INVALID) -> Case:
    return Case(name=name, how=lambda _: {"json": body}, status=status, code=None if status < 400 else code)


def form(**fields: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {**FORM, "data": fields}


def file(content: bytes, name: str = "c.csv") -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"files": {"file": (name, content)}}


PAGES = (
    *refused("limit=0", "limit=-1", f"limit={10**4}", "limit=x", "limit=", "limit=1.5"),
    *refused("offset=-1", "offset=x", f"offset={10**30}"),
    *taken("limit=100", "limit=1&offset=1000"),
)
VERSIONS = (
    *refused("version=0", "version=-1", "version=x", "version=", f"version={10**30}"),
    *taken("version=1"),
    Case(name="a version that is not there", how=query("version=7"), status=404, code="not-found"),
)
# What can be wrong with a file and with what is said of it, wherever one comes.
FILES = (
    Case(name="no file", how=lambda _: {"files": {"name": (None, b"x")}}, status=400, code=INVALID),
    Case(name="the file in another part", how=lambda _: {"files": {"data": ("c.csv", CSV)}}, status=400, code=INVALID),
    Case(name="an empty file", how=file(b""), status=400, code=INVALID),
    Case(name="Parquet that is none", how=file(b"PAR1 and no more PAR1", "c.parquet"), status=400, code=INVALID),
    Case(name="a picture", how=file(b"\x89PNG\r\n\x1a\n" + bytes(100), "c.png"), status=400, code=INVALID),
    Case(name="an unknown field", how=form(delimeter=";"), status=400, code=INVALID),
    Case(name="an unknown format", how=form(format="pickle"), status=400, code=INVALID),
    Case(name="a long delimiter", how=form(delimiter=";;"), status=400, code=INVALID),
    Case(name="an unknown encoding", how=form(encoding="klingon"), status=400, code=INVALID),
    Case(name="a header that is neither", how=form(has_header="perhaps"), status=400, code=INVALID),
    Case(name="another decimal sign", how=form(decimal="'"), status=400, code=INVALID),
    Case(name="a dim of none", how=form(dim="0"), status=400, code=INVALID),
    Case(name="a dim that is no number", how=form(dim="-3"), status=400, code=INVALID),
    Case(name="a huge dim", how=form(dim="9" * 30), status=400, code=INVALID),
    *(
        Case(name=f"{field} of {text!r}", how=form(**{field: text}), status=400, code=INVALID)
        for field in ("format", "delimiter", "quote", "encoding", "has_header", "decimal", "dim")
        for text in ("../../etc/passwd", "\0", "🧪", "x" * 10_000)
    ),
    Case(name="a field that is no UTF-8", how=lambda _: _form_of_bytes(b"\xff"), status=400, code=INVALID),
)


def _form_of_bytes(value: bytes) -> dict[str, Any]:
    return {"files": {"file": ("c.csv", CSV), "delimiter": (None, value)}}


RUN = {"target": "churned", "plan": {"time_limit_s": 30}}


def a_run_body(world: Any, **changed: Any) -> dict[str, Any]:
    return {"json": {"dataset": str(world.a_dataset()), **RUN, **changed}}


def a_run(state: JobState = JobState.QUEUED, **sent: Any) -> Callable[[Any], dict[str, Any]]:
    """A run in that state; one that has succeeded has a model, and all have checkpoints."""

    def made(world: Any) -> dict[str, Any]:
        run = world.a_job(state)
        folder = world.folder / "runs" / str(UUID(run.removeprefix("aml_"))) / "trials" / "linear" / "fold-0"
        folder.mkdir(parents=True)
        (folder / "fold.json").write_text("{}")
        return {"run": str(UUID(run.removeprefix("aml_"))), **sent}

    return made


def run_case(title: str, status: int, code: str | None = INVALID, **changed: Any) -> Case:
    return Case(
        name=title, how=lambda world: a_run_body(world, **changed), status=status, code=None if status < 400 else code
    )


def plan_case(name: str, status: int, **plan: Any) -> Case:
    return run_case(f"plan: {name}", status, plan=plan)


NO_JOB = Case(name="a job of no run", how=query(f"job={UUID(int=7)}"), status=404, code="not-found")

GRID: dict[str, Entry] = {
    "GET /runs": Entry(
        right=never,
        status=200,
        stranger=200,
        cases=(
            *PAGES,
            *refused("state=", "state=done", "state=%00", "search=%00", "search=" + "x" * 300, "sort=name"),
            *taken("state=running", "state=running&state=failed", "search=%25_%5C", "search=%F0%9F%A7%AA", "search="),
        ),
    ),
    "POST /runs": Entry(
        right=a_run_body,
        status=201,
        cases=(
            run_case(
                "all that can be said",
                201,
                name="Churn",
                description="A test.",
                labels={"team": "risk"},
                problem="binary",
                metric="roc_auc",
                positive="yes",
                features=["age", "plan"],
                excluded=["plan"],
                types={"age": "numeric"},
                plan={
                    "time_limit_s": None,
                    "max_trials": 3,
                    "memory_limit": 2**30,
                    "cores": 2,
                    "seed": 7,
                    "preset": "good_quality",
                    "excluded_families": ["linear"],
                    "ensemble": False,
                },
            ),
            run_case("weights", 201, weight="spend"),
            run_case("a validation dataset that is not there", 404, "not-found", validation=str(UUID(int=7))),
            run_case("a dataset that is not there", 404, "not-found", dataset=str(UUID(int=7))),
            run_case("a dataset that is no id", 404, "not-found", dataset="nope"),
            run_case("a dataset that is a number", 400, dataset=7),
            run_case("a target that is not there", 400, target="nope"),
            run_case("no target", 400, target=None),
            run_case("an empty target", 400, target=""),
            run_case("an empty name", 400, name=""),
            run_case("a long name", 400, name="x" * 201),
            run_case("a long description", 400, description="x" * 10_001),
            run_case("a NUL in the description", 400, description="a\0b"),
            run_case("an unknown problem", 400, problem="magic"),
            run_case("a problem that does not fit", 400, problem="regression"),
            run_case("an unknown metric", 400, metric="karma"),
            run_case("a metric of another problem", 400, metric="rmse"),
            run_case("a feature that is not there", 400, features=["nope"]),
            run_case("no features", 400, features=[]),
            run_case("features that are no texts", 400, features=[1]),
            run_case("a column left out that is not there", 400, excluded=["nope"]),
            run_case("weights of words", 400, weight="plan"),
            run_case("a distribution of classes", 400, distribution="gamma"),
            run_case("an unknown distribution", 400, distribution="cauchy"),
            run_case("a distribution that is a number", 400, distribution=1),
            run_case("a parameter beyond its bounds", 400, distribution="quantile:2"),
            run_case("a type that is none", 400, types={"age": "magic"}),
            run_case("a type of no column", 400, types={"nope": "numeric"}),
            run_case("a label that is a list", 400, positive=["yes"]),
            run_case("too many labels", 400, labels={f"l{number}": "" for number in range(51)}),
            run_case("an unknown field", 400, targets="x"),
            run_case("a plan that is a text", 400, plan="quick"),
            plan_case("no limit at all", 400, time_limit_s=None),
            plan_case("no time", 400, time_limit_s=0),
            plan_case("less than none", 400, time_limit_s=-1),
            plan_case("for ever", 400, time_limit_s=1e9),
            plan_case("a time as a text", 400, time_limit_s="60"),
            plan_case("no trials", 400, max_trials=0),
            plan_case("half a trial", 400, max_trials=1.5),
            plan_case("no cores", 400, cores=0),
            plan_case("no memory", 400, memory_limit=1),
            plan_case("a negative seed", 400, seed=-1),
            plan_case("a seed beyond 64 bits", 400, seed=2**64),
            plan_case("an unknown preset", 400, preset="quick"),
            plan_case("an unknown family", 400, excluded_families=["oracle"]),
            plan_case("all families", 400, excluded_families=list(FAMILIES.names())),
            plan_case("an unknown field", 400, limit=1),
            *(run_case(f"hostile: {text}", 201, name=text, description=text, labels={text: text}) for text in HOSTILE),
            *(run_case(f"name of {name}", 400, name=text) for name, text in BROKEN.items()),
            *(run_case(f"target of {name}", 400, target=text) for name, text in BROKEN.items()),
        ),
    ),
    "GET /runs/{run}": Entry(right=a_run(), status=200),
    "DELETE /runs/{run}": Entry(right=a_run(), status=204),
    "GET /runs/{run}/leaderboard": Entry(right=a_run(), status=200),
    "GET /runs/{run}/model": Entry(right=a_run(JobState.SUCCEEDED), status=200),
    "POST /runs/{run}/continue": Entry(
        right=a_run(JobState.SUCCEEDED, json={"time_limit_s": 30}),
        status=202,
        cases=(
            body_case("nothing more", 400, {}),
            body_case("nulls", 400, {"time_limit_s": None, "more_trials": None}),
            body_case("no time", 400, {"time_limit_s": 0}),
            body_case("for ever", 400, {"time_limit_s": 1e9}),
            body_case("a time as a text", 400, {"time_limit_s": "60"}),
            body_case("no trials", 400, {"more_trials": 0}),
            body_case("trials where there was no number of them", 400, {"more_trials": 1}),
            body_case("an unknown field", 400, {"time_limit_s": 30, "seed": 1}),
        ),
    ),
    "POST /runs/{run}/finish": Entry(right=a_run(JobState.RUNNING), status=202),
    "POST /runs/{run}/stop": Entry(right=a_run(JobState.RUNNING), status=200),
    "GET /runs/{run}/events": Entry(
        right=a_run(),
        status=200,
        cases=(
            *refused("after=-1", "after=x", f"after={10**30}", "limit=0", "limit=1001", "job=" + "x" * 200),
            *taken("after=7", "limit=1000"),
            NO_JOB,
            Case(name="a job that is no id", how=query("job=x"), status=404, code="not-found"),
        ),
    ),
    "GET /runs/{run}/events/stream": Entry(
        right=a_run(JobState.SUCCEEDED),
        status=200,
        cases=(
            *refused("after=-1", "after=x", f"after={10**30}", "limit=1"),
            *taken("after=7"),
            NO_JOB,
            Case(name="a number", how=lambda _: {"headers": {"Last-Event-ID": "7"}}, status=200),
            Case(name="no number", how=lambda _: {"headers": {"Last-Event-ID": "x"}}, status=400, code=INVALID),
        ),
    ),
    "GET /datasets": Entry(
        right=never,
        status=200,
        stranger=200,
        cases=(
            *PAGES,
            *refused("search=%00", "search=" + "x" * 300),
            *taken("search=%25_%5C", "search=..%2F..%2F", "search=%F0%9F%A7%AA", "search=%FF", "search="),
        ),
    ),
    "POST /datasets": Entry(
        right=lambda _: FORM,
        status=201,
        stranger=201,
        cases=(
            *FILES,
            Case(name="a blank name", how=form(name="  "), status=400, code=INVALID),
            Case(name="a long name", how=form(name="x" * 201), status=400, code=INVALID),
            Case(name="a NUL in the name", how=form(name="a\0b"), status=400, code=INVALID),
            Case(name="an id column that is not there", how=form(id_column="nope"), status=400, code=INVALID),
            Case(name="an id column that repeats", how=form(id_column="colour"), status=400, code=INVALID),
            Case(name="a long id column", how=form(id_column="x" * 10_000), status=400, code=INVALID),
            Case(name="a NUL in the id column", how=form(id_column="a\0"), status=400, code=INVALID),
            Case(name="the rest", how=form(name="Things", id_column="key", delimiter=",", quote=""), status=201),
            Case(name="a path as the file's name", how=file(CSV, "../../../etc/cron.d/x.csv"), status=201),
            Case(name="the body itself", how=lambda _: {"files": None, **RAW, "query": "filename=c.csv"}, status=201),
            Case(name="the body without a name", how=lambda _: {"files": None, **RAW}, status=201),
            Case(name="an empty body", how=lambda _: {"files": None, "content": b""}, status=400, code=INVALID),
            Case(
                name="an unknown field in the query",
                how=lambda _: {"files": None, **RAW, "query": "sep=%3B"},
                status=400,
                code=INVALID,
            ),
            Case(
                name="a form without a boundary",
                how=lambda _: {"files": None, "content": CSV, "headers": {"Content-Type": "multipart/form-data"}},
                status=415,
                code="unsupported-media-type",
            ),
        ),
    ),
    "GET /datasets/{dataset}": Entry(right=a_dataset, status=200),
    "PATCH /datasets/{dataset}": Entry(
        right=with_dataset(json={"name": "Things", "labels": {"team": "risk"}}),
        status=200,
        cases=(
            body_case("nothing to change", 400, {}),
            body_case("nulls", 400, {"name": None, "labels": None}),
            body_case("an empty name", 400, {"name": ""}),
            body_case("a blank name", 400, {"name": " "}),
            body_case("a long name", 400, {"name": "x" * 201}),
            body_case("no labels", 200, {"labels": {}}),
            body_case("too many labels", 400, {"labels": {f"l{number}": "" for number in range(51)}}),
            body_case("a label that is no text", 400, {"labels": {"a": 1}}),
            body_case("a list of labels", 400, {"labels": ["a"]}),
            body_case("a label without a name", 400, {"labels": {"": "x"}}),
            body_case("an unknown field", 400, {"names": "x"}),
            *(body_case(f"hostile: {text}", 200, {"name": text, "labels": {text: text}}) for text in HOSTILE),
            *(body_case(f"name of {name}", 400, {"name": text}) for name, text in BROKEN.items()),
            *(body_case(f"label of {name}", 400, {"labels": {"a": text}}) for name, text in BROKEN.items()),
        ),
    ),
    "DELETE /datasets/{dataset}": Entry(right=a_dataset, status=204),
    "GET /datasets/{dataset}/columns": Entry(right=a_dataset, status=200, cases=VERSIONS),
    "GET /datasets/{dataset}/profile": Entry(
        right=a_dataset,
        status=202,
        cases=tuple(case for case in VERSIONS if case.status != 200),
    ),
    "GET /datasets/{dataset}/profile.html": Entry(
        right=a_dataset,
        status=202,
        cases=tuple(case for case in VERSIONS if case.status != 200),
    ),
    "GET /datasets/{dataset}/versions": Entry(right=a_dataset, status=200),
    "POST /datasets/{dataset}/versions": Entry(
        right=with_dataset(files={"file": ("d.csv", MORE)}),
        status=201,
        cases=(
            *FILES,
            Case(name="a name", how=form(name="other"), status=400, code=INVALID),
            Case(
                name="the body itself",
                how=lambda _: {"files": None, "content": MORE, "query": "filename=d.csv"},
                status=201,
            ),
            Case(name="without the id column", how=file(b"size\n1\n2\n"), status=400, code=INVALID),
        ),
    ),
    "GET /datasets/{dataset}/rows": Entry(
        right=a_dataset,
        status=200,
        cases=(
            *PAGES,
            *VERSIONS,
            *refused("columns=nope", "columns=", "columns=%00", "columns=key&columns=nope"),
            *taken("columns=key", "columns=colour&columns=key"),
        ),
    ),
    "POST /datasets/{dataset}/rows": Entry(
        right=with_dataset(json={"rows": [{"key": "d", "size": 4.5, "colour": None}, {"key": "e"}]}),
        status=200,
        cases=(
            *(
                Case(
                    name=f"file: {case.name}",
                    how=lambda world, case=case: {"json": None, **case.how(world)},
                    status=case.status,
                    code=case.code,
                )
                for case in FILES
            ),
            Case(name="a form", how=lambda _: {"json": None, "files": {"file": ("d.csv", MORE)}}, status=200),
            Case(
                name="the body itself",
                how=lambda _: {"json": None, "content": MORE, "headers": {"Content-Type": "text/csv"}},
                status=200,
            ),
            body_case("no rows", 400, {"rows": []}),
            body_case("rows that are none", 400, {"rows": [1]}),
            body_case("a row as a list", 400, {"rows": [["d", 1, "red"]]}),
            body_case("rows as an object", 400, {"rows": {"key": "d"}}),
            body_case("an unknown field", 400, {"rows": [{"key": "d"}], "rowz": 1}),
            body_case("an unknown column", 400, {"rows": [{"key": "d", "weight": 1}]}),
            body_case("a text for a number", 400, {"rows": [{"key": "d", "size": "large"}]}),
            body_case("an object for a number", 400, {"rows": [{"key": "d", "size": {"a": 1}}]}),
            body_case("a row without an id", 400, {"rows": [{"size": 1.0}]}),
            body_case("an id that is there", 409, {"rows": [{"key": "a"}]}, "row-id-taken"),
            body_case("an id twice", 400, {"rows": [{"key": "d"}, {"key": "d"}]}),
            *(body_case(f"hostile: {text}", 200, {"rows": [{"key": text, "colour": text}]}) for text in HOSTILE),
        ),
    ),
    "DELETE /datasets/{dataset}/rows": Entry(
        right=with_dataset(json={"ids": ["a", "nope"]}),
        status=200,
        cases=(
            body_case("no ids", 400, {"ids": []}),
            body_case("an id that is no text", 400, {"ids": [True]}),
            body_case("an id beyond 64 bits", 400, {"ids": [2**63]}),
            body_case("whole numbers as ids", 200, {"ids": [1]}),
            body_case("ids as a text", 400, {"ids": "a"}),
            body_case("an unknown field", 400, {"ids": ["a"], "id": "b"}),
            body_case("hostile ids", 200, {"ids": HOSTILE}),
            *(body_case(f"an id of {name}", 400, {"ids": [text]}) for name, text in BROKEN.items()),
        ),
    ),
    "GET /datasets/{dataset}/download": Entry(
        right=a_dataset,
        status=200,
        cases=(*VERSIONS, *refused("format=xls", "format=", "format=%00"), *taken("format=csv", "format=parquet")),
    ),
    "GET /datasets/{dataset}/rejects": Entry(right=a_dataset, status=200, cases=VERSIONS),
}

SCHEMA = DIALECTS["native"].app(Surroundings(services=SimpleNamespace(), spool=None, now=None)).openapi()
OPERATIONS = {
    f"{method.upper()} {path.removeprefix(BASE)}": operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
}
ROUTES = sorted(GRID)
WITH_ID = [route for route in ROUTES if "{" in route]
TAKES_FILE = ["POST /datasets", "POST /datasets/{dataset}/versions", "POST /datasets/{dataset}/rows"]
TAKES_JSON = [
    "PATCH /datasets/{dataset}",
    "POST /datasets/{dataset}/rows",
    "DELETE /datasets/{dataset}/rows",
    "POST /runs",
    "POST /runs/{run}/continue",
]
SENT = ("json", "files", "content", "headers", "data")


def ask(world: Any, route: str, sent: dict[str, Any], **how: Any) -> Any:
    """The answer to `route` with the path ids and the rest in `sent`."""
    method, path = route.split(" ")
    sent = {name: value for name, value in sent.items() if value is not None}
    for name in re.findall(r"{(\w+)}", path):
        path = path.replace(f"{{{name}}}", sent.pop(name))
    found = sent.pop("query", None)
    return world.call(method, BASE + path + (f"?{found}" if found else ""), **{**sent, **how})


def bare(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name not in SENT}


def expect(answer: Any, status: int, code: str | None) -> None:
    assert answer.status_code == status, answer.text[:1000]
    if code is None:
        assert status < 400
        return
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "field"}
    assert body["error"]["code"] == code, answer.text
    assert 10 < len(body["error"]["message"]) < 6000
    assert "Traceback" not in answer.text
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.fixture(scope="module")
def make_world(world_class: Any) -> Callable[[Path], Any]:
    limits = Limits(requests_per_minute=1e9, burst=10**9, upload_bytes=FILE_LIMIT, json_bytes=LIMIT)
    return lambda folder: world_class(folder, limits=limits)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, make_world: Any) -> Any:
    """A world for requests that are refused: they leave it as it is."""
    return make_world(tmp_path_factory.mktemp("still"))


@pytest.fixture(scope="module")
def scenes(still: Any) -> dict[str, dict[str, Any]]:
    """A good request to every route, in the still world."""
    return {route: GRID[route].right(still) for route in ROUTES}


@pytest.fixture
def fresh(tmp_path: Path, make_world: Any) -> Any:
    return make_world(tmp_path)


def test_every_route_is_in_the_grid() -> None:
    assert set(GRID) == set(OPERATIONS)


def test_every_reading_option_is_told_and_taken() -> None:
    assert set(FILE_OPTIONS) == set(READING)


def test_every_case_has_a_name_of_its_own() -> None:
    for entry in GRID.values():
        names = [case.name for case in entry.cases]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("route", ROUTES)
def test_a_good_request_is_answered(fresh: Any, route: str) -> None:
    answer = ask(fresh, route, GRID[route].right(fresh))
    assert answer.status_code == GRID[route].status, answer.text
    if answer.status_code == 204:
        assert answer.content == b""


# keys


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_key_nobody_gets_in(still: Any, scenes: Any, route: str) -> None:
    expect(ask(still, route, scenes[route], key=None), 401, "unauthenticated")


@pytest.mark.parametrize("route", ROUTES)
def test_a_bad_key_is_no_key(still: Any, scenes: Any, route: str) -> None:
    headers = scenes[route].get("headers", {})
    for bad in ("nonsense", f"ath_{'0' * 32}_secret", "x" * 8000, "é"):
        answer = ask(still, route, scenes[route], key=None, headers={**headers, "X-API-Key": bad.encode()})
        expect(answer, 401, "unauthenticated")


@pytest.fixture(scope="module")
def stranger(still: Any) -> str:
    return str(still.a_foreign_key())


@pytest.mark.parametrize("route", ROUTES)
def test_another_organizations_key_finds_nothing_of_ours(still: Any, scenes: Any, route: str, stranger: str) -> None:
    answer = ask(still, route, scenes[route], key=stranger)
    expected = GRID[route].stranger
    expect(answer, expected, "not-found" if expected == 404 else None)
    if answer.status_code == 200:
        assert answer.json()[route.rpartition("/")[2]] == []


@pytest.mark.parametrize("route", ROUTES)
def test_a_key_without_the_scope_is_refused_and_told_which(still: Any, scenes: Any, route: str) -> None:
    (needed,) = OPERATIONS[route]["x-needs"]
    answer = ask(still, route, scenes[route], key=still.a_key(*(ALL_SCOPES - {Scope(needed)})))
    expect(answer, 403, "scope-missing")
    assert needed in answer.json()["error"]["message"]


@pytest.mark.parametrize("route", ROUTES)
def test_the_scope_that_a_route_names_is_enough(fresh: Any, route: str) -> None:
    """The services ask as well; a route that names too few would be refused by them."""
    sent = GRID[route].right(fresh)
    (needed,) = OPERATIONS[route]["x-needs"]
    assert ask(fresh, route, sent, key=fresh.a_key(Scope(needed))).status_code == GRID[route].status


# ids


def _id_of(route: str) -> str:
    return "run" if "{run}" in route else "dataset"


@pytest.mark.parametrize(
    "bad",
    ["nope", "%252e%252e", "%00", "%ff", "%F0%9F%A7%AA", "<script>", "x" * 2000, "0" * 31, "0" * 32, "{0}", "'--"],
)
@pytest.mark.parametrize("route", WITH_ID)
def test_an_id_that_names_nothing_is_not_found(still: Any, scenes: Any, route: str, bad: str) -> None:
    expect(ask(still, route, {**scenes[route], _id_of(route): bad}), 404, "not-found")


@pytest.mark.parametrize("route", WITH_ID)
def test_an_id_is_taken_in_capitals_and_without_dashes(fresh: Any, route: str) -> None:
    sent = GRID[route].right(fresh)
    sent[_id_of(route)] = sent[_id_of(route)].replace("-", "").upper()
    assert ask(fresh, route, sent).status_code == GRID[route].status


# bodies


@pytest.mark.parametrize("route", TAKES_JSON)
@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", b'"text"', b"\xff\xfe", b"{'a': 1}", b"[" * 5000, b'{"a":' * 4000, b"1" * 5000]
)
def test_a_body_that_is_no_object_is_refused(still: Any, scenes: Any, route: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    expect(ask(still, route, bare(scenes[route]), content=body, headers=headers), 400, INVALID)


@pytest.mark.parametrize("route", [route for route in TAKES_JSON if route not in TAKES_FILE])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"])
def test_a_body_of_another_kind_is_refused(still: Any, scenes: Any, route: str, kind: str) -> None:
    expect(ask(still, route, scenes[route], headers={"Content-Type": kind}), 415, "unsupported-media-type")


@pytest.mark.parametrize("route", TAKES_JSON)
def test_a_body_without_a_content_type_is_taken_for_json(fresh: Any, route: str) -> None:
    sent = GRID[route].right(fresh)
    body = json.dumps(sent.pop("json")).encode()
    assert ask(fresh, route, sent, content=body).status_code == GRID[route].status


@pytest.mark.parametrize("route", TAKES_JSON)
def test_a_body_that_must_come_and_does_not_is_missed(still: Any, scenes: Any, route: str) -> None:
    expect(ask(still, route, bare(scenes[route])), 400, INVALID)


@pytest.mark.parametrize(
    ("route", "case"),
    [(route, case) for route in ROUTES for case in GRID[route].cases],
    ids=lambda value: value.name[:40].replace(" ", "-") if isinstance(value, Case) else value.replace(" ", ""),
)
def test_a_value_at_an_edge(
    make_world: Any, tmp_path: Path, scenes: Any, *, still: Any, route: str, case: Case
) -> None:
    """A refused one leaves the world as it is; the others get a world of their own."""
    world = still if case.status >= 400 else make_world(tmp_path)
    right = scenes[route] if world is still else GRID[route].right(world)
    how = case.how(world)
    kept = right if not how.keys() & set(SENT) else bare(right)
    expect(ask(world, route, {**kept, **how}), case.status, case.code)


# sizes


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_announces_itself_too_large_is_refused_unread(still: Any, scenes: Any, route: str) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    too_large = (FILE_LIMIT if route in TAKES_FILE else LIMIT) + 1
    answer = ask(still, route, bare(scenes[route]), content=b" " * too_large, headers=headers)
    expect(answer, 413, "too-large")


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        *((route, "application/octet-stream") for route in TAKES_FILE),
        *((route, "multipart/form-data; boundary=b") for route in TAKES_FILE),
        *((route, "application/json") for route in TAKES_JSON),
    ],
)
def test_a_body_that_turns_out_too_large_is_refused(still: Any, scenes: Any, route: str, kind: str) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if "form" in kind else b""

    async def body() -> Any:
        yield head
        for _ in range(FILE_LIMIT // 1000 + 1):
            yield b" " * 1000

    answer = ask(still, route, bare(scenes[route]), content=body(), headers={"Content-Type": kind})
    expect(answer, 413, "too-large")
    assert list(still.scratch.iterdir()) == []


def test_rows_as_json_are_held_to_the_size_of_json_and_as_a_file_to_that_of_files(still: Any, scenes: Any) -> None:
    route = "POST /datasets/{dataset}/rows"
    body = json.dumps({"rows": [{"key": "x" * LIMIT}]}).encode()
    sent = bare(scenes[route])
    answer = ask(still, route, sent, content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    expect(answer, 413, "too-large")
    assert f"{LIMIT:,}" in answer.json()["error"]["message"]


def test_the_still_world_was_left_as_it_was(still: Any, scenes: Any) -> None:
    assert list(still.scratch.iterdir()) == []
    found = still.call("GET", f"{BASE}/datasets/{scenes['GET /datasets/{dataset}/rows']['dataset']}").json()
    assert (found["version"]["number"], found["version"]["rows"], found["name"]) == (1, 3, "c")

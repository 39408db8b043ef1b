"""What the answers of the native API hold."""

from __future__ import annotations

import io
from urllib.parse import quote
from uuid import UUID

import polars as pl
import pytest

from athanor.core.job import JobKind, JobState, advance
from athanor.services.profile import make_profile

CSV = "key;size;colour\n" + "".join(f"k{number};{number},5;{'red' if number % 3 else 'blue'}\n" for number in range(30))


def bring(world, text=CSV, *, query="filename=things.csv&id_column=key", **how):
    content = text if isinstance(text, bytes) else text.encode()
    answer = world.call("POST", f"/v1/datasets?{query}", content=content, **how)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_what_came_is_told_at_once(world):
    answer = bring(world)
    assert (answer["name"], answer["handle"], answer["format"], answer["id_column"]) == (
        "things",
        "things",
        "csv",
        "key",
    )
    assert answer["size_bytes"] == len(CSV)
    assert {name: answer["version"][name] for name in ("number", "rows", "columns", "rejected")} == {
        "number": 1,
        "rows": 30,
        "columns": 3,
        "rejected": 0,
    }
    assert [column["name"] for column in answer["columns"]] == ["key", "size", "colour"]
    assert all(column["reason"] for column in answer["columns"])
    assert answer["profile"]["n_rows"] == 30
    assert answer["findings"] == answer["profile"]["findings"]


def test_a_form_and_a_body_say_the_same(world):
    as_body = bring(world, query="filename=things.csv&delimiter=%3B&decimal=,&name=Things")
    as_form = world.call(
        "POST",
        "/v1/datasets",
        files={"file": ("things.csv", CSV.encode())},
        data={"delimiter": ";", "decimal": ",", "name": "Things"},
    ).json()
    for part in ("name", "format", "columns", "findings", "profile"):
        assert as_form[part] == as_body[part]


def test_reading_options_are_obeyed(world):
    answer = bring(world, "1\t2\n3\t4\n", query="filename=x&delimiter=tab&has_header=false")
    assert answer["version"]["rows"] == 2
    assert len(answer["columns"]) == 2


def test_the_same_dataset_is_seen_through_the_workbench(world):
    answer = bring(world)
    listed = world.call("GET", "/api/v1/automl/datasets").json()["datasets"]
    assert [found["id"] for found in listed] == [f"ds_{answer['id'].replace('-', '')}"]


def test_pages_lead_from_one_to_the_next_until_there_is_none(world):
    ids = [bring(world, query=f"filename=c.csv&name=Nr%20{number}")["id"] for number in range(5)]
    seen, path = [], "/v1/datasets?limit=2&search=nr"
    while path is not None:
        page = world.call("GET", path).json()
        assert page["total"] == 5
        seen += [found["id"] for found in page["datasets"]]
        path = page["next"]
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 5


def test_the_next_page_stands_below_the_prefix_that_was_asked(world):
    bring(world)
    bring(world, "a\n1\n2\n", query="filename=other.csv")
    page = world.call("GET", "/native/v1/datasets?limit=1").json()
    assert page["next"].startswith("/native/v1/datasets?")
    assert world.call("GET", page["next"]).json()["datasets"][0]["name"] == "things"


def test_a_search_finds_names(world):
    bring(world, query="filename=c.csv&name=Sales%202024")
    bring(world, query="filename=c.csv&name=Stock")
    assert [found["name"] for found in world.call("GET", "/v1/datasets?search=SALES").json()["datasets"]] == [
        "Sales 2024"
    ]


def test_name_and_labels_change_and_the_rest_stays(world):
    before = bring(world)
    after = world.call("PATCH", f"/v1/datasets/{before['id']}", json={"name": "Other", "labels": {"a": "b"}}).json()
    assert (after["name"], after["labels"], after["handle"]) == ("Other", {"a": "b"}, "things")
    assert after["version"] == before["version"]
    assert world.call("PATCH", f"/v1/datasets/{before['id']}", json={"name": "Third"}).json()["labels"] == {"a": "b"}


def test_a_deleted_dataset_is_gone(world):
    made = bring(world)
    assert world.call("DELETE", f"/v1/datasets/{made['id']}").status_code == 204
    assert world.call("GET", f"/v1/datasets/{made['id']}").status_code == 404
    assert world.call("DELETE", f"/v1/datasets/{made['id']}").status_code == 404


def test_a_profile_that_is_not_made_yet_is_a_202_with_the_state_of_its_job(world):
    made = bring(world)
    answer = world.call("GET", f"/v1/datasets/{made['id']}/profile")
    assert answer.status_code == 202
    assert answer.json() == {
        "dataset": made["id"],
        "version": 1,
        "state": "queued",
        "profile": None,
    }


@pytest.mark.parametrize("page", ["profile", "profile.html"])
def test_a_profile_that_could_not_be_made_says_why(world, page):
    made = bring(world)
    with world.records.change(world.actor.organization_id) as transaction:
        (job,) = transaction.jobs.find({"kind": JobKind.PROFILE}).items
        job = advance(
            advance(job, JobState.RUNNING, now=world.clock()), JobState.FAILED, now=world.clock(), error="Lost."
        )
        transaction.jobs.put(job)
    answer = world.call("GET", f"/v1/datasets/{made['id']}/{page}")
    assert answer.status_code == 409
    assert answer.json()["error"] == {
        "code": "profile-failed",
        "message": "The profile was not made: Lost.",
        "field": None,
    }


def profiled(world, **how):
    """A dataset whose profile a worker has made."""
    made = bring(world, **how)
    with world.records.look(world.actor.organization_id) as transaction:
        (version,) = transaction.versions.find({"dataset_id": UUID(made["id"])}).items
    make_profile(world.records, world.blobs, version.id)
    return made


def test_a_profile_that_is_made_is_given_whole(world):
    made = profiled(world)
    answer = world.call("GET", f"/v1/datasets/{made['id']}/profile")
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
    assert answer.json()["profile"]["n_rows"] == 30
    assert [column["name"] for column in answer.json()["profile"]["columns"]] == ["key", "size", "colour"]


def test_a_profile_is_a_page_that_loads_nothing_and_runs_nothing_of_its_owners(world):
    made = profiled(world, query="filename=c.csv&name=%3Cscript%3Ealert(1)%3C/script%3E")
    answer = world.call("GET", f"/v1/datasets/{made['id']}/profile.html")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert policy.endswith("frame-ancestors 'none'; sandbox allow-scripts")
    assert "unsafe" not in policy
    assert "<script>alert" not in answer.text
    assert "colour" in answer.text


def test_rows_are_seen_page_by_page_in_the_columns_that_are_named(world):
    made = bring(world)
    path, seen = f"/v1/datasets/{made['id']}/rows?limit=7&columns=size&columns=key", []
    while path is not None:
        page = world.call("GET", path).json()
        assert (page["columns"], page["total"], page["version"]) == (["size", "key"], 30, 1)
        seen += page["rows"]
        path = page["next"]
    assert seen == [[number + 0.5, f"k{number}"] for number in range(30)]


def test_rows_are_added_as_json_and_as_a_file_and_taken_away_by_id(world):
    made = bring(world)
    rows = f"/v1/datasets/{made['id']}/rows"
    added = world.call("POST", rows, json={"rows": [{"key": "new", "size": 99.5, "colour": "green"}]})
    assert (added.status_code, added.json()["version"]["rows"]) == (200, 31)
    added = world.call(
        "POST",
        f"{rows}?filename=more.csv",
        content=b"key,size,colour\nlast,1.0,red\n",
        headers={"Content-Type": "text/csv"},
    )
    assert (added.status_code, added.json()["version"]["rows"]) == (200, 32)
    assert world.call("DELETE", rows, json={"ids": ["k0", "new", "nope"]}).json() == {"deleted": 2}
    page = world.call("GET", f"{rows}?limit=1000").json()
    assert page["total"] == 30
    assert [row[0] for row in page["rows"]] == [*(f"k{number}" for number in range(1, 30)), "last"]


def test_rows_without_names_cannot_be_deleted_and_it_says_why(world):
    made = bring(world, query="filename=c.csv")
    refused = world.call("DELETE", f"/v1/datasets/{made['id']}/rows", json={"ids": ["k0"]})
    assert refused.status_code in {400, 409}
    assert "id" in refused.json()["error"]["message"]


def test_rows_are_taken_away_by_whole_numbers_as_a_page_shows_them(world):
    made = bring(world, "nr,size\n1,2.5\n2,3.5\n3,4.5\n", query="filename=c.csv&id_column=nr")
    rows = f"/v1/datasets/{made['id']}/rows"
    first = world.call("GET", rows).json()["rows"][0][0]
    assert first == 1
    assert world.call("DELETE", rows, json={"ids": [first, "3"]}).json() == {"deleted": 2}
    assert world.call("GET", rows).json()["rows"] == [[2, 3.5]]


def test_rows_with_a_file_name_and_no_content_type_are_a_file(world):
    made = bring(world)
    rows = f"/v1/datasets/{made['id']}/rows"
    added = world.call("POST", f"{rows}?filename=more.csv", content=b"key,size,colour\nlast,1.0,red\n")
    assert (added.status_code, added.json()["version"]["rows"]) == (200, 31)


@pytest.mark.parametrize("route", ["", "/{id}", "/{id}/rows", "/{id}/columns", "/{id}/download"])
def test_a_query_parameter_that_nobody_knows_is_named(world, route):
    path = f"/v1/datasets{route.format(id=bring(world)['id'])}"
    error = world.call("GET", f"{path}?limits=5").json()["error"]
    assert (error["code"], error["field"]) == ("invalid-input", "limits")


def test_a_form_that_can_hold_no_file_is_told_what_to_send(world):
    refused = world.call("POST", "/v1/datasets", data={"file": "a,b"})
    assert refused.status_code == 400
    assert "multipart/form-data" in refused.json()["error"]["message"]
    assert refused.json()["error"]["field"] == "file"


def test_a_new_version_replaces_the_rows_and_the_old_one_stays_to_be_seen(world):
    made = bring(world)
    second = world.call(
        "POST", f"/v1/datasets/{made['id']}/versions", files={"file": ("b.csv", b"key,weight\na,1\nb,2\n")}
    )
    assert second.status_code == 201
    assert (second.json()["version"]["number"], second.json()["version"]["rows"]) == (2, 2)
    versions = world.call("GET", f"/v1/datasets/{made['id']}/versions").json()["versions"]
    assert [(version["number"], version["rows"]) for version in versions] == [(1, 30), (2, 2)]
    old = world.call("GET", f"/v1/datasets/{made['id']}/columns?version=1").json()
    assert [column["name"] for column in old["columns"]] == ["key", "size", "colour"]
    assert world.call("GET", f"/v1/datasets/{made['id']}/rows?version=1").json()["total"] == 30


@pytest.mark.parametrize(("form", "read"), [("csv", pl.read_csv), ("parquet", pl.read_parquet)])
def test_what_is_downloaded_is_what_came(world, form, read):
    made = bring(world, query=f"filename=c.csv&name={quote('Größe 🧪/../x')}")
    answer = world.call("GET", f"/v1/datasets/{made['id']}/download?format={form}")
    assert answer.status_code == 200
    frame = read(io.BytesIO(answer.content))
    assert frame["key"].to_list() == [f"k{number}" for number in range(30)]
    assert frame["size"].to_list() == [number + 0.5 for number in range(30)]
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert disposition.isascii()
    assert "/" not in disposition


def test_rows_that_could_not_be_read_are_counted_and_can_be_downloaded(world):
    lines = [f"{number},x" for number in range(200)]
    lines[50] = "50,x,y,z"
    made = bring(world, "a,b\n" + "\n".join(lines) + "\n", query="filename=c.csv")
    assert (made["version"]["rows"], made["version"]["rejected"]) == (199, 1)
    assert made["version"]["warnings"]
    rejects = world.call("GET", f"/v1/datasets/{made['id']}/rejects")
    assert rejects.headers["content-type"].startswith("text/csv")
    frame = pl.read_csv(rejects.content)
    assert frame.columns == ["line", "reason", "text"]
    assert frame["line"].to_list() == [52]
    assert frame["text"].to_list() == ["50,x,y,z"]


def test_an_error_names_the_field(world):
    answer = world.call("POST", "/v1/datasets?delimiter=ab", content=b"a\n1\n")
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "delimiter"
    answer = world.call("PATCH", f"/v1/datasets/{bring(world)['id']}", json={"labels": {"a": 5}})
    assert answer.json()["error"]["field"] == "labels.a"
    answer = world.call("GET", f"/v1/datasets/{bring(world)['id']}/rows?columns=nope")
    assert answer.json()["error"]["field"] == "columns"
    answer = world.call("POST", "/v1/datasets?filename=c.csv&id_column=zz", content=b"a\n1\n")
    assert answer.json()["error"]["field"] == "id_column"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nope", "/native/nope", "/native/v2/x"])
def test_an_unknown_route_answers_in_the_native_shape(world, path):
    for method in ("GET", "POST", "DELETE"):
        answer = world.call(method, path, key=None)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not-found"
        assert answer.json()["error"]["field"] is None


def test_a_wrong_method_is_told_which_ones_work(world):
    answer = world.call("PUT", "/v1/datasets")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method-not-allowed"
    assert answer.headers["allow"]

"""A day with datasets, over real HTTP against a real server: bring, look, grow, take away, take along."""

from __future__ import annotations

import csv
import gzip
import io

import polars as pl
import pytest

from support.native import native, whole_profile
from support.workbench import start_job, wait_for_end

HEAD = "customer;amount;since;plan\n"
LINES = [
    f"c{number};{number % 50},25;{1 + number % 28:02}.03.2024;{'basic' if number % 3 else 'pro'}\n"
    for number in range(3000)
]
TEXT = HEAD + "".join(LINES)


@pytest.fixture
def api(server):
    with native(server) as opened:
        yield opened


@pytest.fixture
def made(api):
    """A dataset that was brought as a compressed file in an old encoding, with a line that nobody can read."""
    text = HEAD + "".join(LINES[:100]) + "c_;1,0;01.03.2024;größer;viel größer\n" + "".join(LINES[100:])
    content = gzip.compress(text.encode("cp1252"))
    answer = api.post(
        "/datasets", files={"file": ("Kunden.csv.gz", content)}, data={"name": "Kunden", "id_column": "customer"}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_what_was_read_is_said_with_its_reasons(made):
    assert (made["version"]["rows"], made["version"]["rejected"]) == (3000, 1)
    types = {column["name"]: column["type"] for column in made["columns"]}
    assert types == {"customer": "id", "amount": "numeric", "since": "datetime", "plan": "categorical"}
    assert all(column["reason"] for column in made["columns"])
    assert any("102" in warning for warning in made["version"]["warnings"])


def test_the_rejected_line_can_be_fetched_and_is_the_one_that_was_sent(api, made):
    rejects = list(csv.DictReader(io.StringIO(api.get(f"/datasets/{made['id']}/rejects").text)))
    assert [row["line"] for row in rejects] == ["102"]
    assert rejects[0]["text"].rstrip() == "c_;1,0;01.03.2024;größer;viel größer"


def test_the_whole_profile_comes_from_its_job(api, made):
    profile = whole_profile(api, made["id"])
    assert (profile["n_rows"], profile["profiled_rows"]) == (3000, 3000)
    assert [column["name"] for column in profile["columns"]] == ["customer", "amount", "since", "plan"]


def test_rows_come_and_go_and_versions_stay_what_they_were(api, made):
    dataset = f"/datasets/{made['id']}"
    whole_profile(api, made["id"])  # the first version is relied on from now on
    added = api.post(f"{dataset}/rows", json={"rows": [{"customer": "new", "amount": 1.5, "plan": "basic"}]})
    assert added.status_code == 200, added.text
    assert (added.json()["version"]["number"], added.json()["version"]["rows"]) == (2, 3001)
    again = api.post(f"{dataset}/rows", json={"rows": [{"customer": "new", "amount": 2.5, "plan": "pro"}]})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "row-id-taken")
    assert api.request("DELETE", f"{dataset}/rows", json={"ids": ["c0", "c1", "nobody"]}).json() == {"deleted": 2}
    assert api.get(dataset).json()["version"]["rows"] == 2999
    first = api.get(f"{dataset}/rows", params={"version": 1, "limit": 2}).json()
    assert first["total"] == 3000
    assert [row[first["columns"].index("customer")] for row in first["rows"]] == ["c0", "c1"]
    newest = api.get(f"{dataset}/rows", params={"limit": 1, "columns": ["customer", "amount"]}).json()
    assert (newest["total"], newest["rows"]) == (2999, [["c2", 2.25]])


def test_a_download_read_again_is_the_same_table(api, made):
    for form, read in (("csv", pl.read_csv), ("parquet", pl.read_parquet)):
        answer = api.get(f"/datasets/{made['id']}/download", params={"format": form})
        frame = read(io.BytesIO(answer.content))
        assert frame.height == 3000
        assert frame["customer"].to_list() == [f"c{number}" for number in range(3000)]
        assert frame["amount"].to_list() == [number % 50 + 0.25 for number in range(3000)]
        again = api.post("/datasets", params={"filename": f"again.{form}"}, content=answer.content).json()
        assert [(column["name"], column["storage"]) for column in again["columns"]] == [
            (column["name"], column["storage"]) for column in made["columns"]
        ]


def test_a_dataset_of_this_api_is_trained_on_through_another(server, api):
    rows = "".join(f"{number % 97},{number % 13},{'yes' if number % 97 > 40 else 'no'}\n" for number in range(600))
    made = api.post("/datasets", params={"filename": "t.csv"}, content=f"a,b,target\n{rows}".encode()).json()
    with server.client() as workbench:
        job = start_job(workbench, f"ds_{made['id'].replace('-', '')}", "target", preset="medium_quality")
        assert wait_for_end(workbench, job)["status"] == "completed"
    kept = api.delete(f"/datasets/{made['id']}")
    assert kept.status_code == 409
    assert api.get(f"/datasets/{made['id']}").status_code == 200


def test_a_deleted_dataset_gives_its_space_back(server, api):
    segments = server.data / "blobs" / "segments"
    before = {path.name for path in segments.glob("*")} if segments.exists() else set()
    made = api.post("/datasets", params={"filename": "x.csv"}, content=b"a,b\n1,only here\n2,x\n").json()
    assert {path.name for path in segments.glob("*")} != before
    whole_profile(api, made["id"])
    assert api.delete(f"/datasets/{made['id']}").status_code == 204
    assert {path.name for path in segments.glob("*")} == before


def test_what_was_answered_is_there_after_the_server_was_killed(server, api, made):
    dataset = f"/datasets/{made['id']}"
    assert api.post(f"{dataset}/rows", json={"rows": [{"customer": "last", "amount": 7.0}]}).status_code == 200
    server.kill()
    server.start()
    with native(server) as client:
        assert client.get(dataset).json()["version"]["rows"] == 3001
        page = client.get(f"{dataset}/rows", params={"offset": 3000}).json()
        assert page["rows"][0][:2] == ["last", 7.0]

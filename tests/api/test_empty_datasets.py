"""A collection of vectors that was just made is a dataset without rows to whoever looks at it another way."""

from __future__ import annotations

import pytest

from athanor.engine.tables.schema import Storage
from athanor.services.profile import make_profile


@pytest.fixture
def dataset(world):
    world.services.projects.create(world.actor, "p")
    return world.services.collections.create(world.actor, "p", "c", storage=Storage.DENSE, dim=3)


def test_workbench_shows_it(world, dataset):
    assert [found["rows"] for found in world.call("GET", "/api/v1/automl/datasets").json()["datasets"]] == [0]
    path = f"/api/v1/automl/datasets/ds_{dataset.dataset.id.hex}"
    assert [column["name"] for column in world.call("GET", f"{path}/columns").json()["columns"]] == [
        "string_id",
        "vector",
    ]
    assert world.call("GET", f"{path}/files").status_code == 200


def test_workbench_says_that_nothing_can_be_learned_from_it(world, dataset):
    asked = {"name": "run", "dataset": f"ds_{dataset.dataset.id.hex}", "targetColumn": "string_id"}
    answer = world.call("POST", "/api/v1/automl/jobs", json=asked)
    assert answer.status_code in {400, 422}
    assert "0 rows" in answer.text


def test_the_native_dialect_shows_it(world, dataset):
    path = f"/v1/datasets/{dataset.dataset.id}"
    assert world.call("GET", "/v1/datasets").json()["total"] == 1
    assert world.call("GET", path).status_code == 200
    assert world.call("GET", f"{path}/rows").json()["rows"] == []
    assert world.call("GET", f"{path}/download?format=parquet").status_code == 200
    assert world.call("GET", f"{path}/profile").status_code in {200, 202}
    make_profile(world.records, world.blobs, dataset.version.id)
    answer = world.call("GET", f"{path}/profile")
    assert answer.status_code == 200, answer.text
    assert world.call("GET", f"{path}/profile.html").status_code == 200

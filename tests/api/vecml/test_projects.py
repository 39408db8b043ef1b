"""Projects and collections: made, listed, described, deleted."""

import pytest

from athanor.api.dialects.vecml.vector_types import storage_of
from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput


def test_a_project_is_made_listed_and_deleted(ask):
    assert ask("create_project", project_name="AutoML-Demo", application="autoML").json() == {"success": True}
    listed = ask("list_projects").json()["projects"]
    assert listed[-1] == {
        "project_name": "AutoML-Demo",
        "application": "autoML",
        "create_time": "2025/02/01, 09:55",
    }
    assert ask("delete_project", project_name="AutoML-Demo").json() == {"success": True}
    assert [project["project_name"] for project in ask("list_projects").json()["projects"]] == ["default"]


def test_a_project_that_is_there_already_exists(ask, project):
    answer = ask("create_project", **project)
    assert answer.status_code == 409
    assert "already exists" in answer.json()["error_message"]


def test_a_project_that_is_not_there_does_not_exist(ask):
    for operation in ("delete_project", "list_collections"):
        answer = ask(operation, project_name="AutoML-Demo")
        assert answer.status_code == 404
        assert "does not exist" in answer.json()["error_message"]


def test_the_shared_project_cannot_be_deleted(ask):
    assert ask("delete_project", project_name="default").status_code == 403


@pytest.mark.parametrize("name", ["", ".x", "a/b", "x" * 129, "a\0b", " x", "ä" * 300, "../../etc"])
def test_a_name_has_rules(ask, project, name):
    assert ask("create_project", project_name=name).status_code == 400
    assert ask("init", **project, collection_name=name, vector_type="dense", vector_dim=3).status_code == 400


def test_a_project_belongs_to_its_user(world, ask, collection):
    for key in (
        world.a_foreign_key(),
        world.services.keys.create(world.services.keys.admin(), "bob", world.actor.scopes, user="bob")[1],
    ):
        assert ask("get_collection_info", key=key, **collection).status_code == 404
        assert ask("delete_project", key=key, project_name="demo").status_code == 404
        assert ask("create_project", key=key, project_name="demo").status_code == 200
    assert ask("get_collection_info", **collection).status_code == 200


def test_a_collection_is_made_described_listed_and_deleted(ask, project, collection):
    assert ask("list_collections", **project).json() == {"success": True, "collections": ["vectors"]}
    assert ask("get_collection_info", **collection).json() == {
        "success": True,
        "vector_type": "dense",
        "vector_dim": 3,
        "num_vectors": 0,
        "attributes": [],
        "create_time": "2025/02/01, 09:55",
    }
    again = ask("init", **collection, vector_type="dense", vector_dim=3)
    assert again.status_code == 409
    assert "already exists" in again.json()["error_message"]
    assert ask("delete_collection", **collection).json() == {"success": True}
    assert ask("get_collection_info", **collection).status_code == 404
    assert ask("init", **collection, vector_type="sparse").status_code == 200


def test_a_collection_needs_its_project(ask):
    answer = ask("init", project_name="nowhere", collection_name="x", vector_type="dense", vector_dim=3)
    assert answer.status_code == 404
    assert "does not exist" in answer.json()["error_message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"vector_type": "dense"}, "dim"),
        ({"vector_type": "dense", "vector_dim": 0}, "vector_dim"),
        ({"vector_type": "dense", "vector_dim": -1}, "vector_dim"),
        ({"vector_type": "dense", "vector_dim": "64"}, "vector_dim"),
        ({"vector_type": "dense", "vector_dim": 6.5}, "vector_dim"),
        ({"vector_type": "dense", "vector_dim": True}, "vector_dim"),
        ({"vector_type": "dense", "vector_dim": 100_001}, "100,000"),
        ({"vector_type": "dense4Bit", "vector_dim": 3}, "vector_type"),
        ({"vector_type": "float", "vector_dim": 3}, "vector_type"),
        ({"vector_type": 5, "vector_dim": 3}, "vector_type"),
    ],
)
def test_vectors_have_a_type_and_a_dimension(ask, project, fields, field):
    answer = ask("init", **project, collection_name="x", **fields)
    assert answer.status_code == 400
    assert field in answer.json()["error_message"]


@pytest.mark.parametrize("vector_type", ["dense", "sparse", "dense8Bit"])
def test_the_type_of_vectors_is_told_as_it_was_said(ask, project, vector_type):
    named = {**project, "collection_name": "x"}
    assert ask("init", **named, vector_type=vector_type, vector_dim=9).status_code == 200
    info = ask("get_collection_info", **named).json()
    assert (info["vector_type"], info["vector_dim"]) == (vector_type, 9)


def test_types_are_how_vectors_are_stored():
    assert storage_of("dense") == (Storage.DENSE, {})
    assert storage_of("sparse") == (Storage.SPARSE, {})
    assert storage_of("dense8Bit")[0] is Storage.DENSE
    with pytest.raises(InvalidInput):
        storage_of("dense1Bit")

"""Names for what every test of the VecML dialect speaks about."""

import base64

import pytest


class Calls:
    """Operations called with the admin's key, as a client of this API does: all in the body."""

    def __init__(self, world):
        self.world = world

    def __call__(self, operation, *, key="", **fields):
        return self.world.call("POST", f"/api/{operation}", key=None, json=self.with_key(fields, key))

    def with_key(self, fields, key=""):
        return fields if key is None else {"user_api_key": key or self.world.key, **fields}

    def form(self, operation, file, **fields):
        data = {"user_api_key": self.world.key, **fields}
        return self.world.call("POST", f"/api/{operation}", key=None, files={"file": ("some.csv", file)}, data=data)


@pytest.fixture
def ask(world):
    return Calls(world)


@pytest.fixture
def project(ask):
    assert ask("create_project", project_name="demo").status_code == 200
    return {"project_name": "demo"}


@pytest.fixture
def collection(ask, project):
    """Names of a collection of dense vectors with 3 numbers."""
    named = {**project, "collection_name": "vectors"}
    assert ask("init", **named, vector_type="dense", vector_dim=3).status_code == 200
    return named


@pytest.fixture
def b64():
    return lambda data: base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()

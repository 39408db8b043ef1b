"""Names for what every test of the workbench speaks about."""

import pytest


@pytest.fixture
def started(world):
    """Start a job with `fields` changed; the answer."""

    def start(**fields):
        body = {"name": "Churn", "dataset": f"ds_{world.a_dataset().hex}", "targetColumn": "churned", **fields}
        return world.call(
            "POST", "/api/v1/automl/jobs", json={key: value for key, value in body.items() if value is not ...}
        )

    return start

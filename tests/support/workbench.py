"""The workbench calls that journeys make, over real HTTP."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

FINAL = {"completed", "failed", "stopped"}


def upload(client: httpx.Client, path: Path) -> str:
    """The id of a new dataset."""
    with path.open("rb") as file:
        answer = client.post("/automl/datasets", files={"file": (path.name, file)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def start_job(client: httpx.Client, dataset: str, target: str, **fields: Any) -> str:
    """The id of a new job."""
    body = {"name": "journey", "dataset": dataset, "targetColumn": target, "timeLimit": 20, **fields}
    answer = client.post("/automl/jobs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/automl/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def run_folder(data: Path, job_id: str) -> Path:
    """Where a server with this data folder keeps the checkpoints of a job."""
    return data / "runs" / str(UUID(job_id.removeprefix("aml_")))


def wait_for_end(client: httpx.Client, job_id: str, *, patience_s: float = 120.0) -> dict[str, Any]:
    """The job once it has ended, however it did."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        found = job(client, job_id)
        if found["status"] in FINAL:
            return found
        time.sleep(0.2)
    raise AssertionError(f"Job {job_id} did not end within {patience_s:.0f} s: {found}")

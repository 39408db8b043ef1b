"""The VecML API over real HTTP, and the data of its published example, made by the same draws."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
import numpy as np

from support.server import NO_TLS, ServerProcess, wait_for

FIRST_COMPONENTS = 20  # whose sum, with the category's weight, decides the class
WEIGHTS = {"A": 1.0, "B": -0.5, "C": 0.0}
METRIC_KEYS = {
    "accuracy",
    "micro_precision",
    "macro_precision",
    "micro_recall",
    "macro_recall",
    "micro_f1",
    "macro_f1",
    "auc",
}


class Vecml:
    """A caller with a key, at a base that may end with a slash as clients have it."""

    def __init__(self, server: ServerProcess, key: str | None = None, *, base: str = "/vecml/api") -> None:
        self._key = server.key if key is None else key
        self._client = httpx.Client(base_url=f"{server.url}{base}", timeout=120.0, verify=NO_TLS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def post(self, operation: str, **fields: Any) -> httpx.Response:
        return self._client.post(f"/{operation}", json={"user_api_key": self._key, **fields})

    def ok(self, operation: str, **fields: Any) -> dict[str, Any]:
        """The answer of an operation that must succeed."""
        answer = self.post(operation, **fields)
        assert answer.status_code == 200, (operation, answer.status_code, answer.text[:2000])
        body = dict(answer.json())
        assert body["success"] is True, (operation, body)
        return body

    def refused(self, operation: str, status: int, **fields: Any) -> str:
        """The message of an operation that must be refused with `status`."""
        answer = self.post(operation, **fields)
        assert answer.status_code == status, (operation, answer.status_code, answer.text[:2000])
        body = answer.json()
        assert body["success"] is False
        return str(body["error_message"])

    def finished(self, job_id: str, operation: str = "get_automl_training_status") -> dict[str, Any]:
        """The status of a job that must end well, once it has ended."""

        def ended() -> dict[str, Any] | None:
            status = self.ok(operation, job_id=job_id)
            return status if status["status"] in {"finished", "failed"} else None

        status: dict[str, Any] = wait_for(ended, f"job {job_id}")
        assert status["status"] == "finished", status
        return status

    def trained(self, **fields: Any) -> dict[str, Any]:
        """The last status of a training that must end well."""
        given = {"training_mode": "high_speed", "task_type": "classification", "label_attribute": "label"}
        return self.finished(self.ok("train_automl_model", **(given | fields))["job_id"])


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Vectors with their ids and attributes, as `add_data_batch` takes them."""

    vectors: list[list[float]]
    ids: list[str]
    attributes: list[dict[str, str]]

    def batch(self) -> dict[str, Any]:
        return {"string_ids": self.ids, "data": self.vectors, "attributes": self.attributes}

    def csv(self, *, header: bool = True) -> bytes:
        """One row a line: components `f0`, `f1`, … and then the attributes."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if header:
            writer.writerow([*(f"f{place}" for place in range(len(self.vectors[0]))), *self.attributes[0]])
        writer.writerows([*vector, *said.values()] for vector, said in zip(self.vectors, self.attributes, strict=True))
        return text.getvalue().encode()

    def records(self) -> bytes:
        """A JSON array of records with string_id, data and attributes."""
        names = ("string_id", "data", "attributes")
        rows = zip(self.ids, self.vectors, self.attributes, strict=True)
        return json.dumps([dict(zip(names, row, strict=True)) for row in rows]).encode()

    def libsvm(self) -> bytes:
        lines = (
            " ".join([said["label"], *(f"{place}:{value!r}" for place, value in enumerate(vector, start=1))])
            for vector, said in zip(self.vectors, self.attributes, strict=True)
        )
        return "\n".join(lines).encode()

    def binary(self) -> bytes:
        return np.asarray(self.vectors, "<f4").tobytes()


def example_rows(n_rows: int, prefix: str, *, seed: int, dim: int = 64) -> Rows:
    """Rows of the published example: NumPy's global generator, normal components, then the letters."""
    np.random.seed(seed)  # noqa: NPY002 - the very draws of the published program
    vectors = np.random.randn(n_rows, dim).tolist()  # noqa: NPY002
    letters = [str(np.random.choice(["A", "B", "C"])) for _ in range(n_rows)]  # noqa: NPY002
    labels = [
        "1" if sum(vector[:FIRST_COMPONENTS]) + WEIGHTS[letter] > 0 else "0"
        for vector, letter in zip(vectors, letters, strict=True)
    ]
    return Rows(
        vectors=vectors,
        ids=[f"{prefix}_{number:03d}" for number in range(n_rows)],
        attributes=[{"label": label, "category": letter} for label, letter in zip(labels, letters, strict=True)],
    )


def encoded(content: bytes, *, zipped: bool = False) -> str:
    """A file as the body of a request holds it."""
    return base64.b64encode(gzip.compress(content) if zipped else content).decode()


def check_metrics(metrics: Mapping[str, float]) -> None:
    """Exactly the eight, all of them from 0 to 1."""
    assert set(metrics) == METRIC_KEYS
    assert all(0.0 <= value <= 1.0 for value in metrics.values()), metrics


def are_labels(predictions: Sequence[Any]) -> bool:
    return all(label in (0, 1) for label in predictions)

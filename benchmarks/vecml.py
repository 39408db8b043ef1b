"""The VecML surface of a real server: vectors inserted by batches, many rows predicted, sparse vectors learned from."""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from athanor.engine import memory

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROJECT = {"project_name": "benchmark"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="vectors to insert")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--predict", type=int, default=100_000, help="rows to predict at once")
    parser.add_argument("--sparse", type=int, default=100_000, help="rows, and components, of a libsvm file; 0: none")
    given = parser.parse_args()
    os.environ |= {"ATHANOR_VECML_RATE_PER_SECOND": "0", "ATHANOR_MEMORY_LIMIT": str(2 * 2**30)}
    sys.path.insert(0, str(EXAMPLES))
    import first_run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with TemporaryDirectory() as name:
        data = Path(name)
        key = first_run.make_key(data)
        with first_run.a_server(data, first_run.free_port(8000)) as address:
            call = Caller(address, key)
            call("create_project", **PROJECT)
            insert(call, given)
            predict(call, given)
            if given.sparse:
                learn_sparse(call, given.sparse)


class Caller:
    """Posts JSON; an answer that is no success ends the benchmark."""

    def __init__(self, address: str, key: str) -> None:
        self.address, self.key = address, key

    def __call__(self, operation: str, **fields: Any) -> dict[str, Any]:
        return self.send(operation, json.dumps({"user_api_key": self.key, **fields}).encode())

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.address}/vecml/api/{operation}", body, method="POST")
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.load(answer)
        if not found["success"]:
            raise SystemExit(f"{operation}: {found}")
        return found

    def wait(self, job_id: str) -> dict[str, Any]:
        while (status := self("get_automl_training_status", job_id=job_id))["status"] not in {"finished", "failed"}:
            time.sleep(0.5)
        if status["status"] == "failed":
            raise SystemExit(str(status))
        return status


def insert(call: Caller, given: argparse.Namespace) -> None:
    names = {**PROJECT, "collection_name": "vectors"}
    call("init", **names, vector_type="dense", vector_dim=given.dim)
    rng = np.random.default_rng(0)
    seconds = []
    with watched() as peak:
        for start in range(0, given.rows, given.batch):
            matrix = rng.standard_normal((given.batch, given.dim))
            body = json.dumps(
                {
                    "user_api_key": call.key,
                    **names,
                    "string_ids": [f"row-{number}" for number in range(start, start + given.batch)],
                    "data": matrix.tolist(),
                    "attributes": [{"label": str(int(one > 0)), "kind": "ABC"[int(one > 1)]} for one in matrix[:, 0]],
                }
            ).encode()
            began = time.perf_counter()
            call.send("add_data_batch", body)
            seconds.append(time.perf_counter() - began)
    n_rows = call("get_collection_info", **names)["num_vectors"]
    print(
        f"insert: {n_rows:,} x {given.dim} by {given.batch:,}: {n_rows / sum(seconds):,.0f} rows/s; a batch of "
        f"{len(body) / 2**20:.1f} MB: {statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s (longest); "
        f"server {peak.mb:,.0f} MB at most",
        flush=True,
    )


def predict(call: Caller, given: argparse.Namespace) -> None:
    """A model of 20,000 vectors asked for many rows, as a collection and as a file."""
    rng = np.random.default_rng(1)
    for name, n_rows in (("learned", 20_000), ("asked", given.predict)):
        names = {**PROJECT, "collection_name": name}
        call("init", **names, vector_type="dense", vector_dim=given.dim)
        for start in range(0, n_rows, given.batch):
            matrix = rng.standard_normal((min(given.batch, n_rows - start), given.dim))
            labels = (matrix[:, :20].sum(axis=1) + rng.standard_normal(len(matrix)) > 0).astype(int)
            kinds = rng.choice(list("ABC"), len(matrix)).tolist()
            attributes = [{"label": str(label), "kind": kind} for label, kind in zip(labels, kinds, strict=True)]
            call("add_data_batch", **names, data=matrix.tolist(), attributes=attributes)
    names = {**PROJECT, "collection_name": "learned", "model_name": "m"}
    trained = call.wait(
        call(
            "train_automl_model",
            **names,
            training_mode="high_speed",
            task_type="classification",
            label_attribute="label",
            categorical_features=["kind"],
        )["job_id"]
    )
    with watched() as peak:
        began = time.perf_counter()
        answer = call("automl_predict", **names, prediction_dataset="asked")
        seconds = time.perf_counter() - began
    print(
        f"predict: {len(answer['predictions']):,} rows in {seconds:.1f} s (aim 5 s), a model trained in "
        f"{trained['duration']}, auc {answer['prediction_metric']['auc']:.3f}; server {peak.mb:,.0f} MB at most",
        flush=True,
    )


def learn_sparse(call: Caller, size: int) -> None:
    rng = np.random.default_rng(2)
    weights = rng.standard_normal(size)
    lines = []
    for _ in range(size):
        places = np.sort(rng.choice(size, 50, replace=False))
        lines.append(f"{int(weights[places].sum() > 0)} " + " ".join(f"{place + 1}:1" for place in places))
    names = {**PROJECT, "collection_name": "sparse"}
    encoded = base64.b64encode("\n".join(lines).encode()).decode()
    began = time.perf_counter()
    with watched() as peak:
        call("upload", **names, file_data=encoded, file_format="libsvm")
        uploaded_s = time.perf_counter() - began
    print(f"libsvm: {size:,} x {size:,} uploaded in {uploaded_s:.1f} s; server {peak.mb:,.0f} MB at most", flush=True)
    with watched() as peak:
        status = call.wait(
            call(
                "train_automl_model",
                **names,
                model_name="m",
                training_mode="high_speed",
                task_type="classification",
                label_attribute="label",
            )["job_id"]
        )
    print(
        f"libsvm: trained in {status['duration']}, auc {status['validation_metric']['auc']:.3f}; server, worker and "
        f"training together {peak.mb:,.0f} MB at most (limit of the training 2,048 MB)",
        flush=True,
    )


class Peak:
    """The most memory that all processes below this one took together, looked at ten times a second."""

    def __init__(self) -> None:
        self.mb = 0.0
        self.is_over = threading.Event()

    def watch(self) -> None:
        while not self.is_over.wait(0.1):
            self.mb = max(self.mb, sum(map(memory.pss, memory.descendants(os.getpid()))) / 2**20)


@contextmanager
def watched() -> Iterator[Peak]:
    peak = Peak()
    thread = threading.Thread(target=peak.watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.is_over.set()
        thread.join()


if __name__ == "__main__":
    main()

"""One row over HTTP: p50, p99 and requests a second of a deployed model, with 1 and with more clients."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1000, help="per number of clients")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--time", type=int, default=15, help="seconds to train the model")
    given = parser.parse_args()
    # The limit of requests is for people; here it would be what is measured.
    os.environ |= {"ATHANOR_RATE_PER_MINUTE": "1000000", "ATHANOR_RATE_BURST": "1000000"}
    sys.path.insert(0, str(EXAMPLES))
    import first_run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with TemporaryDirectory() as name:
        data = Path(name)
        key = first_run.make_key(data)
        with first_run.a_server(data, first_run.free_port(8000)) as address:
            api = first_run.Api(address, key)
            file, held_out = first_run.write_data(data / "examples")
            dataset = api.upload("/api/v1/automl/datasets", file)
            wanted = {"name": "Benchmark", "dataset": dataset["id"], "targetColumn": first_run.TARGET}
            job = api.post("/api/v1/automl/jobs", wanted | {"timeLimit": given.time})
            first_run.watch(api, job["id"])
            model = api.post(f"/api/v1/automl/jobs/{job['id']}/deploy")
            path = f"/api/v1/model-registry/models/{model['modelId']}/predict"
            row = {name: cell for name, cell in held_out[0].items() if name != first_run.TARGET}
            body = json.dumps({"input_data": row}).encode()
            print("\n| clients | requests | p50 ms | p99 ms | requests/s |\n|---|---|---|---|---|")
            for clients in given.clients:
                print(measure(address, path, key, body, clients=clients, n_requests=given.requests), flush=True)


def measure(address: str, path: str, key: str, body: bytes, *, clients: int, n_requests: int) -> str:
    ask(address, path, key, body, count=50, times=[])  # loads the model
    times: list[float] = []
    each = n_requests // clients
    threads = [
        threading.Thread(target=ask, args=(address, path, key, body), kwargs={"count": each, "times": times})
        for _ in range(clients)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    times.sort()
    p50, p99 = times[len(times) // 2], times[min(int(len(times) * 0.99), len(times) - 1)]
    return f"| {clients} | {len(times)} | {1000 * p50:.1f} | {1000 * p99:.1f} | {len(times) / seconds:.0f} |"


def ask(address: str, path: str, key: str, body: bytes, *, count: int, times: list[float]) -> None:
    """Some requests over one connection, one after the other."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    for _ in range(count):
        started = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {content.decode()}")
        times.append(time.perf_counter() - started)
    connection.close()


if __name__ == "__main__":
    main()

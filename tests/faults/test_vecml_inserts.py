"""`kill -9` of a server that takes vectors in, at any instant: what it acknowledged is there once, the rest wholly or not."""

from __future__ import annotations

import os
import random
import time
from threading import Event, Thread

import httpx
import pytest

from support.server import ServerProcess, wait_for
from support.vecml import Vecml, encoded

INSTANTS = int(os.environ.get("ATHANOR_FAULT_INSTANTS", "3"))
SEED = int(os.environ.get("ATHANOR_FAULT_SEED", str(int(time.time()))))
LATEST_S = 1.5  # after the first batch is acknowledged
PLACE = {"project_name": "Faults", "collection_name": "vectors"}
SIZE, DIM = 20, 8  # rows of a batch, numbers of a row


def batch(number):
    """What the batch of this number holds, as `add_data_batch` takes it."""
    places = range(number * SIZE, number * SIZE + SIZE)
    return {
        "string_ids": [f"r{place}" for place in places],
        "data": [[float(place)] * DIM for place in places],
        "attributes": [{"label": str(place % 2)} for place in places],
    }


def changed(number):
    """What becomes of the first row of the batch of this number, as `update_data` takes it."""
    place = number * SIZE
    return {"string_id": f"r{place}", "data": [place + 0.5] * DIM, "attributes": {"note": str(number)}}


def places(n_rows):
    """A value for each of so many rows: its place, as `attach_automl_label` takes it."""
    text = "place\n" + "".join(f"{place}\n" for place in range(n_rows))
    return {"attribute_name": "place", "file_format": "csv", "file_data": encoded(text.encode())}


class Sender:
    """Sends batch after batch from a thread until the server is gone; it changes a row of each, and names all rows.

    acknowledged  number of a batch → the id of its job
    last          number of the batch that was sent last, whatever became of it
    changed       numbers of the batches whose first row is changed
    n_placed      rows that have been told their places
    """

    def __init__(self, server, first):
        self._server, self.first, self.last = server, first, first
        self.acknowledged, self.changed, self.n_placed = {}, set(), 0
        self.wrong = []
        self.has_begun = Event()
        self._thread = Thread(target=self._send)

    def __enter__(self):
        self._thread.start()
        assert self.has_begun.wait(60), self._server.log.read_text()[-3000:]
        return self

    def __exit__(self, *_):
        self._thread.join()

    def _send(self):
        try:
            with Vecml(self._server) as vecml:
                while True:
                    number = self.last
                    self.acknowledged[number] = vecml.ok("add_data_batch", **PLACE, **batch(number))["job_id"]
                    self.last += 1
                    vecml.ok("update_data", **PLACE, **changed(number))
                    self.changed.add(number)
                    self.has_begun.set()
                    if number % 3 == 0:
                        vecml.ok("attach_automl_label", **PLACE, **places(self.last * SIZE))
                        self.n_placed = self.last * SIZE
        except httpx.TransportError:
            return
        except AssertionError as error:
            self.wrong.append(error)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_acknowledged_batches_survive_the_death_of_the_server(tmp_path, record_property):
    print(f"\nfaults: ATHANOR_FAULT_SEED={SEED} instants={INSTANTS}")  # noqa: T201 - to run it again
    record_property("seed", SEED)
    rng = random.Random(SEED)
    server = ServerProcess(tmp_path / "data", vecml_rate_per_second="0").start()
    with Vecml(server) as vecml:
        vecml.ok("create_project", project_name=PLACE["project_name"])
        vecml.ok("init", **PLACE, vector_type="dense", vector_dim=DIM)
    jobs, there, done, n_placed, following = {}, set(), set(), 0, 0  # of all instants
    for _ in range(INSTANTS):
        with Sender(server, following) as sender:
            time.sleep(rng.uniform(0.0, LATEST_S))
            server.kill()
        assert not sender.wrong, sender.wrong
        wait_for(lambda: not server.left_over(), "the server's processes to follow it", patience_s=10)
        server.start()
        jobs |= sender.acknowledged
        there |= set(sender.acknowledged)
        done |= sender.changed
        n_placed = max(n_placed, sender.n_placed)
        with Vecml(server) as vecml:
            assert set(sender.acknowledged) == set(range(sender.first, sender.last))
            if is_there(vecml, sender.last, done, n_placed):
                there.add(sender.last)
            assert vecml.ok("get_collection_info", **PLACE)["num_vectors"] == SIZE * len(there)
            # Whoever sends again what was not acknowledged is told what became of it.
            again = vecml.post("add_data_batch", **PLACE, **batch(sender.last))
            assert again.status_code == (409 if sender.last in there else 200), again.text
            there.add(sender.last)
        following = sender.last + 1
    with Vecml(server) as vecml:
        assert [number for number in sorted(there) if not is_there(vecml, number, done, n_placed)] == []
        assert vecml.ok("get_collection_info", **PLACE)["num_vectors"] == SIZE * len(there)
        assert {vecml.ok("get_upload_data_status", job_id=job)["status"] for job in jobs.values()} == {"finished"}
        assert len(set(jobs.values())) == len(jobs)
    assert server.end() == 0


def is_there(vecml, number, done, n_placed):
    """Whether all rows of the batch are there, as they were sent and changed since.

    Raises AssertionError where only some of them are, one has the place of another, or a change was done by half.

    done      the batches whose first row must be changed
    n_placed  the rows that must know their places
    """
    sent = batch(number)
    answer = vecml.post("get_data", **PLACE, string_ids=sent["string_ids"])
    if answer.status_code == 404:
        assert [vecml.post("get_data", **PLACE, string_id=id_).status_code for id_ in sent["string_ids"]] == [
            404
        ] * SIZE
        return False
    assert answer.status_code == 200, answer.text
    for place, row in enumerate(answer.json()["vectors"], start=number * SIZE):
        said = row["attributes"]
        assert said.pop("place", None if place >= n_placed else "no") in {str(place), None}
        is_changed = "note" in said
        assert is_changed or place != number * SIZE or number not in done
        expected = changed(number) if is_changed else {"string_id": f"r{place}", "data": [float(place)] * DIM}
        assert row == expected | {"attributes": {"label": str(place % 2), **expected.get("attributes", {})}}
    return True

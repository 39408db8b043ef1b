"""Uploads that break: nothing is half-written, the space is given back, and the server goes on answering."""

from __future__ import annotations

import gzip
import json
import resource
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from support.native import native
from support.server import ServerProcess, wait_for

BOUNDARY = "----cut"
ROWS = 20_000
CSV = b"number,word\n" + b"".join(b"%d,word%d\n" % (number, number % 7) for number in range(ROWS))
MB = 2**20
KINDS = ("form", "body", "chunked")


class Upload:
    """An upload over a socket of its own, sent as slowly and as badly as a test wants."""

    def __init__(self, server, kind, content=CSV, *, announced=None, path="/v1/datasets?filename=c.csv"):
        self.kind = kind
        self.payload = content if kind != "form" else as_form(content)
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        content_type = f"multipart/form-data; boundary={BOUNDARY}" if kind == "form" else "application/octet-stream"
        length = (
            "Transfer-Encoding: chunked"
            if kind == "chunked"
            else f"Content-Length: {len(self.payload) if announced is None else announced}"
        )
        head = (
            f"POST {path if kind != 'form' else path.partition('?')[0]} HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.key}\r\n"
            f"Content-Type: {content_type}\r\n{length}\r\nConnection: close\r\n\r\n"
        )
        self._socket.sendall(head.encode())

    def send(self, data):
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(data), data) if self.kind == "chunked" else data)

    def end(self):
        """The answer to what was sent: its status and its body."""
        if self.kind == "chunked":
            with suppress(OSError):  # refused before all of it came
                self._socket.sendall(b"0\r\n\r\n")
        return self.answer()

    def answer(self):
        received = b""
        while piece := self._socket.recv(65_536):
            received += piece
        self._socket.close()
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else None, body

    def end_of_sending(self):
        """The client says that nothing more will come, and still listens."""
        self._socket.shutdown(socket.SHUT_WR)

    def cut(self, *, is_reset=False):
        if is_reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


def as_form(content):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="c.csv"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def kept(server):
    """What the server has in the data folder for datasets: names of blobs, and what is on its way.

    Profiles come when they come: jobs write them, of earlier uploads too.
    """
    blobs, scratch = server.data / "blobs", server.data / "scratch"
    names = {str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file()}
    by_jobs = {name for name in names if name.startswith(".tmp/") and f"-{server.pid}-" not in name}
    return (
        {name for name in names - by_jobs if not name.startswith("profiles/")},
        [path.name for path in scratch.iterdir()],
    )


def n_datasets(server):
    with native(server) as client:
        return client.get("/datasets", params={"limit": 1}).json()["total"]


@contextmanager
def nothing_changes(server):
    """Whatever happens in the block, afterwards the server answers and has what it had."""
    blobs, scratch = kept(server)
    assert scratch == []
    before = n_datasets(server)
    yield
    wait_for(lambda: not kept(server)[1], "the space to be given back", patience_s=20, log=server.log)
    assert kept(server)[0] == blobs
    assert n_datasets(server) == before
    with native(server) as client:
        made = client.post("/datasets", content=CSV)
        assert made.status_code == 201, made.text
        assert made.json()["version"]["rows"] == ROWS
        assert client.delete(f"/datasets/{made.json()['id']}").status_code == 204


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
def test_a_connection_that_is_cut_on_the_way_leaves_nothing(server, kind, is_reset):
    with nothing_changes(server):
        for share in (0.0, 0.01, 0.5, 0.999):
            upload = Upload(server, kind)
            upload.send(upload.payload[: int(len(upload.payload) * share)] or b"n")
            upload.cut(is_reset=is_reset)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_before_its_time_is_no_shorter_file(server, kind):
    with nothing_changes(server):
        upload = Upload(server, kind)
        upload.send(upload.payload[:-1000])
        upload.end_of_sending()
        status, _ = upload.answer()
        assert status is None or status >= 400


@pytest.mark.parametrize("kind", KINDS)
def test_adding_rows_that_break_off_adds_none(server, kind):
    with native(server) as client:
        made = client.post("/datasets", content=CSV).json()["id"]
        with nothing_changes(server):
            upload = Upload(server, kind, path=f"/v1/datasets/{made}/rows?filename=c.csv")
            upload.send(upload.payload[: len(upload.payload) // 2])
            upload.cut()
        assert client.get(f"/datasets/{made}").json()["version"]["rows"] == ROWS
        assert client.delete(f"/datasets/{made}").status_code == 204


def test_a_form_that_announces_itself_too_short_is_refused(server):
    with nothing_changes(server):
        upload = Upload(server, "form", announced=len(as_form(CSV)) - 10)
        upload.send(upload.payload[:-10])
        status, body = upload.end()
        assert status == 400
        assert b"closing boundary" in body


@pytest.mark.parametrize("announced", ["-1", "abc", "1e3"])
def test_a_length_that_is_none_is_refused(server, announced):
    with nothing_changes(server):
        upload = Upload(server, "body", announced=announced)
        status, _ = upload.answer()
        assert status == 400


def test_a_file_that_announces_itself_too_large_is_refused_before_it_comes(server):
    with nothing_changes(server):
        upload = Upload(server, "body", announced=10**12)
        status, body = upload.answer()
        assert (status, json.loads(body)["error"]["code"]) == (413, "too-large")


def test_a_key_that_may_not_write_is_refused_before_the_file_comes(server):
    with nothing_changes(server):
        reader = ServerKey(server, server.make_key("reader", "data:read"))
        upload = Upload(reader, "body")
        status, body = upload.answer()
        assert (status, json.loads(body)["error"]["code"]) == (403, "scope-missing")


class ServerKey:
    """A server, asked with another key."""

    def __init__(self, server, key):
        self.port, self.key = server.port, key


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_upload_keeps_nobody_waiting_and_comes_whole(server, kind):
    upload = Upload(server, kind)
    pieces = [upload.payload[start : start + 10_000] for start in range(0, len(upload.payload), 10_000)]
    for piece in pieces:
        upload.send(piece)
        assert n_datasets(server) >= 0
    status, body = upload.end()
    assert status == 201
    assert json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["version"]["rows"] == ROWS


def test_more_open_uploads_than_the_server_takes_are_refused_and_room_comes_back(server):
    with nothing_changes(server):
        opened = [Upload(server, "body") for _ in range(16)]
        for upload in opened:
            upload.send(upload.payload[:1000])
        wait_for(lambda: len(kept(server)[1]) == 16, "all uploads to be open", log=server.log)
        with native(server) as client:
            refused = client.post("/datasets", content=CSV)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
            assert refused.headers["retry-after"]
        for upload in opened:
            upload.cut()


def test_the_same_file_many_times_at_once_is_as_many_whole_datasets(server):
    content = CSV + b"%d,last\n" % ROWS
    before = kept(server)[0]

    def bring(_):
        with native(server) as client:
            return client.post("/datasets", params={"filename": "same.csv"}, content=content)

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(bring, range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6, [answer.text[:200] for answer in answers]
    ids = [answer.json()["id"] for answer in answers]
    assert len(set(ids)) == 6
    with native(server) as client:
        for made in ids[:-1]:
            assert client.delete(f"/datasets/{made}").status_code == 204
        last = client.get(f"/datasets/{ids[-1]}/download")
        assert last.content.splitlines()[-1] == b"%d,last" % ROWS
        assert len(last.content.splitlines()) == ROWS + 2
        assert client.delete(f"/datasets/{ids[-1]}").status_code == 204
    assert kept(server) == (before, [])


@contextmanager
def full_disk(server, n_bytes):
    """No file of the server, or of a process that it starts, grows beyond `n_bytes`."""
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))


def large_csv():
    """About 13 MB, of which 3 MB are left when it is compressed, and 8 MB as a segment."""
    return b"a,b\n" + b"".join(b"%d,%d\n" % (number * 7919 % 10**6, number) for number in range(10**6))


@pytest.mark.parametrize("is_packed", [False, True], ids=["on-its-way", "while-it-is-read"])
def test_a_disk_that_is_full_is_said_to_be_and_the_space_is_given_back(server, is_packed):
    content = gzip.compress(large_csv(), 1) if is_packed else large_csv()
    limit = 6 * MB
    assert (len(content) < limit) is is_packed
    with nothing_changes(server):
        for kind in KINDS:
            with full_disk(server, limit):
                upload = Upload(server, kind, content)
                for start in range(0, len(upload.payload), MB):
                    with suppress(OSError):  # refused before all of it came
                        upload.send(upload.payload[start : start + MB])
                status, body = upload.end()
            assert status == 503, body
            assert json.loads(body)["error"]["code"] == "unavailable"


def test_a_server_that_is_killed_in_the_middle_of_uploads_gives_their_space_back_when_it_starts(tmp_path):
    server = ServerProcess(tmp_path / "data").start()
    try:
        before = kept(server)
        uploads = [Upload(server, kind) for kind in KINDS]
        for upload in uploads:
            upload.send(upload.payload[:10_000])
        wait_for(lambda: len(kept(server)[1]) == len(KINDS), "the uploads to be open", log=server.log)
        server.kill()
        wait_for(lambda: not server.left_over(), "the server's processes to follow it", patience_s=10)
        server.start()
        assert kept(server) == before
        with nothing_changes(server):
            pass
    finally:
        if server.left_over():
            server.end()

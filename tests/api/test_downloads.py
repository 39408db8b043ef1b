"""Files on their way out: whole, safely named, and their source closed however it ends."""

import asyncio

import pytest

from athanor.api.downloads import DownloadResponse, content_disposition
from athanor.errors import NotFound


class Source:
    """Pieces of a file, which remembers that it was closed."""

    def __init__(self, *pieces):
        self.pieces, self.is_closed = pieces, False

    def chunks(self):
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.is_closed = True


def send_all(response, *, leaves_after=None):
    """The messages that were sent, to a client that goes away after so many."""
    sent = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)
        if leaves_after is not None and len(sent) > leaves_after:
            raise OSError("gone")

    asyncio.run(response({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send))
    return sent


def test_a_file_is_sent_whole_piece_by_piece():
    source = Source(b"a,b\n", b"1,2\n", b"3,4\n")
    sent = send_all(DownloadResponse(source.chunks(), filename="x.csv", media_type="text/csv"))
    assert b"".join(message.get("body", b"") for message in sent) == b"a,b\n1,2\n3,4\n"
    headers = dict(sent[0]["headers"])
    assert headers[b"content-disposition"] == b"attachment; filename=\"x.csv\"; filename*=UTF-8''x.csv"
    assert headers[b"content-type"].startswith(b"text/csv")
    assert source.is_closed


def test_an_empty_file_is_a_file():
    sent = send_all(DownloadResponse(Source().chunks(), filename="x.csv", media_type="text/csv"))
    assert b"".join(message.get("body", b"") for message in sent) == b""


def test_what_goes_wrong_at_once_is_an_error_and_no_half_answer():
    with pytest.raises(NotFound):
        DownloadResponse(Source(NotFound("gone")).chunks(), filename="x", media_type="text/csv")


def test_the_source_is_closed_when_the_client_goes_away():
    source = Source(*[b"x"] * 1000)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the server library makes of it
        send_all(DownloadResponse(source.chunks(), filename="x", media_type="text/csv"), leaves_after=3)
    assert source.is_closed


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("sales.csv", "sales.csv", "sales.csv"),
        ("Größe 🧪.csv", "Groe .csv", "Gr%C3%B6%C3%9Fe%20%F0%9F%A7%AA.csv"),
        ("../../etc/passwd", "passwd", "passwd"),
        ('a"b;c\\d.csv', "d.csv", "d.csv"),
        ('a"; filename="b.exe', "a__ filename__b.exe", "a%22%3B%20filename%3D%22b.exe"),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie_ x_1", "aSet-Cookie%3A%20x%3D1"),
        ("", "file", "file"),
        ("...", "file", "..."),
        ("日本", "file", "%E6%97%A5%E6%9C%AC"),
        ("\ud800", "file", "file"),
    ],
)
def test_a_name_cannot_break_the_header(name, plain, encoded):
    assert content_disposition(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"

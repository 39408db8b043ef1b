"""Files on their way in: whole, cut, hostile; nothing is left of them in the scratch folder."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect, Request

from athanor.api.uploads import Spool, shown_filename
from athanor.errors import InvalidInput, TooLarge, Unavailable

BOUNDARY = b"----b"


def part(name, body, filename=None, *, extra=b""):
    disposition = b'Content-Disposition: form-data; name="' + name + b'"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"'
    return b"--" + BOUNDARY + b"\r\n" + disposition + b"\r\n" + extra + b"\r\n" + body + b"\r\n"


def form(*pieces):
    return b"".join(pieces) + b"--" + BOUNDARY + b"--\r\n"


def request(body, *, content_type="multipart/form-data; boundary=----b", step=7, is_cut=False):
    pieces = [body[start : start + step] for start in range(0, len(body), step)] or [b""]
    told = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if is_cut:
        told.append({"type": "http.disconnect"})
    else:
        told[-1]["more_body"] = False
    left = iter(told)

    async def receive():
        return next(left)

    headers = [(b"content-type", content_type.encode())] if content_type else []
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def receive_form(spool, body, **how):
    """The bytes, the file's name and the other fields, as they were while the file existed."""

    async def take():
        async with spool.form(request(body, **how)) as received:
            return received.path.read_bytes(), received.filename, dict(received.fields)

    return asyncio.run(take())


@pytest.fixture
def spool(tmp_path):
    yield Spool(tmp_path / "scratch")
    assert list(tmp_path.glob("scratch/*")) == []


def test_a_form_gives_the_file_and_the_other_fields(spool):
    body = form(
        part(b"name", "Kunden 🧪".encode()),
        part(b"file", b"a,b\r\n1,2\r\n", b"c.csv", extra=b"Content-Type: text/csv\r\n"),
    )
    assert receive_form(spool, body) == (b"a,b\r\n1,2\r\n", "c.csv", {"name": "Kunden 🧪"})


@pytest.mark.parametrize("step", [1, 2, 3, 10, 64, 10**6])
def test_it_does_not_matter_how_the_bytes_are_cut(spool, step):
    data = bytes(range(256)) * 20 + b"\r\n--" + BOUNDARY[:-1] + b"\r\n-"
    assert receive_form(spool, form(part(b"file", data, b"x")), step=step)[0] == data


def test_a_file_larger_than_what_is_gathered_is_written_in_pieces(spool):
    data = bytes(3 * 2**20 + 17)
    assert receive_form(spool, form(part(b"file", data, b"x")), step=65_536)[0] == data


def test_an_empty_file_is_a_file(spool):
    assert receive_form(spool, form(part(b"file", b"", b"e.csv"))) == (b"", "e.csv", {})


def test_a_part_named_file_needs_no_file_name(spool):
    assert receive_form(spool, form(part(b"file", b"a")))[:2] == (b"a", "file")


def test_a_body_can_be_the_file_itself(spool):
    async def take():
        async with spool.body(request(b"a,b\n1,2\n"), filename="../x.csv") as received:
            return received.path.read_bytes(), received.filename

    assert asyncio.run(take()) == (b"a,b\n1,2\n", "x.csv")


@pytest.mark.parametrize(
    ("body", "how", "says"),
    [
        (form(part(b"name", b"x")), {}, "no part named `file`"),
        (form(part(b"data", b"x", b"x.csv")), {}, "not 'data'"),
        (form(part(b"file", b"x", b"a"), part(b"file", b"y", b"b")), {}, "more than one"),
        (form(), {}, "no part named `file`"),
        (b"", {}, "ended before"),
        (part(b"file", b"half a fi", b"a"), {}, "ended before"),
        (b"nonsense", {}, "not a well-formed"),
        (form(part(b"file", b"x", b"a"), part(b"name", b"\xff")), {}, "UTF-8"),
        (b"x", {"content_type": "application/json"}, "multipart form"),
        (b"x", {"content_type": "multipart/form-data"}, "multipart form"),
        (b"x", {"content_type": ""}, "multipart form"),
        (b"x", {"content_type": "multipart/form-data; boundary=" + "b" * 500}, "not a well-formed"),
    ],
)
def test_a_form_that_is_none_is_refused_in_words(spool, body, how, says):
    with pytest.raises(InvalidInput, match=says):
        receive_form(spool, body, **how)


@pytest.mark.parametrize(
    "body",
    [
        form(part(b"name", b"x" * 2**20 + b"x"), part(b"file", b"x", b"a")),
        form(*(part(b"f%d" % number, b"x" * 2**18) for number in range(5)), part(b"file", b"x", b"a")),
        form(*(part(b"f%d" % number, b"x") for number in range(60)), part(b"file", b"x", b"a")),
    ],
)
def test_fields_are_bounded(spool, body):
    with pytest.raises(TooLarge):
        receive_form(spool, body, step=4096)


def test_a_field_that_comes_twice_is_refused_rather_than_half_of_it_lost(spool):
    body = form(part(b"names", b"a"), part(b"names", b"b"), part(b"file", b"x", b"f"))
    with pytest.raises(InvalidInput, match="'names' more than once"):
        receive_form(spool, body)


def test_whoever_takes_a_form_may_set_the_bound_of_its_fields(spool):
    body = form(part(b"a", b"x" * 60), part(b"b", b"x" * 40), part(b"file", b"y" * 200, b"f"))

    async def take(fields_bytes):
        async with spool.form(request(body), fields_bytes=fields_bytes) as received:
            return len(received.path.read_bytes()), sum(map(len, received.fields.values()))

    assert asyncio.run(take(100)) == (200, 100)
    with pytest.raises(TooLarge, match="99 bytes"):
        asyncio.run(take(99))


@pytest.mark.parametrize("kind", ["form", "body"])
def test_a_cut_connection_leaves_nothing(spool, kind):
    async def take():
        sent = request(part(b"file", b"x" * 100, b"a"), is_cut=True)
        async with spool.form(sent) if kind == "form" else spool.body(sent, filename="a"):
            pytest.fail("half a file was taken for a whole one")

    with pytest.raises(ClientDisconnect):
        asyncio.run(take())


def test_an_error_in_the_block_leaves_nothing(spool):
    async def take():
        async with spool.body(request(b"x"), filename="a") as received:
            assert received.path.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(take())


def test_a_cancelled_request_leaves_nothing(spool):
    async def cancel():
        is_inside = asyncio.Event()

        async def take():
            async with spool.body(request(b"x"), filename="a"):
                is_inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(take())
        await is_inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())


def test_open_uploads_are_bounded_and_counted_down_again(tmp_path):
    spool = Spool(tmp_path, max_open=1)

    async def two():
        async with spool.body(request(b"x"), filename="a"), spool.body(request(b"x"), filename="b"):
            pytest.fail("too many uploads were open")

    with pytest.raises(Unavailable, match="1 uploads are under way"):
        asyncio.run(two())
    assert receive_form(spool, form(part(b"file", b"x", b"a")))[0] == b"x"


def test_uploads_that_are_counted_apart_keep_each_other_out_of_nothing(tmp_path):
    spool = Spool(tmp_path, max_open=1)

    async def two():
        async with (
            spool.body(request(b"x"), filename="a") as one,
            spool.apart().body(request(b"y"), filename="b") as other,
        ):
            return one.path.parent == other.path.parent

    assert asyncio.run(two())


@pytest.mark.parametrize("size", [1, 3 * 2**20])
@pytest.mark.parametrize("kind", ["form", "body"])
def test_a_full_disk_is_said_to_be_full(spool, monkeypatch, size, kind):
    def create(path):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        return open("/dev/full", "wb")  # noqa: PTH123 - the one device that is always full

    async def take():
        body = form(part(b"file", bytes(size), b"a")) if kind == "form" else bytes(size)
        sent = request(body, step=2**20)
        async with spool.form(sent) if kind == "form" else spool.body(sent, filename="a"):
            pytest.fail("a file that is not there was taken for a whole one")

    monkeypatch.setattr("athanor.api.uploads._create", create)
    with pytest.raises(Unavailable, match="disk is full"):
        asyncio.run(take())


def test_a_file_of_a_thread_is_gone_with_its_block_however_that_ends(spool):
    with spool.scratch_file() as (path, file):
        file.write(b"x")
        assert path.exists()
    with pytest.raises(ZeroDivisionError), spool.scratch_file() as (path, _):
        raise ZeroDivisionError
    assert not path.exists()


def receive_file(spool, body, *, query=b"", **how):
    async def take():
        sent = request(body, **how)
        sent.scope["query_string"] = query
        async with spool.file(sent) as received:
            return received.path.read_bytes(), received.filename, dict(received.fields)

    return asyncio.run(take())


def test_a_file_comes_in_a_form_or_as_the_body_itself(spool):
    body = form(part(b"file", b"a,b", b"c.csv"), part(b"name", b"Form"))
    assert receive_file(spool, body, query=b"name=Query&dim=3") == (b"a,b", "c.csv", {"name": "Form", "dim": "3"})
    as_body = receive_file(spool, b"a,b", query=b"filename=..%2Fc.csv&name=Query", content_type="text/csv")
    assert as_body == (b"a,b", "c.csv", {"name": "Query"})


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("customers.csv", "customers.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\x.csv", "x.csv"),
        ("a\0b\n.csv", "ab.csv"),
        ("..", ".."),
        ("", "file"),
        ("/", "file"),
        ("\u202egnp.csv", "gnp.csv"),
        ("x" * 1000, "x" * 200),
    ],
)
def test_a_file_name_is_for_people_and_never_a_path(sent, shown):
    assert shown_filename(sent) == shown

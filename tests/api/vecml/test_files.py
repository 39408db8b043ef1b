"""Files in base64, and how they are inflated."""

import base64
import gzip
import io

import numpy as np
import pytest

from athanor.api.dialects.vecml import files
from athanor.api.dialects.vecml.json_body import Bulk
from athanor.api.uploads import Spool
from athanor.errors import InvalidInput, Unavailable


def decoded(text):
    into = io.BytesIO()
    files.decode(text, into, field="file_data")
    return into.getvalue()


def as_bulk(text):
    return Bulk("base64", memoryview(text.encode()))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 100, 1001])
@pytest.mark.parametrize("chunk", [4, 8, 2**20])
def test_base64_is_decoded_with_and_without_padding_and_line_breaks(size, chunk, monkeypatch):
    monkeypatch.setattr(files, "_CHUNK", chunk)
    data = np.random.default_rng(size).bytes(size)
    text = base64.b64encode(data).decode()
    broken = "\r\n".join(text[at : at + 7] for at in range(0, len(text), 7))
    for spelled in (text, text.rstrip("="), broken, f" {text}\n"):
        assert decoded(spelled) == data
    for spelled in (text, text.rstrip("="), broken.replace("\r\n", "\\r\\n")):
        assert decoded(as_bulk(spelled)) == data


@pytest.mark.parametrize(
    "text",
    ["QUJ", "QUJDR", "Q", "QUI=QUI=", "Q=U=", "QU==JD", "QUJD=", "====", "QUJ§", "QU-_", "a,b\n1,2", "\ud800QQQ"],
)
def test_what_is_no_base64_is_refused_and_names_its_field(text):
    if text == "QUJ":  # three characters are two bytes
        assert decoded(text) == b"AB"
        return
    with pytest.raises(InvalidInput, match="`file_data` must be a file in base64") as refused:
        decoded(text)
    assert refused.value.field == "file_data"


@pytest.mark.parametrize("value", [5, True, [], {}])
def test_a_file_is_a_text(value):
    with pytest.raises(InvalidInput, match="it is no text"):
        decoded(value)


def test_a_decoded_file_is_gone_afterwards(tmp_path):
    with files.decoded(Spool(tmp_path), base64.b64encode(b"a,b").decode(), field="X") as path:
        assert path.read_bytes() == b"a,b"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_to_be_full_and_nothing_is_left(tmp_path, monkeypatch):
    def create(path):
        path.touch()
        return open("/dev/full", "wb")  # noqa: PTH123 - the one device that is always full

    monkeypatch.setattr("athanor.api.uploads._create", create)
    with pytest.raises(Unavailable, match="disk is full"), files.decoded(Spool(tmp_path), "QUJD", field="X"):
        pytest.fail("a file that is not there was taken for a whole one")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_compressed_as_its_sender_says(tmp_path):
    packed, plain = tmp_path / "packed", tmp_path / "plain"
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    plain.write_bytes(b"a,b\n1,2\n")
    files.check_compression(packed, "gzip")
    files.check_compression(packed, None)
    files.check_compression(plain, None)
    with pytest.raises(InvalidInput, match="not compressed so"):
        files.check_compression(plain, "gzip")

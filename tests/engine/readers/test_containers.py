"""Compressed files and archives: the table in them, or a refusal, and nothing left behind."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import sys
import tempfile
import zipfile
from types import SimpleNamespace

import pytest

from athanor.engine.readers import ReaderOptions
from athanor.engine.readers import containers as inflating
from athanor.engine.readers.containers import plain
from athanor.errors import InvalidInput, TooLarge, Unavailable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"a,b\n1,2\n"


def zipped(*members, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where inflated files go in this test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def unpacked(tmp_path, scratch):
    """What is in a file of the given bytes, and what it is called there; keyword arguments become reader options."""

    def unpacking(content, filename="upload", **options):
        path = tmp_path / "upload"
        path.write_bytes(content)
        try:
            with plain(path, filename, ReaderOptions(**options)) as (file, inner):
                return file.read_bytes(), inner
        finally:
            assert list(scratch.iterdir()) == [], "nothing is left behind"

    return unpacking


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (gzip.compress(TEXT), "t.csv.gz"),
        (gzip.compress(TEXT[:3]) + gzip.compress(TEXT[3:]), "t.csv.GZ"),
        (zstd.compress(TEXT), "t.csv.zst"),
        (zstd.compress(TEXT[:3]) + zstd.compress(TEXT[3:]), "t.csv.zst"),
        (bz2.compress(TEXT), "t.csv.bz2"),
        (lzma.compress(TEXT), "t.csv.xz"),
        (zipped(("folder/t.csv", TEXT)), "anything.zip"),
        (zipped(("t.csv", TEXT), ("README.md", b"words"), ("__MACOSX/._t.csv", b"x"), (".DS_Store", b"x")), "z.zip"),
    ],
    ids=["gzip", "gzip twice", "zstd", "zstd twice", "bzip2", "xz", "zip", "zip with other files"],
)
def test_each_kind_is_known_by_its_content_and_gives_the_file_in_it(unpacked, content, filename):
    assert unpacked(content, filename) == (TEXT, "t.csv")
    assert unpacked(content, "misnamed.csv")[0] == TEXT


def test_a_plain_file_is_not_copied(tmp_path, scratch):
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT)
    with plain(path, "t.csv", ReaderOptions()) as (file, inner):
        assert (file, inner) == (path, "t.csv")


def test_a_workbook_is_left_to_its_reader(unpacked):
    workbook = zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
    assert unpacked(workbook, "t.xlsx") == (workbook, "t.xlsx")
    assert unpacked(gzip.compress(workbook), "t.xlsx.gz") == (workbook, "t.xlsx")
    other = zipped(("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", b"<x/>"))
    assert unpacked(other, "t.ods") == (other, "t.ods")


def test_the_owner_says_which_of_several_tables_is_read(unpacked):
    archive = zipped(("a.csv", b"first"), ("b.csv", b"second"))
    assert unpacked(archive, member="b.csv") == (b"second", "b.csv")
    with pytest.raises(InvalidInput, match=r"must hold one table, but its files are: 'a.csv', 'b.csv'"):
        unpacked(archive)
    with pytest.raises(InvalidInput, match=r"has no member 'c.csv'"):
        unpacked(archive, member="c.csv")
    with pytest.raises(InvalidInput, match="names a file in a ZIP archive"):
        unpacked(TEXT, member="a.csv")


def encrypted():
    content = bytearray(zipped(("t.csv", TEXT)))
    content[6] |= 1  # the flag, in the member's own header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the list of members
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(TEXT * 50)[:-9], "gzip .* damaged or cut off"),
        (gzip.compress(TEXT * 50)[:15] + b"\0" * 30, "gzip .* damaged or cut off"),
        (zstd.compress(TEXT * 50)[:-3], "zstd .* damaged or cut off"),
        (zstd.compress(TEXT * 50)[:9] + b"\xff" * 30, "zstd .* damaged or cut off"),
        (bz2.compress(TEXT * 50)[:-9], "bzip2 .* damaged or cut off"),
        (lzma.compress(TEXT * 50)[:-9], "xz .* damaged or cut off"),
        (zipped(("t.csv", TEXT * 50))[:-9], "zip .* damaged or cut off"),
        (zipped(("t.csv", TEXT)).replace(b"t.csv", b"u.csv", 1), "zip .* damaged or cut off"),
        (b"PK\x03\x04....", "zip .* damaged or cut off"),
        (gzip.compress(gzip.compress(TEXT)), "another archive inside .gzip"),
        (zipped(("t.zip", zipped(("t.csv", TEXT)))), "another archive inside .zip"),
        (zipped(), "holds no file"),
        (zipped(*((f"{n}.csv", b"") for n in range(1001))), "1,001 members; 1,000 are allowed"),
        (encrypted(), "is encrypted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_unpacked_is_refused_in_words(unpacked, content, message):
    with pytest.raises(InvalidInput, match=message):
        unpacked(content)


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress, lambda content: zipped(("t.csv", content))])
def test_a_bomb_is_refused_while_it_is_inflated(unpacked, compress):
    with pytest.raises(TooLarge, match="inflates to more than 1,000 bytes"):
        unpacked(compress(b"0" * 10_000_000), max_inflated_bytes=1000)


def test_a_pipe_is_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "rows.csv")
    with (
        pytest.raises(InvalidInput, match=r"is a pipe, .* save it as a file first"),
        plain(tmp_path / "rows.csv", "rows.csv", ReaderOptions()),
    ):
        pass


def test_a_disk_that_would_be_full_is_told_before_it_is(unpacked, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(Unavailable, match="disk is full"):
        unpacked(gzip.compress(TEXT))


def test_a_disk_that_gets_full_is_told(unpacked, monkeypatch):
    def full(file, part):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(inflating, "_write", full)
    with pytest.raises(Unavailable, match="disk is full"):
        unpacked(gzip.compress(TEXT))


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with (
        pytest.raises(InvalidInput, match=r"'t.csv' cannot be read: No such file"),
        plain(tmp_path / "t.csv", "t.csv", ReaderOptions()),
    ):
        pass

"""What every blob store promises: written once, whole or not at all, under safe keys."""

from __future__ import annotations

import hashlib
import io
import threading

import pytest

from athanor.errors import Conflict, InvalidInput, NotFound, TooLarge


def read(blobs, key):
    with blobs.open(key) as file:
        return file.read()


def everything(blobs):
    return {key: read(blobs, key) for key in blobs.keys()}  # noqa: SIM118


@pytest.fixture
def model_folder(tmp_path):
    """Three files, one of them below a folder, one of them empty."""
    folder = tmp_path / "model"
    (folder / "fold-0").mkdir(parents=True)
    (folder / "model.json").write_bytes(b"{}")
    (folder / "empty").write_bytes(b"")
    (folder / "fold-0" / "model.txt").write_bytes(b"trees")
    return folder


MODEL = {"models/1/empty": b"", "models/1/fold-0/model.txt": b"trees", "models/1/model.json": b"{}"}


# --- put ---


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 20_000], ids=["empty", "one", "5 MB"])
def test_a_blob_comes_back_as_it_was(blobs, content):
    blob = blobs.put("datasets/1/a.parquet", io.BytesIO(content))
    assert (blob.key, blob.size_bytes) == ("datasets/1/a.parquet", len(content))
    assert blob.sha256 == hashlib.sha256(content).hexdigest()
    assert read(blobs, "datasets/1/a.parquet") == content
    assert blobs.local("datasets/1/a.parquet").read_bytes() == content


def test_a_blob_may_come_in_pieces(blobs):
    blobs.put("a", iter([b"one", b"", b"two"]))
    assert read(blobs, "a") == b"onetwo"


def test_a_key_is_written_once(blobs):
    blobs.put("a/b", io.BytesIO(b"first"))
    with pytest.raises(Conflict):
        blobs.put("a/b", io.BytesIO(b"second"))
    assert everything(blobs) == {"a/b": b"first"}


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a"), ("a", "a/b/c")])
def test_a_blob_and_a_folder_cannot_share_a_key(blobs, first, second):
    blobs.put(first, io.BytesIO(b"first"))
    with pytest.raises(Conflict):
        blobs.put(second, io.BytesIO(b"second"))
    assert everything(blobs) == {first: b"first"}


def test_of_many_who_write_a_key_at_once_one_wins(blobs):
    outcomes = []

    def write(number: int) -> None:
        content = b"%d" % number * 100_000
        try:
            blobs.put("a/b", io.BytesIO(content))
            outcomes.append(content)
        except Conflict:
            outcomes.append(None)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome is not None]
    assert len(outcomes) == 8
    assert winners == [read(blobs, "a/b")]


def test_the_limit_is_what_may_come(blobs):
    blobs.put("a", io.BytesIO(b"12345"), limit=5)
    with pytest.raises(TooLarge, match="5 bytes"):
        blobs.put("b", io.BytesIO(b"123456"), limit=5)
    assert everything(blobs) == {"a": b"12345"}


def test_a_source_is_read_no_further_than_the_limit(blobs):
    def endless():
        while True:
            yield b"x" * 1000

    with pytest.raises(TooLarge):
        blobs.put("a", endless(), limit=10_000)
    assert everything(blobs) == {}


def test_nothing_is_left_of_a_source_that_breaks(blobs):
    def breaking():
        yield b"half"
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError):
        blobs.put("a/b", breaking())
    assert everything(blobs) == {}
    blobs.put("a/b", io.BytesIO(b"whole"))
    assert everything(blobs) == {"a/b": b"whole"}


# --- keys ---

BAD_KEYS = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", ".tmp/a", "a/.b", "a\0b", "a b", "a\\b"]
BAD_KEYS += ["ü", "a\n", "-a", "~", "C:", "x" * 201, "/".join(["x" * 100] * 10), "a/\ud800"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
def test_a_key_that_is_no_plain_relative_path_is_refused_everywhere(blobs, model_folder, key):
    for act in (
        lambda: blobs.put(key, io.BytesIO(b"x")),
        lambda: blobs.put_folder(key, model_folder),
        lambda: blobs.open(key),
        lambda: blobs.local(key),
        lambda: blobs.delete(key),
    ):
        with pytest.raises(InvalidInput, match="no key"):
            act()
    assert everything(blobs) == {}


@pytest.mark.parametrize("key", ["a", "A-1_b.parquet", "x" * 200, "a/b/c/d/e", "run=1/f@2+3", "_a"])
def test_plain_names_are_keys(blobs, key):
    blobs.put(key, io.BytesIO(b"x"))
    assert list(blobs.keys()) == [key]


def test_keys_are_those_of_the_blob_or_below_the_folder(blobs):
    for key in ("a", "ab", "b/c", "b/d/e", "bc/f"):
        blobs.put(key, io.BytesIO(b""))
    assert sorted(blobs.keys()) == ["a", "ab", "b/c", "b/d/e", "bc/f"]
    assert sorted(blobs.keys("a")) == ["a"]
    assert sorted(blobs.keys("b")) == ["b/c", "b/d/e"]
    assert sorted(blobs.keys("b/")) == ["b/c", "b/d/e"]
    assert sorted(blobs.keys("c")) == []


# --- folders ---


def test_a_folder_is_kept_with_all_its_files(blobs, model_folder):
    blobs.put_folder("models/1", model_folder)
    assert everything(blobs) == MODEL
    local = blobs.local("models/1")
    assert {p.relative_to(local).as_posix() for p in local.rglob("*") if p.is_file()} == {
        "empty",
        "fold-0/model.txt",
        "model.json",
    }
    assert (local / "fold-0" / "model.txt").read_bytes() == b"trees"


def test_the_folder_that_was_kept_is_a_copy(blobs, model_folder):
    blobs.put_folder("models/1", model_folder)
    (model_folder / "model.json").write_bytes(b"changed")
    assert everything(blobs) == MODEL


@pytest.mark.parametrize("taken", ["models/1", "models/1/model.json", "models/1/other", "models"])
def test_a_folder_does_not_mix_with_what_is_there(blobs, model_folder, taken):
    blobs.put(taken, io.BytesIO(b"first"))
    with pytest.raises(Conflict):
        blobs.put_folder("models/1", model_folder)
    assert everything(blobs) == {taken: b"first"}


def test_a_folder_is_written_once(blobs, model_folder):
    blobs.put_folder("models/1", model_folder)
    with pytest.raises(Conflict):
        blobs.put_folder("models/1", model_folder)
    assert everything(blobs) == MODEL


@pytest.mark.parametrize("bad", ["hidden", "link", "folder link", "no files", "not there"])
def test_a_folder_with_something_that_cannot_be_kept_is_refused_whole(blobs, model_folder, bad):
    if bad == "hidden":
        (model_folder / ".secret").write_bytes(b"x")
    elif bad == "link":
        (model_folder / "passwords").symlink_to("/etc/passwd")
    elif bad == "folder link":
        (model_folder / "etc").symlink_to("/etc")
    else:
        model_folder = model_folder.parent / "bare"
        if bad == "no files":
            (model_folder / "inner").mkdir(parents=True)
    with pytest.raises(InvalidInput):
        blobs.put_folder("models/1", model_folder)
    assert everything(blobs) == {}


# --- what is not there ---


@pytest.mark.parametrize("key", ["a", "b/c", "b/x", "a/b"])
def test_what_is_not_there_is_not_found(blobs, key):
    blobs.put("b/c/d", io.BytesIO(b"x"))
    with pytest.raises(NotFound):
        blobs.open(key)
    if key != "b/c":
        with pytest.raises(NotFound):
            blobs.local(key)


def test_what_is_deleted_is_gone_and_its_key_is_free(blobs):
    blobs.put("a/b/c", io.BytesIO(b"x"))
    blobs.local("a/b/c")
    blobs.delete("a/b/c")
    with pytest.raises(NotFound):
        blobs.open("a/b/c")
    with pytest.raises(NotFound):
        blobs.local("a")
    blobs.put("a", io.BytesIO(b"y"))
    assert everything(blobs) == {"a": b"y"}


def test_deleting_a_folder_leaves_its_neighbours(blobs, model_folder):
    blobs.put_folder("models/1", model_folder)
    blobs.put("models/10", io.BytesIO(b"x"))
    blobs.delete("models/1")
    assert everything(blobs) == {"models/10": b"x"}
    blobs.put_folder("models/1", model_folder)
    assert everything(blobs) == MODEL | {"models/10": b"x"}


@pytest.mark.parametrize("key", ["x", "a/b", "a/b/c"])
def test_deleting_what_is_not_there_does_nothing(blobs, key):
    blobs.put("a", io.BytesIO(b"x"))
    blobs.delete(key)
    assert everything(blobs) == {"a": b"x"}


def test_writing_and_deleting_beside_each_other_do_not_disturb(blobs):
    failures = []

    def write(number: int) -> None:
        try:
            for round_ in range(30):
                key = f"shared/{number}-{round_}"
                blobs.put(key, io.BytesIO(b"x"))
                blobs.delete(key)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert everything(blobs) == {}

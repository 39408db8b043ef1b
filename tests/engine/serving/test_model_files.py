"""Model folders: what may be in them, and that it is what was written."""

from __future__ import annotations

import errno
import json
import os
import pickle

import numpy as np
import pytest

from athanor.engine.disk import sha256_of
from athanor.engine.serving import model_files
from athanor.engine.serving.model_files import (
    FORMAT,
    check_name,
    copy_model,
    link_files,
    made_by_us,
    memory_of,
    read_head,
    verify_files,
    write_head,
)
from athanor.errors import InvalidInput, NotFound, Unavailable

WEIGHTS, VIEW = "models/t/fold-0/weights.npy", "views/codes/fold-0/view.json"


@pytest.fixture
def model(tmp_path):
    """A folder with two files and their description."""
    folder = tmp_path / "model"
    for name in (WEIGHTS, VIEW):
        (folder / name).parent.mkdir(parents=True)
    np.save(folder / WEIGHTS, np.arange(3.0))
    (folder / VIEW).write_text("{}")
    write_head(folder, {"score": 0.5}, sha256_of(folder))
    return folder


def rewrite(model, **changed):
    """The description with something changed, and no new seal."""
    head = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(head | changed))


def forge(model, **changed):
    """The same by someone who knows how the seal is made."""
    head = {**read_head(model), **changed}
    rewrite(model, **head, sha256=model_files._seal(head))


def verify(model):
    verify_files(model, read_head(model))


def test_a_model_is_described_as_it_was_written(model):
    head = read_head(model)
    assert head["format"] == FORMAT
    assert head["score"] == 0.5
    assert set(head["files"]) == {WEIGHTS, VIEW}


def test_a_folder_without_a_description_is_no_model(tmp_path):
    with pytest.raises(NotFound, match=r"There is no model in .*model\.json is missing"):
        read_head(tmp_path)


def test_the_files_of_a_model_are_found_unchanged(model):
    verify(model)


def test_a_file_that_is_missing_is_named(model):
    (model / WEIGHTS).unlink()
    with pytest.raises(InvalidInput, match=f"not complete: {WEIGHTS} is missing"):
        verify(model)


def test_a_folder_in_the_place_of_a_file_is_refused(model):
    (model / WEIGHTS).unlink()
    (model / WEIGHTS).mkdir()
    with pytest.raises(InvalidInput, match="not complete"):
        verify(model)


def test_a_file_that_was_changed_is_named(model):
    (model / WEIGHTS).write_text("other contents")
    with pytest.raises(InvalidInput, match=f"changed after it was made: {WEIGHTS}"):
        verify(model)


def test_a_file_of_another_kind_is_refused_though_nobody_asks_for_it(model):
    (model / "models" / "helper.py").write_text("print('hello')")
    with pytest.raises(InvalidInput, match=r"A model may not hold the file 'models/helper\.py'"):
        verify(model)


@pytest.mark.parametrize("changed", [{"score": 0.99}, {"files": {}}, {"sha256": "0" * 64}, {"more": 1}])
def test_a_description_that_was_edited_is_refused(model, changed):
    rewrite(model, **changed)
    with pytest.raises(InvalidInput, match=r"changed after it was made: model\.json is not as it was written"):
        read_head(model)


def test_a_hash_that_was_changed_is_found_out(model):
    forge(model, files={**read_head(model)["files"], WEIGHTS: "0" * 64})
    with pytest.raises(InvalidInput, match=f"changed after it was made: {WEIGHTS}"):
        verify(model)


@pytest.mark.parametrize("made_by", [FORMAT + 1, 0])
def test_a_format_that_this_version_does_not_know_is_refused(model, made_by):
    rewrite(model, format=made_by)
    with pytest.raises(InvalidInput, match=f"has format {made_by}; this version of Athanor reads 1 to {FORMAT}"):
        read_head(model)


@pytest.mark.parametrize(
    "text",
    [
        *("", "not json", "[]", "{}", "null", '{"format": 1}', '{"format": "new", "files": {}}'),
        *('{"format": 1, "files": 7}', '{"format": Infinity, "files": {}}', "[" * 100_000, "\ud800"),
    ],
)
def test_a_description_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "model.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(InvalidInput, match="is not a model's description"):
        read_head(tmp_path)


@pytest.mark.parametrize("files", [None, [], 7, [[WEIGHTS, "0"]], {WEIGHTS: 7}, {WEIGHTS: None}])
def test_a_description_that_does_not_say_which_files_there_are_is_refused(model, files):
    forge(model, files=files)
    with pytest.raises(InvalidInput, match="is not a model's description"):
        read_head(model)


class Bomb:
    """Pickled, it writes a file where it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def array_of(*objects):
    array = np.empty(len(objects), object)
    array[:] = objects
    return array


def write_pickle(path, marker):
    path.write_bytes(pickle.dumps(Bomb(marker)))


def write_objects(path, marker):
    np.save(path, array_of(Bomb(marker)), allow_pickle=True)


def write_many(path, marker):
    with path.open("wb") as file:
        np.savez(file, weights=array_of(Bomb(marker)))


def write_records(path, marker):
    np.save(path, np.zeros(3, [("weights", "f8")]))


def write_words(path, marker):
    np.save(path, np.array(["weights"]))


def write_too_little(path, marker):
    np.save(path, np.arange(3.0))
    path.write_bytes(path.read_bytes()[:-1])


def write_huge(path, marker):
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})


def write_nothing(path, marker):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "write",
    [write_pickle, write_objects, write_many, write_records, write_words, write_too_little, write_huge, write_nothing],
)
def test_a_file_that_is_no_array_of_numbers_is_refused_whoever_described_it(model, tmp_path, write):
    write(model / WEIGHTS, tmp_path / "marker")
    forge(model, files={WEIGHTS: sha256_of((model / WEIGHTS).parent)["weights.npy"]})
    with pytest.raises(InvalidInput, match=r"weights\.npy is not what Athanor wrote"):
        verify(model)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "array", [np.zeros((0, 3)), np.array(1.5), np.ones((2, 2), np.float32), np.array([True]), np.arange(2)]
)
def test_arrays_of_numbers_are_of_any_shape(model, array):
    np.save(model / WEIGHTS, array)
    forge(model, files={WEIGHTS: sha256_of((model / WEIGHTS).parent)["weights.npy"]})
    verify(model)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(model):
    (model / WEIGHTS).unlink()
    os.mkfifo(model / WEIGHTS)
    with pytest.raises(InvalidInput, match="not complete"):
        verify(model)


BAD_NAMES = [
    "../x.json",
    "models/../../x.json",
    "/etc/x.json",
    "models/t/model.pkl",
    "models/t/model.PKL",
    "model.joblib",
    "model.npy.pkl",
    "program.py",
    "library.so",
    "no_suffix",
    "",
    ".json",
    "./x.json",
    "models//x.json",
    "models/./x.json",
    "models/x.json/",
    "models\\x.json",
    "C:x.json",
    "a\x00.json",
    "a\n.json",
    "größe.json",
    "a" * 1000 + ".json",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_outside_or_of_a_kind_that_can_hold_code_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput, match="A model may not hold the file"):
        check_name(name)
    with pytest.raises(InvalidInput, match="A model may not hold the file"):
        write_head(tmp_path, {}, {name: "0"})
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_description_that_names_such_a_file_is_refused_though_the_file_is_there(model, tmp_path, name):
    (tmp_path / "x.json").write_text("{}")
    (model / "models" / "x.json").write_text("{}")
    forge(model, files={name: sha256_of(tmp_path)["x.json"]})
    with pytest.raises(InvalidInput, match="A model may not hold the file"):
        verify(model)


@pytest.mark.parametrize("name", ["model.txt", "models/t/fold-0/weights.npy", "views/codes/fold-10/view.json"])
def test_files_of_safe_kinds_below_the_folder_are_allowed(name):
    check_name(name)


# --- copies -----------------------------------------------------------------------------------------------------------


def test_a_copy_has_what_is_described_with_leaderboard_and_scores_and_nothing_else(model, tmp_path):
    for name in ("leaderboard.json", "scores.json"):
        (model / name).write_text("[]")
    (model / "left_over.txt").write_text("nobody knows")
    copy_model(model, tmp_path / "copy")
    expected = sha256_of(model)
    del expected["left_over.txt"]
    assert sha256_of(tmp_path / "copy") == expected


def test_a_copy_is_its_own_file(model, tmp_path):
    copy_model(model, tmp_path / "copy")
    assert not (model / WEIGHTS).samefile(tmp_path / "copy" / WEIGHTS)


def test_an_empty_folder_may_take_a_copy(model, tmp_path):
    (tmp_path / "copy").mkdir()
    copy_model(model, tmp_path / "copy")
    assert read_head(tmp_path / "copy") == read_head(model)


def test_a_place_that_is_taken_is_left_alone(model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(InvalidInput, match="exists and is not empty"):
            copy_model(model, place)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_tampered_model_is_not_copied(model, tmp_path):
    (model / WEIGHTS).write_text("other contents")
    with pytest.raises(InvalidInput, match="changed after it was made"):
        copy_model(model, tmp_path / "copy")


def test_files_are_shared_where_the_disk_can(model, tmp_path):
    link_files(model, tmp_path / "linked")
    assert (model / WEIGHTS).samefile(tmp_path / "linked" / WEIGHTS)


def test_files_are_copied_where_the_disk_cannot_share_them(model, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    link_files(model, tmp_path / "copied")
    assert sha256_of(tmp_path / "copied") == sha256_of(model)
    assert not (model / WEIGHTS).samefile(tmp_path / "copied" / WEIGHTS)


# --- what is wrong, and whose fault it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [AttributeError("x"), KeyError("x"), ZeroDivisionError("x"), FileNotFoundError("x")])
def test_contents_that_do_not_fit_are_not_what_athanor_wrote(error, tmp_path):
    with pytest.raises(InvalidInput, match="is not what Athanor wrote"), made_by_us(tmp_path):
        raise error


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.EIO])
def test_what_the_system_refuses_is_told_in_its_words_and_blames_no_contents(number, tmp_path):
    with pytest.raises(Unavailable, match=f"cannot be read now: {os.strerror(number)}"), made_by_us(tmp_path):
        raise OSError(number, os.strerror(number))


def test_a_file_that_cannot_be_opened_is_no_file_that_was_changed(model, monkeypatch):
    head = read_head(model)

    def refuse(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(model_files.hashlib, "file_digest", refuse)
    with pytest.raises(Unavailable, match="cannot be read now"):
        verify_files(model, head)


def test_a_model_takes_several_times_the_memory_of_its_files(model):
    sizes = {name: (model / name).stat().st_size for name in (WEIGHTS, VIEW)}
    assert memory_of(model, read_head(model)) == 9 * sizes[WEIGHTS] + 8 * sizes[VIEW]

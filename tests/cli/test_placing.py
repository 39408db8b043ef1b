"""A model at its place: whole or not at all, and in the place of another at one instant."""

import ctypes
import errno
from contextlib import nullcontext
from pathlib import Path

import pytest

from athanor.cli import placing
from athanor.cli.placing import BEFORE, put_back, put_in_place, replace_model
from athanor.errors import InvalidInput


class Saved:
    """A result, as far as it is put in place."""

    def __init__(self, error=None, *, head="{}"):
        self.error, self.head = error, head

    def save(self, folder):
        folder.mkdir(exist_ok=True)
        (folder / "models").mkdir()
        if self.error:
            raise self.error
        (folder / "model.json").write_text(self.head)


@pytest.fixture
def model(tmp_path):
    return tmp_path / "model"


@pytest.fixture
def work(tmp_path):
    made = tmp_path / "model.folds"
    made.mkdir()
    return made


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "empty"])
def test_a_model_that_cannot_be_written_whole_is_not_there_in_part(is_there, model, work):
    if is_there:
        model.mkdir()
    with pytest.raises(OSError, match="full"):
        put_in_place(Saved(OSError(28, "full")), model, work)
    assert model.exists() == is_there
    assert not is_there or list(model.iterdir()) == []


class Killed(BaseException):
    pass


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_in_an_empty_folder(model, work):
    model.mkdir()
    with pytest.raises(Killed):
        put_in_place(Saved(Killed()), model, work)
    assert list(model.iterdir()) == []


def test_an_empty_folder_is_replaced_with_its_mode(model, work):
    model.mkdir(mode=0o700)
    before = model.stat()
    put_in_place(Saved(head="first"), model, work)
    assert (model / "model.json").read_text() == "first"
    assert model.stat().st_mode == before.st_mode
    assert model.stat().st_ino != before.st_ino
    assert list(work.iterdir()) == []


def test_the_folder_where_the_command_was_given_stays_the_one_it_is(model, work, monkeypatch):
    model.mkdir()
    monkeypatch.chdir(model)
    before = model.stat().st_ino
    put_in_place(Saved(head="first"), Path(), work)
    assert model.stat().st_ino == before
    assert (model / "model.json").read_text() == "first"


@pytest.mark.parametrize("error", [None, OSError(28, "full")], ids=["written", "full"])
def test_a_mount_point_cannot_be_replaced_and_is_written_into(error, model, work, monkeypatch):
    model.mkdir()

    def busy(*_):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(type(model), "rename", busy)
    result = Saved(head="first")
    save = result.save

    def save_there(folder):
        result.error = error if folder == model else None
        save(folder)

    result.save = save_there
    with pytest.raises(OSError, match="full") if error else nullcontext():
        put_in_place(result, model, work)
    assert sorted(path.name for path in model.iterdir()) == ([] if error else ["model.json", "models"])
    assert list(work.iterdir()) == []


def test_what_stands_there_before_the_model_is_written_stays_too(model, work):
    model.write_text("mine")
    with pytest.raises(InvalidInput, match=r"Something else was put at .*model during the training"):
        put_in_place(Saved(), model, work)
    assert model.read_text() == "mine"
    assert list(work.iterdir()) == []


def test_what_someone_else_put_there_meanwhile_stays(model, work):
    result = Saved()
    save = result.save

    def late(folder):
        save(folder)
        model.mkdir()
        (model / "mine.txt").write_text("mine")

    result.save = late
    with pytest.raises(FileExistsError, match="Something else was put there"):
        put_in_place(result, model, work)
    assert [path.name for path in model.iterdir()] == ["mine.txt"]


@pytest.fixture(params=["in one step", "in steps"])
def system(request, monkeypatch):
    """One that can exchange two folders, and one that cannot."""
    if request.param == "in steps":
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())


@pytest.mark.usefixtures("system")
def test_a_model_takes_the_place_of_another_and_nothing_else_is_left(model, work):
    put_in_place(Saved(head="first"), model, work)
    replace_model(Saved(head="second"), model, work)
    assert (model / "model.json").read_text() == "second"
    assert list(work.iterdir()) == []


@pytest.mark.usefixtures("system")
def test_one_that_cannot_be_written_whole_leaves_the_one_before(model, work):
    put_in_place(Saved(head="first"), model, work)
    with pytest.raises(OSError, match="full"):
        replace_model(Saved(OSError(28, "full")), model, work)
    assert (model / "model.json").read_text() == "first"


def test_where_there_is_none_any_more_it_is_put_there(model, work):
    replace_model(Saved(head="second"), model, work)
    assert (model / "model.json").read_text() == "second"


def test_something_else_than_a_model_is_not_replaced(model, work):
    put_in_place(Saved(), model, work)
    (model / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="holds something else than a model"):
        replace_model(Saved(), model, work)
    assert (model / "notes.txt").exists()


def test_after_a_kill_between_two_steps_the_model_before_is_put_back(model, work, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    put_in_place(Saved(head="first"), model, work)

    rename = type(model).rename

    def killed(path, target):
        if path == work / placing.NEW:
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(type(model), "rename", killed)
    with pytest.raises(Killed):
        replace_model(Saved(head="second"), model, work)
    assert not model.exists()
    put_back(model, work)
    assert (model / "model.json").read_text() == "first"
    assert not (work / BEFORE).exists()


def test_after_a_kill_behind_the_last_step_the_new_model_stays(model, work):
    put_in_place(Saved(head="second"), model, work)
    (work / BEFORE).mkdir()
    put_back(model, work)
    assert (model / "model.json").read_text() == "second"
    assert not (work / BEFORE).exists()

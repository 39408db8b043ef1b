"""The hidden folder beside a model: gone with its training, and swept where that was killed."""

import os
import signal

import pytest

from athanor.cli.work_folder import LOCK, put_in_place, remove_left_behind, work_folder


class Saved:
    """A result, as far as it is put in place."""

    def __init__(self, error=None):
        self.error = error

    def save(self, folder):
        folder.mkdir(exist_ok=True)
        (folder / "part.txt").write_text("part")
        if self.error:
            raise self.error
        (folder / "model.json").write_text("{}")


@pytest.fixture
def model(tmp_path):
    return tmp_path / "model"


def test_it_stands_beside_the_model_and_goes_with_the_block(model):
    with work_folder(model) as work:
        (work / "fold").mkdir()
        assert work.parent == model.parent
        assert work.name.startswith(".")
    assert list(model.parent.iterdir()) == []


def test_folders_that_were_made_for_it_go_too_unless_the_model_is_there(tmp_path):
    with work_folder(tmp_path / "a" / "b" / "model"):
        pass
    assert list(tmp_path.iterdir()) == []
    with work_folder(tmp_path / "a" / "b" / "model") as work:
        put_in_place(Saved(), tmp_path / "a" / "b" / "model", work)
    assert (tmp_path / "a" / "b" / "model" / "model.json").is_file()


def test_one_whose_training_goes_on_is_not_removed(model):
    with work_folder(model) as work:
        assert remove_left_behind(model) == []
        assert (work / LOCK).is_file()


def test_one_whose_process_was_killed_is_removed_by_the_next(model):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with work_folder(model) as work:
            (work / "fold").mkdir()
            os.write(tell, work.name.encode())
            signal.pause()
    left = model.parent / os.read(ready, 200).decode()
    assert remove_left_behind(model) == []
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (left / "fold").is_dir()
    assert remove_left_behind(model) == [left]
    assert not left.exists()


def test_hidden_folders_of_others_are_left_alone(model):
    (model.parent / ".model.training-mine").mkdir()
    (model.parent / ".git").mkdir()
    assert remove_left_behind(model) == []
    assert len(list(model.parent.iterdir())) == 2


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "empty"])
def test_a_model_that_cannot_be_written_whole_is_not_there_in_part(is_there, model):
    if is_there:
        model.mkdir()
    with work_folder(model) as work, pytest.raises(OSError, match="full"):
        put_in_place(Saved(OSError(28, "full")), model, work)
    assert list(model.parent.iterdir()) == ([model] if is_there else [])
    assert not is_there or list(model.iterdir()) == []


def test_what_someone_else_put_there_meanwhile_stays(model):
    with work_folder(model) as work:
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

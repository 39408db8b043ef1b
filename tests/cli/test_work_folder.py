"""The folders beside a model: folds that stay, and hidden ones that are gone with their training."""

import os
import signal
from pathlib import Path

import pytest

from athanor.cli import work_folder as folders
from athanor.cli.asked import ASKED
from athanor.cli.work_folder import LOCK, folds_of, kept_folds, new_folds, remove_left_behind, work_folder
from athanor.errors import Conflict, InvalidInput


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
        work.with_name("model").mkdir()
    assert (tmp_path / "a" / "b" / "model").is_dir()


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


def stays():
    return True


def goes():
    return False


def test_folds_stand_beside_the_model_under_its_name_and_stay_where_they_are_to(model):
    with new_folds(model, stay=stays) as folds:
        (folds / "trials").mkdir()
        for work in ("scratch", "segments", "new", "model"):
            (folds / work).mkdir()
    assert folds == model.with_name("model.folds")
    assert sorted(path.name for path in folds.iterdir()) == [LOCK, "trials"]


def test_folds_that_are_not_to_stay_are_gone_with_the_folders_that_were_made_for_them(tmp_path):
    with new_folds(tmp_path / "a" / "model", stay=goes) as folds:
        (folds / "trials").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_where_folds_stand_no_others_are_begun_but_in_what_was_killed_before_it_began(model):
    with new_folds(model, stay=stays) as folds:
        (folds / ASKED).touch()
    with pytest.raises(InvalidInput, match=r"Go on with it \(athanor continue"), new_folds(model, stay=stays):
        pass
    (folds / ASKED).rename(folds / f"{ASKED}.new")
    (folds / "segments").mkdir()
    with new_folds(model, stay=stays):
        assert not (folds / "segments").exists()
    (folds / "mine").touch()
    with pytest.raises(InvalidInput, match="exists and is not empty"), new_folds(model, stay=goes):
        pass
    assert (folds / "mine").exists()


def test_a_folder_of_somebody_else_is_refused_as_it_is(model):
    folds = folds_of(model)
    folds.mkdir()
    (folds / "mine").touch()
    with pytest.raises(InvalidInput, match="exists and is not empty"), new_folds(model, stay=goes):
        pass
    assert [path.name for path in folds.iterdir()] == ["mine"]


def test_what_a_process_that_was_killed_while_it_tidied_up_left_is_cleaned_by_the_next(model):
    def leave():
        for work in folders.WORK:
            (folds_of(model) / work / "left").mkdir(parents=True)

    leave()
    with new_folds(model, stay=stays) as folds:  # of one that had not begun
        assert [path.name for path in folds.iterdir()] == [LOCK]
        (folds / ASKED).touch()
    leave()
    with kept_folds(model):
        assert sorted(path.name for path in folds.iterdir()) == sorted([LOCK, ASKED])
    leave()
    with pytest.raises(InvalidInput, match="Go on with it"), new_folds(model, stay=stays):
        pass


def test_folds_are_for_one_process_at_a_time(model, monkeypatch):
    monkeypatch.setattr(folders, "PAUSE_S", 0)
    with new_folds(model, stay=stays) as folds:
        for other in (kept_folds(model), new_folds(model, stay=goes)):
            with pytest.raises(Conflict, match=r"model.folds is in use: another process is training there"), other:
                pass
    with kept_folds(model) as kept:
        assert kept == folds


def test_folds_of_the_folder_where_one_stands_or_of_a_link_are_beside_what_it_is(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "model")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(tmp_path / "model")
    for named in (Path(), tmp_path / "elsewhere" / "link"):
        assert folds_of(named) == tmp_path / "model.folds"
    assert folds_of(Path("m")) == Path("m.folds")

"""`athanor continue`: more time, more trials, or the rest of a training that was cut off; never a worse model."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from athanor.cli import continue_, work_folder
from athanor.cli.asked import ASKED, note_spent, read_asked
from athanor.cli.main import help_for
from athanor.cli.training import more_of
from athanor.cli.work_folder import LOCK
from athanor.engine.leaderboard import read_leaderboard
from athanor.engine.models import FAMILIES

pytestmark = pytest.mark.timeout(150)

# Two families, which have three configurations together.
OTHERS = [name for name in FAMILIES.names() if name not in {"gaussian_process", "linear"}]
WITHOUT = [word for name in OTHERS for word in ("--without", name)]
QUICK = ("--target", "dear", "--exclude", "price", "--preset", "medium_quality", "--cores", 1, *WITHOUT)


TRAIN = ("train", "flats.csv", *QUICK)
ATHANOR = (sys.executable, "-m", "athanor.cli.main")


@pytest.fixture(scope="module")
def here(flats, tmp_path_factory, run_process):
    """A folder with the table, a training of two trials with its folds, and one of three at once."""
    folder = tmp_path_factory.mktemp("continued")
    shutil.copy(flats, folder / "flats.csv")
    for name, trials in (("two", 2), ("three", 3)):
        ended = run_process(*TRAIN, "--max-trials", trials, "--out", name, cwd=folder)
        assert ended.status == 0, ended.err
    return folder


@pytest.fixture
def copied(here, tmp_path):
    """The same to be changed. The file of the training is still the first one."""
    shutil.copytree(here, tmp_path, dirs_exist_ok=True, symlinks=True)
    return tmp_path


def folds_in(folds: Path) -> dict[str, bytes]:
    """Out-of-fold predictions of every fold: models of all rows have none."""
    paths = sorted((folds / "trials").rglob("fold-[012]/out_of_fold.npy"))
    return {str(path.relative_to(folds)): path.read_bytes() for path in paths}


def fits(folds: Path) -> list[str]:
    """Trial and fold of every fit, those of all rows left out."""
    return [fit for fit in (folds / "fits.log").read_text().splitlines() if not fit.endswith(" 3")]


@pytest.mark.parametrize("content", ["[]", "nonsense"])
def test_a_leaderboard_that_cannot_be_read_costs_the_new_model_nothing(copied, run_process, content):
    (copied / "two" / "leaderboard.json").write_text(content)
    ended = run_process("continue", "two", "--more-trials", 1, cwd=copied)
    assert ended.status == 0, ended.err
    assert "Before:" not in ended.out
    assert len(read_leaderboard(copied / "two")) >= 3


def test_more_trials_are_those_that_as_many_at_once_would_have_had_and_no_fold_is_fitted_twice(copied, run_process):
    ended = run_process("continue", "two", "--more-trials", 1, cwd=copied)
    assert ended.status == 0, ended.err
    assert folds_in(copied / "two.folds") == folds_in(copied / "three.folds")
    assert len(set(fits(copied / "two.folds"))) == len(fits(copied / "two.folds")) == 9
    assert len([row for row in read_leaderboard(copied / "two") if row.trial != "ensemble"]) == 3
    assert re.search(r"^Before: roc_auc 0\.\d+\.$", ended.out, re.MULTILINE)
    assert "\nMore: " not in ended.out  # the preset has three
    assert re.search(
        r"^Folds: two\.folds \(\S+ \wB\), more time would buy nothing: remove them$", ended.out, re.MULTILINE
    )
    asked = read_asked(copied / "two.folds")
    assert (asked.plan.max_trials, asked.continues, asked.ended) == (3, True, "schedule complete")
    assert (asked.trials_left, asked.trials_beyond) == (0, 0)
    left = {"scratch", "segments", "model", "model-before"}
    assert left & {path.name for path in (copied / "two.folds").iterdir()} == set()


class Command:
    """One in a process of its own, to be killed."""

    def __init__(self, folder: Path, *words: object) -> None:
        command = [*ATHANOR, *map(str, words)]
        self.process = subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    def read_until(self, words: str) -> None:
        for line in self.process.stderr:
            if words in line:
                return

    def kill_at(self, words: str) -> None:
        self.read_until(words)
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)


def test_a_training_that_was_killed_goes_on_to_the_same_bits_and_fits_nothing_twice(copied, run_process):
    command = Command(copied, *TRAIN, "--max-trials", 3, "--out", "killed")
    command.kill_at("Model on disk")
    assert not (copied / "killed").exists()
    ended = run_process("continue", "killed", cwd=copied)
    assert ended.status == 0, ended.err
    assert len(set(fits(copied / "killed.folds"))) == len(fits(copied / "killed.folds")) == 9
    assert folds_in(copied / "killed.folds") == folds_in(copied / "three.folds")
    assert (copied / "killed" / "model.json").read_bytes() == (copied / "three" / "model.json").read_bytes()


def test_one_whose_model_cannot_be_written_keeps_its_folds_and_says_how_to_go_on(copied, run_process):
    command = Command(copied, *TRAIN, "--time", "10m", "--out", "model")
    command.read_until("Model on disk")
    (copied / "model").write_text("mine")
    command.process.send_signal(signal.SIGTERM)
    _, err = command.process.communicate(timeout=60)
    assert command.process.returncode == 2, err
    assert "The folds that are finished stay in model.folds. To go on with them: athanor continue model\n" in err
    (copied / "model").unlink()
    note_spent(copied / "model.folds", 600.0)
    ended = run_process("continue", "model", cwd=copied)
    assert ended.status == 0, ended.err
    assert (copied / "model" / "model.json").is_file()


def test_one_that_is_ended_at_once_leaves_model_and_folds_as_they_are(copied):
    before = (copied / "two" / "model.json").read_bytes()
    command = Command(copied, "continue", "two", "--more-trials", 1)
    command.read_until("Read ")
    while command.process.poll() is None:
        command.process.send_signal(signal.SIGINT)
    assert command.process.returncode == 130
    assert "ended without a new model (Ctrl-C)" in command.process.stderr.read()
    assert (copied / "two" / "model.json").read_bytes() == before
    assert len(folds_in(copied / "two.folds")) >= 6


def test_one_that_was_killed_before_its_first_fold_begins_anew(copied, run_process):
    command = Command(copied, *TRAIN, "--max-trials", 1, "--out", "killed")
    command.kill_at("Read ")
    ended = run_process("continue", "killed", cwd=copied)
    assert ended.status == 0, ended.err
    assert (copied / "killed" / "model.json").is_file()


def test_a_file_that_was_changed_is_refused_and_everything_stays_as_it_was(copied, run_process):
    (copied / "flats.csv").write_text((copied / "flats.csv").read_text() + "44,Ulm,true,no,44000.0\n")
    kept = [copied / "two.folds" / ASKED, copied / "two" / "model.json"]
    before = [path.read_bytes() for path in kept]
    ended = run_process("continue", "two", "--more-trials", 1, "--file", "flats.csv", cwd=copied)
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == (
        "athanor: flats.csv was changed since two was trained on it: its folds are of other rows. "
        "Put the file back as it was, or train anew with another --out."
    )
    assert [path.read_bytes() for path in kept] == before


def test_folds_that_another_process_holds_are_refused(copied, athanor, monkeypatch):
    monkeypatch.setattr(work_folder, "PAUSE_S", 0)
    with (copied / "two.folds" / LOCK).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = athanor("continue", copied / "two", "--more-trials", 1)
    assert ended.status == 1
    assert f"{copied}/two.folds is in use: another process is training there." in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "There is neither a model nothing nor nothing.folds."),
        (("alone",), "There are no folds to go on from: alone.folds was removed, or the training had --no-keep."),
        (("two",), "has ended (schedule complete). Say how much more: athanor continue two --more-trials 1\n"),
        (("three",), "The training of three has ended (schedule complete). Nothing is left to fit."),
        (("three", "--time", "1h"), "complete, and more time would change nothing. There are no others to add."),
        (("two", "--time", "1h"), "more time would change nothing. Give more trials: athanor continue two"),
        (("two", "--more-trials", "0"), "`more_trials` must be at least 1"),
        (("mine", "--more-trials", "1"), "mine holds something else than a model"),
        (("begun",), "There is no training to go on with in begun.folds: training.json is missing."),
        (("moved", "--more-trials", "1"), "gone.csv, the table of moved, is not there any more. Name its new place"),
    ],
)
def test_what_cannot_go_on_is_told_in_one_line_with_status_2(words, said, copied, athanor, monkeypatch):
    monkeypatch.chdir(copied)
    shutil.copytree("two", "alone")
    for name in ("mine", "begun.folds"):
        Path(name).mkdir()
    Path("mine/notes.txt").touch()
    for name in ("mine.folds", "moved.folds"):
        shutil.copytree("two.folds", name, symlinks=True)
    replace(read_asked(Path("moved.folds")), file=copied / "gone.csv").write(Path("moved.folds"))
    ended = athanor("continue", *words)
    assert ended.status == 2, ended.err
    assert said in ended.err
    assert ended.err.count("\n") == 1


# --- what is asked of the training, without running it ---------------------------------------------------------------


@pytest.fixture
def order(copied, athanor, monkeypatch):
    """The training that the command would run."""
    monkeypatch.chdir(copied)
    seen = []

    def run(training):
        seen.append(training)

    monkeypatch.setattr(continue_.Training, "run", run)

    def ordering(*words, ended=None, plan=None, spent_s=0.0):
        asked = read_asked(Path("two.folds"))
        replace(asked, ended=ended, plan=replace(asked.plan, **(plan or {}))).write(Path("two.folds"))
        note_spent(Path("two.folds"), spent_s)
        told = athanor("continue", "two", *words)
        assert told.status == 0, told.err
        return seen.pop()

    return ordering


TIMED = {"time_limit_s": 100.0, "max_trials": None}


def test_one_that_was_cut_off_has_the_rest_of_its_own_limit(order):
    training = order(plan=TIMED, spent_s=30.0)
    assert (training.limit_s, training.spent_s) == (70.0, 30.0)
    assert training.asked.plan.time_limit_s == 100.0
    assert not training.asked.continues


def test_where_nothing_is_left_of_it_there_is_time_to_write_the_model(order):
    assert order(plan=TIMED, spent_s=500.0).limit_s == 5.0


def test_one_that_counts_trials_has_the_rest_of_its_trials_and_no_clock(order):
    training = order(spent_s=30.0)
    assert training.limit_s is None
    assert training.asked.plan.max_trials == 2


def test_more_time_is_a_limit_of_its_own(order):
    training = order("--time", "2m", plan=TIMED, ended="time limit", spent_s=99.0)
    assert (training.limit_s, training.spent_s) == (120.0, 0.0)
    assert training.asked.plan.time_limit_s == 120.0
    assert training.asked.continues
    assert training.asked.ended is None


def test_a_continuation_that_was_cut_off_is_one_still(order, copied):
    asked = read_asked(copied / "two.folds")
    replace(asked, continues=True).write(copied / "two.folds")
    assert order().asked.continues


@pytest.mark.parametrize(
    ("plan", "left", "beyond", "words"),
    [
        (TIMED, 3, 0, "--time 5m"),
        (TIMED, 0, 0, None),
        ({}, 0, 5, "--more-trials 2"),
        ({}, 0, 1, "--more-trials 1"),
        ({}, 2, 0, "--time 5m"),
        ({}, 0, 0, None),
        ({}, None, None, "--more-trials 2"),  # kept before that was noted
        (TIMED, None, None, "--time 5m"),
    ],
)
def test_more_is_offered_where_something_is_left(plan, left, beyond, words, here):
    asked = read_asked(here / "two.folds")
    ended = replace(asked, plan=replace(asked.plan, **plan), trials_left=left, trials_beyond=beyond)
    assert more_of(ended, Path("two")) == (words and f"athanor continue two {words}")


def test_cores_memory_and_the_place_of_the_file_can_be_others_than_before(order, copied):
    shutil.copy("flats.csv", "other.csv")
    training = order("--cores", "2", "--memory", "1GB", "--file", "other.csv")
    assert (training.asked.plan.cores, training.asked.plan.memory_limit) == (2, 2**30)
    assert training.asked.file == copied / "other.csv"
    assert training.asked.rows_for == json.loads((copied / "two.folds" / ASKED).read_text())["rows_for"]


def test_a_model_that_was_removed_is_made_again_without_being_asked_for_more(order):
    shutil.rmtree("two")
    assert order(ended="schedule complete").limit_s is None


def test_the_helps_of_train_and_continue_teach_it():
    assert "athanor continue houses-model --time 30m" in help_for(["train", "--help"])
    assert "athanor continue houses-model --time 30m" in help_for(["continue", "--help"])
    assert "athanor continue data-model" in help_for(["--help"])

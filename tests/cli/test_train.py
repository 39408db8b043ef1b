"""`athanor train`: a file becomes a model, and Ctrl-C is no loss."""

import io
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import polars as pl
import pytest

from athanor.cli import train
from athanor.cli.training import print_result
from athanor.engine.leaderboard import read_leaderboard
from athanor.engine.learn import Result
from athanor.engine.scores import MeasuredOn, Scores

pytestmark = pytest.mark.timeout(150)


def test_training_prints_the_score_where_the_model_is_and_the_next_command(classifier):
    assert classifier.ended.status == 0, classifier.ended.err
    lines = classifier.ended.out.splitlines()
    assert re.match(r"binary: roc_auc 0\.\d+", lines[0])
    assert f"Model: {classifier.model}" in classifier.ended.out
    assert lines[-1].startswith(f"Next: athanor predict {classifier.model}")


def test_what_happens_is_told_on_standard_error_line_by_line(classifier):
    assert re.search(r"^\[ +\d+\.\d s\] Read .*flats.csv: 240 rows, 5 columns", classifier.ended.err, re.MULTILINE)
    assert re.search(r"^\[ +\d+\.\d s\] Learning: binary, metric roc_auc", classifier.ended.err, re.MULTILINE)
    assert re.search(r"^\[ +\d+\.\d s\] Model on disk: ", classifier.ended.err, re.MULTILINE)


def test_an_excluded_column_is_no_feature(classifier):
    schema = json.loads((classifier.model / "model.json").read_text())["schema"]
    assert "price" not in json.dumps(schema)


def test_the_next_command_is_written_as_a_shell_takes_it(flats, tmp_path, run_process):
    file = tmp_path / "it's my.csv"
    file.write_bytes(flats.read_bytes())
    words = ("--target", "dear", "--max-trials", 1, "--cores", 1, "--without", "lightgbm")
    ended = run_process("train", file, *words, "--out", "-my model", cwd=tmp_path)
    assert ended.status == 0, ended.err
    next_line = ended.out.splitlines()[-1].removeprefix("Next: ")
    assert shlex.split(next_line) == ["athanor", "predict", "./-my model", str(file), "--out", "predictions.csv"]


@pytest.mark.parametrize(
    ("folds", "told"), [(10, "did not see.\n"), (1, "did not see, from 1 of 10 folds: the model is partial.\n")]
)
def test_a_score_from_some_of_the_folds_says_from_how_many(folds, told, classifier, capsys):
    assert f"binary: roc_auc 0.9, measured on rows that the models {told}" in printed(classifier, capsys, folds=folds)


def printed(classifier, capsys, *, folds=10, scores=MappingProxyType({})):
    """What is said at the end of a training that has these scores."""
    [first, *others] = read_leaderboard(classifier.model)
    rows = (replace(first, folds=folds, n_folds=10), *others)
    result = Result(
        leaderboard=rows, folder=classifier.model, metric="roc_auc", score=0.9, reason="time limit", scores=scores
    )
    print_result(result, classifier.model, Path("a.csv"), why="time limit", elapsed_s=1.0, peak_memory=2**20)
    return capsys.readouterr().out


def test_a_few_of_the_other_scores_are_shown_where_there_are_any(classifier, capsys):
    scores = {"roc_auc": 0.9, "log_loss": 0.25, "mcc": 0.5, "accuracy": 0.75}
    assert "\nAlso: accuracy 0.75, log_loss 0.25.\n" in printed(classifier, capsys, scores=scores)
    assert "Also" not in printed(classifier, capsys)


def test_scores_on_validation_rows_have_a_line_of_their_own_with_the_metric_of_the_run(classifier, capsys, monkeypatch):
    scores = {"log_loss": 0.25, "roc_auc": 0.875}
    measured = Scores(measured_on=MeasuredOn.VALIDATION, n_rows=1200, by_metric=scores)
    monkeypatch.setattr("athanor.engine.scores.read_scores", lambda folder: measured)
    told = printed(classifier, capsys, scores=scores)
    assert told.startswith("binary: roc_auc 0.9, measured on rows that the models did not see.\n")
    assert "\nOn 1,200 validation rows: roc_auc 0.875, log_loss 0.25.\n" in told
    assert "Also" not in told


def test_an_out_folder_that_cannot_be_made_is_told_in_one_line(flats, tmp_path, run_process):
    (tmp_path / "file").write_text("mine")
    ended = run_process("train", flats, "--target", "dear", "--out", tmp_path / "file" / "model")
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert "file/model: a file is where a folder is needed. Name another place." in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_beside_the_model_there_are_its_folds_and_without_keeping_nothing(classifier, regressor):
    there = {path.name for path in classifier.file.parent.iterdir()}
    assert there <= {"flats.csv", "dear-model", "dear-model.folds", "price-model"}
    assert regressor.model.is_dir()


def test_the_end_says_where_the_folds_are_how_large_they_are_and_how_to_go_on(classifier, regressor):
    assert re.search(
        rf"^Folds: {classifier.model}\.folds \(\d+ KB\), to go on from", classifier.ended.out, re.MULTILINE
    )
    assert f"\nMore: athanor continue {classifier.model} --more-trials 2\n" in classifier.ended.out
    assert "continue" not in regressor.ended.out


def test_of_the_folds_what_can_be_made_again_is_gone(classifier):
    folds = classifier.model.with_name("dear-model.folds")
    assert {"trials", "training.json"} <= {path.name for path in folds.iterdir()}
    assert not (folds / "scratch").exists()


def test_a_numeric_target_is_learned_as_regression(regressor):
    assert regressor.ended.status == 0, regressor.ended.err
    assert regressor.ended.out.startswith("regression: rmse ")


@pytest.fixture
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "rent"), "No column named 'rent'. The columns are: size, town, garden, dear, price."),
        (("--target", "dear", "--exclude", "rent"), "No column named 'rent'"),
        (("--target", "dear", "--metric", "beauty"), "No metric named 'beauty'"),
        (("--target", "dear", "--problem", "guess"), "No problem type named 'guess'"),
        (("--target", "dear", "--metric", "rmse"), "metric 'rmse' does not fit"),
        (("--target", "dear", "--distribution", "gamma"), "A distribution belongs to a regression"),
        (("--target", "price", "--distribution", "cauchy"), "No distribution 'cauchy'"),
        (("--target", "price", "--distribution", "quantile:2"), "must lie between 0 and 1"),
        (("--target", "price", "--distribution", "gamma:high"), "must be a number, as in quantile:0.9"),
        (("--target", "dear", "--time", "soon"), "'soon' is not a time"),
        (("--target", "dear", "--memory", "much"), "'much' is not a size"),
        (("--target", "dear", "--memory", "1MB"), "at least 64 MB"),
        (("--target", "dear", "--cores", "0"), "`cores` must be at least 1"),
        (("--target", "dear", "--preset", "magic"), "No preset 'magic'"),
        (("--target", "dear", "--without", "oracle"), "No model family named 'oracle'"),
        (("--target", "size", "--positive", "big"), "--positive 'big' is no value of 'size'"),
        (("--target", "dear", "--exclude", "dear"), "'dear' is the target and cannot be excluded"),
        (("--target", "dear", "--time", "3651d"), "more than ten years"),
        (("--target", "dear", "--time", "9" * 400), "more than ten years"),
    ],
)
@pytest.mark.usefixtures("in_an_empty_folder")
def test_what_cannot_be_learned_is_told_in_one_line_with_status_2(options, said, flats, tmp_path, athanor):
    ended = athanor("train", flats, *options)
    assert ended.status == 2, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_folds_that_stand_there_are_told_of_with_the_command_that_takes_them_up(classifier, flats, tmp_path, athanor):
    folds = shutil.copytree(classifier.model.with_name("dear-model.folds"), tmp_path / "m.folds")
    ended = athanor("train", flats, "--target", "dear", "--out", tmp_path / "m")
    assert ended.status == 2
    assert f"{folds} holds the folds of an earlier training. Go on with it (athanor continue {tmp_path}/m)" in ended.err
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.json").touch()
    ended = athanor("train", flats, "--target", "dear", "--out", tmp_path / "m")
    assert ended.status == 2
    assert f"or that training more time: athanor continue {tmp_path}/m --time 5m" in ended.err


def test_a_name_whose_folds_stand_there_is_not_taken_unasked(flats, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flats-model.folds").mkdir()
    model, [note] = train._free_folder(None, flats)
    assert model == Path("flats-model-2")
    assert note == "Note: flats-model.folds has the folds of a training: athanor continue flats-model"


def test_a_folder_that_holds_something_is_not_written_into(flats, tmp_path, run_process):
    (tmp_path / "mine.txt").write_text("mine")
    ended = run_process("train", flats, "--target", "dear", "--out", tmp_path)
    assert ended.status == 2
    assert "exists and is not empty" in ended.err


def test_a_limit_is_kept_from_the_start_of_the_process_and_a_model_is_never_overwritten(flats, tmp_path, run_process):
    (tmp_path / "flats-model").mkdir()
    ended = run_process("train", flats, "--target", "dear", "--time", "9", cwd=tmp_path)
    assert ended.status == 0, ended.err
    spent_s = float(re.search(r"Ended after (\d+(?:\.\d+)?) s", ended.out)[1])
    assert spent_s <= 9 + 2
    assert (tmp_path / "flats-model-2" / "model.json").is_file()


class Training:
    """A training without an end, and its lines."""

    def __init__(self, flats: Path, folder: Path, *more: str) -> None:
        words = ["train", str(flats), "--target", "dear", "--time", "10m", "--out", str(folder / "model"), *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "athanor.cli.main", *words],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read_until(self, words: str) -> str:
        seen = ""
        for line in self.process.stderr:
            seen += line
            if words in line:
                return seen
        raise AssertionError(f"{words!r} never came. What came: {seen}")

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end_by_interrupting(self) -> tuple[int, str, str]:
        """Signals that come at once count as one, and the first may only ask for the finish."""
        while self.process.poll() is None:
            self.interrupt()
            time.sleep(0.005)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def training(flats, tmp_path):
    started = Training(flats, tmp_path)
    yield started
    started.process.kill()
    started.process.communicate()


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")]
)
def test_ctrl_c_sigterm_and_sighup_end_with_the_best_so_far(number, name, training, tmp_path):
    training.read_until("Model on disk")
    training.interrupt(number)
    status, out, err = training.end()
    assert status == 0, err
    assert f"{name}: finishing with the best so far." in err
    assert f"(finish requested by {name})" in out
    assert (tmp_path / "model" / "model.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.folds"]


def test_after_a_second_ctrl_c_there_is_a_model_and_status_0_or_nothing_at_all(training, tmp_path):
    training.read_until("Model on disk")
    training.interrupt()
    training.read_until("finishing")
    training.interrupt()
    status, _, err = training.end()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert (status, left) in [(0, ["model", "model.folds"]), (130, [])], err


def test_what_a_killed_training_left_that_was_to_keep_nothing_is_removed_by_the_next_which_says_so(flats, tmp_path):
    training = Training(flats, tmp_path, "--no-keep")
    training.read_until("Model on disk")
    training.process.kill()
    training.end()
    [left] = tmp_path.iterdir()
    following = Training(flats, tmp_path, "--no-keep")
    seen = following.read_until("Read ")
    following.interrupt(signal.SIGTERM)
    following.end()
    assert f"Removed {left}: a training that was killed left it behind." in seen
    assert not left.exists()


def test_ctrl_c_pressed_until_it_ends_ends_without_a_model(training, tmp_path):
    training.read_until("Read ")
    status, _, err = training.end_by_interrupting()
    assert status == 130, err
    assert err.endswith("athanor: ended without a model (Ctrl-C).\n")
    assert list(tmp_path.iterdir()) == []


def test_a_quantile_is_learned_when_that_is_asked_for(flats, athanor, tmp_path):
    words = ("train", flats, "--target", "price", "--exclude", "dear", "--max-trials", 1, "--cores", 1, "--no-keep")
    shares = {}
    for level in ("0.1", "0.9"):
        model = tmp_path / level
        ended = athanor(*words, "--preset", "fast", "--distribution", f"quantile:{level}", "--out", model)
        assert ended.status == 0, ended.err
        answers = pl.read_csv(io.StringIO(athanor("predict", model, flats).out))["prediction"]
        shares[level] = (pl.read_csv(flats)["price"] < answers).mean()
    assert shares["0.1"] < 0.35
    assert shares["0.9"] > 0.65

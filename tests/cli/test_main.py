"""The command as a whole: its help, and what becomes of an error."""

import os

import pytest
import typer

from athanor.cli.main import app, help_for, main

COMMANDS = {
    "continue",
    "doctor",
    "export",
    "import",
    "importance",
    "keys",
    "leaderboard",
    "predict",
    "profile",
    "run-job",
    "serve",
    "train",
    "worker",
}


def all_commands():
    """Each command's words and its object, groups included."""

    def walk(words, command):
        yield words, command
        for name, below in getattr(command, "commands", {}).items():
            yield from walk((*words, name), below)

    return list(walk((), typer.main.get_command(app)))


def test_the_commands_are_those_that_are_promised():
    assert set(typer.main.get_command(app).commands) == COMMANDS


@pytest.mark.parametrize(
    ("words", "command"), all_commands(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_and_option_says_what_it_is_for(words, command):
    assert command.help
    for parameter in command.params:
        assert parameter.name == "_version" or parameter.help, parameter.name


@pytest.mark.parametrize("words", [words for words, _ in all_commands()], ids=" ".join)
def test_help_asked_for_in_any_command_is_printed_with_status_0(words, athanor):
    ended = athanor(*words, "--help")
    assert ended.status == 0
    assert ended.out.startswith(f"Usage: {' '.join(('athanor', *words))}")


@pytest.mark.parametrize("command", sorted(COMMANDS - {"run-job", "keys"}))
def test_help_teaches_by_examples(command):
    assert f"athanor {command}" in help_for([command, "--help"]).split("Options:")[1]


def test_a_hidden_command_is_not_listed():
    assert "run-job" not in help_for(["--help"])


def test_help_behind_two_dashes_is_an_argument():
    assert help_for(["predict", "--", "--help"]) is None


def test_help_is_not_given_unasked():
    assert help_for(["train", "help.csv", "--target", "y"]) is None


def test_the_version_is_one_line(athanor):
    ended = athanor("--version")
    assert (ended.status, ended.out.split()[0]) == (0, "athanor")
    assert ended.out.count("\n") == 1


def test_without_a_command_the_help_is_shown_and_the_status_is_2(athanor):
    ended = athanor()
    assert ended.status == 2
    assert "train" in ended.out + ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trian",), "No such command 'trian'"),
        (("train",), "Missing argument"),
        (("train", "nowhere.csv", "--target", "y"), "does not exist"),
        (("predict", "model", "nowhere.csv"), "does not exist"),
        (("leaderboard", "nowhere"), "athanor: There is no leaderboard in nowhere"),
    ],
)
def test_a_users_mistake_is_told_in_words_with_status_2(words, said, athanor):
    ended = athanor(*words)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_one_thread_per_process_is_set_before_anything_is_imported_whatever_the_shell_says(monkeypatch, capsys):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    main(["--version"])
    assert {os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")} == {"1"}


def test_a_disk_that_fails_is_told_in_one_line_with_status_1(athanor, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "model")

    monkeypatch.setattr("athanor.engine.leaderboard.read_leaderboard", full)
    ended = athanor("leaderboard", "model")
    assert ended.status == 1
    assert ended.err == "athanor: model: the disk is full. Free some space, or name a place on another disk.\n"

"""What signals do to a command, state by state."""

import os
import signal

import pytest

from athanor.cli.endings import NAMES, Endings
from athanor.engine.budget import Budget

ALL = sorted(NAMES)


class Told:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


class Ended(BaseException):
    """What the end of the process is here, where the tests go on."""


class Process:
    """The end of the process, and what was tidied up before it."""

    def __init__(self):
        self.done = []

    def tidy(self):
        self.done.append("tidied up")

    def end(self, status):
        self.done.append(status)
        raise Ended


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def endings(process):
    return Endings("ended without a model", process.end)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_before_anything_can_be_tidied_up_is_kept_for_later(number, endings, process):
    send(number)
    assert process.done == []
    with pytest.raises(Ended), endings.listening(process.tidy):
        pytest.fail("the block is not entered")
    assert process.done == ["tidied up", 128 + number]


@pytest.mark.parametrize("number", ALL)
def test_before_the_fits_a_signal_tidies_up_and_ends_the_process(number, endings, process, capfd):
    with pytest.raises(Ended), endings.listening(process.tidy):
        send(number)
    assert process.done == ["tidied up", 128 + number]
    assert capfd.readouterr().err == f"athanor: ended without a model ({NAMES[number]}).\n"


def test_the_process_ends_even_where_tidying_up_fails(endings, process):
    def fail():
        raise OSError("the disk is gone")

    with pytest.raises(Ended), endings.listening(fail):
        send(signal.SIGINT)
    assert process.done == [130]


@pytest.mark.parametrize("number", ALL)
def test_during_the_fits_the_first_signal_finishes_and_says_why(number, endings, process):
    budget, told = Budget(), Told()
    with endings.listening(process.tidy):
        endings.finish_with(budget, told)
        send(number)
    assert budget.finishing
    assert endings.finished_by == NAMES[number]
    assert told.lines[0].startswith(f"{NAMES[number]}: finishing with the best so far.")
    assert process.done == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_same_signal_twice_still_finishes_because_programs_send_it_twice(number, endings, process):
    with endings.listening(process.tidy):
        endings.finish_with(Budget(), told := Told())
        send(number)
        send(number)
    assert len(told.lines) == 1


@pytest.mark.parametrize("first", ALL)
def test_ctrl_c_during_the_finish_ends_without_a_model_and_only_once(first, endings, process):
    with endings.listening(process.tidy):
        endings.finish_with(Budget(), Told())
        send(first)
        with pytest.raises(Ended):
            send(signal.SIGINT)
        send(signal.SIGINT)
    assert process.done == ["tidied up", 130]


@pytest.mark.parametrize("number", ALL)
def test_while_the_model_is_put_in_place_and_afterwards_nothing_happens(number, endings, process):
    with endings.listening(process.tidy):
        endings.finish_with(Budget(), told := Told())
    send(number)
    assert told.lines == []
    assert process.done == []


def test_under_nohup_the_closed_terminal_changes_nothing(process):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Endings("ended without a model", process.end).listening(process.tidy):
        send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

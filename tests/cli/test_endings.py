"""What signals do to a training, state by state."""

import os
import signal

import pytest

from athanor.cli.endings import NAMES, EndedWithoutModel, Endings
from athanor.engine.budget import Budget

ALL = sorted(NAMES)


class Told:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture(autouse=True)
def handlers_as_before():
    before = {number: signal.getsignal(number) for number in NAMES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def endings():
    return Endings()


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_before_anything_can_be_tidied_up_is_kept_for_later(number, endings):
    send(number)
    with pytest.raises(EndedWithoutModel) as ended:
        endings.listen()
    assert ended.value.exit_status == 128 + number


@pytest.mark.parametrize("number", ALL)
def test_before_the_fits_a_signal_ends_the_training(number, endings):
    endings.listen()
    with pytest.raises(EndedWithoutModel):
        send(number)


@pytest.mark.parametrize("number", ALL)
def test_during_the_fits_the_first_signal_finishes_and_says_why(number, endings):
    budget, told = Budget(), Told()
    endings.listen()
    endings.finish_with(budget, told)
    send(number)
    assert budget.finishing
    assert endings.finished_by == NAMES[number]
    assert told.lines[0].startswith(f"{NAMES[number]}: finishing with the best so far.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_same_signal_twice_still_finishes_because_programs_send_it_twice(number, endings):
    endings.listen()
    endings.finish_with(Budget(), told := Told())
    send(number)
    send(number)
    assert len(told.lines) == 1


@pytest.mark.parametrize("first", ALL)
def test_ctrl_c_during_the_finish_ends_without_a_model_and_only_once(first, endings):
    endings.listen()
    endings.finish_with(Budget(), Told())
    send(first)
    with pytest.raises(EndedWithoutModel):
        send(signal.SIGINT)
    send(signal.SIGINT)


@pytest.mark.parametrize("number", ALL)
def test_while_the_model_is_put_in_place_and_afterwards_nothing_happens(number, endings):
    endings.listen()
    endings.finish_with(Budget(), told := Told())
    endings.deafen()
    send(number)
    assert told.lines == []


def test_under_nohup_the_closed_terminal_changes_nothing():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Endings().listen()
    send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

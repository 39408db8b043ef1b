"""What Ctrl-C, SIGTERM and SIGHUP do to a command: end it tidily, or finish a training with the best so far."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from athanor.cli.display import Display
    from athanor.engine.budget import Budget

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Endings:
    """Takes the signals, and does with them what the command has come to.

    at first              they are kept for later: nothing may come between a folder and the one who will remove it
    inside `listening`    any ends the process
    after `finish_with`   the first one finishes it; Ctrl-C ends the process when it is finishing already
    after `listening`     nothing happens any more, until the process has ended

    Ending is done where the signal is taken, by what `listening` was given to tidy up and the end of the process. An
    exception instead would surface wherever the interpreter happens to be: inside an import, or below a compiled
    library that swallows or dies of it. Pool processes are forked from the first state and stay in it: what closes a
    terminal or ends a whole process group is for the one who holds the model.
    """

    def __init__(self, outcome: str, end: Callable[[int], object] = os._exit, *, without: str = "a model") -> None:
        """`outcome` says how an end leaves things, `without` what there is not then; `end` takes the exit status and
        does not return, but in tests.
        """
        self._outcome, self._without = outcome, without
        self._end_process = end
        self._kept: signal.Signals | None = None
        self._tidy: Callable[[], None] | None = None
        self._is_deaf = False
        self._budget: Budget | None = None
        self._display: Display | None = None
        self.finished_by: str | None = None  # what asked for the finish, in a user's words
        self.finished_status = 0  # exit status where the finish came before there was anything to finish with
        for number in NAMES:
            # Under `nohup` SIGHUP is ignored, and stays so.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)

    @contextmanager
    def listening(self, tidy: Callable[[], None]) -> Iterator[None]:
        """Take signals inside the block; `tidy` removes what the command would leave, should one end it."""
        self._tidy = tidy
        if self._kept is not None:
            self._end(self._kept)
        try:
            yield
        finally:
            self._is_deaf = True
            for number in NAMES:
                signal.signal(number, signal.SIG_IGN)

    def finish_with(self, budget: Budget, display: Display) -> None:
        self._budget, self._display = budget, display

    def _take(self, number: int, _frame: FrameType | None) -> None:
        taken = signal.Signals(number)
        if self._is_deaf:
            return
        if taken is signal.SIGHUP:
            _let_go_of_the_terminal()
        if self._tidy is None:
            self._kept = taken
        elif self._budget is None or self._display is None:
            self._end(taken)
        elif not self._budget.finishing:
            self.finished_by, self.finished_status = NAMES[taken], 128 + taken
            self._budget.finish()
            self._display.say(
                f"{NAMES[taken]}: finishing with the best so far. Ctrl-C {'again ' * (taken is signal.SIGINT)}"
                f"ends without {self._without}."
            )
        elif taken is signal.SIGINT:  # `timeout` and others send their signal twice: no one is in a hurry there
            self._end(taken)

    def _end(self, number: signal.Signals) -> None:
        self._is_deaf = True
        try:
            if self._tidy is not None:
                self._tidy()
            # Not by print: the signal may have come in the middle of one.
            os.write(sys.stderr.fileno(), f"athanor: {self._outcome} ({NAMES[number]}).\n".encode())
        finally:
            self._end_process(128 + number)  # what shells report for a program that a signal ended


def _let_go_of_the_terminal() -> None:
    """Write into nothing where the terminal is closed: every line to it would be an error."""
    import termios

    for stream in (sys.stdout, sys.stderr):
        try:
            termios.tcgetattr(stream.fileno())
        except termios.error as error:
            if error.args[0] == errno.EIO:
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, stream.fileno())
                os.close(nothing)
        except (OSError, ValueError):  # no file behind it
            continue

"""Ctrl-C, or a notebook's stop button, while a run learns: it ends with the best model so far."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from athanor.engine.budget import Budget
from athanor.errors import Impossible

Say = Callable[[str], None]


@contextmanager
def finishing(budget: Budget, say: Say) -> Iterator[None]:
    """Inside the block the first interrupt finishes the run, and the second one raises KeyboardInterrupt at once.

    KeyboardInterrupt comes, too, where there is no model yet when the run has finished. Signals reach the main thread
    alone; in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(number: int, frame: FrameType | None) -> None:
        del number, frame
        if budget.finishing:
            raise KeyboardInterrupt
        budget.finish()
        say("Interrupted: finishing with the best model so far. Interrupt again to end without one.")

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    except Impossible as error:
        if budget.finishing:
            raise KeyboardInterrupt(str(error)) from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)

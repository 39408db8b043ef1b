"""Ctrl-C while a run learns."""

import signal
import threading

import pytest

from athanor.engine.budget import Budget
from athanor.engine.events import FoldFinished
from athanor.errors import Impossible
from athanor.notebook.interrupts import finishing
from athanor.notebook.learn import learn


def test_the_first_one_finishes_the_run_and_says_so_and_the_second_one_ends_it():
    budget, said = Budget(), []
    with finishing(budget, said.append):
        signal.raise_signal(signal.SIGINT)
        assert budget.finishing
        assert "best model so far" in said[0]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_it_is_as_it_was():
    before = signal.getsignal(signal.SIGINT)
    with finishing(Budget(), print):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_model_there_is_nothing_to_finish_with():
    interrupted = Budget()
    interrupted.finish()
    with pytest.raises(KeyboardInterrupt), finishing(interrupted, print):
        raise Impossible("There is no model.")
    with pytest.raises(Impossible), finishing(Budget(), print):
        raise Impossible("Nothing can be learned.")


def test_in_another_thread_nothing_is_changed():
    found = []
    before = signal.getsignal(signal.SIGINT)

    def work():
        with finishing(Budget(), print):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


def test_an_interrupted_training_gives_the_best_model_so_far(people, quick):
    heard = []

    def interrupt_after_the_second_fold(event):
        heard.append(event)
        if sum(isinstance(each, FoldFinished) for each in heard) == 2 and isinstance(event, FoldFinished):
            signal.raise_signal(signal.SIGINT)

    asked = {**quick, "max_trials": 3, "preset": "best_quality", "progress": interrupt_after_the_second_fold}
    result = learn(people, "buys", **asked)
    assert result.reason == "finish requested"
    assert set(result.predictor.predict(people)) <= {"yes", "no"}
    assert sum(isinstance(event, FoldFinished) for event in heard) < 30

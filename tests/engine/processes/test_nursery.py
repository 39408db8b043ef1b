"""How pool processes are born, spoken to and ended."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from athanor.engine.processes import nursery
from athanor.engine.processes.nursery import (
    is_single_threaded,
    make_flag,
    open_flag,
    receive,
    receive_socket,
    send,
    send_socket,
)


@pytest.fixture
def link():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


# --- messages ---------------------------------------------------------------------------------------------------------


def test_messages_arrive_whole_and_in_order(link):
    ours, theirs = link
    messages = [{"fit": {"trial": "t", "deadline": 12.5}}, {}, {"text": "naïve ☕"}]
    for message in messages:
        send(ours, message)
    assert [receive(theirs) for _ in messages] == messages


def test_a_message_larger_than_the_socket_s_buffer_arrives_whole(link):
    ours, theirs = link
    message = {"text": "x" * 2_000_000}
    sender = threading.Thread(target=send, args=(ours, message))
    sender.start()
    assert receive(theirs) == message
    sender.join()


def test_when_the_other_side_is_gone_nothing_comes(link):
    ours, theirs = link
    send(ours, {"last": 1})
    ours.close()
    assert receive(theirs) == {"last": 1}
    assert receive(theirs) is None


@pytest.mark.parametrize("n_bytes", [1, 3, 4, 9])
def test_a_message_that_was_cut_off_is_none(link, n_bytes):
    ours, theirs = link
    ours.sendall(b"\0\0\0\x0a" + b'{"fit": 1}'[: n_bytes - 4] if n_bytes > 4 else b"\0\0\0\x0a"[:n_bytes])
    ours.close()
    assert receive(theirs) is None


def test_a_socket_can_be_handed_over(link):
    ours, theirs = link
    one_end, other_end = socket.socketpair()
    with one_end, other_end:
        send_socket(ours, {"pid": 7}, other_end)
        other_end.close()
        message, came = receive_socket(theirs)
        assert message == {"pid": 7}
        with came:
            send(one_end, {"hello": "you"})
            assert receive(came) == {"hello": "you"}


def test_when_the_other_side_is_gone_no_socket_comes(link):
    ours, theirs = link
    ours.close()
    assert receive_socket(theirs) == (None, None)


def test_a_flag_is_seen_by_whoever_opened_it(tmp_path):
    mine = make_flag(tmp_path / "closing")
    theirs = open_flag(tmp_path / "closing")
    assert theirs[0] == 0
    mine[0] = 1
    assert theirs[0] == 1


# --- the nursery ------------------------------------------------------------------------------------------------------


@pytest.fixture
def nurse(link):
    """The other side of a nursery's loop, which ends when the link does."""
    ours, theirs = link
    living = threading.Thread(target=nursery._nurse, args=(theirs,))
    living.start()
    yield ours
    ours.close()
    living.join(10)
    assert not living.is_alive()


def test_a_process_that_the_nursery_does_not_know_is_answered_too(nurse):
    """It was born by the nursery before this one. No answer at all would be waited for, for ever."""
    nurse.settimeout(10)
    send(nurse, {"end": 2**22 + 1})
    assert receive(nurse) == {}


def test_a_process_that_is_ended_is_reaped_and_its_end_told(nurse, monkeypatch):
    nurse.settimeout(10)
    monkeypatch.setattr(nursery, "_work", lambda link, *_: (receive(link), os._exit(3)))
    send(nurse, {"fork": {"table": "", "folder": ""}})
    answer, link = receive_socket(nurse)
    with link:
        send(nurse, {"end": answer["pid"]})
        assert receive(nurse) == {"status": signal.SIGKILL}
        assert receive(link) is None
    with pytest.raises(ProcessLookupError):
        os.kill(answer["pid"], 0)


def test_a_nursery_that_breaks_ends_there_and_does_not_go_on_as_a_copy_of_who_forked_it(monkeypatch, capfd):
    def cannot():
        raise ImportError("no learners here")

    monkeypatch.setattr(nursery, "import_learners", cannot)
    pid = os.fork()
    if pid == 0:
        try:
            nursery.live(None)
        finally:
            os._exit(0)  # where a copy of the tests would have gone on
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 70
    assert "no learners here" in capfd.readouterr().err


# --- threads ----------------------------------------------------------------------------------------------------------


def test_a_process_with_a_second_thread_is_not_single_threaded():
    waiting = threading.Event()
    second = threading.Thread(target=waiting.wait)
    second.start()
    assert not is_single_threaded()
    waiting.set()
    second.join()


def test_a_fresh_copy_of_a_process_has_one_thread():
    pid = os.fork()
    if pid == 0:
        os._exit(0 if is_single_threaded() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

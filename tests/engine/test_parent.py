"""Nobody outlives a parent."""

from __future__ import annotations

import os
import signal

from athanor.engine.parent import die_with_parent


def test_whoever_dies_takes_the_child_along():
    """The pipe ends when its last writer has: the grandchild, which nobody tells anything."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        me = os.getpid()
        if os.fork() == 0:
            die_with_parent(me)
            os.write(writer, b"here")
            signal.pause()
        os.close(writer)
        signal.pause()
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as said:
        assert said.read(4) == b"here"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert said.read() == b""


def test_a_child_whose_parent_was_gone_already_ends_at_once():
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent(2**22 + 1)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1

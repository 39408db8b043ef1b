"""What processes use, and who is below whom."""

from __future__ import annotations

import os
import subprocess
import sys
from mmap import mmap

import pytest

from athanor.engine import memory

NOBODY = 2**22 + 1  # above the largest process number that Linux gives


def test_a_process_knows_what_it_uses_itself():
    before = memory.pss(os.getpid())
    held = mmap(-1, 32 * 2**20)  # fresh pages: memory that Python freed before would be taken up again unseen
    held.write(b"x" * len(held))
    assert memory.pss(os.getpid()) - before > 24 * 2**20
    assert len(held) == 32 * 2**20


def test_a_process_that_is_gone_uses_nothing():
    assert memory.pss(NOBODY) == 0


@pytest.fixture
def a_family():
    """A process whose name is no text, and its child; both end when their input does."""
    program = (
        "import ctypes, os, sys\n"
        "ctypes.CDLL(None).prctl(15, b'\\xff) \\xfe(', 0, 0, 0)\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "sys.stdin.read()\n"
        "if child: os.waitpid(child, 0)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child = int(process.stdout.readline())
    yield process.pid, child
    process.communicate()


def test_descendants_are_found_at_every_depth_whatever_bytes_their_names_have(a_family):
    parent, child = a_family
    assert {parent, child} <= set(memory.descendants(os.getpid()))
    assert memory.descendants(parent) == [child]
    assert memory.descendants(child) == []


def test_a_process_that_is_gone_has_nobody_below_it():
    assert memory.descendants(NOBODY) == []


def test_there_is_memory_and_a_core_to_work_with():
    assert memory.available() > 0
    assert 1 <= memory.cores() <= (os.cpu_count() or 1)

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


def test_what_a_process_has_for_itself_is_told_apart_from_files_that_it_has_mapped(tmp_path):
    path = tmp_path / "mapped"
    path.write_bytes(b"x" * 32 * 2**20)
    before = memory.Parts.of(os.getpid())
    with path.open("rb") as file:
        mapped = mmap(file.fileno(), 0, prot=1)
        assert mapped[:: 2**12].count(b"x") == 2**13
        after = memory.Parts.of(os.getpid())
    assert after.files - before.files > 24 * 2**20
    assert abs(after.own - before.own) < 8 * 2**20
    assert memory.Parts.of(NOBODY) == memory.Parts(own=0, files=0)


def test_who_asks_for_more_than_the_limit_of_its_data_gets_none():
    """Files that are mapped to be read do not count, so a table that processes share costs none of it."""
    program = (
        "import mmap, os, tempfile\n"
        "from athanor.engine import memory\n"
        "with tempfile.TemporaryFile() as file:\n"
        "    file.truncate(2**28)\n"
        "    memory.limit_data(memory.private_data() + 2**26)\n"
        "    table = mmap.mmap(file.fileno(), 2**28, prot=mmap.PROT_READ)\n"
        "    few = bytearray(2**25)\n"
        "    try:\n"
        "        bytearray(2**27)\n"
        "    except MemoryError:\n"
        "        print('none', len(table), len(few))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["none", str(2**28), str(2**25)]

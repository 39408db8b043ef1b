"""A time limit counts from the start of the process."""

import subprocess
import sys
import time

from athanor.cli.process_clock import process_start


def test_the_start_of_this_process_lies_in_the_past():
    assert process_start() < time.monotonic()


def test_a_child_began_after_its_parent_started_it_and_before_it_could_say_so():
    code = "from athanor.cli.process_clock import process_start; print(process_start())"
    before = time.monotonic()
    told = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    # The kernel counts in hundredths of a second.
    assert before - 0.02 <= told <= time.monotonic()

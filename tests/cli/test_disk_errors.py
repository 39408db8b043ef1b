"""What a file system refused, in one line that says what to do."""

import errno

import pytest

from athanor.cli.disk_errors import ADVICE, in_words


@pytest.mark.parametrize("number", sorted(ADVICE), ids=lambda number: errno.errorcode[number])
def test_what_happened_and_what_to_do_are_one_line_with_the_path(number):
    told = in_words(OSError(number, "as the system says it", "/there/model"))
    assert told == f"/there/model: {ADVICE[number]}."
    assert "\n" not in told


def test_what_is_not_foreseen_is_told_as_the_system_says_it():
    assert in_words(OSError(errno.ELOOP, "Too many levels", "a/b")) == "a/b: Too many levels."
    assert in_words(OSError("odd")) == "odd."


@pytest.mark.parametrize(
    ("said", "advised"),
    [
        ("No space left on device (os error 28)", "the disk is full"),
        ("3000 requested and 2544 written", "a file could not be written whole. See whether the disk is full"),
    ],
)
def test_what_libraries_say_without_a_number_is_understood(said, advised):
    assert in_words(OSError(None, said, "out.csv")).startswith(f"out.csv: {advised}")

"""Times and sizes as people type them."""

import pytest

from athanor.errors import InvalidInput
from athanor.quantities import parse_duration, parse_size, spell_duration, spell_score, spell_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), (" 2 H ", 7200), ("1d", 86400)],
)
def test_a_time_is_a_number_of_seconds_or_has_units(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "10x", "-5", "1h30", "m", "1e3"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(InvalidInput, match="1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", 1024), ("512MB", 512 * 2**20), ("2GB", 2**31), ("2g", 2**31), ("1.5 GiB", 3 * 2**29), ("64k", 65536)],
)
def test_a_size_is_a_number_of_bytes_or_has_a_unit(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "2XB", "-1GB", "GB"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(InvalidInput, match="512MB"):
        parse_size(text)


def test_a_size_that_no_machine_has_is_refused():
    with pytest.raises(InvalidInput, match="more than any machine has"):
        parse_size("9" * 400)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.2 s"), (9.96, "10.0 s"), (95, "95 s"), (720, "12 min"), (5400, "1 h 30 min"), (7200, "2 h")],
)
def test_a_time_is_spelled_as_people_say_it(seconds, words):
    assert spell_duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(5, "5 bytes"), (2048, "2.0 KB"), (512 * 2**20, "512 MB"), (3 * 2**30, "3.0 GB")]
)
def test_a_size_is_spelled_as_people_say_it(size, words):
    assert spell_size(size) == words


@pytest.mark.parametrize(
    ("score", "spelled"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (0.912345678, "0.91235"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (123456.7, "123457"),
        (9.87e-7, "9.87e-07"),
    ],
)
def test_a_score_has_five_digits_and_large_ones_have_no_exponent(score, spelled):
    assert spell_score(score) == spelled

"""Figures and texts as they are shown."""

import pytest

from athanor.engine.words import count, isolated, moment, number, share, visible


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (0, "0"),
        (-0.0, "0"),
        (3, "3"),
        (1912, "1912"),
        (12345, "12,345"),
        (-1234567.891, "-1,234,568"),
        (28.456789, "28.457"),
        (0.41670001, "0.4167"),
        (0.00012345678, "0.00012346"),
        (0.00001234, "1.234e-05"),
        (1e300, "1e+300"),
        (999999999999, "999,999,999,999"),
        (100.0, "100"),
    ],
)
def test_a_number_has_five_digits_and_no_more_than_it_needs(value, spelled):
    assert number(value) == spelled


@pytest.mark.parametrize(
    ("part", "whole", "spelled"),
    [
        (0, 100, "0 %"),
        (0, 0, "0 %"),
        (100, 100, "100 %"),
        (1, 1_000_000, "< 0.1 %"),
        (999_999, 1_000_000, "> 99.9 %"),
        (995, 1000, "99.5 %"),
        (1, 3, "33 %"),
        (1, 30, "3.3 %"),
    ],
)
def test_something_is_never_nothing_and_not_all_is_never_all(part, whole, spelled):
    assert share(part, whole) == spelled


def test_a_count_goes_with_its_noun():
    assert (count(1, "row"), count(1234, "row"), count(1234)) == ("1 row", "1,234 rows", "1,234")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Köln", "Köln"),
        ("a\nb\tc", "a␊b␉c"),
        ("\x1b[31mred", "␛[31mred"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}abc", "\N{REPLACEMENT CHARACTER}abc"),
        ("a\N{NO-BREAK SPACE}b", "a b"),
        ("", "(blank)"),
        ("   ", "(blank)"),
        ("x" * 81, "x" * 79 + "…"),
        ("x" * 80, "x" * 80),
    ],
)
def test_what_would_steer_a_terminal_or_hide_is_seen(text, shown):
    assert visible(text) == shown


def test_a_word_that_is_read_from_the_right_stands_apart_from_what_is_beside_it():
    assert isolated("שלום") == "\N{FIRST STRONG ISOLATE}שלום\N{POP DIRECTIONAL ISOLATE}"
    assert isolated("Köln 5") == "Köln 5"


def test_a_moment_has_hours_where_the_span_is_short():
    assert moment(1709251200.0, span_s=1e7) == "2024-03-01"
    assert moment(1709251200.0, span_s=7200) == "2024-03-01 00:00"
    assert moment(-62167219200.0 * 10, span_s=1e12) == "-621,672,192,000 s"

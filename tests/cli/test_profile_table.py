"""A profile in a terminal fits the width there is."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from athanor.cli.profile_table import print_columns, print_findings, spark
from athanor.engine.findings import Severity
from support.profiles import a_finding, a_number, a_profile, an_association, some_times, some_words


def shown(profile, *, width=120, show=print_columns):
    stream = io.StringIO()
    show(Console(file=stream, width=width, highlight=False, markup=False), profile)
    return stream.getvalue()


def test_every_column_has_a_line_with_its_figures():
    head, size, town, day = shown(a_profile(a_number(), some_words(), some_times())).splitlines()
    assert head.split() == ["column", "type", "missing", "distinct", "distribution", "values"]
    assert size.split() == ["size", "numeric", "5.0", "%", "80", "▂█▄", "0", "…", "100,", "median", "50"]
    assert "Ulm 60 %, Bonn 39 %" in town
    assert "2024-03-01 … 2024-06-09" in day


def test_how_a_column_goes_with_the_target_is_shown_where_there_is_one():
    profile = a_profile(a_number(), some_words(), target="town", associations=(an_association("size", 0.75),))
    _head, size, town = shown(profile).splitlines()
    assert " 0.75 " in size
    assert " target " in town


@pytest.mark.parametrize("width", [24, 40, 50, 64, 80, 120, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width):
    profile = a_profile(
        a_number("a name that is longer than most names are"), some_words("名" * 40), some_times(), target="day"
    )
    lines = shown(profile, width=width).splitlines()
    assert len(lines) == 4
    assert all(cell_len(line) <= width for line in lines)


def test_a_name_steers_no_terminal_and_is_no_markup():
    text = shown(a_profile(a_number("\x1b[31m[red]x[/red]\n"), some_words("[bold]")))
    assert "␛[31m[red]x[/red]␊" in text
    assert "[bold]" in text
    assert "\x1b" not in text


def test_findings_come_with_their_severity_and_long_lists_are_cut():
    findings = (a_finding("'size' gives it away", severity=Severity.SERIOUS), *[a_finding()] * 40)
    lines = shown(a_profile(findings=findings), show=print_findings).splitlines()
    assert lines[0] == "serious 'size' gives it away"
    assert lines[1] == "warning half of it is missing"
    assert lines[-1] == "and 11 more findings: --html and --json have them all"


def test_of_very_many_columns_the_most_interesting_are_shown():
    lines = shown(a_profile(*(a_number(f"n{position}") for position in range(1000)))).splitlines()
    assert len(lines) == 1 + 200 + 1
    assert lines[-1] == "and 800 more columns: --html and --json have them all"


@pytest.mark.parametrize(
    ("rows", "bars"),
    [
        ((), ""),
        ((0, 0), "  "),
        ((8, 4, 1, 0), "█▄▁ "),
        ((1,) * 20, "█" * 10),
        ((0,) * 10 + (1,) * 10, " " * 5 + "█" * 5),
        ((1_000_000, 1), "█▁"),
    ],
)
def test_a_spark_has_a_bar_for_every_count_and_none_for_nothing(rows, bars):
    assert spark(rows) == bars

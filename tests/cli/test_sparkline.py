"""Numbers as a line of characters."""

import pytest

from athanor.cli.sparkline import bar, over_time, sparkline

NAN = float("nan")


@pytest.mark.parametrize(("fraction", "filled"), [(-1.0, 0), (0.0, 0), (0.5, 5), (1.0, 10), (1.7, 10)])
def test_the_bar_is_filled_as_far_as_the_run_is(fraction, filled):
    assert bar(fraction, 10) == "━" * filled + "╌" * (10 - filled)
    assert bar(fraction, 10, ascii_only=True) == "#" * filled + "-" * (10 - filled)


@pytest.mark.parametrize(
    ("values", "drawn", "drawn_in_ascii"),
    [
        ([], "", ""),
        ([3.0, 3.0], "▁▁", "__"),
        (range(8), "▁▂▃▄▅▆▇█", "_.-:=+*#"),
        ([1.0, 0.5, 0.0], "█▅▁", "#=_"),
        ([0.0, NAN, 1.0, float("inf")], "▁█", "_#"),
    ],
)
def test_values_stand_between_the_least_and_the_greatest(values, drawn, drawn_in_ascii):
    assert sparkline(values) == drawn
    assert sparkline(values, ascii_only=True) == drawn_in_ascii
    assert drawn_in_ascii.isascii()


def test_a_value_holds_until_the_next_one():
    assert over_time([(0.0, 1.0), (2.0, 5.0)], 4.0, 5) == [1.0, 1.0, 5.0, 5.0, 5.0]
    assert over_time([(10.0, 1.0), (12.0, 5.0)], 12.0, 3) == [1.0, 1.0, 5.0]
    assert over_time([(1.0, 7.0)], 1.0, 2) == [7.0, 7.0]
    assert over_time([], 1.0, 2) == []

"""One value, one text."""

from datetime import date, datetime

import pytest

from athanor.engine.tables import cells


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (1e20, "1e+20"),
        (2.0**53, "9007199254740992"),
        (10**20, "100000000000000000000"),
        (True, "true"),
        (False, "false"),
        ("1.0", "1.0"),
        ("", ""),
        (datetime(2024, 3, 1, 12, 30), "2024-03-01T12:30:00"),  # noqa: DTZ001 - times are kept naive
        (date(2024, 3, 1), "2024-03-01"),
        (None, None),
        (float("nan"), None),
        (float("-inf"), None),
    ],
)
def test_a_value_has_one_text(value, text):
    assert cells.text(value) == text

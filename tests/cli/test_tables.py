"""Tables as aligned text."""

import pytest

from athanor.cli.tables import spell_score, table_lines


def test_columns_are_as_wide_as_their_widest_cell_and_numbers_stand_to_the_right():
    lines = table_lines(("name", "fit s"), [("a", "1.0"), ("longer", "123.4")], right=("fit s",))
    assert lines == ["name    fit s", "a         1.0", "longer  123.4"]


def test_a_table_without_rows_is_its_head():
    assert table_lines(("name", "status"), []) == ["name  status"]


@pytest.mark.parametrize(
    ("score", "spelled"),
    [(None, "-"), (0.912345678, "0.91235"), (1.0, "1"), (-0.5, "-0.5"), (123456.7, "123457"), (9.87e-7, "9.87e-07")],
)
def test_a_score_has_five_digits_and_large_ones_have_no_exponent(score, spelled):
    assert spell_score(score) == spelled

from __future__ import annotations

import pytest

from athanor.core.names import check_handle, check_name, handle_for
from athanor.errors import InvalidInput


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Churn 2024", "churn-2024"),
        ("  Été — août ", "ete-aout"),
        ("a__b..c", "a-b-c"),
        ("日本", "unnamed"),
        ("---", "unnamed"),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_handle_has_lower_case_letters_digits_and_dashes(name, handle):
    assert handle_for(name, is_taken=lambda _: False) == handle


def test_a_taken_handle_gets_the_next_number():
    taken = {"churn", "churn-2"}
    assert handle_for("churn", is_taken=taken.__contains__) == "churn-3"


def test_a_name_loses_the_space_around_it_and_keeps_the_rest():
    assert check_name("  Ünï  \u2603 ") == "Ünï  \u2603"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "\x1b[31m", "a\ud800", "x" * 201])
def test_a_name_is_neither_empty_nor_long_nor_has_control_characters(name):
    with pytest.raises(InvalidInput) as caught:
        check_name(name, field="title")
    assert caught.value.field == "title"


@pytest.mark.parametrize("name", ["a", "AutoML-Demo", "my model 2", "v1.2_final", "-", "_x", "été", "日本", "x" * 128])
def test_a_name_that_is_a_handle_stays_as_it_is(name):
    assert check_handle(name, field="model_name") == name


@pytest.mark.parametrize(
    "name",
    ["", " ", " a", "a ", ".", "..", ".a", "a/b", "a\\b", "a\nb", "a\n", "a\0", "a*", "a:b", "\ud800", "x" * 129],
)
def test_a_name_that_is_no_handle_is_refused_with_the_rule_and_its_field(name):
    with pytest.raises(
        InvalidInput, match=r"1 to 128 characters: letters, digits, `_`, `-`, `\.` and spaces"
    ) as caught:
        check_handle(name, field="model_name")
    assert caught.value.field == "model_name"
    assert len(str(caught.value)) < 350

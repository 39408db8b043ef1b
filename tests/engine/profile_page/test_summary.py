"""A column in one line."""

import pytest

from athanor.engine.profile_page.summary import most_interesting, shape, values
from athanor.engine.profiling.distributions import ValueCount
from support.profiles import a_finding, a_number, a_profile, a_vector, an_association, some_times, some_words


def unique_words():
    return some_words(top=tuple(ValueCount(value=value, rows=1) for value in "abcd"), distinct=4)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (a_number(), "0 … 100, median 50"),
        (a_number(minimum=7.0, maximum=7.0), "always 7"),
        (a_number(quantiles=None), "0 … 100"),
        (some_words(), "Ulm 60 %, Bonn 39 %, Kiel 1.0 %"),
        (unique_words(), "a, b, c, …"),
        (some_times(), "2024-03-01 … 2024-06-09 12:30:00"),
        (a_vector(), "64 components"),
        (some_words(top=None), ""),
    ],
)
def test_values_are_told_in_a_few_words(column, told):
    assert values(column, 100) == told


def test_a_shape_is_that_of_the_histogram_or_of_the_most_frequent_values():
    assert shape(a_number()) == (10, 60, 25, 0)
    assert shape(some_words()) == (60, 39, 1)


def test_values_that_are_all_different_have_no_shape():
    assert shape(unique_words()) == ()
    assert shape(some_words(top=None)) == ()


def test_the_most_interesting_are_the_target_then_what_findings_name_then_what_goes_with_the_target():
    profile = a_profile(
        *(a_number(f"n{position}") for position in range(40)),
        target="n39",
        findings=(a_finding("odd", "n30"), a_finding("many", *(f"n{position}" for position in range(20)))),
        associations=(an_association("n35", 0.9), an_association("n20", 0.5)),
    )
    assert most_interesting(profile, 5) == [0, 20, 30, 35, 39]
    assert most_interesting(profile, 40) == list(range(40))

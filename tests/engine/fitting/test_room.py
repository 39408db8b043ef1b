"""How much memory a fit needs, and what it goes without where there is less: a pure function of work and room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.engine.family import Estimate
from athanor.engine.fitting.room import LEAST_ROWS, Work, fit_into, left_out
from athanor.engine.models import FAMILIES
from athanor.errors import Impossible

MB = 2**20


class Scripted:
    """A family that needs 1 KB a row and 10 MB a bin beside its matrix."""

    label = "Scripted"

    def estimate(self, shape, options):
        return Estimate(memory_bytes=1024 * shape.n_rows + 10 * MB * options["bins"], seconds=1.0)

    def lighter(self, options):
        return tuple({"bins": bins} for bins in (4, 2) if bins < options["bins"])


FAMILY = Scripted()


def work(**given):
    return Work(
        **{
            "family": FAMILY,
            "options": {"bins": 8},
            "n_rows": 80_000,
            "n_judged": 20_000,
            "n_features": 100,
            "n_margins": 1,
            "row_bytes": 400.0,
            "is_sparse": False,
        }
        | given
    )


def test_a_fit_needs_its_matrices_its_answers_and_what_the_family_has_beside_them():
    matrices, answers, beside = 400 * 100_000, 24 * 20_000, 1024 * 80_000 + 80 * MB
    assert 0 <= work().needed - matrices - answers - beside < 32 * MB


def test_where_there_is_room_the_work_stays_as_it_is():
    wanted = work()
    assert fit_into(wanted, wanted.needed) == wanted


def test_lighter_options_come_before_fewer_rows():
    lighter = fit_into(work(), work().needed - 1)
    assert (lighter.options, lighter.n_rows) == ({"bins": 4}, 80_000)
    lightest = fit_into(work(), lighter.needed - 1)
    assert (lightest.options, lightest.n_rows) == ({"bins": 2}, 80_000)


def test_fewer_rows_are_learned_from_with_the_options_that_were_wanted_where_these_fit():
    fitting = fit_into(work(options={"bins": 2}), work(options={"bins": 2}).needed - 1)
    assert (fitting.options, fitting.n_rows) == ({"bins": 2}, 40_000)


@pytest.mark.parametrize("share", [0.95, 0.7, 0.5, 0.4])
def test_what_comes_of_it_fits(share):
    room = int(share * work().needed)
    assert fit_into(work(), room).needed <= room


def test_rows_become_fewer_down_to_the_least_that_are_worth_a_fit():
    least = work(options={"bins": 2}, n_rows=LEAST_ROWS)
    assert fit_into(work(), least.needed).n_rows == LEAST_ROWS
    with pytest.raises(Impossible, match=r"Scripted needs about \d+ MB for 100 rows and 100 features; .* leaves 1 MB"):
        fit_into(work(), MB)


def test_what_was_left_out_is_said_in_words():
    wanted = work()
    assert left_out(wanted, wanted) == ""
    assert left_out(wanted, replace(wanted, n_rows=40_000)) == "40,000 of 80,000 rows"
    lighter = replace(wanted, options={"bins": 2}, n_rows=40_000)
    assert left_out(wanted, lighter) == "fewer bins or leaves and 40,000 of 80,000 rows"


def test_few_rows_are_not_made_fewer():
    few = work(n_rows=30, options={"bins": 2})
    assert fit_into(few, few.needed) == few
    with pytest.raises(Impossible, match="for 30 rows"):
        fit_into(few, few.needed - 1)


@pytest.mark.parametrize("name", FAMILIES.names())
def test_lighter_options_of_a_family_need_less_and_less(name):
    family = FAMILIES[name]
    for options in family.portfolio():
        wanted = (options, *family.lighter(options))
        needs = [work(family=family, options=each, n_features=5_000, row_bytes=20_000.0).needed for each in wanted]
        assert needs == sorted(needs, reverse=True)
        assert needs[-1] < needs[0] or len(needs) == 1

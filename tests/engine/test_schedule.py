"""What a plan tries, in which order, and how long that may take."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from athanor.engine import schedule
from athanor.engine.family import Estimate, Shape
from athanor.engine.models import FAMILIES
from athanor.engine.plan import PRESETS, Plan
from athanor.engine.schedule import entries, fold_s
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput

ALL = Plan(preset="best_quality")


@dataclass(frozen=True)
class AFamily:
    label: str
    places: tuple[int, ...]
    problems: frozenset[str] = frozenset({"binary"})
    takes_sparse: bool = True
    libraries: tuple[str, ...] = ()
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset({"gaussian"})

    @property
    def name(self):
        return self.label.lower()

    def estimate(self, shape, options):
        return Estimate(memory_bytes=0, seconds=shape.n_rows / 100 + options["depth"])

    def portfolio(self):
        return tuple({"depth": place} for place in range(len(self.places)))


class Families(dict):
    def names(self):
        return sorted(self)


@pytest.fixture
def families(monkeypatch):
    found = Families(a=AFamily("A", (2, 5)), b=AFamily("B", (1, 4, 6, 7)), c=AFamily("C", (3,)))
    monkeypatch.setattr(schedule, "FAMILIES", found)
    return found


def labels(problem="binary", plan=ALL, *, is_sparse=False):
    return [entry.label for entry in entries(problem, plan, is_sparse=is_sparse)]


def test_configurations_start_in_the_order_of_their_places(families):
    assert labels() == ["B", "A", "C", "B-2", "A-2", "B-3", "B-4"]


@pytest.mark.parametrize(
    ("plan", "n"),
    [
        (Plan(preset="best_quality"), 7),
        (Plan(preset="high_quality"), 7),
        (Plan(preset="good_quality"), 7),
        (Plan(preset="medium_quality"), 5),
        (Plan(preset="fast"), 4),
        (Plan(preset="medium_quality", max_trials=2), 2),
        (Plan(preset="medium_quality", max_trials=6), 5),
        (Plan(preset="best_quality", max_trials=4), 4),
    ],
)
def test_the_preset_and_the_trial_limit_cut_the_list_off(families, plan, n):
    assert labels(plan=plan) == labels()[:n]


def test_families_that_do_not_fit_stay_out(families):
    families["b"] = AFamily("B", (1, 4, 6, 7), problems=frozenset({"regression"}))
    families["c"] = AFamily("C", (3,), takes_sparse=False)
    assert labels() == ["A", "C", "A-2"]
    assert labels(is_sparse=True) == ["A", "A-2"]
    assert labels(plan=Plan(excluded_families=("a",))) == ["C"]


def test_excluding_all_that_fit_is_refused(families):
    families["b"] = AFamily("B", (1, 4, 6, 7), problems=frozenset({"regression"}))
    with pytest.raises(InvalidInput, match="Leave at least one in") as caught:
        labels(plan=Plan(excluded_families=("a", "c")))
    assert caught.value.field == "excluded_families"


def test_a_family_for_small_tables_stays_out_of_large_ones(families):
    families["c"] = AFamily("C", (3,), most_rows=100)
    assert [entry.label for entry in entries("binary", ALL, is_sparse=False, n_rows=100)][2] == "C"
    assert "C" not in [entry.label for entry in entries("binary", ALL, is_sparse=False, n_rows=101)]


def test_a_family_for_small_tables_that_is_left_alone_learns_from_as_many_rows_as_it_pays_on(families):
    families["c"] = AFamily("C", (3,), most_rows=100)
    (only,) = entries("binary", Plan(excluded_families=("a", "b")), is_sparse=False, n_rows=10_000)
    assert only.options == {"depth": 0, "max_rows": 100}


def test_only_families_that_have_a_distribution_start_where_one_is_asked_for(families):
    families["c"] = AFamily("C", (3,), distributions=frozenset({"gaussian", "gamma"}))
    gamma = TargetDistribution(name="gamma")
    assert [entry.label for entry in entries("binary", ALL, is_sparse=False, distribution=gamma)] == ["C"]
    with pytest.raises(InvalidInput, match="the distribution gamma: a, b") as caught:
        entries("binary", Plan(excluded_families=("c",)), is_sparse=False, distribution=gamma)
    assert caught.value.field == "distribution"


def test_a_family_whose_library_is_not_installed_stays_out(families):
    families["c"] = AFamily("C", (3,), libraries=("no_such_library.part",))
    assert "C" not in labels()
    with pytest.raises(InvalidInput, match="not installed: c"):
        labels(plan=Plan(excluded_families=("a", "b")))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_every_real_trial_has_an_id_and_a_label_of_its_own(problem, preset):
    found = entries(problem, Plan(preset=preset), is_sparse=False)
    assert len({entry.trial for entry in found}) == len({entry.label for entry in found}) == len(found) > 1
    assert all(entry.options in FAMILIES[entry.family].portfolio() for entry in found)


def test_a_trial_is_known_by_its_family_and_options_alone(families):
    ids = {entry.label: entry.trial for entry in entries("binary", ALL, is_sparse=False)}
    del families["a"], families["c"]
    alone = {entry.label: entry.trial for entry in entries("binary", Plan(max_trials=3, seed=9), is_sparse=True)}
    assert alone == {label: ids[label] for label in ("B", "B-2", "B-3")}


def test_a_trial_has_the_same_id_in_every_process():
    """Checkpoints are found by it: a change of how it is made loses what was fitted before."""
    assert schedule._entry("linear", 0, {"steps": 100, "rate": 0.5}).trial == "c3161ae0616b"
    assert schedule._entry("linear", 0, {"rate": 0.5, "steps": 100}).trial == "c3161ae0616b"
    program = (
        "from athanor.engine.schedule import entries; from athanor.engine.plan import Plan; "
        "print([entry.trial for entry in entries('binary', Plan(), is_sparse=False)])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert told.stdout.strip() == str([entry.trial for entry in entries("binary", ALL, is_sparse=False)])


# --- how long it may take ---------------------------------------------------------------------------------------------


def seconds(plan, **shape):
    return fold_s(entries("binary", plan, is_sparse=False), Shape(n_features=3, n_margins=1, **shape))


def test_a_fold_of_everything_takes_as_long_as_its_fits_one_after_the_other(families):
    assert seconds(Plan(max_trials=3), n_rows=200) == 2 + 2 + 2  # of B, A and C
    assert seconds(Plan(max_trials=4), n_rows=200) == 2 + 2 + 2 + 3  # and the second of B


def test_a_configuration_that_learns_from_some_rows_takes_as_long_as_these(families):
    families["c"] = AFamily("C", (3,), most_rows=100)
    alone = entries("binary", Plan(excluded_families=("a", "b")), is_sparse=False, n_rows=10_000)
    assert fold_s(alone, Shape(n_rows=10_000, n_features=3, n_margins=1)) == 1.0

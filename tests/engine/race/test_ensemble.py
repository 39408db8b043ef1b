"""Weights that are selected on out-of-fold predictions: never worse there than the best member alone."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.budget import Budget
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.race import ensemble
from athanor.engine.race.ensemble import MAX_MEMBERS, alone, best_single, select_weights

REGRESSION, RMSE = PROBLEMS["regression"], METRICS["rmse"]
NEVER = Budget()


class Moments:
    """A clock that lets so many looks pass before the time is over."""

    def __init__(self, looks):
        self.looks = looks

    def spent(self):
        self.looks -= 1
        return self.looks < 0


def values(*given):
    return Predictions(values=np.array(given, float))


def noisy(n_rows=200, n_trials=4, *, seed=0):
    """A truth, and trials that each err in their own way."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n_rows)
    answers = {f"t{place}": Predictions(values=y + rng.normal(size=n_rows) * (1 + place)) for place in range(n_trials)}
    return answers, Truth(y=y)


def select(answers, truth, *, metric=RMSE, problem=REGRESSION, seed=0, clock=NEVER):
    return select_weights(answers, truth, problem=problem, metric=metric, seed=seed, clock=clock)


def test_one_trial_is_its_own_ensemble():
    chosen = select({"only": values(1, 2)}, Truth(y=np.array([1.0, 3.0])))
    assert chosen.shares == {"only": 1.0}
    assert chosen.score == pytest.approx(np.sqrt(0.5))


def test_two_that_err_in_opposite_ways_are_blended():
    truth = Truth(y=np.zeros(40))
    answers = {"above": Predictions(values=np.full(40, 1.0)), "below": Predictions(values=np.full(40, -1.0))}
    chosen = select(answers, truth)
    assert chosen.shares == {"above": 0.5, "below": 0.5}
    assert chosen.score == 0.0


def test_a_trial_that_only_harms_gets_no_share():
    answers, truth = noisy(n_trials=1)
    answers["bad"] = Predictions(values=-100 * truth.y)
    assert select(answers, truth).shares == {"t0": 1.0}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_rows", [7, 200, 4000])
def test_a_blend_is_chosen_where_it_is_better_than_the_best_trial_on_rows_that_it_was_not_selected_on(seed, n_rows):
    answers, truth = noisy(n_rows, seed=seed)
    chosen, best = select(answers, truth), best_single(answers, truth, RMSE)
    assert chosen == best if len(chosen.shares) == 1 else chosen.score < best.score
    assert sum(chosen.shares.values()) == pytest.approx(1.0)
    assert all(share > 0 for share in chosen.shares.values())


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_a_blend_of_probabilities_is_no_worse_than_its_best_member(metric):
    rng = np.random.default_rng(1)
    truth = Truth(y=rng.integers(0, 2, 300).astype(float), classes=("no", "yes"))
    binary = PROBLEMS["binary"]
    margins = [(2 * truth.y - 1 + 2 * rng.normal(size=300))[:, None] for _ in range(5)]
    answers = {f"t{place}": binary.predictions(given, truth.classes) for place, given in enumerate(margins)}
    chosen = select(answers, truth, metric=METRICS[metric], problem=binary)
    better = 1 if METRICS[metric].greater_is_better else -1
    assert better * chosen.score >= max(METRICS[metric].utility(truth, given) for given in answers.values())


def test_a_blend_that_looks_better_only_on_the_rows_it_was_selected_on_is_not_chosen():
    """Coins that are tossed for few rows: some blend of forty fits them well, and no other rows."""
    rng = np.random.default_rng(2)
    truth = Truth(y=rng.integers(0, 2, 30).astype(float), classes=("no", "yes"))
    binary, metric = PROBLEMS["binary"], METRICS["accuracy"]
    answers = {f"t{place}": binary.predictions(rng.normal(size=(30, 1)), truth.classes) for place in range(40)}
    assert select(answers, truth, metric=metric, problem=binary) == best_single(answers, truth, metric)


def test_the_seed_and_the_answers_alone_decide():
    answers, truth = noisy()
    other_way_round = dict(reversed(answers.items()))
    assert select(answers, truth, seed=3) == select(other_way_round, truth, seed=3)
    assert select(answers, truth, seed=3).shares != select(answers, truth, seed=4).shares


def test_of_equals_the_first_by_name_is_taken_alone():
    same = values(1.0, 2.0, 3.0)
    assert select({"b": same, "a": same}, Truth(y=np.array([1.0, 2.0, 4.0]))).shares == {"a": 1.0}


def test_an_ensemble_has_a_limited_number_of_members():
    answers, truth = noisy(n_rows=40, n_trials=1)
    rng = np.random.default_rng(5)
    answers |= {f"n{place}": Predictions(values=truth.y + rng.normal(size=40)) for place in range(60)}
    chosen = select(answers, truth)
    assert 1 < len(chosen.shares) <= MAX_MEMBERS
    assert sum(chosen.shares.values()) == pytest.approx(1.0)


def test_rows_that_weigh_nothing_have_no_say():
    y = np.zeros(40)
    weight = np.array([1.0] * 20 + [0.0] * 20)
    good_where_it_counts = Predictions(values=np.array([0.0] * 20 + [9.0] * 20))
    good_where_not = Predictions(values=np.array([1.0] * 20 + [0.0] * 20))
    chosen = select({"a": good_where_not, "b": good_where_it_counts}, Truth(y=y, weight=weight))
    assert chosen.shares == {"b": 1.0}


def test_a_trial_whose_score_is_not_defined_is_no_better_than_any():
    truth = Truth(y=np.array([0.0] * 20 + [1.0] * 20), classes=("no", "yes"))
    binary = PROBLEMS["binary"]
    nothing = binary.predictions(np.full((40, 1), np.nan), truth.classes)
    fair = binary.predictions((truth.y + np.linspace(0, 1.5, 40))[:, None], truth.classes)
    chosen = select({"a": nothing, "b": fair}, truth, metric=METRICS["log_loss"], problem=binary)
    assert chosen.shares == {"b": 1.0}


def test_where_the_metric_is_defined_nowhere_one_trial_answers():
    truth = Truth(y=np.ones(40), classes=("no", "yes"))
    binary = PROBLEMS["binary"]
    answers = {name: binary.predictions(np.full((40, 1), float(len(name))), truth.classes) for name in ("a", "bb")}
    assert select(answers, truth, metric=METRICS["roc_auc"], problem=binary).shares == {"a": 1.0}


# --- the clock ------------------------------------------------------------------------------------------------------


def test_without_time_the_best_one_answers_alone():
    answers, truth = noisy()
    assert select(answers, truth, clock=Moments(0)).shares == {"t0": 1.0}


@pytest.mark.parametrize("looks", [1, 2, 3, 10, 40])
def test_time_that_ends_in_the_middle_leaves_a_sound_ensemble(looks):
    answers, truth = noisy()
    chosen = select(answers, truth, clock=Moments(looks))
    assert chosen.score <= best_single(answers, truth, RMSE).score
    assert sum(chosen.shares.values()) == pytest.approx(1.0)


def test_a_large_table_is_judged_by_samples(monkeypatch):
    monkeypatch.setattr(ensemble, "MAX_ROWS", 100)
    monkeypatch.setattr(ensemble, "SMALL", 50)
    answers, truth = noisy(n_rows=1000)
    samples, looked_at = ensemble._samples, []
    monkeypatch.setattr(
        ensemble, "_samples", lambda *given: [looked_at.append(rows) or rows for rows in samples(*given)]
    )
    assert len(select(answers, truth).shares) > 1
    assert [len(rows) for rows in looked_at] == [100] * 3  # of all rows, and of each half
    assert all(len(np.unique(rows)) == 100 for rows in looked_at)
    assert looked_at[0].max() >= 500 > looked_at[1].max()


# --- pieces -----------------------------------------------------------------------------------------------------------


def test_one_trial_alone_has_the_whole_share_and_no_score_yet():
    assert alone("t").shares == {"t": 1.0}
    assert np.isnan(alone("t").score)


def test_rows_can_be_taken_and_joined_of_every_kind_of_answer():
    rows, rest = np.array([2, 0]), np.array([1])
    numbers = values(1, 2, 3)
    assert Predictions.join([numbers.take(rows), numbers.take(rest)]).values.tolist() == [3.0, 1.0, 2.0]
    whole = PROBLEMS["binary"].predictions(np.array([[-1.0], [0.5], [2.0]]), ("no", "yes"))
    joined = Predictions.join([whole.take(rows), whole.take(rest)])
    assert joined.labels() == ["yes", "no", "yes"]
    assert joined.classes == ("no", "yes")
    assert np.array_equal(joined.probabilities, whole.probabilities[[2, 0, 1]])

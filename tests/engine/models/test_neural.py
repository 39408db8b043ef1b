from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.family import FitInput, Shape
from athanor.engine.metrics import METRICS
from athanor.engine.models.bag import FoldBag
from athanor.engine.models.neural import NEURAL, NeuralBag, schedule_of
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import TargetDistribution

QUICK = {**NEURAL.portfolio()[0], "nets": 2, "width": 16, "epochs": 15}


def wavy(n_rows, seed=0, *, noise=0.2):
    """Waves along one feature, two that count together, and three that say nothing."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n_rows, 6)).astype(np.float32)
    y = np.sin(4.0 * X[:, 0]) + X[:, 1] * X[:, 2] + noise * rng.normal(size=n_rows)
    return X, y


def given(problem="regression", n_rows=800, *, metric="rmse", watch=lambda step: False, truth=None, **changes):
    X, y = wavy(n_rows + 400)
    truth = (
        truth
        or {
            "regression": lambda: Truth(y=50.0 + 10.0 * y),
            "binary": lambda: Truth(y=(y > 0.3).astype(float), classes=("no", "yes")),
        }[problem]()
    )
    rows, to_stop = np.arange(n_rows), np.arange(n_rows, n_rows + 400)
    made = FitInput(
        problem=PROBLEMS[problem],
        metric=METRICS[metric if problem == "regression" else "log_loss"],
        X=X[rows],
        truth=truth.take(rows),
        X_stop=X[to_stop],
        truth_stop=truth.take(to_stop),
        categorical=(),
        seed=3,
        watch=watch,
    )
    return replace(made, **changes)


def new_rows():
    X, y = wavy(2000, seed=9, noise=0.0)
    return X, 50.0 + 10.0 * y


def rmse(model, X, y):
    return float(np.sqrt(np.mean((model.margins(X)[:, 0] - y) ** 2)))


def same_bits(first, second):
    assert first.shape == second.shape
    assert first.tobytes() == second.tobytes()


def test_waves_and_products_are_learned():
    X, y = new_rows()
    assert rmse(NEURAL.fit(given(), QUICK), X, y) < 0.25 * y.std()


def test_bins_help_where_a_quantity_acts_in_steps():
    X, _ = wavy(1200)
    steps = Truth(y=np.floor(2.5 * X[:, 0]) % 2 + 0.1 * X[:, 1])
    errors = []
    for bins in (0, 24):
        asked = given(truth=steps)
        model = NEURAL.fit(asked, {**QUICK, "bins": bins})
        errors.append(rmse(model, asked.X_stop, asked.truth_stop.y))
    assert errors[1] < 0.7 * errors[0]


def test_the_nets_that_the_rows_to_stop_by_like_best_are_kept():
    losses = []
    asked = given("binary", 150, watch=lambda step: bool(losses.append(step.loss)))
    model = NEURAL.fit(asked, {**QUICK, "width": 64, "dropout": 0.0})
    known = [loss for loss in losses if loss is not None]
    assert known[-1] > min(known), "it went on beyond the best"
    answers = asked.problem.predictions(model.margins(asked.X_stop), asked.truth.classes)
    assert METRICS["log_loss"].score(asked.truth_stop, answers) == pytest.approx(min(known), rel=1e-4)


def test_a_fit_without_anything_to_learn_ends_early_and_says_the_same_to_all_rows():
    told = []
    asked = given("binary", watch=lambda step: bool(told.append(step.n)))
    chance = np.random.default_rng(0).integers(0, 2, 800).astype(float)
    spoiled = replace(
        asked, truth=replace(asked.truth, y=chance), truth_stop=replace(asked.truth_stop, y=np.zeros(400))
    )
    margins = NEURAL.fit(spoiled, QUICK).margins(asked.X_stop)
    assert told[-1] < 60, "of a hundred"
    assert margins.std() < 0.5


@pytest.mark.parametrize("n_rows", [1, 5, 31, 300, 5_000, 2_000_000])
def test_the_number_of_steps_comes_from_the_rows_alone(n_rows):
    schedule = schedule_of(NEURAL.portfolio()[0], n_rows)
    assert 1 <= schedule.n_rows <= min(n_rows, 256)
    assert 1500 <= schedule.n_steps <= 6000


def test_rows_may_be_sparse():
    asked = given()
    X = np.where(np.abs(asked.X) < 0.5, np.float32(0.0), asked.X)
    dense = NEURAL.fit(replace(asked, X=X), QUICK)
    thin = NEURAL.fit(replace(asked, X=sparse.csr_matrix(X), X_stop=sparse.csr_matrix(asked.X_stop)), QUICK)
    X_new, _ = new_rows()
    np.testing.assert_allclose(thin.margins(sparse.csr_matrix(X_new)), dense.margins(X_new), rtol=1e-3, atol=0.1)


def test_answers_do_not_leave_the_range_of_the_target():
    asked = given()
    model = NEURAL.fit(asked, QUICK)
    far = np.random.default_rng(0).normal(0, 1e3, (200, 6)).astype(np.float32)
    margins = model.margins(far)
    assert margins.min() >= asked.truth.y.min() - 1e-6
    assert margins.max() <= asked.truth.y.max() + 1e-6


@pytest.mark.parametrize("level", [0.1, 0.9])
def test_a_quantile_has_its_share_of_the_targets_below(level):
    asked = given(n_rows=2000, distribution=TargetDistribution(name="quantile", parameter=level))
    below = asked.truth_stop.y <= NEURAL.fit(asked, {**QUICK, "width": 32}).margins(asked.X_stop)[:, 0]
    assert below.mean() == pytest.approx(level, abs=0.08)


@pytest.mark.parametrize("distribution", ["laplace", "huber"])
def test_outliers_count_less_where_they_should(distribution):
    X, y = new_rows()
    asked = given()
    spoiled = asked.truth.y.copy()
    spoiled[::20] += 800.0
    asked = replace(asked, truth=Truth(y=spoiled))
    robust = NEURAL.fit(replace(asked, distribution=TargetDistribution(name=distribution)), QUICK)
    assert rmse(robust, X, y) < 0.6 * rmse(NEURAL.fit(asked, QUICK), X, y)


def test_a_bag_says_what_its_models_say():
    asked = given()
    models, places = [], []
    for fold, place in enumerate(([0, 1, 2], [0, 1, 2, 3, 4, 5], [2, 0, 1])):
        part = replace(asked, X=asked.X[:, place], X_stop=asked.X_stop[:, place], seed=fold)
        models.append(NEURAL.fit(part, QUICK))
        places.append(np.array(place))
    bag = NEURAL.bag(models, places)
    assert isinstance(bag, NeuralBag)
    X, _ = new_rows()
    for rows in (X[:1], X[:7], X):
        for margins, model, place in zip(bag.margins(rows), models, places, strict=True):
            same_bits(margins, model.margins(np.ascontiguousarray(rows[:, place])))


def test_models_that_are_not_alike_are_asked_one_after_the_other():
    asked = given()
    constant = NEURAL.fit(replace(asked, truth=Truth(y=np.full(800, 2.0))), QUICK)
    narrow = NEURAL.fit(asked, {**QUICK, "width": 8})
    for others in (constant, narrow):
        bag = NEURAL.bag([NEURAL.fit(asked, QUICK), others], [np.arange(6)] * 2)
        assert isinstance(bag, FoldBag)
        same_bits(bag.margins(asked.X_stop)[1], others.margins(asked.X_stop))


def test_features_that_say_something_matter_most():
    sizes = NEURAL.fit(given(), QUICK).importance(6)
    assert sizes[:3].min() > 1.5 * sizes[3:].max()


def test_features_that_never_vary_are_of_no_importance():
    asked = given()
    X = asked.X.copy()
    X[:, 4] = 1.0
    assert NEURAL.fit(replace(asked, X=X), QUICK).importance(6)[4] == 0.0


def test_lighter_options_need_less_memory():
    shape = Shape(n_rows=50_000, n_features=400, n_margins=1)
    for options in NEURAL.portfolio():
        (lighter,) = NEURAL.lighter(options)
        assert NEURAL.estimate(shape, lighter).memory_bytes < NEURAL.estimate(shape, options).memory_bytes

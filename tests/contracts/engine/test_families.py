"""What every model family must do, on every problem that it serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from athanor.engine.family import Shape
from athanor.engine.features import VIEWS
from athanor.engine.fitting.watch import Ending, Watch
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.target_distribution import DISTRIBUTIONS, TargetDistribution
from athanor.errors import Impossible

SERVED = [(family, problem) for family in FAMILIES.names() for problem in sorted(FAMILIES[family].problems)]
every_family = pytest.mark.parametrize("family", FAMILIES.names())
every_service = pytest.mark.parametrize(("family", "problem"), SERVED)


@every_family
def test_a_family_is_described_by_names_that_exist(family):
    found = FAMILIES[family]
    assert found.name == family
    assert found.label
    assert found.view in VIEWS
    assert found.problems <= set(PROBLEMS.names())
    assert all(alias == alias.lower() for alias in found.aliases)


@every_family
def test_portfolio_entries_differ_and_are_plain_data(family):
    entries = [tuple(sorted(options.items())) for options in FAMILIES[family].portfolio()]
    assert len(set(entries)) == len(entries) >= 1
    assert all(isinstance(value, int | float | str | bool) for entry in entries for _, value in entry)


@every_service
def test_the_quickest_entry_beats_the_baseline(family, problem, make_fit):
    fit = make_fit(family, problem)
    margins = fit.entry(0).margins(fit.given.X_stop)
    baseline = np.tile(fit.given.problem.baseline(fit.given.truth), (len(margins), 1))
    assert fit.loss(margins) < 0.8 * fit.loss(baseline)


@every_service
def test_every_entry_of_the_portfolio_can_be_fitted_and_saved(family, problem, make_fit, tmp_path, same_bits):
    fit = make_fit(family, problem)
    for place in range(len(fit.family.portfolio())):
        model = fit.entry(place)
        folder = tmp_path / str(place)
        folder.mkdir()
        model.save(folder)
        assert {path.name for path in folder.iterdir()} <= fit.family.formats
        same_bits(fit.family.load(folder).margins(fit.given.X_stop), model.margins(fit.given.X_stop))


@every_service
def test_sparse_matrices_serve_as_well_as_dense_ones(family, problem, make_fit, shuffled_rows, same_bits):
    if not FAMILIES[family].takes_sparse:
        pytest.skip("this family takes dense matrices only")
    fit = make_fit(family, problem, with_sparse=True)
    model = fit.entry(0)
    margins = model.margins(fit.given.X_stop)
    baseline = np.tile(fit.given.problem.baseline(fit.given.truth), (len(margins), 1))
    assert fit.loss(margins) < 0.9 * fit.loss(baseline)
    for rows in shuffled_rows(len(margins)):
        same_bits(model.margins(fit.given.X_stop[rows]), margins[rows])


@every_service
def test_margins_have_the_shape_that_the_problem_says(family, problem, make_fit):
    fit = make_fit(family, problem)
    margins = fit.entry(0).margins(fit.given.X_stop)
    assert margins.shape == (100, fit.given.problem.n_margins(fit.given.truth))
    assert margins.dtype == np.float64
    assert np.isfinite(margins).all()


@every_service
def test_the_same_seed_gives_the_same_bits(family, problem, make_fit, same_bits):
    fit = make_fit(family, problem)
    again = fit.model(options=fit.family.portfolio()[-1])
    same_bits(fit.entry(-1).margins(fit.given.X_stop), again.margins(fit.given.X_stop))


@every_service
def test_a_row_gets_the_same_bits_alone_and_among_others(family, problem, make_fit, shuffled_rows, same_bits):
    fit = make_fit(family, problem)
    model = fit.entry(0)
    margins = model.margins(fit.given.X_stop)
    for rows in shuffled_rows(len(margins)):
        same_bits(model.margins(fit.given.X_stop[rows]), margins[rows])


@every_service
def test_a_model_says_how_much_it_relies_on_each_feature(family, problem, make_fit, tmp_path, same_bits):
    fit = make_fit(family, problem, with_sparse=FAMILIES[family].takes_sparse)
    model = fit.entry(0)
    sizes = model.importance(fit.view.n_features)
    assert sizes.shape == (fit.view.n_features,)
    assert sizes.dtype == np.float64
    assert (sizes >= 0.0).all()
    assert np.isfinite(sizes).all()
    by_column = dict.fromkeys(fit.table.schema.names, 0.0)
    start = 0
    for source in fit.view.sources:
        by_column[source.column] += sizes[start : start + source.n_features].sum()
        start += source.n_features
    number = by_column.pop("number")  # what the target was made of, for the greater part
    assert number > 0.0
    assert by_column["flag"] > by_column["same"] == by_column["key"] == 0.0
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).importance(fit.view.n_features), sizes)


@every_family
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_model_that_answers_every_row_alike_relies_on_nothing(family, problem, make_fit):
    if problem not in FAMILIES[family].problems:
        pytest.skip("this family does not serve the problem")
    fit = make_fit(family, problem)
    truth = replace(fit.given.truth, y=np.full_like(fit.given.truth.y, 1.0))
    assert (fit.model(truth=truth).importance(fit.view.n_features) == np.zeros(fit.view.n_features)).all()


@every_service
def test_rows_asked_for_side_by_side_get_the_bits_they_get_in_turn(family, problem, make_fit, same_bits):
    """A server answers single rows while a batch goes through in chunks."""
    fit = make_fit(family, problem)
    model = fit.entry(-1)
    sizes = (1, 2500, 3, 1200) * 3
    chunks = [fit.given.X[np.random.default_rng(size).integers(0, 300, size)] for size in sizes]
    in_turn = [model.margins(chunk) for chunk in chunks]
    with ThreadPoolExecutor(4) as threads:
        for expected, found in zip(in_turn, threads.map(model.margins, chunks), strict=True):
            same_bits(found, expected)


@every_service
def test_a_fit_told_to_stop_at_once_returns_a_usable_model(family, problem, make_fit, tmp_path, same_bits):
    """Before its first step, for which it may offer a smaller one, and after it: next to nothing is fitted then."""
    fit = make_fit(family, problem)
    for first in (0, 1):
        told = []

        def watch(step, told=told, first=first):
            told.append(step.n)
            return step.n >= first

        model = fit.model(watch=watch, options=fit.family.portfolio()[-1])
        margins = model.margins(fit.given.X_stop)
        baseline = np.tile(fit.given.problem.baseline(fit.given.truth), (len(margins), 1))
        assert [n for n in told if n] == [1] * first, "a fit ends the first time it is told to"
        assert fit.loss(margins) < 1.02 * fit.loss(baseline)
        folder = tmp_path / str(first)
        folder.mkdir()
        model.save(folder)
        assert {path.name for path in folder.iterdir()} <= fit.family.formats
        same_bits(fit.family.load(folder).margins(fit.given.X_stop), margins)


@every_service
def test_a_fit_that_runs_out_of_time_is_back_before_its_deadline_with_a_usable_model(family, problem, make_fit):
    """By a clock on which each step takes as long as the one before, whatever this machine does."""
    fit = make_fit(family, problem)
    at = 0.0

    def clock():
        nonlocal at
        at += 0.02
        return at

    watch = Watch(clock=clock, deadline=0.3, closing=lambda: False, ending=Ending(step_s=0.0), keep=lambda model: None)
    margins = fit.model(watch=watch, options=fit.family.portfolio()[-1]).margins(fit.given.X_stop)
    baseline = np.tile(fit.given.problem.baseline(fit.given.truth), (len(margins), 1))
    assert watch.is_cut
    assert 3 <= watch.n_steps <= 14
    assert at < 0.3
    assert fit.loss(margins) < fit.loss(baseline)


@every_service
def test_a_fit_says_step_by_step_how_far_it_is(family, problem, make_fit):
    fit = make_fit(family, problem)
    steps = []
    fit.model(watch=lambda step: bool(steps.append(step)))
    numbers = [step.n for step in steps]
    assert numbers[0] == 0
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(numbers[-1] + 1))
    assert numbers[-1] > 3
    losses = [step.loss for step in steps if step.loss is not None]
    assert losses[-1] < losses[0]
    assert all(step.next_s > 0.0 for step in steps if step.n == 0)


@every_service
def test_models_made_on_the_way_are_usable_and_change_nothing(family, problem, make_fit, tmp_path, same_bits):
    fit = make_fit(family, problem)
    baseline = np.tile(fit.given.problem.baseline(fit.given.truth), (100, 1))
    losses = []

    def watch(step):
        if step.n % 4 == 0:
            losses.append(fit.loss(step.model().margins(fit.given.X_stop)))
        return False

    model = fit.model(watch=watch)
    assert losses[-1] < losses[0] < 1.02 * fit.loss(baseline)
    undisturbed = fit.entry(0)
    same_bits(model.margins(fit.given.X_stop), undisturbed.margins(fit.given.X_stop))
    texts = []
    for number, each in enumerate((model, undisturbed)):
        folder = tmp_path / str(number)
        folder.mkdir()
        each.save(folder)
        texts.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert texts[0] == texts[1]


@every_service
def test_missing_cells_and_unseen_levels_are_answered(family, problem, make_fit):
    fit = make_fit(family, problem)
    model = fit.entry(0)
    strange = fit.table.take(np.arange(3))
    columns = dict(strange.columns)
    columns["colour"] = type(columns["colour"])(np.array([0, -1, 1], np.int32), ("mauve", "red"))
    columns["number"] = type(columns["number"])(np.full(3, np.nan))
    margins = model.margins(fit.view.transform(replace(strange, columns=columns)))
    assert np.isfinite(margins).all()


@every_service
def test_weights_count(family, problem, make_fit):
    """Rows without weight might as well not be there: wrong targets in them do no harm."""
    fit = make_fit(family, problem)
    truth = fit.given.truth
    spoiled = np.arange(len(truth.y)) % 2 == 0
    y = np.where(spoiled, truth.y[::-1], truth.y)
    weighted = Truth(y=y, classes=truth.classes, weight=np.where(spoiled, 0.0, 2.0))
    ignored = Truth(y=y, classes=truth.classes)
    with_weights = fit.loss(fit.model(truth=weighted).margins(fit.given.X_stop))
    without = fit.loss(fit.model(truth=ignored).margins(fit.given.X_stop))
    assert with_weights < without


@every_service
def test_rows_without_any_weight_are_impossible_to_learn_from(family, problem, make_fit):
    fit = make_fit(family, problem)
    truth = fit.given.truth
    with pytest.raises(Impossible, match="weight above 0"):
        fit.model(truth=Truth(y=truth.y, classes=truth.classes, weight=np.zeros(len(truth.y))))


@every_family
@pytest.mark.parametrize("present", [(0,), (2,), (0, 2), (1, 2, 3)])
def test_classes_absent_from_the_training_rows_still_have_a_margin(family, present, make_fit, tmp_path, same_bits):
    fit = make_fit(family, "multiclass")
    rows = np.flatnonzero(np.isin(fit.given.truth.y, present))
    model = fit.model(X=fit.given.X[rows], truth=fit.given.truth.take(rows))
    margins = model.margins(fit.given.X_stop)
    assert margins.shape == (100, 4)
    probabilities = fit.given.problem.predictions(margins, (1, 2, 3, 4)).probabilities
    absent = [code for code in range(4) if code not in present]
    assert (probabilities[:, absent] > 0.0).all()
    assert (probabilities[:, absent] < 2.0 / len(rows)).all()
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).margins(fit.given.X_stop), margins)


@every_family
@pytest.mark.parametrize("code", [0, 1])
def test_a_single_class_in_the_training_rows_is_predicted_nearly_surely(family, code, make_fit, tmp_path, same_bits):
    fit = make_fit(family, "binary")
    rows = np.flatnonzero(fit.given.truth.y == code)
    model = fit.model(X=fit.given.X[rows], truth=fit.given.truth.take(rows))
    margins = model.margins(fit.given.X_stop)
    probability = fit.given.problem.predictions(margins, ("no", "yes")).probabilities[:, code]
    assert ((probability > 0.99) & (probability < 1.0)).all()
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).margins(fit.given.X_stop), margins)


@every_family
def test_a_constant_quantity_is_predicted_as_it_is(family, make_fit, tmp_path, same_bits):
    fit = make_fit(family, "regression")
    model = fit.model(truth=Truth(y=np.full(300, 1e9 + 0.5)))
    assert (model.margins(fit.given.X_stop) == 1e9 + 0.5).all()
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).margins(fit.given.X_stop), model.margins(fit.given.X_stop))


@every_family
def test_a_quantity_far_from_zero_is_learned_as_well_as_one_around_it(family, make_fit):
    """Learners hold targets in single precision: a date in seconds would lose its minutes there."""
    fit = make_fit(family, "regression")
    near = fit.entry(0).margins(fit.given.X_stop)
    shifted = [replace(truth, y=truth.y + 1e12) for truth in (fit.given.truth, fit.given.truth_stop)]
    far = fit.model(truth=shifted[0], truth_stop=shifted[1]).margins(fit.given.X_stop)
    assert np.corrcoef(near[:, 0], far[:, 0] - 1e12)[0, 1] > 0.999


@every_family
@pytest.mark.parametrize("metric", ["mae", "mape", "rmsle"])
def test_every_metric_of_a_quantity_can_be_fitted_for(family, metric, make_fit, tmp_path, same_bits):
    fit = make_fit(family, "regression")
    truth = replace(fit.given.truth, y=np.maximum(fit.given.truth.y - 90.0, 0.0))  # with zeros
    valid = replace(fit.given.truth_stop, y=np.maximum(fit.given.truth_stop.y - 90.0, 0.0))
    model = fit.model(metric=METRICS[metric], truth=truth, truth_stop=valid)
    margins = model.margins(fit.given.X_stop)
    baseline = np.full_like(margins, np.median(truth.y))
    score = METRICS[metric].score
    problem = fit.given.problem
    assert score(valid, problem.predictions(margins, ())) < score(valid, problem.predictions(baseline, ()))
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).margins(fit.given.X_stop), margins)


@every_family
def test_five_rows_are_enough(family, make_fit):
    fit = make_fit(family, "binary")
    rows = np.array([0, 1, 2, 3, 4])
    truth = Truth(y=np.array([0.0, 1.0, 0.0, 1.0, 1.0]), classes=("no", "yes"))
    model = fit.model(X=fit.given.X[rows], truth=truth)
    assert np.isfinite(model.margins(fit.given.X_stop)).all()


@every_family
def test_estimates_grow_with_the_work(family):
    found = FAMILIES[family]
    for options in found.portfolio():
        small = found.estimate(Shape(n_rows=1000, n_features=10, n_margins=1), options)
        for more in ({"n_rows": 100_000}, {"n_features": 1000}, {"n_margins": 10}):
            large = found.estimate(Shape(**{"n_rows": 1000, "n_features": 10, "n_margins": 1, **more}), options)
            assert large.seconds >= small.seconds > 0
            assert large.memory_bytes >= small.memory_bytes > 0


LOSSES = {  # of the value y where m is answered: 0 where these are one
    "gaussian": lambda y, m, _: np.square(y - m),
    "laplace": lambda y, m, _: np.abs(y - m),
    "huber": lambda y, m, level: huber(y - m, turn=np.quantile(np.abs(y - np.median(y)), level)),
    "quantile": lambda y, m, level: np.maximum(level * (y - m), (level - 1.0) * (y - m)),
    "poisson": lambda y, m, _: y * np.log(np.maximum(y, 1e-300) / m) - (y - m),
    "gamma": lambda y, m, _: np.log(m / y) + y / m - 1.0,
    "tweedie": lambda y, m, p: y ** (2 - p) / ((1 - p) * (2 - p)) - y * m ** (1 - p) / (1 - p) + m ** (2 - p) / (2 - p),
}


def huber(errors, turn):
    sizes = np.abs(errors)
    return np.where(sizes <= turn, 0.5 * sizes**2, turn * (sizes - 0.5 * turn))


def loss_of(distribution, y, mean):
    return LOSSES[distribution.name](y, mean, distribution.parameter).mean()


def distributed(distribution, signal):
    """A target spread around what the signal says as the distribution has it."""
    rng = np.random.default_rng(6)
    name, n_rows = distribution.name, len(signal)
    if name == "huber":
        return signal + np.where(rng.random(n_rows) < 0.02, 200.0, 0.0)
    if name == "quantile":
        return signal + rng.exponential(size=n_rows)
    mean = 50.0 * np.exp((signal - signal.mean()) / signal.std())
    if name == "poisson":
        return rng.poisson(mean / 10.0).astype(float)
    if name == "gamma":
        return rng.gamma(3.0, mean / 3.0)
    if name == "tweedie":
        return np.where(rng.random(n_rows) < 0.2, 0.0, rng.gamma(3.0, mean / 3.0))
    return signal


DISTRIBUTED = [
    (family, text)
    for family in FAMILIES.names()
    for text in ("gaussian", "laplace", "huber:0.9", "quantile:0.2", "quantile:0.9", "poisson", "gamma", "tweedie:1.4")
    if text.partition(":")[0] in FAMILIES[family].distributions
]


@every_family
def test_a_family_that_fits_quantities_says_by_which_distributions(family):
    found = FAMILIES[family]
    assert found.distributions <= set(DISTRIBUTIONS)
    assert ("gaussian" in found.distributions) == ("regression" in found.problems)


@pytest.mark.parametrize(("family", "text"), DISTRIBUTED)
def test_a_distribution_is_fitted_by_its_own_loss(family, text, make_fit, tmp_path, same_bits):
    distribution = TargetDistribution.parse(text)
    fit = make_fit(family, "regression")
    signal = np.concatenate([fit.given.truth.y, fit.given.truth_stop.y])
    y = distributed(distribution, signal)
    rows = {"truth": Truth(y=y[:300]), "truth_stop": Truth(y=y[300:])}
    model = fit.model(distribution=distribution, **rows)
    margins = model.margins(fit.given.X_stop)
    constants = np.append(np.quantile(y[:300], np.linspace(0.01, 0.99, 99)), y[:300].mean())
    if distribution.is_positive:
        assert (margins > 0.0).all()
        constants = constants[constants > 0.0]
    found = loss_of(distribution, y[300:], margins[:, 0])
    assert found < 0.85 * min(loss_of(distribution, y[300:], constant) for constant in constants)
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).margins(fit.given.X_stop), margins)


@pytest.mark.parametrize(("family", "text"), DISTRIBUTED)
def test_a_distribution_counts_rows_by_their_weights(family, text, make_fit):
    """Rows without weight might as well not be there: wrong targets in them do no harm."""
    distribution = TargetDistribution.parse(text)
    fit = make_fit(family, "regression")
    y = distributed(distribution, np.concatenate([fit.given.truth.y, fit.given.truth_stop.y]))
    spoiled = np.arange(300) % 2 == 0
    wrong = np.where(spoiled, y[:300].max() + y[:300].mean(), y[:300])
    truth = Truth(y=wrong, weight=np.where(spoiled, 0.0, 3.0))
    losses = []
    for each in (truth, Truth(y=wrong)):
        model = fit.model(distribution=distribution, truth=each, truth_stop=Truth(y=y[300:]))
        losses.append(loss_of(distribution, y[300:], model.margins(fit.given.X_stop)[:, 0]))
    assert losses[0] < losses[1]


@pytest.mark.parametrize(("family", "text"), DISTRIBUTED)
def test_a_distribution_of_one_value_is_predicted_as_it_is(family, text, make_fit, tmp_path, same_bits):
    fit = make_fit(family, "regression")
    truth = Truth(y=np.full(300, 2.5))
    model = fit.model(truth=truth, distribution=TargetDistribution.parse(text))
    margins = model.margins(fit.given.X_stop)
    assert (margins == 2.5).all()
    model.save(tmp_path)
    same_bits(fit.family.load(tmp_path).margins(fit.given.X_stop), margins)


@pytest.fixture(scope="module")
def make_bag(make_fit, tmp_path_factory):
    """Gives a new bag of loaded fold models, a matrix for it, and what the models say of it by themselves."""

    @cache
    def fitted(family, problem, with_sparse):
        return fold_models(make_fit(family, problem, with_sparse=with_sparse), tmp_path_factory.mktemp("bag"))

    def make(family, problem, *, with_sparse=False):
        folders, places, X = fitted(family, problem, with_sparse)
        models = [FAMILIES[family].load(folder) for folder in folders]
        alone = [model.margins(X[:, place]) for model, place in zip(models, places, strict=True)]
        return FAMILIES[family].bag(models, places), X, alone

    return make


@pytest.fixture
def check_bag(same_bits):
    """Whether a bag gives what its models give by themselves, asked for some rows by some threads."""

    def check(made, asked, n_threads):
        bag, X, alone = made
        with ThreadPoolExecutor(n_threads) as threads:
            for rows, answers in zip(asked, threads.map(lambda rows: bag.margins(X[rows]), asked), strict=True):
                for found, expected in zip(answers, alone, strict=True):
                    same_bits(found, expected[rows])

    return check


def fold_models(fit, folder):
    """Saved fold models, where the features of each stand in a matrix that has more than each, and this matrix.

    Every feature stands there twice, and one that no model has comes last. The models have all features in the first
    places, some of them and some twice, all in a new order; the last one answers every row alike.
    """
    rng = np.random.default_rng(12)
    width, given = fit.view.n_features, fit.given
    source = np.concatenate([np.arange(width), rng.permutation(width), [0]])
    places = [
        np.arange(width),
        np.unique(np.concatenate([rng.integers(0, 2 * width, width), [0, 2 * width - 1]])),
        rng.permutation(2 * width),
        np.arange(width),
    ]
    places[1] = rng.permutation(np.concatenate([places[1], places[1][:2]]))
    folders = []
    for number, place in enumerate(places):
        parts = {
            "X": given.X[:, source[place]],
            "X_stop": given.X_stop[:, source[place]],
            "categorical": tuple(np.flatnonzero(np.isin(source[place], given.categorical)).tolist()),
            "seed": number,
            "watch": lambda step: step.n >= 8,  # any model will do
        }
        if number == 3:
            parts["truth"] = replace(given.truth, y=np.ones_like(given.truth.y))
        folders.append(folder / str(number))
        folders[-1].mkdir()
        fit.model(**parts).save(folders[-1])
    return folders, places, given.X_stop[:, source]


@every_service
def test_a_bag_gives_the_bits_of_each_fold_model(family, problem, make_bag, check_bag, shuffled_rows):
    asked = [np.arange(100), *shuffled_rows(100), np.arange(3), np.tile(np.arange(100), 2)]
    check_bag(make_bag(family, problem), asked, n_threads=1)


@every_service
def test_a_bag_takes_sparse_matrices_where_its_family_does(family, problem, make_bag, check_bag, shuffled_rows):
    if not FAMILIES[family].takes_sparse:
        pytest.skip("this family takes dense matrices only")
    check_bag(make_bag(family, problem, with_sparse=True), shuffled_rows(100), n_threads=1)


@every_service
def test_a_bag_answers_many_threads_at_once(family, problem, make_bag, check_bag, shuffled_rows):
    one, some, many = shuffled_rows(100)
    check_bag(make_bag(family, problem), [one, some, many, one, some] * 4, n_threads=4)

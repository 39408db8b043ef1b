"""What is particular to forests."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.family import FitInput
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.trees.fitted_forest import FittedForest
from athanor.engine.trees.forest import served, shortened
from athanor.engine.trees.text import booster_text
from athanor.errors import InvalidInput

FORESTS = ["extra_trees", "random_forest"]
every_forest = pytest.mark.parametrize("family", FORESTS)
every_problem = pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])

RNG = np.random.default_rng(1)
X = RNG.normal(size=(900, 6)).astype(np.float32)
X[:, 4] = RNG.integers(0, 6, 900)
X[:, 3] = np.float32(1e6) + X[:, 3]  # neighbours in single precision
HOLED = np.where(RNG.random(X.shape) < 0.1, np.float32(np.nan), X)
HOLED[:, 5] = X[:, 5]  # a feature that is missing in no training row
SIGNAL = X[:, 0] * X[:, 1] + 0.3 * X[:, 4] + 0.3 * RNG.normal(size=900)
OPTIONS = {"trees": 7, "least_trees": 5, "leaves": 10_000, "max_features": 0.5}


def same_bits(first, second):
    assert first.shape == second.shape
    assert first.tobytes() == second.tobytes()


def target(problem):
    if problem == "regression":
        return SIGNAL
    cuts = [0.5] if problem == "binary" else [0.0, 0.7, 1.5]
    return np.digitize(SIGNAL, cuts).astype(float)


def given(problem="regression", *, n_train=600, rows=HOLED, **changes):
    found = PROBLEMS[problem]
    y = changes.pop("y", target(problem))
    classes = () if problem == "regression" else tuple(range(int(y.max()) + 1))
    truth = Truth(y=y, classes=classes, weight=changes.pop("weight", None))
    fitted, stop = np.arange(n_train), np.arange(n_train, 900)
    parts = {
        "problem": found,
        "metric": METRICS[found.default_metric],
        "X": rows[fitted],
        "truth": truth.take(fitted),
        "X_stop": rows[stop],
        "truth_stop": truth.take(stop),
        "categorical": (),
        "seed": 0,
        "watch": lambda step: False,
    }
    return FitInput(**(parts | changes))


def scikit_learns(monkeypatch):
    """The trees that scikit-learn grows from here on."""
    import sklearn.tree

    grown = []
    for name in ("DecisionTreeClassifier", "DecisionTreeRegressor"):
        kind = getattr(sklearn.tree, name)

        class Noted(kind):
            def fit(self, *args, **kwargs):
                grown.append(self)
                return super().fit(*args, **kwargs)

        monkeypatch.setattr(sklearn.tree, name, Noted)
    return grown


@every_forest
@every_problem
def test_each_row_ends_where_scikit_learn_says(family, problem, monkeypatch):
    """Rows with missing cells too, of features that had none as well."""
    import lightgbm

    grown = scikit_learns(monkeypatch)
    FAMILIES[family].fit(given(problem), OPTIONS)
    strange = HOLED.copy()
    strange[::3, 5] = np.nan
    strange[1] = np.nan
    for learner in grown:
        tree, is_leaf = served(learner.tree_)
        near = strange.copy()  # rows on the thresholds themselves, and beside them; sizes below 1e-35 count as 0
        for row, (feature, threshold) in enumerate(zip(tree.feature[:400], tree.threshold[:400], strict=True)):
            near[row, feature] = threshold
            near[row + 400, feature] = np.nextafter(np.float32(threshold), np.float32(np.inf)) if threshold else 1e-34
        booster = lightgbm.Booster(model_str=booster_text([tree], n_outputs=1, n_features=6))
        for rows in (strange, near):
            found = booster.predict(rows, pred_leaf=True).reshape(-1)
            np.testing.assert_array_equal(np.flatnonzero(is_leaf)[found], learner.tree_.apply(rows))
    assert len(grown) == 7


@every_forest
@every_problem
def test_what_it_says_is_the_mean_of_what_scikit_learns_trees_say(family, problem, monkeypatch):
    grown = scikit_learns(monkeypatch)
    fit = given(problem)
    margins = FAMILIES[family].fit(fit, OPTIONS).margins(HOLED)
    if problem == "regression":
        y = fit.truth.y
        means = np.mean([learner.predict(HOLED) for learner in grown], axis=0)
        np.testing.assert_allclose(margins[:, 0], means * y.std() + y.mean(), rtol=1e-6, atol=1e-6)
        return
    answers = fit.problem.predictions(margins, fit.truth.classes).probabilities
    counts = np.bincount(fit.truth.y.astype(int)) + 1.0
    told = np.sum([learner.predict_proba(HOLED) for learner in grown], axis=0) + counts / counts.sum()
    np.testing.assert_allclose(answers, told / 8, rtol=1e-5)


def test_a_shortened_threshold_parts_all_numbers_of_single_precision_as_the_long_one_does():
    values = np.concatenate(
        [RNG.normal(size=500), 10.0 ** RNG.uniform(-30, 38, 500), -(10.0 ** RNG.uniform(-5, 9, 500))]
    )
    single = np.sort(np.append(values.astype(np.float32), np.arange(40, dtype=np.float32)))
    above = np.nextafter(single, np.float32(np.inf))
    middles = single / 2.0 + above.astype(np.float64) / 2.0
    for thresholds in (values, single.astype(np.float64), middles, middles.astype(np.float32).astype(np.float64)):
        short = shortened(thresholds)
        assert (
            max(len(repr(float(number)).replace("-", "").replace(".", "").split("e")[0].strip("0")) for number in short)
            <= 9
        )
        for threshold, shorter in zip(thresholds, short, strict=True):
            near = np.float32(threshold)
            numbers = np.array([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
            numbers = numbers.astype(np.float64)
            np.testing.assert_array_equal(numbers <= threshold, numbers <= shorter)


def test_a_half_stays_a_half():
    np.testing.assert_array_equal(shortened(np.array([0.5, 3.5, -1e6])), [0.5, 3.5, -1e6])


@every_forest
@every_problem
def test_forests_in_a_bag_say_what_each_says_alone(family, problem, tmp_path):
    """Of unlike numbers of trees, one without any, with features in places of their own."""
    found = FAMILIES[family]
    places = [np.arange(6), np.array([7, 3, 1, 0, 2, 5]), np.arange(6), np.array([6, 5, 4, 3, 2, 1])]
    models = []
    for number, n_trees in enumerate((7, 3, 0, 5)):
        watch = lambda step: step.n == 0  # noqa: E731
        fit = given(problem, seed=number, **({} if n_trees else {"watch": watch}))
        folder = tmp_path / str(number)
        folder.mkdir()
        found.fit(fit, {**OPTIONS, "trees": n_trees}).save(folder)
        models.append(found.load(folder))
    shared = np.concatenate([HOLED, X[:, :3]], axis=1)
    shared = np.concatenate([shared, shared[::-1]])
    bag = found.bag(models, places)
    for rows in (shared, shared[:1], shared[5:40]):
        for answers, model, place in zip(bag.margins(rows), models, places, strict=True):
            same_bits(answers, model.margins(np.ascontiguousarray(rows[:, place])))


@every_problem
def test_many_rows_go_another_way_to_the_same_bits(problem):
    """A thousand go through the trees some at a time; once that is prepared, fewer do so too; and so may none."""
    found = FAMILIES["extra_trees"]
    models = [found.fit(given(problem, seed=seed), OPTIONS | {"trees": 30}) for seed in (1, 2)]
    rows = np.concatenate([HOLED, HOLED])
    few = [found.bag(models, [np.arange(6)] * 2).margins(rows[start : start + 100]) for start in range(0, 1800, 100)]
    bag = found.bag(models, [np.arange(6)] * 2)
    for place, answers in enumerate(bag.margins(rows)):
        same_bits(answers, np.concatenate([each[place] for each in few]))
    for place, answers in enumerate(bag.margins(rows[:150])):
        same_bits(answers, np.concatenate([few[0][place], few[1][place][:50]]))
    assert [answers.shape[0] for answers in bag.margins(rows[:0])] == [0, 0]


@every_problem
def test_no_rows_get_no_margins(problem):
    """From a forest with trees and from one without, alone and in a bag."""
    found = FAMILIES["extra_trees"]
    models = [found.fit(given(problem, watch=watch), OPTIONS) for watch in (lambda step: False, lambda step: True)]
    n_margins = models[0].margins(HOLED[:1]).shape[1]
    answers = [*(model.margins(HOLED[:0]) for model in models), *found.bag(models, [np.arange(6)] * 2).margins(X[:0])]
    assert [answer.shape for answer in answers] == [(0, n_margins)] * 4


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("leaves", lambda table: table[:-1]),
        ("leaves", lambda table: np.concatenate([table, table[-1:]])),
        ("leaves", lambda table: np.repeat(table, 2, axis=1)),
        ("leaves", lambda table: table[:, 0]),
        ("leaves", lambda table: table.astype("S8")),
        ("importance", lambda table: table[:-1]),
        ("importance", lambda table: np.append(table, 1.0)),
        ("importance", lambda table: table[None]),
    ],
)
def test_a_table_that_is_not_of_the_trees_is_refused(name, spoil, tmp_path):
    found = FAMILIES["extra_trees"]
    found.fit(given(), OPTIONS).save(tmp_path)
    path = tmp_path / f"{name}.npy"
    np.save(path, spoil(np.load(path)))
    with pytest.raises(InvalidInput, match=r"\.npy.* is damaged"):
        found.load(tmp_path)


def test_trees_of_several_outputs_are_no_forest(tmp_path):
    found = FAMILIES["extra_trees"]
    found.fit(given(), OPTIONS | {"trees": 6}).save(tmp_path)
    path = tmp_path / "model.txt"
    path.write_text(path.read_text().replace("num_tree_per_iteration=1\n", "num_tree_per_iteration=2\n"))
    with pytest.raises(InvalidInput, match=r"1 output .* is damaged"):
        found.load(tmp_path)


@every_forest
def test_forests_that_know_unlike_classes_are_bagged(family):
    found, y = FAMILIES[family], target("multiclass")
    models = []
    for gone in (0, 3):
        rows = np.flatnonzero(y != gone)[:500]
        truth = Truth(y=y[rows], classes=(0, 1, 2, 3))
        models.append(found.fit(given("multiclass", X=HOLED[rows], truth=truth), OPTIONS))
    for answers, model in zip(found.bag(models, [np.arange(6)] * 2).margins(HOLED), models, strict=True):
        assert answers.shape == (900, 4)
        same_bits(answers, model.margins(HOLED))


@every_forest
@every_problem
def test_the_loss_on_the_rows_to_stop_by_is_that_of_the_model(family, problem):
    steps = []

    def watch(step):
        steps.append((step, step.model()))
        return False

    fit = given(problem, watch=watch)
    FAMILIES[family].fit(fit, OPTIONS)
    assert [step.n for step, _ in steps if step.n] == list(range(1, 8))
    metric = METRICS["rmse" if problem == "regression" else "log_loss"]
    scale = fit.truth.y.std()
    for step, model in steps:
        if step.n:
            score = metric.score(fit.truth_stop, fit.problem.predictions(model.margins(fit.X_stop), fit.truth.classes))
            expected = step.loss**0.5 * scale if problem == "regression" else step.loss
            assert score == pytest.approx(expected, rel=1e-4)


@every_forest
def test_a_forest_ends_where_it_has_leaves_enough(family):
    """So many that none of its trees has more than its share, and not many more in all."""
    numbers = {}
    for leaves in (100, 1_000):
        steps = []
        model = FAMILIES[family].fit(
            given(watch=lambda step, steps=steps: bool(steps.append(step.n))),
            {"trees": 1000, "least_trees": 10, "leaves": leaves, "max_features": 0.5},
        )
        numbers[leaves] = steps[-1]
        assert leaves <= len(model.leaves) - 1 < leaves * 1.1
        assert max(np.diff(model._bag.parts[0].first)) <= leaves / 10
    assert numbers[100] == 10
    assert numbers[1_000] >= 10


@every_forest
def test_lighter_forests_have_fewer_leaves(family):
    found = FAMILIES[family]
    sizes = [
        len(found.fit(given(), {**options, "trees": 20}).leaves)
        for options in (
            found.portfolio()[0] | {"leaves": 3_000},
            *found.lighter(found.portfolio()[0] | {"leaves": 3_000}),
        )
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[1] > 3.0 * sizes[2]


def test_no_probability_is_0_or_1():
    y = (X[:, 0] > 0.0) * 1.0  # every leaf is pure
    for family in FORESTS:
        fit = given("binary", y=y, rows=X)
        answers = fit.problem.predictions(FAMILIES[family].fit(fit, OPTIONS).margins(X), (0, 1)).probabilities
        assert 0.0 < answers.min() < 0.1
        assert 0.9 < answers.max() < 1.0


@every_forest
def test_rows_without_weight_are_never_looked_at(family):
    y = target("regression")
    weight = np.where(np.arange(900) % 3 == 0, 0.0, 1.5)
    wild = np.where(weight == 0.0, 1e6, y)
    models = [FAMILIES[family].fit(given(y=values, weight=weight), OPTIONS) for values in (y, wild)]
    same_bits(*(model.margins(HOLED) for model in models))


def test_rows_are_drawn_for_a_random_forest_and_all_are_there_for_extra_trees():
    """Grown until every row has its leaf, a tree knows each row that it saw. The rest it guesses."""
    y = RNG.integers(0, 2, 900) * 1.0
    known = {}
    for family in FORESTS:
        margins = FAMILIES[family].fit(given("binary", y=y, rows=X), {**OPTIONS, "trees": 1}).margins(X)
        known[family] = float(np.mean((margins[:600, 0] > 0.0) == (y[:600] > 0.0)))
    assert known["extra_trees"] == 1.0
    assert known["random_forest"] == pytest.approx(0.63 + 0.37 / 2, abs=0.05)


@every_forest
def test_numbers_as_large_as_can_be_are_fitted(family):
    largest = np.finfo(np.float32).max
    rows = HOLED.copy()
    rows[::5, 2], rows[1::5, 2] = largest, -largest
    margins = FAMILIES[family].fit(given(rows=rows), OPTIONS).margins(rows)
    assert np.isfinite(margins).all()


@every_forest
def test_nothing_stands_in_the_leaves_of_the_text(family):
    model = FAMILIES[family].fit(given("multiclass"), OPTIONS)
    assert isinstance(model, FittedForest)
    lines = [line for line in model.text.split("\n") if line.startswith("leaf_value=")]
    assert len(lines) == 7  # a tree is written once, whatever the number of classes
    assert all(float(value) == 0.0 for line in lines for value in line.removeprefix("leaf_value=").split())
    assert model.leaves.shape[1] == 4
    np.testing.assert_allclose(model.leaves.sum(axis=1), 1.0, rtol=1e-6)


@every_forest
def test_the_first_fit_asks_for_the_time_that_the_import_takes(family, monkeypatch):
    import sys

    import lightgbm  # noqa: F401 - there from birth on in a pool process, and scikit-learn is not

    monkeypatch.delitem(sys.modules, "sklearn.tree", raising=False)
    monkeypatch.delitem(sys.modules, "sklearn.base", raising=False)
    steps = []
    model = FAMILIES[family].fit(given(watch=lambda step: bool(steps.append(step)) or True), OPTIONS)
    assert [step.n for step in steps] == [0]
    assert steps[0].next_s > 0.5
    assert "sklearn.tree" not in sys.modules
    assert np.ptp(model.margins(HOLED)) == 0.0

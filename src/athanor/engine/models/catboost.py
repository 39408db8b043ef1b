"""CatBoost: gradient-boosted symmetric trees, which know levels of categories by how they did before. An extra."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.family.starts import distribution_of, start_of
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import Fittable, Floats, Target, target_of
from athanor.engine.trees.boosted import MODEL_FILE, FittedTrees, TreeBag, load_trees
from athanor.engine.trees.boosting import (
    OWN_OPTIONS,
    errors_as_ours,
    fit_in_time,
    is_enough,
    rounds_and_rate,
    small_input,
    trees_in_all,
)
from athanor.engine.trees.from_catboost import Columns, trees_of
from athanor.engine.trees.text import booster_text, leaf

# The loss that is fitted and stops it.
_CLASS_LOSSES: Mapping[str, str] = {"binary": "Logloss", "multiclass": "MultiClass"}
_DISTRIBUTIONS: Mapping[str, str] = {
    "gaussian": "RMSE",
    "laplace": "MAE",
    "huber": "Huber:delta=1.0",  # the target's unit
    "quantile": "Quantile:alpha={}",
    "poisson": "Poisson",
    "tweedie": "Tweedie:variance_power={}",
}
_ALWAYS: Mapping[str, Any] = {
    "boosting_type": "Plain",
    "leaf_estimation_iterations": 1,
    "one_hot_max_size": 15,
    "max_ctr_complexity": 1,  # such trees can be said in sets of codes, and cost half the time
    "thread_count": 1,
    "allow_writing_files": False,
    "logging_level": "Silent",
}
_PORTFOLIO: tuple[Options, ...] = (
    {"rounds": 1000, "learning_rate": 0.08, "depth": 6, "l2_leaf_reg": 3.0, "border_count": 128},
    {
        "rounds": 1000,
        "learning_rate": 0.12,
        "depth": 4,
        "l2_leaf_reg": 8.0,
        "rsm": 0.6,
        "random_strength": 2.0,
        "bootstrap_type": "Bernoulli",
        "subsample": 0.8,
        "border_count": 254,
    },
)
_BORDERS = 254

# The library gives no model before it is done. A first one of a few large steps stands in for it until then.
_FIRST: Options = {"rounds": 20, "learning_rate": 0.3}

# Trees of few leaves, where there is no time for a round as it should be.
_SMALL: Options = {"depth": 2, "border_count": 15}


@dataclass(frozen=True, slots=True)
class CatBoost:
    """Stopped early on the problem's own loss; asked per round of trees whether to go on."""

    name: str = "catboost"
    label: str = "CatBoost"
    aliases: frozenset[str] = frozenset({"cat", "cat boost"})
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = False
    view: str = "codes"
    formats: frozenset[str] = frozenset({MODEL_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("catboost", "lightgbm")
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset(_DISTRIBUTIONS)
    places: tuple[int, ...] = (60, 130)

    def portfolio(self) -> tuple[Options, ...]:
        return _PORTFOLIO

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        # Symmetric trees are weak: fits end later than others, near 50 / learning rate rounds.
        rounds = min(float(options["rounds"]), 50.0 / float(options["learning_rate"]))
        trees = trees_in_all(rounds, shape.n_margins)
        cells = shape.cells(n_rows, density=0.1)
        depth = int(options.get("depth", 6))
        bins = min(float(options.get("border_count", _BORDERS)), n_rows + 1.0) * shape.n_features
        # Cells as they come, as they are kept and in bins; histograms; gradients and scores; the trees.
        histograms = 2**depth * bins * 16 * shape.n_margins
        memory = 16 * cells + histograms + trees * 2**depth * 400 + 80 * n_rows * shape.n_margins
        seconds = 0.1 + _bins_s(cells) + trees * _tree_s(cells, n_rows, bins, depth)
        return Estimate(memory_bytes=int(memory) + 60 * 2**20, seconds=float(seconds))

    def lighter(self, options: Options) -> tuple[Options, ...]:
        """Fewer bins, then fewer leaves as well: wide tables take their memory for histograms of them."""
        return ({**options, "border_count": 32}, {**options, "border_count": 15, "depth": 4})

    def fit(self, given: FitInput, options: Options) -> FittedTrees:
        target = target_of(given)
        if not target.n_outputs:
            return FittedTrees(target, "")
        return fit_in_time(_Fit(given, options, target), given.watch)

    def load(self, folder: Path) -> FittedTrees:
        return load_trees(folder)

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        return TreeBag.of(models, places)


@dataclass(slots=True, kw_only=True)
class _Told:
    """Hears of each round from the library: the best one, and whether that is all.

    so_far  the best model before these rounds, and its loss
    """

    watch: Callable[[Step], bool]
    so_far: Callable[[], FittedTrees]
    least: float
    n_before: int
    best_loss: float = field(default=np.inf, init=False)
    best_round: int = field(default=1, init=False)
    is_ended: bool = field(default=False, init=False)  # by the watch
    error: BaseException | None = field(default=None, init=False)  # of the watch

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        losses = (info.metrics or {}).get("validation")
        loss = next(iter(losses.values()))[-1] if losses else None
        if loss is None:
            self.best_round = info.iteration
        elif loss < self.best_loss:
            self.best_loss, self.best_round = loss, info.iteration
        best = None if loss is None else min(self.best_loss, self.least)
        try:
            self.is_ended = self.watch(Step(n=self.n_before + info.iteration, model=self.so_far, loss=best))
        except BaseException as error:  # the library makes one of its own errors of it
            self.error = error
            raise
        return not self.is_ended and not is_enough(info.iteration, self.best_round)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a fit starts from, and its rows as the library wants them: to fit, and to stop by where there are any."""

    base: Floats
    columns: Columns
    train: Any  # catboost.Pool
    valid: Any

    def asked(self, X: NDArray[np.float32]) -> Any:
        """Other rows, to be predicted."""
        return _pool(X, self.columns)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Rows, options and target of one fit, which has something to learn."""

    given: FitInput
    options: Options
    target: Target

    @property
    def first_s(self) -> float:
        """Seconds until the first round is done, about."""
        n_rows, n_features = self.given.X.shape
        cells = float(n_rows * n_features)
        bins = n_features * min(float(self.options.get("border_count", _BORDERS)), n_rows + 1.0)
        depth = int(self.options.get("depth", 6))
        return 0.02 + _bins_s(cells) + self.target.n_outputs * _tree_s(cells, n_rows, bins, depth)

    def smaller(self) -> _Fit:
        """The same with a first round that takes less."""
        given, options = small_input(self.given, self.options, _SMALL, "rsm")
        return _Fit(given, options, target_of(given))

    def model(self) -> FittedTrees:
        """Boost until the rows to stop by, the options or the watch say that it is enough."""
        import catboost

        given, n_outputs = self.given, self.target.n_outputs
        if not n_outputs:
            return FittedTrees(self.target, "")
        rounds, rate = rounds_and_rate(self.options, n_outputs)
        with _errors_as_ours():
            rows = self.rows()
        if given.watch(Step(n=0, model=self.constant, next_s=self.first_s)):  # reading the rows took its time
            return self.constant()
        n_first, first_rate = min(int(_FIRST["rounds"]), rounds), float(_FIRST["learning_rate"])
        first = _Told(watch=given.watch, so_far=self.constant, least=np.inf, n_before=0)
        with _errors_as_ours():
            try:
                model = self.boosted(rows, n_first, first_rate, first)
            except catboost.CatBoostError as error:
                if "constant or ignored" not in str(error):
                    raise
                return self.constant()  # no feature tells rows apart
        if first.is_ended:
            return model
        main = _Told(watch=given.watch, so_far=lambda: model, least=first.best_loss, n_before=n_first)
        with _errors_as_ours():
            better = self.boosted(rows, rounds, rate, main)
        if rows.valid is None:  # who went further
            return model if n_first * first_rate > main.best_round * rate else better
        return model if first.best_loss < main.best_loss else better

    def rows(self) -> _Rows:
        given, categorical = self.given, self.given.categorical
        base = start_of(given, self.target)
        columns = Columns(
            numeric=tuple(place for place in range(given.X.shape[1]) if place not in categorical),
            categorical=categorical,
            n_codes=tuple(n_codes(given, place) for place in categorical),
        )
        train = _pool(given.X, columns, self.target.encode(given.truth), base)
        stop = self.target.encode(given.truth_stop)
        if not len(stop.rows) or (stop.weight is not None and not stop.weight.any()):
            return _Rows(base, columns, train, None)
        return _Rows(base, columns, train, _pool(given.X_stop, columns, stop, base))

    def boosted(self, rows: _Rows, rounds: int, rate: float, told: _Told) -> FittedTrees:
        """The model of the best round."""
        import catboost

        options = {key: value for key, value in self.options.items() if key not in OWN_OPTIONS}
        params = {**_ALWAYS, **options, "iterations": rounds, "learning_rate": rate}
        params |= {"loss_function": self.loss, "random_seed": self.given.seed % 2**31}
        if self.loss == "MultiClass":
            params["classes_count"] = self.target.n_outputs
        model = catboost.CatBoost(params)
        try:
            model.fit(rows.train, eval_set=rows.valid, use_best_model=False, callbacks=[told])
        except catboost.CatBoostError:
            if told.error is not None:
                raise told.error from None
            raise
        return self.of(trees_of(model, most=told.best_round, base=rows.base, columns=rows.columns, pool=rows.asked))

    def constant(self) -> FittedTrees:
        """A model that answers every row alike: what the sums of leaves start from."""
        if not self.target.n_outputs:
            return FittedTrees(self.target, "")
        return self.of([leaf(value) for value in start_of(self.given, self.target).tolist()])

    def of(self, trees: Sequence[Any]) -> FittedTrees:
        n_outputs, n_features = self.target.n_outputs, self.given.X.shape[1]
        return FittedTrees(self.target, booster_text(trees, n_outputs=n_outputs, n_features=n_features))

    @property
    def loss(self) -> str:
        asked = distribution_of(self.given)
        return _CLASS_LOSSES.get(self.given.problem.name) or _DISTRIBUTIONS[asked.name].format(asked.parameter)


def n_codes(given: FitInput, place: int) -> int:
    """So many codes a feature of categories has in the rows at hand."""
    return 1 + int(max(float(np.fmax.reduce(X[:, place], initial=-1.0)) for X in (given.X, given.X_stop)))


def _pool(
    X: NDArray[np.float32], columns: Columns, fittable: Fittable | None = None, base: Floats | None = None
) -> Any:
    """Rows as the library wants them: numbers and words apart."""
    import catboost

    if fittable is not None and len(fittable.rows) != X.shape[0]:
        X = X[fittable.rows]
    numbers = words = None
    if columns.numeric:
        numbers = np.ascontiguousarray(X[:, list(columns.numeric)])
    if columns.categorical:
        spelled = np.array([b"", *(b"%d" % code for code in range(max(columns.n_codes)))], object)
        codes = X[:, list(columns.categorical)]
        words = spelled[np.where(np.isnan(codes), 0, codes + 1).astype(np.intp)]
    data = catboost.FeaturesData(num_feature_data=numbers, cat_feature_data=words)
    if fittable is None or base is None:
        return catboost.Pool(data)
    baseline = np.tile(base, (X.shape[0], 1))
    return catboost.Pool(data, label=fittable.y, weight=fittable.weight, baseline=baseline)


def _bins_s(cells: float) -> float:
    """Seconds that a matrix takes to be read and cut into bins."""
    return 1.5e-7 * cells


def _tree_s(cells: float, n_rows: int, bins: float, depth: int) -> float:
    """Seconds that a tree takes, from fits of 800 to 23,000 rows; `bins` of all its features."""
    return 2e-4 + depth * (2e-9 * cells + 2e-8 * n_rows) + 3e-9 * 2.0**depth * bins


def _errors_as_ours() -> AbstractContextManager[None]:
    import catboost

    return errors_as_ours(CATBOOST.label, catboost.CatBoostError)


CATBOOST = CatBoost()

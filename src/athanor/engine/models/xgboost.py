"""XGBoost: gradient-boosted trees that grow level by level, regularised otherwise than LightGBM's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.family.starts import distribution_of, start_of
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import Fittable, Target, target_of
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
from athanor.engine.trees.from_xgboost import trees_of
from athanor.engine.trees.text import Tree, booster_text, leaf

# (objective, the loss that stops it)
_CLASS_LOSSES: Mapping[str, tuple[str, str]] = {
    "binary": ("binary:logistic", "logloss"),
    "multiclass": ("multi:softprob", "mlogloss"),
}
_DISTRIBUTIONS: Mapping[str, tuple[str, str]] = {
    "gaussian": ("reg:squarederror", "rmse"),
    "laplace": ("reg:absoluteerror", "mae"),
    "huber": ("reg:pseudohubererror", "mphe"),  # rounded off where it turns from squares to sizes
    "quantile": ("reg:quantileerror", "quantile"),
    "poisson": ("count:poisson", "poisson-nloglik"),
    "gamma": ("reg:gamma", "gamma-deviance"),
    "tweedie": ("reg:tweedie", "tweedie-nloglik@{}"),
}
_ALWAYS: Mapping[str, Any] = {"tree_method": "hist", "nthread": 1, "verbosity": 0}
_PORTFOLIO: tuple[Options, ...] = (
    {
        "rounds": 2000,
        "learning_rate": 0.06,
        "max_depth": 6,
        "colsample_bytree": 0.7,
        "subsample": 0.8,
        "min_child_weight": 2.0,
        "max_bin": 128,
    },
    {
        "rounds": 2000,
        "learning_rate": 0.06,
        "max_depth": 0,
        "max_leaves": 48,
        "grow_policy": "lossguide",
        "colsample_bytree": 0.5,
        "subsample": 0.9,
        "reg_lambda": 10.0,
        "min_child_weight": 0.1,
        "max_bin": 128,
    },
)
_BINS = 256

# Trees of few leaves, where there is no time for a round as it should be.
_SMALL: Options = {"max_depth": 2, "max_leaves": 4, "max_bin": 16}


@dataclass(frozen=True, slots=True)
class XGBoost:
    """Stopped early on the problem's own loss; asked per round of trees whether to go on."""

    name: str = "xgboost"
    label: str = "XGBoost"
    aliases: frozenset[str] = frozenset({"xgb", "xg boost"})
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = False
    view: str = "codes"
    formats: frozenset[str] = frozenset({MODEL_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("xgboost", "lightgbm")
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset(_DISTRIBUTIONS)
    places: tuple[int, ...] = (40, 120)

    def portfolio(self) -> tuple[Options, ...]:
        return _PORTFOLIO

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        rounds = min(float(options["rounds"]), 25.0 / float(options["learning_rate"]))
        trees = trees_in_all(rounds, shape.n_margins)
        cells = shape.cells(n_rows, density=0.1)
        bins = min(float(options.get("max_bin", _BINS)), n_rows + 1.0) * shape.n_features
        leaves = _leaves(options, n_rows)
        # Cells, as pairs of place and value and in bins; histograms of all nodes of a tree; gradients and scores.
        memory = 14 * cells + 2 * leaves * bins * 16 + trees * leaves * 400 + 60 * n_rows * shape.n_margins
        seconds = 0.05 + _bins_s(cells) + trees * _tree_s(cells, n_rows, bins, leaves)
        return Estimate(memory_bytes=int(memory) + 30 * 2**20, seconds=float(seconds))

    def lighter(self, options: Options) -> tuple[Options, ...]:
        """Fewer bins, then fewer leaves as well: wide tables take their memory for histograms of them."""
        steps: list[Options] = []
        for bins, depth, leaves in ((64, 6, 31), (64, 4, 15), (16, 3, 7)):
            fewer = {"max_depth": depth, "max_leaves": leaves} if steps else {}
            step: Options = {**options, "max_bin": bins, **fewer}
            steps.append(step)
        return tuple(steps)

    def fit(self, given: FitInput, options: Options) -> FittedTrees:
        target = target_of(given)
        if not target.n_outputs:
            return FittedTrees(target, "")
        return fit_in_time(_Fit(given, options, target), given.watch)

    def load(self, folder: Path) -> FittedTrees:
        return load_trees(folder)

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        return TreeBag.of(models, places)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Rows, options and target of one fit, which has something to learn."""

    given: FitInput
    options: Options
    target: Target

    @property
    def first_s(self) -> float:
        """Seconds until the first round is done, about."""
        return self.round_s + _bins_s(self.cells)

    @property
    def round_s(self) -> float:
        """Seconds that a round takes, about."""
        n_rows, n_features = self.given.X.shape
        used = float(self.options.get("colsample_bytree", 1.0))
        bins = used * n_features * min(float(self.options.get("max_bin", _BINS)), n_rows + 1.0)
        return self.target.n_outputs * _tree_s(used * self.cells, n_rows, bins, _leaves(self.options, n_rows))

    @property
    def cells(self) -> float:
        n_rows, n_features = self.given.X.shape
        return float(n_rows * n_features)

    def smaller(self) -> _Fit:
        """The same with a first round that takes less."""
        given, options = small_input(self.given, self.options, _SMALL, "colsample_bytree")
        return _Fit(given, options, target_of(given))

    def model(self) -> FittedTrees:
        """Boost until the rows to stop by, the options or the watch say that it is enough."""
        import xgboost

        given, n_outputs = self.given, self.target.n_outputs
        if not n_outputs:
            return FittedTrees(self.target, "")
        params = self.params()
        rounds, params["learning_rate"] = rounds_and_rate(self.options, n_outputs)
        base = start_of(self.given, self.target)
        with _errors_as_ours():
            train = self.matrix(given.X, self.target.encode(given.truth), base)
        if given.watch(Step(n=0, model=self.constant, next_s=self.first_s)):  # reading the rows took its time
            return self.constant()
        stop = self.target.encode(given.truth_stop)
        with _errors_as_ours():
            if len(stop.rows) and (stop.weight is None or stop.weight.any()):
                valid = self.matrix(given.X_stop, stop, base)
            else:
                valid = None
            booster = xgboost.Booster(params, [train] if valid is None else [train, valid])
        return self.boosted(booster, train, valid, rounds, base)

    def boosted(self, booster: Any, train: Any, valid: Any, rounds: int, base: NDArray[np.float64]) -> FittedTrees:
        """Add trees until the loss has not improved for long, or the watch ends it. The model of the best round."""
        best_loss, best_round = np.inf, 1
        n_codes = self.n_codes()

        def model() -> FittedTrees:
            with _errors_as_ours():
                trees = trees_of(booster, most=best_round * self.target.n_outputs, base=base, n_codes=n_codes)
            return self.of(trees)

        for done in range(1, rounds + 1):
            with _errors_as_ours():
                booster.update(train, done - 1)
                told = None if valid is None else booster.eval_set([(valid, "stop")], done - 1)
            loss = None if told is None else float(told.rpartition(":")[2])
            if loss is None:
                best_round = done
            elif loss < best_loss:
                best_loss, best_round = loss, done
            if self.given.watch(Step(n=done, model=model, loss=loss)) or is_enough(done, best_round):
                break
        return model()

    def constant(self) -> FittedTrees:
        """A model that answers every row alike: what the sums of leaves start from."""
        if not self.target.n_outputs:
            return FittedTrees(self.target, "")
        return self.of([leaf(value) for value in start_of(self.given, self.target).tolist()])

    def of(self, trees: Sequence[Tree]) -> FittedTrees:
        n_outputs, n_features = self.target.n_outputs, self.given.X.shape[1]
        return FittedTrees(self.target, booster_text(trees, n_outputs=n_outputs, n_features=n_features))

    def params(self) -> dict[str, Any]:
        given, options = self.given, self.options
        asked = distribution_of(given)
        objective, loss = _CLASS_LOSSES.get(given.problem.name) or _DISTRIBUTIONS[asked.name]
        params = {**_ALWAYS, **{key: value for key, value in options.items() if key not in OWN_OPTIONS}}
        params |= {"objective": objective, "eval_metric": loss.format(asked.parameter), "seed": given.seed % 2**31}
        match objective:
            case "multi:softprob":
                params["num_class"] = self.target.n_outputs
            case "reg:pseudohubererror":
                params["huber_slope"] = 1.0  # the target's unit
            case "reg:quantileerror":
                params["quantile_alpha"] = asked.parameter
            case "reg:tweedie":
                params["tweedie_variance_power"] = asked.parameter
        return params

    def matrix(self, X: Any, fittable: Fittable, base: NDArray[np.float64]) -> Any:
        import xgboost

        kinds = ["c" if place in self.given.categorical else "q" for place in range(X.shape[1])]
        return xgboost.DMatrix(
            X if len(fittable.rows) == X.shape[0] else X[fittable.rows],
            label=fittable.y,
            weight=fittable.weight,
            base_margin=np.tile(base, (len(fittable.rows), 1)),
            feature_types=kinds,
            enable_categorical=True,
            nthread=1,
        )

    def n_codes(self) -> list[int]:
        """For each feature the number of codes in the rows at hand; 0 where it is none of categories."""
        numbers = [0] * self.given.X.shape[1]
        for place in self.given.categorical:
            most = max(float(np.fmax.reduce(X[:, place], initial=-1.0)) for X in (self.given.X, self.given.X_stop))
            numbers[place] = int(most) + 1
        return numbers


def _leaves(options: Options, n_rows: int) -> float:
    """As many as a tree may have."""
    by_depth = 2.0 ** int(options.get("max_depth", 6)) if int(options.get("max_depth", 6)) else math.inf
    return min(by_depth, float(options.get("max_leaves", 0)) or math.inf, float(n_rows))


def _bins_s(cells: float) -> float:
    """Seconds that a matrix takes to be read and cut into bins."""
    return 0.001 + 1e-7 * cells


def _tree_s(cells: float, n_rows: int, bins: float, leaves: float) -> float:
    """Seconds that a tree takes, from fits of 800 to 23,000 rows; `bins` of all its features."""
    return 2e-4 + 7e-10 * cells * math.log2(leaves + 1.0) + 2e-8 * n_rows + 1.5e-8 * leaves * min(bins, cells)


def _errors_as_ours() -> AbstractContextManager[None]:
    import xgboost

    return errors_as_ours(XGBOOST.label, xgboost.core.XGBoostError)


XGBOOST = XGBoost()

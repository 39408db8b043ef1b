"""LightGBM: gradient-boosted trees on histograms, the backbone of the portfolio."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import Target, target_of
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

# (objective, the loss that stops it) by distribution, by metrics that a model can be fitted to, by problem: in this
# order.
_DISTRIBUTIONS: Mapping[str, tuple[str, str]] = {
    "gaussian": ("regression", "l2"),
    "laplace": ("regression_l1", "l1"),
    "huber": ("huber", "huber"),
    "quantile": ("quantile", "quantile"),
    "poisson": ("poisson", "poisson"),
    "gamma": ("gamma", "gamma"),
    "tweedie": ("tweedie", "tweedie"),
}
_LOSSES: Mapping[str, tuple[str, str]] = {
    "mae": ("regression_l1", "l1"),
    "mape": ("regression_l1", "l1"),  # with rows weighted by 1 / |y|
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "regression": ("regression", "l2"),
}
_ALWAYS: Mapping[str, Any] = {
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
    "verbosity": -1,
}
_PORTFOLIO: tuple[Options, ...] = (
    # A usable model within a second, whatever the number of rows.
    {"rounds": 50, "learning_rate": 0.1, "num_leaves": 31, "max_rows": 10_000},
    {"rounds": 2000, "learning_rate": 0.05, "num_leaves": 31, "feature_fraction": 0.7},
    {
        "rounds": 2000,
        "learning_rate": 0.05,
        "num_leaves": 63,
        "feature_fraction": 0.6,
        "min_data_in_leaf": 5,
        "lambda_l2": 5.0,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
    },
    {"rounds": 2000, "learning_rate": 0.1, "num_leaves": 8, "feature_fraction": 0.6, "lambda_l2": 1.0},
    {"rounds": 2000, "learning_rate": 0.1, "num_leaves": 31, "feature_fraction": 0.8, "extra_trees": True},
    {
        "rounds": 2000,
        "learning_rate": 0.03,
        "num_leaves": 127,
        "feature_fraction": 0.5,
        "min_data_in_leaf": 3,
        "lambda_l2": 10.0,
        "bagging_fraction": 0.9,
        "bagging_freq": 1,
        "max_cat_to_onehot": 16,
    },
)
# Trees of few leaves, where there is no time for a round as it should be.
_SMALL: Options = {"num_leaves": 4, "max_bin": 15, "bin_construct_sample_cnt": 200, "enable_bundle": False}
_CACHED_BINS = 4e6
_BINNED_ROWS = 200_000  # so many rows the library looks at to cut each feature into bins


@dataclass(frozen=True, slots=True)
class LightGBM:
    """Stopped early on the problem's own loss; asked per round of trees whether to go on."""

    name: str = "lightgbm"
    label: str = "LightGBM"
    aliases: frozenset[str] = frozenset({"lgbm", "lgb", "gbm", "light gbm"})
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = True
    view: str = "codes"
    formats: frozenset[str] = frozenset({MODEL_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("lightgbm", "scipy.sparse")
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset(_DISTRIBUTIONS)
    places: tuple[int, ...] = (0, 20, 110, 30, 70, 140)

    def portfolio(self) -> tuple[Options, ...]:
        return _PORTFOLIO

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        # Early stopping ends most fits near 25 / learning rate rounds. The factors are fits of 1,000 to 50,000 rows.
        rounds = min(float(options["rounds"]), 25.0 / float(options["learning_rate"]))
        cells = shape.cells(n_rows, density=0.1)
        leaves = float(options.get("num_leaves", 31))
        per_tree = _tree_s(cells, n_rows, shape.n_features, leaves)
        trees = trees_in_all(rounds, shape.n_margins)
        bins = min(float(options.get("max_bin", 255)), n_rows / 3 + 1)
        looked_at = min(n_rows, int(options.get("bin_construct_sample_cnt", _BINNED_ROWS))) / max(n_rows, 1)
        # The cells cut into bins; those that are looked at for that, before there is anything else; gradients and
        # scores; the trees.
        binned = cells * (4 if shape.is_sparse else 1)
        histograms = leaves * shape.n_features * bins * 16
        memory = binned + max(12 * looked_at * cells, histograms + trees * leaves * 100) + 40 * n_rows * shape.n_margins
        seconds = 0.05 + _bins_s(cells, n_rows) + per_tree * trees
        return Estimate(memory_bytes=int(memory) + 30 * 2**20, seconds=float(seconds))

    def lighter(self, options: Options) -> tuple[Options, ...]:
        """Fewer bins, then fewer leaves as well: wide tables take their memory for histograms of them."""
        leaves = int(options.get("num_leaves", 31))
        fewer_bins: Options = {**options, "max_bin": 63, "bin_construct_sample_cnt": 20_000}
        steps = [fewer_bins, {**fewer_bins, "num_leaves": min(leaves, 15)}]
        steps.append({**fewer_bins, "max_bin": 15, "num_leaves": min(leaves, 7)})
        return tuple(step for place, step in enumerate(steps) if step not in steps[:place])

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
        binned = int(self.options.get("bin_construct_sample_cnt", _BINNED_ROWS))
        return self.round_s + _bins_s(self.cells, self.given.X.shape[0], binned)

    @property
    def round_s(self) -> float:
        """Seconds that a round takes, about."""
        n_rows, n_features = self.given.X.shape
        used = float(self.options.get("feature_fraction", 1.0))
        leaves = float(self.options.get("num_leaves", 31))
        return self.target.n_outputs * _tree_s(used * self.cells, n_rows, used * n_features, leaves)

    @property
    def cells(self) -> int:
        """Those that are held in memory."""
        n_rows, n_features = self.given.X.shape
        return int(getattr(self.given.X, "nnz", n_rows * n_features))

    def smaller(self) -> _Fit:
        """The same with a first round that takes less."""
        given, options = small_input(self.given, self.options, _SMALL, "feature_fraction")
        return _Fit(given, options, target_of(given))

    def model(self) -> FittedTrees:
        """Boost until the rows to stop by, the options or the watch say that it is enough."""
        import lightgbm

        given, n_outputs = self.given, self.target.n_outputs
        if not n_outputs:
            return FittedTrees(self.target, "")
        params = self.params()
        rounds, params["learning_rate"] = rounds_and_rate(self.options, n_outputs)
        with _errors_as_ours():
            train = _dataset(given, self.target, params)
            booster = lightgbm.Booster(params, train)
            has_valid = _add_valid(booster, train, given, self.target, params)
        if given.watch(Step(n=0, model=self.constant, next_s=self.round_s)):  # cutting into bins took its time
            return self.constant()
        return _boost(booster, has_valid, self, rounds)

    def constant(self) -> FittedTrees:
        """A model that answers every row alike: what the library starts from."""
        import lightgbm
        from scipy import sparse

        if not self.target.n_outputs:
            return FittedTrees(self.target, "")
        params = self.params()
        with _errors_as_ours():
            nothing = sparse.csr_matrix(self.given.X.shape, dtype=np.float32)
            booster = lightgbm.Booster(params, _dataset(replace(self.given, X=nothing), self.target, params))
            booster.update()
            return self.so_far(booster, 1)

    def so_far(self, booster: Any, rounds: int) -> FittedTrees:
        with _errors_as_ours():
            return FittedTrees(self.target, booster.model_to_string(num_iteration=rounds)).read()

    def params(self) -> dict[str, Any]:
        given, options = self.given, self.options
        distribution = given.distribution
        if distribution is None:
            objective, loss = _LOSSES.get(given.metric.name) or _LOSSES[given.problem.name]
        else:
            objective, loss = _DISTRIBUTIONS[distribution.name]
        params = {**_ALWAYS, **{key: value for key, value in options.items() if key not in OWN_OPTIONS}}
        params |= {"objective": objective, "metric": loss, "seed": given.seed % 2**31}
        if objective == "multiclass":
            params["num_class"] = self.target.n_outputs
        if objective == "huber":
            params["alpha"] = 1.0  # the target's unit
        elif objective == "quantile" and distribution is not None:
            params["alpha"] = distribution.parameter
        elif objective == "tweedie" and distribution is not None:
            params["tweedie_variance_power"] = distribution.parameter
        # Small tables: leaves of 20 rows (the library's default) would leave no room for a split.
        n_rows = given.X.shape[0]
        params["min_data_in_leaf"] = min(int(options.get("min_data_in_leaf", 20)), max(1, n_rows // 20))
        params["min_data_per_group"] = min(int(options.get("min_data_per_group", 100)), max(1, n_rows // 20))
        return params


def _dataset(given: FitInput, target: Target, params: Mapping[str, Any]) -> Any:
    import lightgbm

    fittable = target.encode(given.truth)
    is_huber = given.distribution is not None and given.distribution.name == "huber"
    return lightgbm.Dataset(
        given.X if len(fittable.rows) == given.X.shape[0] else given.X[fittable.rows],
        label=fittable.y,
        weight=fittable.weight,
        init_score=np.zeros(len(fittable.y)) if is_huber else None,  # without, the library starts from the mean
        categorical_feature=list(given.categorical),
        params=dict(params),
        free_raw_data=True,
    )


def _add_valid(booster: Any, train: Any, given: FitInput, target: Target, params: Mapping[str, Any]) -> bool:
    """Give the booster its validation rows; False where none can be used."""
    fittable = target.encode(given.truth_stop)
    if not len(fittable.rows) or (fittable.weight is not None and not fittable.weight.any()):
        return False
    X = given.X_stop if len(fittable.rows) == given.X_stop.shape[0] else given.X_stop[fittable.rows]
    valid = train.create_valid(X, label=fittable.y, weight=fittable.weight, params=dict(params))
    booster.add_valid(valid, "valid")
    return True


def _boost(booster: Any, has_valid: bool, fit: _Fit, rounds: int) -> FittedTrees:
    """Add trees until the loss has not improved for long, or the watch ends it. The model of the best round."""
    best_loss, best_round = np.inf, 1

    def model() -> FittedTrees:
        return fit.so_far(booster, best_round)

    for done in range(1, rounds + 1):
        with _errors_as_ours():
            is_complete = booster.update()
            loss = booster.eval_valid()[0][2] if has_valid else None
        if loss is None:
            best_round = done
        elif loss < best_loss:
            best_loss, best_round = loss, done
        if is_complete or fit.given.watch(Step(n=done, model=model, loss=loss)) or is_enough(done, best_round):
            break
    return model()


def _bins_s(cells: float, n_rows: int, binned: int = _BINNED_ROWS) -> float:
    """Seconds that a matrix takes to be cut into bins, of which a sort of some rows' cells takes the most."""
    return cells * (6e-8 + 2e-7 * min(1.0, binned / max(n_rows, 1)))


def _tree_s(cells: float, n_rows: int, n_features: float, leaves: float) -> float:
    """Seconds that a tree takes, from fits of 500 to 50,000 rows."""
    bins = leaves * min(255 * n_features, cells / 3)
    per_bin = 3e-9 if bins < _CACHED_BINS else 1.2e-8  # histograms that the processor's cache does not hold
    return 1e-4 + 8e-10 * cells * math.log2(leaves) + 1.5e-8 * n_rows + per_bin * bins


def _errors_as_ours() -> AbstractContextManager[None]:
    import lightgbm

    return errors_as_ours(LIGHTGBM.label, lightgbm.basic.LightGBMError)


LIGHTGBM = LightGBM()

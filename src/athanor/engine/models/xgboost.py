"""XGBoost: gradient-boosted trees that grow level by level, regularised otherwise than LightGBM's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.models import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.models.boosted import MODEL_FILE, FittedTrees, TreeBag, load_trees
from athanor.engine.models.sampling import sample_rows
from athanor.engine.models.starts import distribution_of, start_of
from athanor.engine.models.target import FILE as TARGET_FILE
from athanor.engine.models.target import Fittable, Target, target_of
from athanor.engine.models.tree_text import Tree, booster_text
from athanor.engine.models.xgboost_trees import leaf, trees_of
from athanor.errors import Impossible

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
_OWN_OPTIONS = frozenset({"rounds", "max_rows"})  # all other options are XGBoost's
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
# As for LightGBM: more trees cost seconds to predict with and bring little.
_MOST_TREES = 6_000
_LEAST_ROUNDS = 30
_BINS = 256

# A round on few rows, by few leaves, each tree with few features: where there is no time for a round as it should be.
_SMALL_ROWS, _SMALL_FEATURES = 1_000, 500
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
        trees = max(min(rounds * shape.n_margins, _MOST_TREES), _LEAST_ROUNDS * shape.n_margins)
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
        fit = _Fit(given, options, target)
        if given.watch(Step(n=0, model=fit.constant, next_s=fit.first_s)):
            small = fit.smaller()
            if small.first_s > fit.first_s / 2 or given.watch(Step(n=0, model=small.constant, next_s=small.first_s)):
                return fit.constant()
            fit = small
        return fit.model()

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
        given = sample_rows(self.given, _SMALL_ROWS)
        used = min(float(self.options.get("colsample_bytree", 1.0)), _SMALL_FEATURES / given.X.shape[1])
        return _Fit(given, {**self.options, **_SMALL, "colsample_bytree": used}, target_of(given))

    def model(self) -> FittedTrees:
        """Boost until the rows to stop by, the options or the watch say that it is enough."""
        import xgboost

        given, n_outputs = self.given, self.target.n_outputs
        if not n_outputs:
            return FittedTrees(self.target, "")
        rounds = min(int(self.options["rounds"]), max(_MOST_TREES // n_outputs, _LEAST_ROUNDS))
        params = self.params()
        # Fewer rounds than asked for go faster, by the root: halfway between the same fit and the same distance.
        wanted = int(self.options["rounds"])
        params["learning_rate"] = float(self.options["learning_rate"]) * (wanted / rounds) ** 0.5
        with _errors_as_ours():
            base = start_of(self.given, self.target)
            train = self.matrix(given.X, self.target.encode(given.truth), base)
            if given.watch(Step(n=0, model=self.constant, next_s=self.first_s)):  # reading the rows took its time
                return self.constant()
            stop = self.target.encode(given.truth_stop)
            if len(stop.rows) and (stop.weight is None or stop.weight.any()):
                valid = self.matrix(given.X_stop, stop, base)
            else:
                valid = None
            booster = xgboost.Booster(params, [train] if valid is None else [train, valid])
            return self.boosted(booster, train, valid, rounds, base)

    def boosted(self, booster: Any, train: Any, valid: Any, rounds: int, base: NDArray[np.float64]) -> FittedTrees:
        """Add trees until the loss has not improved for long, or the watch ends it. The model of the best round."""
        best_loss, best_round, loss = np.inf, 1, None
        n_codes = self.n_codes()

        def model() -> FittedTrees:
            return self.of(trees_of(booster, most=best_round * self.target.n_outputs, base=base, n_codes=n_codes))

        for done in range(1, rounds + 1):
            booster.update(train, done - 1)
            if valid is not None:
                loss = float(booster.eval_set([(valid, "stop")], done - 1).rpartition(":")[2])
                if loss < best_loss:
                    best_loss, best_round = loss, done
            else:
                best_round = done
            if self.given.watch(Step(n=done, model=model, loss=loss)) or done - best_round > 30 + done // 10:
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
        params = {**_ALWAYS, **{key: value for key, value in options.items() if key not in _OWN_OPTIONS}}
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


@contextmanager
def _errors_as_ours() -> Iterator[None]:
    import xgboost

    try:
        yield
    except xgboost.core.XGBoostError as error:
        if "bad_alloc" in str(error):
            raise MemoryError from error
        raise Impossible(f"XGBoost cannot be fitted to these rows: {error}.") from error


XGBOOST = XGBoost()

"""Forests: scikit-learn grows their trees, one after the other; random forest and extra trees share all of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import Classes, Fittable, Floats, Target, target_of
from athanor.engine.trees.fitted_forest import (
    IMPORTANCE_FILE,
    LEAVES_FILE,
    MODEL_FILE,
    FittedForest,
    ForestBag,
    load_forest,
    mean_of,
)
from athanor.engine.trees.text import Tree, booster_text

_LIBRARY_BYTES = 90 * 2**20  # what scikit-learn takes in a process
# A share of the features is tried at each split, in wide tables no more than so many, or their root.
_MOST_FEATURES = 32
# Leaves of fewer than 4 rows said no more about a quantity, and doubled the size of the model.
_LEAST_SPLIT = {True: 2, False: 4}  # rows that may be split, by whether they are of classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees grown one by one, and asked after each whether to go on, until they have as many leaves as may be served.

    draws_rows    each tree gets as many rows as there are, drawn with replacement
    splitter      scikit-learn's word for how a feature is split: "best", or "random"
    max_features  share of the features that is tried at each split
    cell_s        seconds for each row, feature tried and level of a tree
    """

    name: str
    label: str
    aliases: frozenset[str]
    places: tuple[int, ...]
    draws_rows: bool
    splitter: str
    max_features: float
    cell_s: float
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = False  # scikit-learn's trees know of missing cells in dense matrices only
    view: str = "codes"
    formats: frozenset[str] = frozenset({MODEL_FILE, LEAVES_FILE, IMPORTANCE_FILE, TARGET_FILE})
    # Not scikit-learn: it takes a second to import, in each process at its first fit, and nothing that serves needs it.
    libraries: tuple[str, ...] = ("lightgbm",)
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset({"gaussian"})

    def portfolio(self) -> tuple[Options, ...]:
        # With many rows 50 large trees: on 40,000 of them they gave better scores than 100 of half their size. 200
        # trees lower the log loss of a fold model by 1 % against 100, and take a row of the bag twice as long.
        return ({"trees": 100, "least_trees": 50, "leaves": 100_000, "max_features": self.max_features},)

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        leaves = _leaves(n_rows, options)
        enough = max(float(options["leaves"]) / leaves, float(options["least_trees"]))
        trees = min(float(options["trees"]), enough)
        # Rows as scikit-learn orders them; the trees, as arrays and as text; what they say; the library itself.
        memory = 64 * n_rows + trees * leaves * (400 + 16 * shape.n_margins) + _LIBRARY_BYTES
        seconds = trees * self.tree_s(n_rows, shape.n_features, shape.n_margins, options)
        return Estimate(memory_bytes=int(memory), seconds=float(seconds))

    def tree_s(self, n_rows: int, n_features: int, n_outputs: int, options: Options) -> float:
        """Seconds that a tree takes, from fits of 300 to 60,000 rows, 10 to 500 features and 2 to 30 classes."""
        cells = n_rows * _tried(n_features, options)
        work = self.cell_s * cells * math.log2(n_rows + 1) + 5e-6 * _leaves(n_rows, options)
        return 1e-3 + work * (1.0 + 0.08 * n_outputs)

    def lighter(self, options: Options) -> tuple[Options, ...]:
        """Fewer leaves, in fewer trees."""
        fewer: Options = {
            **options,
            "trees": min(int(options["trees"]), 60),
            "least_trees": min(int(options["least_trees"]), 30),
        }
        return tuple({**fewer, "leaves": int(options["leaves"]) // share} for share in (3, 10))

    def fit(self, given: FitInput, options: Options) -> FittedForest:
        import lightgbm  # noqa: F401 - what the model is asked with; outside a pool process it brings much of the other

        target = target_of(given)
        growth = _Growth.of(self, given, options, target)
        if not target.n_outputs:
            return growth.model()
        if given.watch(Step(n=0, model=growth.model, next_s=growth.tree_s + _import_s())):
            return growth.model()
        if _import_s():
            import sklearn.tree  # noqa: F401 - it takes its time

            if given.watch(Step(n=0, model=growth.model, next_s=growth.tree_s)):
                return growth.model()
        return growth.grown()

    def load(self, folder: Path) -> FittedForest:
        return load_forest(folder)

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        return ForestBag.of(models, places)


def _import_s() -> float:
    """Seconds that the trees' library takes to be imported, about: 0.2 after what LightGBM imports of it, if it may."""
    if "sklearn.tree" in sys.modules:
        return 0.0
    return 0.2 if "sklearn.base" in sys.modules else 1.0


def _tried(n_features: int, options: Options) -> int:
    """Features at each split."""
    most = max(_MOST_FEATURES, math.isqrt(n_features))
    return max(min(math.ceil(float(options["max_features"]) * n_features), most), 1)


def _most_leaves(options: Options) -> int:
    """Of a tree."""
    return max(int(options["leaves"]) // int(options["least_trees"]), 2)


def _leaves(n_rows: int, options: Options) -> float:
    """Of a tree, about."""
    return min(n_rows / 4.0 + 1.0, float(_most_leaves(options)))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with a weight above 0, which add up to their number."""

    X: NDArray[np.float32]
    y: Floats
    weight: Floats | None  # None: all alike

    @classmethod
    def of(cls, X: NDArray[np.float32], fittable: Fittable) -> _Rows:
        rows, y, weight = fittable.rows, fittable.y, fittable.weight
        if weight is not None:
            heavy = np.flatnonzero(weight > 0.0)
            rows, y, weight = rows[heavy], y[heavy], weight[heavy]
            weight = weight * (len(weight) / max(float(weight.sum()), 1e-300))
        return cls(X if len(rows) == len(X) else X[rows], y, weight)

    def __len__(self) -> int:
        return len(self.y)

    def average(self, values: Floats) -> float:
        return float(np.average(values, weights=self.weight))


@dataclass(slots=True)
class _Growth:
    """A forest while it grows.

    sums  (n_stop, n_outputs) what the trees so far say to the rows to stop by
    """

    family: Forest
    given: FitInput
    options: Options
    target: Target
    train: _Rows
    stop: _Rows
    prior: Floats
    sums: Floats
    trees: list[Tree] = field(default_factory=list)
    values: list[NDArray[np.float32]] = field(default_factory=list)
    importance: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.importance = np.zeros(self.given.X.shape[1])

    @classmethod
    def of(cls, family: Forest, given: FitInput, options: Options, target: Target) -> _Growth:
        train = _Rows.of(given.X, target.encode(given.truth))
        stop = _Rows.of(given.X_stop, target.encode(given.truth_stop))
        sums = np.zeros((len(stop), target.n_outputs))
        return cls(family, given, options, target, train, stop, _prior(train, target), sums)

    @property
    def tree_s(self) -> float:
        n_rows, n_features = self.train.X.shape
        return self.family.tree_s(n_rows, n_features, self.target.n_outputs, self.options)

    def grown(self) -> FittedForest:
        """Grow until there are trees or leaves enough, or the watch ends it."""
        most, room = int(self.options["trees"]), int(self.options["leaves"])
        n_leaves = 0
        while len(self.trees) < most and n_leaves < room:
            self._add_tree()
            n_leaves += len(self.values[-1])
            if self.given.watch(Step(n=len(self.trees), model=self.model, loss=self._loss())):
                break
        return self.model()

    def model(self) -> FittedForest:
        """The trees so far."""
        n_trees, n_features = len(self.trees), self.given.X.shape[1]
        text = booster_text(self.trees, n_outputs=1, n_features=n_features) if n_trees else ""
        leaves = np.concatenate([self.prior[None].astype(np.float32), *self.values])
        return FittedForest(self.target, text, leaves, self.importance / max(n_trees, 1))

    def _add_tree(self) -> None:
        rng = np.random.default_rng([self.given.seed % 2**32, 2, len(self.trees)])
        weight = self.train.weight
        if self.family.draws_rows:
            n_rows = len(self.train)
            drawn = np.bincount(rng.integers(0, n_rows, n_rows), minlength=n_rows)
            weight = drawn.astype(np.float64) if weight is None else drawn * weight
        learner = self._learner(int(rng.integers(2**31)))
        with np.errstate(all="ignore"):  # sums of cells as large as can be
            grown = learner.fit(self.train.X, self.train.y, sample_weight=weight).tree_
        tree, is_leaf = served(grown)
        values = grown.value[is_leaf, 0]  # shares of all classes, or one mean
        if isinstance(self.target, Classes) and self.target.n_outputs == 1:
            values = values[:, 1:]
        self.trees.append(tree)
        self.values.append(values.astype(np.float32))
        self.importance += _importance(grown, len(self.importance))
        if len(self.stop):
            self.sums += self.values[-1][(np.cumsum(is_leaf) - 1)[grown.apply(self.stop.X)]]

    def _learner(self, seed: int) -> Any:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        has_classes = isinstance(self.target, Classes)
        kind = DecisionTreeClassifier if has_classes else DecisionTreeRegressor
        return kind(
            criterion="entropy" if has_classes else "squared_error",
            splitter=self.family.splitter,
            max_features=_tried(self.train.X.shape[1], self.options),
            max_leaf_nodes=_most_leaves(self.options),
            min_samples_split=_LEAST_SPLIT[has_classes],
            random_state=seed,
        )

    def _loss(self) -> float | None:
        """On the rows to stop by: of classes minus the log of the probability of the right one, else squared error."""
        rows, target = self.stop, self.target
        if not len(rows):
            return None
        outputs = mean_of(self.sums, len(self.trees), self.prior, target)
        if not isinstance(target, Classes):
            return rows.average(np.square(outputs[:, 0] - rows.y))
        if target.n_outputs == 1:
            return rows.average(np.logaddexp(0.0, np.where(rows.y > 0.5, -1.0, 1.0) * outputs[:, 0]))
        return rows.average(-outputs[np.arange(len(rows)), rows.y.astype(np.int64)])


def _prior(rows: _Rows, target: Target) -> Floats:
    """(n_outputs,) what all rows say together: shares of the classes, each seen once more; or their mean."""
    n_outputs = target.n_outputs
    if not n_outputs:
        return np.zeros(0)
    if not isinstance(target, Classes):
        return np.array([rows.average(rows.y)])
    counts = np.bincount(rows.y.astype(np.int64), rows.weight, minlength=max(n_outputs, 2)) + 1.0
    return np.asarray((counts / counts.sum())[-n_outputs:], np.float64)


def served(grown: Any) -> tuple[Tree, NDArray[np.bool_]]:
    """A tree of scikit-learn as one to be served, with nothing in its leaves; and which of its nodes are these."""
    is_leaf = grown.children_left < 0
    inner = np.flatnonzero(~is_leaf)
    place = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    left, right = grown.children_left[inner], grown.children_right[inner]
    tree = Tree(
        feature=grown.feature[inner],
        threshold=shortened(grown.threshold[inner]),
        left=place[left],
        right=place[right],
        missing_left=grown.missing_go_to_left[inner].astype(bool),
        value=np.zeros(int(is_leaf.sum())),
        gain=np.zeros(len(inner)),
    )
    return tree, is_leaf


def _importance(grown: Any, n_features: int) -> Floats:
    """(n_features,) how much the splits by a feature lowered the impurity, of all rows in the mean."""
    inner = np.flatnonzero(grown.children_left >= 0)
    impurity = grown.weighted_n_node_samples * grown.impurity
    lowered = impurity[inner] - impurity[grown.children_left[inner]] - impurity[grown.children_right[inner]]
    shares = np.maximum(lowered, 0.0) / grown.weighted_n_node_samples[0]
    return np.bincount(grown.feature[inner], shares, minlength=n_features).astype(np.float64)  # of no node: integers


def shortened(thresholds: Floats) -> Floats:
    """Numbers of at most 9 digits which part the numbers of single precision in the same way.

    x <= threshold is x <= f for all such x, where f is the last of them that is not above the threshold. Any number
    from f on and below the next one does as well. Written out they take half the space.
    """
    up, down = np.float32(np.inf), np.float32(-np.inf)
    with np.errstate(over="ignore"):  # beyond the largest number
        near = thresholds.astype(np.float32)
        single = np.where(near > thresholds, np.nextafter(near, down), near)
        low, high = single.astype(np.float64), np.nextafter(single, up).astype(np.float64)
    shortest = np.array([float(str(number)) for number in single], np.float64)
    between = np.array([float(f"{number:.9g}") for number in (low + high) / 2], np.float64)
    return np.where((low <= shortest) & (shortest < high), shortest, between)

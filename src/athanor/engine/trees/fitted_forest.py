"""Forests as they are kept and asked: the ways through the trees by LightGBM, what the leaves say in a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import FittedModel
from athanor.engine.family.target import Classes, Floats, Target, load_target, save_target
from athanor.engine.trees.text import merged_text, parted
from athanor.errors import InvalidInput

MODEL_FILE, LEAVES_FILE, IMPORTANCE_FILE = "model.txt", "leaves.npy", "importance.npy"

_NUM_LEAVES = re.compile(r"^num_leaves=(\d+)$", re.MULTILINE)
_N_OUTPUTS = re.compile(r"^num_tree_per_iteration=(\d+)$", re.MULTILINE)
_LAST_FEATURE = re.compile(r"^max_feature_idx=(\d+)$", re.MULTILINE)
_DAMAGED = "the model folder is damaged. Use another copy of it."
_CELLS = 2**19  # rows x trees at a time: 4 MB of places, and of leaf values as many for each output

# Many rows go through a few trees at a time, which stay in the processor's cache: 400 trees of 800 leaves took 500 ns a
# row and tree in one walk, and 130 so. A wide row costs something to hand over, which more trees have to pay back.
# To make the blocks takes about as long as 1,000 rows gain by them; once there, they pay for fewer rows too.
_MANY_ROWS, _ROWS_FOR_BLOCKS = 1000, 128
_BLOCK_LEAVES, _LEAST_BLOCK, _FEATURES_A_TREE = 16_000, 8, 4


@dataclass(frozen=True)  # no slots: what is cached needs a place
class FittedForest:
    """The mean of trees.

    text        LightGBM's, with nothing in the leaves: a forest of many classes needs one walk a tree, not one a class.
                Empty where no tree was grown
    leaves      (1 + n_leaves, n_outputs) float32, tree by tree: shares of the classes (of the last, if there are two),
                or the mean of a quantity. Before them what all training rows say together
    importance_ (n_features,) how much the splits by a feature lowered the impurity, a tree in the mean
    """

    target: Target
    text: str
    leaves: NDArray[np.float32]
    importance_: Floats

    def margins(self, X: Any) -> Floats:
        return self._bag.margins(X)[0]

    @cached_property
    def _bag(self) -> ForestBag:
        return ForestBag.of([self], [np.arange(len(self.importance_))])

    def importance(self, n_features: int) -> Floats:  # noqa: ARG002 - the forest says how many there are
        return self.importance_

    def save(self, folder: Path) -> None:
        save_target(self.target, folder)
        np.save(folder / LEAVES_FILE, self.leaves, allow_pickle=False)
        np.save(folder / IMPORTANCE_FILE, self.importance_, allow_pickle=False)
        if self.text:
            (folder / MODEL_FILE).write_text(self.text, encoding="utf-8")


def load_forest(folder: Path) -> FittedForest:
    """Raises InvalidInput where the tables are not those of the trees."""
    path = folder / MODEL_FILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    target = load_target(folder)
    leaves = _table(folder / LEAVES_FILE, (1 + sum(_leaf_counts(text)), target.n_outputs))
    importance = _table(folder / IMPORTANCE_FILE, (None,))
    if text:
        outputs, last = _N_OUTPUTS.search(text), _LAST_FEATURE.search(text)
        if outputs is None or last is None or (int(outputs[1]), int(last[1]) + 1) != (1, len(importance)):
            raise InvalidInput(
                f"{MODEL_FILE} of a forest should have 1 output and the {len(importance)} features of "
                f"{IMPORTANCE_FILE}, and has not: {_DAMAGED}"
            )
    return FittedForest(target, text, leaves, importance)


def _table(path: Path, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Numbers in the shape that is expected; None: of any length."""
    table: NDArray[Any] = np.load(path, allow_pickle=False)
    expected = tuple(found if size is None else size for size, found in zip(shape, table.shape, strict=False))
    if table.shape != expected or len(shape) != table.ndim or table.dtype.kind != "f":
        raise InvalidInput(
            f"{path.name} of a forest should be a table of {shape} numbers (None: any), and is one of {table.shape} "
            f"{table.dtype}: {_DAMAGED}"
        )
    return table


@dataclass(frozen=True)  # no slots: what is cached needs a place
class _Ways:
    """The ways of rows through trees, each to its leaf."""

    booster: Any  # lightgbm.Booster
    n_trees: int

    @classmethod
    def of(cls, text: str) -> _Ways:
        import lightgbm

        booster = lightgbm.Booster(model_str=text)
        return cls(booster, booster.num_trees())

    def ends(self, X: Any, n_asked: int) -> NDArray[np.int64]:
        """(n_rows, n_trees) the leaf of each tree in which each row ends; rows are some of those that are asked for."""
        ends = np.empty((X.shape[0], self.n_trees), np.int64)
        is_many = n_asked >= (_ROWS_FOR_BLOCKS if "_blocks" in self.__dict__ else _MANY_ROWS)
        if not len(X):
            return ends
        start = 0
        for booster, n_trees in self._blocks if is_many else ((self.booster, self.n_trees),):
            found = booster.predict(X, pred_leaf=True, num_threads=1)
            ends[:, start : start + n_trees] = found.reshape(len(X), n_trees)
            start += n_trees
        return ends

    @cached_property
    def _blocks(self) -> tuple[tuple[Any, int], ...]:
        """The booster in parts, made when many rows come: a second copy of the trees."""
        import lightgbm

        text = self.booster.model_to_string()
        n_leaves = sum(_leaf_counts(text))
        trees = int(_BLOCK_LEAVES * self.n_trees / n_leaves)
        most = max(trees, self.booster.num_feature() // _FEATURES_A_TREE, _LEAST_BLOCK)
        boosters = [lightgbm.Booster(model_str=part) for part in parted(text, most)]
        return tuple((booster, booster.num_trees()) for booster in boosters)


@dataclass(frozen=True, slots=True)
class _Part:
    """One forest of a bag.

    trees   its trees among those of the booster
    first   (n_trees,) where each tree's leaves begin in `leaves`
    leaves  (1 + n_leaves, n_outputs) float64
    """

    target: Target
    trees: slice
    first: NDArray[np.int64]
    leaves: Floats

    def margins(self, ends: NDArray[np.int64]) -> Floats:
        """Of the leaves in which rows end in the booster's trees."""
        own = ends[:, self.trees][:, : len(self.first)]
        # Taken, the leaves of a row lie one after the other: added up in the same order whatever rows stand beside.
        sums = np.add.reduce(np.take(self.leaves, own + self.first, axis=0), axis=1)
        return self.target.decode(mean_of(sums, len(self.first), self.leaves[0], self.target))


@dataclass(frozen=True, slots=True)
class ForestBag:
    """Forests as one booster, which is walked through once.

    ways        None where no forest has trees
    n_features  that the booster knows: the first ones of the shared matrix
    """

    parts: tuple[_Part, ...]
    ways: _Ways | None
    n_features: int

    @classmethod
    def of(cls, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> ForestBag:
        forests = [model for model in models if isinstance(model, FittedForest)]
        if len(forests) != len(models):
            raise TypeError("Only forests can be merged.")
        grown = [(forest.text, place) for forest, place in zip(forests, places, strict=True) if forest.text]
        n_features = max((int(place.max(initial=-1)) for _, place in grown), default=-1) + 1
        ways = None
        if grown:
            ways = _Ways.of(merged_text([text for text, _ in grown], [place for _, place in grown], n_features))
        parts, number = [], 0
        for forest in forests:
            counts = _leaf_counts(forest.text)
            first = np.cumsum([1, *counts])[:-1]
            trees = slice(number, None, len(grown)) if counts else slice(0, 0)  # the trees of all take turns
            parts.append(_Part(forest.target, trees, first, forest.leaves.astype(np.float64)))
            number += bool(counts)
        return cls(tuple(parts), ways, n_features)

    def margins(self, X: Any) -> list[Floats]:
        if self.ways is None:
            return [part.margins(np.zeros((X.shape[0], 0), np.int64)) for part in self.parts]
        rows = X if X.shape[1] == self.n_features else X[:, : self.n_features]
        widest = max(part.leaves.shape[1] for part in self.parts)
        most = max(_CELLS // (self.ways.n_trees * (1 + widest // 8)), 1)
        chunks = []
        for start in range(0, max(len(rows), 1), most):
            ends = self.ways.ends(rows[start : start + most], len(rows))
            chunks.append([part.margins(ends) for part in self.parts])
        return chunks[0] if len(chunks) == 1 else [np.concatenate(each) for each in zip(*chunks, strict=True)]


def mean_of(sums: Floats, n_trees: int, prior: Floats, target: Target) -> Floats:
    """(n_rows, n_outputs) what a forest gives out, of the sums of what its trees say.

    Of classes all training rows together are one more tree: no probability is 0 or 1.
    """
    if not isinstance(target, Classes):
        return sums / n_trees if n_trees else sums + prior
    shares = (sums + prior) / (n_trees + 1)
    if target.n_outputs == 1:
        return np.log(shares) - np.log1p(-shares)
    return np.log(shares)


def _leaf_counts(text: str) -> list[int]:
    """Of each tree of a booster."""
    return [int(count) for count in _NUM_LEAVES.findall(text)]

"""Boosted trees as they are kept and asked: one fitted model, and the fold models of a trial as one booster."""

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
from athanor.engine.family.target import Floats, Target, load_target, save_target
from athanor.engine.trees.one_row import FEW_ROWS, RowByRow
from athanor.engine.trees.text import leaf_values, merged_text, parted
from athanor.errors import InvalidInput

MODEL_FILE = "model.txt"

# Many rows go through a few trees at a time, which stay in the processor's first cache: 700 trees of 31 leaves took 78
# ns a row and tree in one walk, and 50 so. A wide row costs something to hand over, which more trees have to pay back.
# To make the blocks takes about as long as 1,000 rows gain by them; once there, they pay from 128 rows on.
_N_OUTPUTS = re.compile(r"^num_tree_per_iteration=(\d+)$", re.MULTILINE)
_MANY_ROWS, _ROWS_FOR_BLOCKS = 1000, 128
_BLOCK_LEAVES, _LEAST_BLOCK, _FEATURES_A_TREE = 500, 16, 4
_BLOCK_CELLS = 2**17  # rows x trees at a time: 1 MB
_ROUNDS_WRITTEN = 200  # at a time, when the blocks are made


@dataclass(frozen=True, slots=True)
class _Block:
    """Some of a booster's trees as a booster of their own, and the values of its leaves.

    Of their own, because the library is told which rounds to predict with by a note on the booster: two threads that
    ask one booster for different rounds get each other's, or crash. Asked for all, they write the same note.

    values  (n_leaves,) tree by tree
    first   (n_trees,) where a tree's leaves begin
    """

    booster: Any  # lightgbm.Booster with one output
    values: Floats
    first: NDArray[np.int64]

    @classmethod
    def of(cls, text: str) -> _Block:
        import lightgbm

        trees = leaf_values(text)
        first = np.cumsum([0, *map(len, trees)])[:-1]
        return cls(lightgbm.Booster(model_str=text), np.concatenate(trees), first)

    def values_of(self, X: Any) -> Floats:
        """(n_trees, n_rows) what each tree says to each row."""
        places = self.booster.predict(X, pred_leaf=True, num_threads=1).reshape(X.shape[0], len(self.first))
        return np.asarray(self.values[places.T + self.first[:, None]], np.float64)


@dataclass(frozen=True)  # no slots: what is cached needs a place
class _Walk:
    """Rows on their way through a booster, in the way that is quickest for so many of them."""

    booster: Any  # lightgbm.Booster

    @classmethod
    def of(cls, text: str) -> _Walk:
        import lightgbm

        return cls(lightgbm.Booster(model_str=text))

    def outputs(self, X: Any) -> Floats:
        """(n_rows, n_outputs) sums of the trees' values; the same bits for a row alone and among others."""
        n_rows = X.shape[0]
        if n_rows >= (_ROWS_FOR_BLOCKS if "_blocks" in self.__dict__ else _MANY_ROWS):
            return self._by_blocks(X)
        if n_rows <= FEW_ROWS and isinstance(X, np.ndarray) and X.shape[1] == self._n_features and self._row_by_row:
            return self._row_by_row.outputs(X)
        raw = self.booster.predict(X, raw_score=True, num_threads=1)
        return np.reshape(raw, (n_rows, self._n_outputs))

    def _by_blocks(self, X: Any) -> Floats:
        n_rows, n_outputs = X.shape[0], self._n_outputs
        outputs = np.zeros((n_outputs, n_rows))
        most = max(_BLOCK_CELLS // max((len(block.first) for block in self._blocks), default=1), 1)
        for start in range(0, n_rows, most):
            part = outputs[:, start : start + most]
            rows = X[start : start + most]
            tree = 0
            for block in self._blocks:
                # Tree by tree, as the library adds them up: the same bits as in one walk.
                for values in block.values_of(rows):
                    part[tree % n_outputs] += values
                    tree += 1
        return np.ascontiguousarray(outputs.T)

    @cached_property
    def _n_outputs(self) -> int:
        return int(self.booster.num_model_per_iteration())

    @cached_property
    def _n_features(self) -> int:
        return int(self.booster.num_feature())

    @cached_property
    def _row_by_row(self) -> RowByRow | None:
        return RowByRow.of(self.booster)

    @cached_property
    def _blocks(self) -> tuple[_Block, ...]:
        """The booster in parts, made when many rows come: a second copy of the trees (3.4 kB for 31 leaves)."""
        blocks: list[_Block] = []
        rounds = max(_ROUNDS_WRITTEN // self._n_outputs, 1)
        for start in range(0, self.booster.current_iteration(), rounds):
            text = self.booster.model_to_string(start_iteration=start, num_iteration=rounds)
            leaves = np.mean([len(values) for values in leaf_values(text)])
            most = max(int(_BLOCK_LEAVES / leaves), self._n_features // _FEATURES_A_TREE, _LEAST_BLOCK)
            blocks += map(_Block.of, parted(text, most))
        return tuple(blocks)


@dataclass(frozen=True)  # no slots: what is cached needs a place
class FittedTrees:
    """A booster as text, cut at its best round. Without one, all rows have the same margin.

    text  in LightGBM's form; the library reads it when a row is first asked for, and never where only a bag is asked
    """

    target: Target
    text: str

    def read(self) -> FittedTrees:
        """The same, its text read: for who fits it, so that the first rows are not timed with that."""
        self._walk  # noqa: B018 - kept from now on
        return self

    def margins(self, X: Any) -> Floats:
        if self._walk is None:
            return self.target.decode(np.zeros((X.shape[0], 0)))
        return self.target.decode(self._walk.outputs(X))

    @cached_property
    def _walk(self) -> _Walk | None:
        return _Walk.of(self.text) if self.text else None

    def importance(self, n_features: int) -> Floats:
        """How much all splits by a feature lowered the loss. The booster is not kept: a bag's models are asked too."""
        if not self.text:
            return np.zeros(n_features)
        import lightgbm

        booster = lightgbm.Booster(model_str=self.text)
        return np.asarray(booster.feature_importance(importance_type="gain"), np.float64)

    def save(self, folder: Path) -> None:
        save_target(self.target, folder)
        if self.text:
            (folder / MODEL_FILE).write_text(self.text, encoding="utf-8")


def load_trees(folder: Path) -> FittedTrees:
    target = load_target(folder)
    if not target.n_outputs:
        return FittedTrees(target, "")
    text = (folder / MODEL_FILE).read_text(encoding="utf-8")
    said = _N_OUTPUTS.search(text)
    n_outputs = 0 if said is None else int(said[1])
    if n_outputs != target.n_outputs:
        raise InvalidInput(f"The trees in {folder} have {n_outputs} outputs, their target has {target.n_outputs}.")
    return FittedTrees(target, text)


@dataclass(frozen=True, slots=True)
class TreeBag:
    """Fold models as one booster, which gives the outputs of all in one go.

    targets     of the fold models
    n_features  that the booster knows: the first ones of the shared matrix
    """

    targets: tuple[Target, ...]
    walk: _Walk | None  # None where no fold model has trees
    n_features: int

    @classmethod
    def of(cls, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> TreeBag:
        trees = [model for model in models if isinstance(model, FittedTrees)]
        if len(trees) != len(models):
            raise TypeError("Only boosted trees can be merged.")
        grown = [(model.text, place) for model, place in zip(trees, places, strict=True) if model.text]
        n_features = max((int(place.max(initial=-1)) for _, place in grown), default=-1) + 1
        walk = None
        if grown:
            walk = _Walk.of(merged_text([text for text, _ in grown], [place for _, place in grown], n_features))
        return cls(tuple(model.target for model in trees), walk, n_features)

    def margins(self, X: Any) -> list[Floats]:
        outputs = np.zeros((X.shape[0], 0))
        if self.walk is not None:
            outputs = self.walk.outputs(X if X.shape[1] == self.n_features else X[:, : self.n_features])
        margins, start = [], 0
        for target in self.targets:
            end = start + target.n_outputs
            margins.append(target.decode(np.ascontiguousarray(outputs[:, start:end])))
            start = end
        return margins

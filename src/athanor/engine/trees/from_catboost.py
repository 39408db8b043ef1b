"""CatBoost's models as trees that LightGBM's text can say: every row lands in the same leaf.

CatBoost splits a category by how its level did in the training rows. With statistics of single columns only, such a
split sends some levels to the one side and the others to the other, which is a set of codes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.trees.text import Tree

_ROWS = 1000  # at a time, that the model is asked for its splits by category
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which features of a matrix CatBoost was given as what, each kind in this order.

    n_codes  for each categorical feature the number of its codes; one beyond them goes the way of NaN
    """

    numeric: tuple[int, ...]
    categorical: tuple[int, ...]
    n_codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Split:
    """A question that all nodes of a level ask: yes goes right, or left where `codes` are set.

    codes  of a category: those that go left, to the side where NaN is not; None: numbers up to `border` and NaN go left
    """

    feature: int
    border: float = 0.0
    codes: tuple[int, ...] | None = None
    yes_is_left: bool = False


def trees_of(
    model: Any, *, most: int, base: Floats, columns: Columns, pool: Callable[[NDArray[np.float32]], Any]
) -> list[Tree]:
    """The first rounds of a model, iteration by iteration and in each output by output.

    model  a catboost.CatBoost with symmetric trees and `max_ctr_complexity` 1, fitted with `base` as its baseline
    most   so many of its rounds
    base   (n_outputs,) what the sums of its leaves start from: it goes into the first trees
    pool   a matrix as the model wants it
    """
    with TemporaryDirectory() as folder:
        place = Path(folder) / "model.json"
        model.save_model(str(place), format="json")
        said = json.loads(place.read_bytes())
    scale, bias = said["scale_and_bias"]
    grown = said["oblivious_trees"][:most]
    splits = {**_by_number(grown, columns), **_by_category(model, grown, columns, pool)}
    trees: list[Tree] = []
    for tree in grown:
        values = scale * np.reshape(np.array(tree["leaf_values"], np.float64), (-1, len(base)))
        if not trees:
            values = values + base + np.array(bias)
        asked = [splits[split["split_index"]] for split in tree["splits"] or ()]
        trees += _trees(asked, values, np.array(tree["leaf_weights"], np.float64))
    return trees


def _by_number(grown: Sequence[Mapping[str, Any]], columns: Columns) -> dict[int, _Split]:
    return {
        split["split_index"]: _Split(columns.numeric[split["float_feature_index"]], float(np.float32(split["border"])))
        for tree in grown
        for split in tree["splits"] or ()
        if split["split_type"] == "FloatFeature"
    }


def _by_category(
    model: Any, grown: Sequence[Mapping[str, Any]], columns: Columns, pool: Callable[[NDArray[np.float32]], Any]
) -> dict[int, _Split]:
    """The sets of codes, found by asking the model: rows with every code of one feature, else all alike."""
    places: dict[int, tuple[int, int]] = {}  # of each split, a tree and a level
    for number, tree in enumerate(grown):
        for level, split in enumerate(tree["splits"] or ()):
            if split["split_type"] != "FloatFeature":
                places.setdefault(split["split_index"], (number, level))
    if not places:
        return {}
    numbers, levels = np.array(list(places.values())).T
    starts = np.cumsum([0, *(count + 1 for count in columns.n_codes)])  # NaN, and the codes
    rows = np.zeros((starts[-1], len(columns.numeric) + len(columns.categorical)), np.float32)
    for feature, start, count in zip(columns.categorical, starts[:-1], columns.n_codes, strict=True):
        rows[start, feature] = np.nan
        rows[start + 1 : start + 1 + count, feature] = np.arange(count)
    answers = np.concatenate(
        [
            model.calc_leaf_indexes(pool(rows[at : at + _ROWS]), ntree_end=len(grown))[:, numbers] >> levels & 1
            for at in range(0, len(rows), _ROWS)
        ]
    )
    found = {}
    for split, yes in zip(places, answers.T.astype(bool), strict=True):
        parts = [yes[start:end] for start, end in pairwise(starts)]
        # One that no code decides answers every row alike: any feature will do.
        which = next((at for at, part in enumerate(parts) if part.any() != part.all()), 0)
        of_nan, of_codes = bool(parts[which][0]), parts[which][1:]
        codes = np.flatnonzero(of_codes != of_nan)
        found[split] = _Split(columns.categorical[which], codes=tuple(codes.tolist()), yes_is_left=not of_nan)
    return found


def _trees(splits: Sequence[_Split], values: Floats, weight: Floats) -> Iterator[Tree]:
    """One tree for each output. Nodes below which all answers are the same become leaves.

    splits  level by level: the answer to the first one is the lowest bit of a leaf's number
    values  (2 ** n_levels, n_outputs)
    weight  (2 ** n_levels,) of the training rows in each leaf
    """
    depth = len(splits)
    # The sets of categories are long: the higher they are asked for, the fewer nodes hold them.
    order = sorted(range(depth), key=lambda level: splits[level].codes is None)
    # A heap: the children of node i are 2 i + 1 (no) and 2 i + 2 (yes), the last level are the leaves.
    path = np.arange(2**depth)
    number = np.zeros(2**depth, np.intp)
    for at, level in enumerate(order):
        number |= (path >> (depth - 1 - at) & 1) << level
    n_inner = 2**depth - 1
    answer = np.concatenate([np.zeros((n_inner, values.shape[1])), values[number]])
    mean = answer.copy()
    mass = np.concatenate([np.zeros(n_inner), weight[number]])
    gain = np.zeros((n_inner, values.shape[1]))
    is_leaf = np.arange(2 * n_inner + 1) >= n_inner
    for level in reversed(range(depth)):
        here = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        no, yes = 2 * here + 1, 2 * here + 2
        is_leaf[here] = is_leaf[no] & is_leaf[yes] & (answer[no] == answer[yes]).all(axis=1)
        answer[here] = answer[no]
        mass[here] = mass[no] + mass[yes]
        share = (mass[yes] / np.maximum(mass[here], 1e-300))[:, None]
        mean[here] = (1.0 - share) * mean[no] + share * mean[yes]
        gain[here] = mass[here, None] * share * (1.0 - share) * np.square(mean[yes] - mean[no])
    is_there = np.ones(len(is_leaf), np.bool_)
    for level in range(depth):
        here = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        is_there[2 * here + 1] = is_there[2 * here + 2] = is_there[here] & ~is_leaf[here]
    inner, leaves = np.flatnonzero(is_there & ~is_leaf), np.flatnonzero(is_there & is_leaf)
    name = np.zeros(len(is_leaf), np.intp)
    name[inner], name[leaves] = np.arange(len(inner)), ~np.arange(len(leaves))
    asked = [splits[order[int(node + 1).bit_length() - 1]] for node in inner]
    is_turned = np.array([split.yes_is_left for split in asked], np.bool_)
    no, yes = name[2 * inner + 1], name[2 * inner + 2]
    categories = [split.codes for split in asked]
    for output in range(values.shape[1]):
        yield Tree(
            feature=np.array([split.feature for split in asked], np.intp),
            threshold=np.array([split.border for split in asked], np.float64),
            left=np.where(is_turned, yes, no),
            right=np.where(is_turned, no, yes),
            missing_left=np.array([split.codes is None for split in asked], np.bool_),
            categories=categories if any(codes is not None for codes in categories) else None,
            value=answer[leaves, output],
            gain=gain[inner, output],
        )

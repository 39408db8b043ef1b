"""Trees as LightGBM's model text: trees from any learner, and boosters side by side, go through one compiled walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat, zip_longest

import numpy as np
from numpy.typing import NDArray

_TREE = "\nTree="
_END = "\n\nend of trees\n"

# How a node decides (`decision_type`): what is missing is NaN alone, and goes left if it is told to.
_BY_CATEGORY, _MISSING_LEFT, _NAN_IS_MISSING = 1, 2, 8

# Lines of a tree that say where a row goes and what it gets; all others tell how the tree was grown.
_WALKED = (
    "num_leaves=",
    "num_cat=",
    "split_feature=",
    "threshold=",
    "decision_type=",
    "left_child=",
    "right_child=",
    "leaf_value=",
    "cat_boundaries=",
    "cat_threshold=",
)
_FEATURE_LINE = "split_feature="
_LEAF_VALUES = "\nleaf_value="
_SILENT = "num_leaves=1\nnum_cat=0\nleaf_value=0"  # adds +0.0 to a sum that began with +0.0: no bit changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree. Node i sends a row to `left` where its feature is <= threshold, or where it is NaN and missing_left.

    A row begins at node 0; a tree of one leaf has no node. Sizes up to 1e-35 count as 0, as everywhere in the library.

    feature       (n_nodes,)
    threshold     (n_nodes,)
    left, right   (n_nodes,) a node (>= 0), or ~leaf (< 0)
    missing_left  (n_nodes,)
    categories    for each node None, or the codes that go left: other codes and NaN go right, its threshold is not used
    value         (n_leaves,)
    gain          (n_nodes,) how much the split lowered the loss
    """

    feature: NDArray[np.intp]
    threshold: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    missing_left: NDArray[np.bool_]
    categories: Sequence[Sequence[int] | None] | None = None  # None: no node decides by category
    value: NDArray[np.float64]
    gain: NDArray[np.float64]

    def text(self) -> str:
        n_leaves = len(self.value)
        if n_leaves == 1:
            return f"num_leaves=1\nnum_cat=0\nleaf_value={_numbers(self.value)}\n"
        kinds = np.where(self.missing_left, _NAN_IS_MISSING | _MISSING_LEFT, _NAN_IS_MISSING)
        thresholds = self.threshold
        bounds, words = [0], list[int]()
        chosen = [(node, codes) for node, codes in enumerate(self.categories or ()) if codes is not None]
        if chosen:
            thresholds = thresholds.astype(np.float64)
            for place, (node, codes) in enumerate(chosen):
                kinds[node], thresholds[node] = _BY_CATEGORY, place
                words += _bit_set(codes)
                bounds.append(len(words))
        lines = [
            f"num_leaves={n_leaves}",
            f"num_cat={len(chosen)}",
            f"{_FEATURE_LINE}{_numbers(self.feature)}",
            f"split_gain={_numbers(self.gain)}",
            f"threshold={_numbers(thresholds)}",
            f"decision_type={_numbers(kinds)}",
            f"left_child={_numbers(self.left)}",
            f"right_child={_numbers(self.right)}",
            f"leaf_value={_numbers(self.value)}",
        ]
        if chosen:
            lines += [f"cat_boundaries={' '.join(map(str, bounds))}", f"cat_threshold={' '.join(map(str, words))}"]
        return "\n".join(lines) + "\n"


def leaf(value: float) -> Tree:
    """A tree that answers every row alike."""
    nothing = np.zeros(0)
    places = np.zeros(0, np.intp)
    return Tree(
        feature=places,
        threshold=nothing,
        left=places,
        right=places,
        missing_left=np.zeros(0, np.bool_),
        value=np.array([value]),
        gain=nothing,
    )


def booster_text(trees: Sequence[Tree], *, n_outputs: int, n_features: int) -> str:
    """A booster whose raw outputs are sums of its trees' values.

    trees  iteration by iteration, and in each output by output
    """
    return _text((tree.text() for tree in trees), n_outputs, n_features)


def merged_text(texts: Sequence[str], places: Sequence[NDArray[np.intp]], n_features: int) -> str:
    """One booster that gives the raw outputs of all boosters side by side, each with the bits that it gives alone.

    It keeps what a row's way needs and not what a tree relied on.

    places      for each booster the features of the new one that it calls 0, 1, ...
    n_features  of the new one
    """
    boosters, widths = [], []
    for text, place in zip(texts, places, strict=True):
        width = int(_entry(text, "num_tree_per_iteration"))
        trees = _walked(text, None if np.array_equal(place, np.arange(len(place))) else place)
        boosters.append([trees[start : start + width] for start in range(0, len(trees), width)])
        widths.append(width)
    silent = [[_SILENT] * width for width in widths]
    rounds = zip_longest(*boosters)
    merged = (
        tree
        for parts in rounds
        for part, none in zip(parts, silent, strict=True)
        for tree in (part if part is not None else none)
    )
    return _text(merged, sum(widths), n_features)


def parted(text: str, most: int) -> list[str]:
    """A booster's trees, in their order, as boosters of at most so many trees and one output."""
    trees, n_features = _walked(text, None), int(_entry(text, "max_feature_idx")) + 1
    return [_text(trees[start : start + most], 1, n_features) for start in range(0, len(trees), most)]


def leaf_values(text: str) -> list[NDArray[np.float64]]:
    """For each tree of a booster (n_leaves,) its values, as the library reads them."""
    trees, begin = [], text.find(_LEAF_VALUES)
    while begin >= 0:
        begin += len(_LEAF_VALUES)
        end = text.index("\n", begin)
        trees.append(np.array(text[begin:end].split(), np.float64))
        begin = text.find(_LEAF_VALUES, end)
    return trees


def _text(trees: Iterable[str], n_outputs: int, n_features: int) -> str:
    """`tree_sizes` is left out: the library then finds where each tree begins by itself."""
    head = [
        "tree",
        "version=v4",
        f"num_class={n_outputs}",
        f"num_tree_per_iteration={n_outputs}",
        "label_index=0",
        f"max_feature_idx={n_features - 1}",
        f"feature_names={' '.join(map('Column_{}'.format, range(n_features)))}",
        f"feature_infos={' '.join(repeat('none', n_features))}",
    ]
    body = "\n".join(f"Tree={number}\n{tree}\n" for number, tree in enumerate(trees))
    return "\n".join(head) + "\n\n" + body + _END


def _entry(text: str, key: str) -> str:
    start = text.index(f"\n{key}=") + len(key) + 2
    return text[start : text.index("\n", start)]


def _walked(text: str, places: NDArray[np.intp] | None) -> list[str]:
    """What a row's way through each tree needs, with features renamed."""
    names = None if places is None else {str(old): str(new) for old, new in enumerate(places.tolist())}
    start, end = text.find(_TREE), text.index(_END.strip())
    if start < 0:
        return []
    return ["\n".join(_lines(tree, names)) for tree in text[start + len(_TREE) : end].split(_TREE)]


def _lines(tree: str, names: dict[str, str] | None) -> Iterator[str]:
    for line in tree.split("\n"):
        if line.startswith(_WALKED):
            if names is not None and line.startswith(_FEATURE_LINE):
                yield _FEATURE_LINE + " ".join([names[name] for name in line[len(_FEATURE_LINE) :].split()])
            else:
                yield line


def _bit_set(codes: Sequence[int]) -> list[int]:
    """Codes as bits of 32-bit words, the lowest first; at least one word."""
    words = [0] * (max(codes, default=0) // 32 + 1)
    for code in codes:
        words[code // 32] |= 1 << code % 32
    return words


def _numbers(values: NDArray[np.generic]) -> str:
    """The shortest digits from which the same bits are read."""
    return " ".join(map(repr, values.tolist()))

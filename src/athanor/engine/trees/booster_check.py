"""Whether a text is a booster that can be walked: the library that reads it trusts every number in it.

A child that is no node of its tree makes a process read beside its memory, or walk in a circle for ever; a size that is
wrong ends it. So a text that comes from a file is looked through before the library sees it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", np.float64, np.int64)

_TREE, _END = "\nTree=", "\nend of trees\n"
_HEAD_KEYS = frozenset(
    {
        *("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective"),
        *("feature_names", "feature_infos", "monotone_constraints", "tree_sizes"),
    }
)
_NODE_KEYS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
# Lines that tell how a tree was grown: one number a node, or one a leaf.
_TOLD_BY_NODE = ("split_gain", "internal_value", "internal_weight", "internal_count")
_TOLD_BY_LEAF = ("leaf_weight", "leaf_count")
_TREE_KEYS = frozenset(
    {
        *_NODE_KEYS,
        *_TOLD_BY_NODE,
        *_TOLD_BY_LEAF,
        *("num_leaves", "num_cat", "leaf_value", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"),
    }
)
_SIGNS = {np.float64: re.compile(r"[-+.0-9einf ]*"), np.int64: re.compile(r"[-0-9 ]*")}
_LAST = "7"  # put behind numbers that are read: where it comes out, they were read to their end
_TAIL = re.compile(  # behind the trees: what they relied on, and how they were grown
    r"(\nfeature_importances:\n([^=\n]+=[0-9.e+-]+\n)*)?"
    r"(\nparameters:\n(\[\w+: [^\n]*\]\n)*\nend of parameters\n)?"
    r"(\npandas_categorical:null\n)?",
    re.ASCII,
)
_COUNT = re.compile(r"[0-9]{1,9}")
_BY_CATEGORY = 1  # in a node's `decision_type`
_MOST_FEATURES = 2**24


def check_booster(text: str) -> None:
    """Raises ValueError unless each tree of the text leads every row from its first node to one of its leaves."""
    begin, end = text.find(_TREE), text.find(_END)
    if "\r" in text or "\0" in text or not text.startswith("tree\n") or not 0 < max(begin, 0) + 1 <= end + 1:
        raise ValueError("not a booster as text")
    if not _TAIL.fullmatch(text, end + len(_END)):
        raise ValueError("behind its trees is something else than a booster has there")
    body = end if begin < 0 or begin > end else begin
    head = _fields(text[len("tree\n") : body].strip("\n"), _HEAD_KEYS)
    n_features, n_outputs = _count(head, "max_feature_idx") + 1, _count(head, "num_tree_per_iteration")
    if not 0 < n_features <= _MOST_FEATURES or len(head.get("feature_names", "").split(" ")) != n_features:
        raise ValueError("its features are not those that it names")
    texts = text[body + len(_TREE) : end].split(_TREE) if body < end else []
    if not n_outputs or len(texts) % n_outputs or _count(head, "num_class") != n_outputs:
        raise ValueError("its trees are not as many as its outputs need")
    if "tree_sizes" in head:
        _check_sizes(head["tree_sizes"], texts)
    _check_trees([_Lines.of(number, tree) for number, tree in enumerate(texts)], n_features)


@dataclass(frozen=True, slots=True)
class _Lines:
    """A tree: how many leaves and nodes by category it has, and its other lines."""

    n_leaves: int
    n_categorical: int
    fields: Mapping[str, str]

    @classmethod
    def of(cls, number: int, text: str) -> _Lines:
        found, _, rest = text.partition("\n")
        lines, _, after = rest.partition("\n\n")
        if found != str(number) or after.strip("\n"):
            raise ValueError(f"its tree {number} is not in its place")
        fields = _fields(lines.rstrip("\n"), _TREE_KEYS)
        if fields.get("is_linear", "0") != "0":
            raise ValueError(f"its tree {number} has leaves that are no numbers")
        return cls(_count(fields, "num_leaves"), _count(fields, "num_cat"), fields)

    @property
    def n_nodes(self) -> int:
        return self.n_leaves - 1

    def line(self, key: str, n_numbers: int, *, may_lack: bool = False) -> str:
        """Numbers, as many as there should be; whether they are some is seen later, for all trees at once."""
        text = self.fields.get(key, "")
        found = text.count(" ") + 1 if text else 0
        if found != n_numbers and not (may_lack and not found):
            raise ValueError(f"`{key}` of a tree with {self.n_leaves} leaves has {found} numbers")
        return text


def _check_trees(trees: Sequence[_Lines], n_features: int) -> None:
    if any(tree.n_leaves < 1 for tree in trees):
        raise ValueError("a tree has no leaf")
    n_nodes = np.array([tree.n_nodes for tree in trees], np.int64)
    for key in _TOLD_BY_NODE:
        _reals([tree.line(key, tree.n_nodes, may_lack=True) for tree in trees])
    for key in _TOLD_BY_LEAF:
        _reals([tree.line(key, tree.n_leaves, may_lack=True) for tree in trees])
    values = _reals([tree.line("leaf_value", tree.n_leaves) for tree in trees])
    if not np.isfinite(values).all():
        raise ValueError("a leaf has no number")
    of_nodes = {key: [tree.line(key, tree.n_nodes) for tree in trees] for key in _NODE_KEYS}
    thresholds = _reals(of_nodes.pop("threshold"))
    found = {key: _wholes(lines) for key, lines in of_nodes.items()}
    if ((found["split_feature"] < 0) | (found["split_feature"] >= n_features)).any():
        raise ValueError("a node asks for a feature that there is not")
    node = np.arange(n_nodes.sum()) - np.repeat(np.cumsum(n_nodes) - n_nodes, n_nodes)
    most = np.repeat(n_nodes, n_nodes)
    for key in ("left_child", "right_child"):
        child = found[key]
        # A child stands behind its parent, so that every way ends; ~child is the place of a leaf.
        if not np.where(child < 0, ~child <= most, (child > node) & (child < most)).all():
            raise ValueError("a node leads to none of its tree")
    _check_categories(trees, found["decision_type"], thresholds, n_nodes)


def _check_categories(
    trees: Sequence[_Lines], kinds: NDArray[np.int64], thresholds: NDArray[np.float64], n_nodes: NDArray[np.int64]
) -> None:
    """A node by category has the number of a set in the place of a threshold; a set is some words of bits."""
    n_sets = np.repeat(np.array([tree.n_categorical for tree in trees], np.int64), n_nodes)
    is_by_category = (kinds & _BY_CATEGORY) > 0
    chosen = thresholds[is_by_category]
    if not ((chosen == np.floor(chosen)) & (chosen >= 0) & (chosen < n_sets[is_by_category])).all():
        raise ValueError("a node asks for categories that there are not")
    for tree in trees:
        if tree.n_categorical:
            bounds = _wholes([tree.line("cat_boundaries", tree.n_categorical + 1)])
            if bounds[0] != 0 or (np.diff(bounds) < 0).any():
                raise ValueError("the categories of a tree are in no order")
            words = _wholes([tree.line("cat_threshold", int(bounds[-1]))])
            if ((words < 0) | (words >= 2**32)).any():
                raise ValueError("the categories of a tree are none")


def _check_sizes(sizes: str, texts: Sequence[str]) -> None:
    """The library goes by them to where each tree begins."""
    begins = "Tree="
    found = [len(begins) + len(text.encode()) + 1 for text in texts]
    if texts:
        found[-1] = len(begins) + len(texts[-1].rstrip("\n").encode()) + len("\n\n\n")
    if list(map(str, found)) != sizes.split():
        raise ValueError("its trees are not of the sizes that it tells")


def _fields(text: str, known: frozenset[str]) -> dict[str, str]:
    """Lines `key=value`, each key once."""
    fields: dict[str, str] = {}
    for line in text.split("\n") if text else ():
        key, sign, value = line.partition("=")
        if key not in known or not sign or key in fields:
            raise ValueError(f"a line that is none of a booster: {line[:80]!r}")
        fields[key] = value
    return fields


def _count(fields: Mapping[str, str], key: str) -> int:
    text = fields.get(key, "")
    if not _COUNT.fullmatch(text):
        raise ValueError(f"`{key}` is no number: {text[:80]!r}")
    return int(text)


def _reals(lines: Sequence[str]) -> NDArray[np.float64]:
    return _numbers(lines, np.float64)


def _wholes(lines: Sequence[str]) -> NDArray[np.int64]:
    return _numbers(lines, np.int64)


def _numbers(lines: Sequence[str], dtype: type[N]) -> NDArray[N]:
    text = " ".join([*filter(None, lines), _LAST])
    if not _SIGNS[dtype].fullmatch(text):
        raise ValueError("a line holds something else than numbers")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of what is no number, as older versions tell: they read no further
        found: NDArray[N] = np.fromstring(text, dtype, sep=" ")
    if len(found) != text.count(" ") + 1 or found[-1] != int(_LAST):
        raise ValueError("a line holds something else than numbers")
    return found[:-1]

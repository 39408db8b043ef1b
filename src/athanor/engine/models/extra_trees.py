"""Extra trees: the mean of trees that are grown on all rows, by the best of some splits drawn at random."""

from __future__ import annotations

from athanor.engine.trees.forest import Forest

EXTRA_TREES = Forest(
    name="extra_trees",
    label="Extra trees",
    aliases=frozenset({"xt", "xrt", "extra trees", "extratrees", "extremely randomized trees"}),
    places=(50,),
    draws_rows=False,
    splitter="random",
    max_features=0.7,
    cell_s=7e-9,
)

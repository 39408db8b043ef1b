"""Random forest: the mean of trees that are each grown on rows drawn with replacement, by the best of some splits."""

from __future__ import annotations

from athanor.engine.trees.forest import Forest

RANDOM_FOREST = Forest(
    name="random_forest",
    label="Random forest",
    aliases=frozenset({"rf", "drf", "forest", "random forest", "randomforest", "distributed random forest"}),
    places=(90,),
    draws_rows=True,
    splitter="best",
    max_features=0.4,
    cell_s=5.5e-8,
)

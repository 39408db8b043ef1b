"""What a net sees of a row: some features as they are, and those of many values also cut into bins.

Bins are the piecewise linear encoding of Gorishniy et al. (2022), On Embeddings for Numerical Features in Tabular Deep
Learning, arxiv.org/abs/2203.05556: a bin of a feature is 0 before it begins and 1 after it ends, and holds about as
many training rows as each other one. A net that reads them can bend along a feature as a tree can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family.telling import telling_features

Doubles = NDArray[np.float64]
Singles = NDArray[np.float32]
Places = NDArray[np.intp]

_LEAST_VALUES = 4  # of a feature that is cut into bins
_MOST_LOOKED_AT = 20_000  # rows: the quantiles of more move nothing
_BINS_APART = 1 / 3  # of a feature's bins lie between two rows, on average


@dataclass(frozen=True, slots=True)
class Inputs:
    """places  (n_seen,) ascending positions in the matrix of the features that are seen
    of      (n_bins,) for each bin the position of its feature among those seen, ascending
    low     (n_bins,) where it begins
    factor  (n_bins,) 1 / its width
    """

    places: Places
    of: Places
    low: Singles
    factor: Singles

    @property
    def n_seen(self) -> int:
        return len(self.places)

    @property
    def width(self) -> int:
        return len(self.places) + len(self.of)

    def fill(self, seen: Singles, inputs: Singles) -> None:
        """Write the inputs of rows (n_rows, width) from the features that are seen of them (n_rows, n_seen)."""
        inputs[:, : self.n_seen] = seen
        if not len(self.of):
            return
        bins = inputs[:, self.n_seen :]
        bins[:] = seen[:, self.of]
        bins -= self.low
        bins *= self.factor
        np.clip(bins, 0.0, 1.0, out=bins)

    def by_feature(self, reach: Doubles) -> Doubles:
        """(n_seen,) of how far each input reaches: what the features do in all."""
        bins = _BINS_APART * np.bincount(self.of, reach[self.n_seen :], minlength=self.n_seen)
        return np.asarray(reach[: self.n_seen] + bins, np.float64)

    def among(self, place: Places) -> Inputs:
        """The same of a matrix where feature k stands at place[k]."""
        return replace(self, places=place[self.places])


def choose_inputs(X: Any, y: Doubles, weight: Doubles | None, *, most: int, bins: int) -> Inputs:
    """Of a wide matrix the features that say most about the target, each by itself.

    X     (n_rows, n_features) float32, dense or CSR
    y     (n_rows, n_columns) what is to be learned: a column for each class, or one for a quantity
    most  inputs in all
    bins  of a feature, at most; where there is no room for so many all features get fewer
    """
    places = telling_features(X, y, weight, most).astype(np.intp)
    if not len(places):  # all are the same in all rows: a net sees something
        places = np.zeros(1, np.intp)
    rows = X[:: -(-X.shape[0] // _MOST_LOOKED_AT)]
    seen = _dense(rows if len(places) == X.shape[1] else rows[:, places])
    many = [feature for feature in range(len(places)) if len(np.unique(seen[:, feature])) >= _LEAST_VALUES]
    bins = min(bins, (most - len(places)) // max(len(many), 1))
    of, low, width = [], [], []
    for feature in many if bins >= 2 else []:
        edges = np.unique(np.quantile(seen[:, feature], np.linspace(0.0, 1.0, bins + 1)).astype(np.float32))
        if len(edges) > 2:  # one bin says what the feature itself does
            of.append(np.full(len(edges) - 1, feature, np.intp))
            low.append(edges[:-1])
            width.append(np.diff(edges))
    if not of:
        return Inputs(places, np.zeros(0, np.intp), *np.zeros((2, 0), np.float32))
    return Inputs(places, np.concatenate(of), np.concatenate(low), np.float32(1.0) / np.concatenate(width))


def _dense(X: Any) -> Singles:
    return X if isinstance(X, np.ndarray) else np.asarray(X.toarray(), np.float32)

"""Rows times weights, the same bits for a row wherever it stands, alone and for the models of many folds at once.

Products are added feature by feature, for many sums side by side: each is one lane of an addition, whatever the
processor's vector width. A BLAS product would not promise that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family.target import Floats

_BLOCK_CELLS, _LEAST_BLOCK = 2**14, 64  # of rows on their side: 128 KB, which the second cache holds
_FEW_ROWS, _FEW_PRODUCTS = 8, 2**17  # of a row: more of them take longer to gather than the rows to turn


def dense_dot(X: NDArray[np.float32], weights: Floats) -> Floats:
    """(n_rows, n_outputs) X @ weights."""
    outputs = np.empty((X.shape[0], weights.shape[1]))
    for rows, block in _blocks(X):
        _multiply(block, weights, outputs[rows])
    return outputs


def sparse_dot(X: Any, weights: Floats) -> Floats:
    """X @ weights; scipy adds up each row on its own, entry by entry."""
    return np.asarray(X @ weights, np.float64)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The weights of several models side by side, for rows in the matrix that their features are taken from.

    weights  of each model (n_features, n_outputs)
    places   of each model (n_features,) where its features stand
    lanes    (most features, lanes) the weights; a lane for each output of each model. None: too many for few rows
    taken    of each lane the places of its features
    ends     of each model the first lane behind its own
    """

    weights: tuple[Floats, ...]
    places: tuple[NDArray[np.intp], ...]
    lanes: Floats | None
    taken: NDArray[np.intp]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, weights: Sequence[Floats], places: Sequence[NDArray[np.intp]]) -> Lanes:
        ends = tuple(np.cumsum([each.shape[1] for each in weights]).tolist())
        # At least two: a single lane would be added up as one array, in another order.
        shape = (max(each.shape[0] for each in weights), max(ends[-1], 2))
        taken = np.zeros(shape, np.intp)
        if not 0 < shape[0] * shape[1] <= _FEW_PRODUCTS:
            return cls(tuple(weights), tuple(places), None, taken[:0], ends)
        lanes = np.zeros(shape)  # where a model has fewer features than others, 0 is added
        for each, place, end in zip(weights, places, ends, strict=True):
            own = slice(end - each.shape[1], end)
            lanes[: len(place), own] = each
            taken[: len(place), own] = place[:, None]
        return cls(tuple(weights), tuple(places), lanes, taken, ends)

    def dot(self, X: NDArray[np.float32]) -> list[Floats]:
        """For each model (n_rows, n_outputs) the product of its features and weights: the bits of `dense_dot`."""
        if self.lanes is not None and X.shape[0] <= _FEW_ROWS:
            added = np.empty((X.shape[0], self.lanes.shape[1]))
            for row, out in zip(X, added, strict=True):
                np.add.reduce(row[self.taken] * self.lanes, axis=0, out=out)
            return np.split(added[:, : self.ends[-1]], self.ends[:-1], axis=1)
        outputs = [np.empty((X.shape[0], each.shape[1])) for each in self.weights]
        for rows, block in _blocks(X):
            for own, place, weights in zip(outputs, self.places, self.weights, strict=True):
                _multiply(block[place], weights, own[rows])
        return outputs


def _blocks(X: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Rows on their side, (n_features, n_rows), some at a time. A row that would be alone has zeros beside it."""
    n_rows, n_features = X.shape
    most = max(_BLOCK_CELLS // max(n_features, 1), _LEAST_BLOCK)
    for start in range(0, n_rows, most):
        rows = slice(start, min(start + most, n_rows))
        if rows.stop - start > 1:
            yield rows, np.ascontiguousarray(X[rows].T)
        else:
            yield rows, np.stack((X[start], np.zeros_like(X[start])), axis=1)


def _multiply(block: NDArray[np.float32], weights: Floats, outputs: Floats) -> None:
    """Into `outputs` (n_rows, n_outputs) for a block of rows on their side."""
    doubles, products = block.astype(np.float64), np.empty(block.shape)
    for output in range(weights.shape[1]):
        np.multiply(doubles, weights[:, output, None], out=products)
        outputs[:, output] = np.add.reduce(products, axis=0)[: len(outputs)]

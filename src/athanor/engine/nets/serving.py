"""Trained nets as they are asked: some rows at a time, all nets of all folds in one product per layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.nets.inputs import Inputs
from athanor.engine.nets.layers import Singles

# Rows of one product. A row must get the same bits wherever it stands and whoever stands beside it: products are always
# of so many rows, empty ones filling up, which is as many as the inner loops of BLAS libraries take at a time. A row
# alone is cheap so, and the product is too small (up to 512 x 128 weights) for OpenBLAS to hand it to more threads.
BLOCK = 4
_LEAST_OUTPUTS = 2  # of a layer: by one column alone numpy multiplies another way, and rows differ by their places
_CACHED = 2**17  # values of a layer, over all nets, of the rows that go through together
_FEW_ROWS = 32  # go through the nets of all folds together


@dataclass(frozen=True, slots=True)
class Fold:
    """Nets of one fold, which answer by their mean.

    weights  by layer (n_nets, inputs, outputs)
    biases   by layer (n_nets, outputs)
    """

    inputs: Inputs
    weights: tuple[Singles, ...]
    biases: tuple[Singles, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """How many nets, and the outputs of each layer."""
        return (len(self.biases[0]), *(biases.shape[1] for biases in self.biases))

    @property
    def n_outputs(self) -> int:
        return int(self.biases[-1].shape[1])

    def reach(self) -> NDArray[np.float64]:
        """(n_seen,) how far a change of each feature can reach: the sizes of the weights along all ways, added up."""
        reach = np.ones((len(self.biases[0]), self.n_outputs, 1))
        for weights in reversed(self.weights):
            reach = np.abs(weights) @ reach
        return self.inputs.by_feature(reach[:, :, 0].mean(axis=0))

    def flat(self) -> Singles:
        """(n_nets, n_numbers) all weights and biases, layer by layer."""
        n_nets = len(self.biases[0])
        layers = zip(self.weights, self.biases, strict=True)
        return np.concatenate([part.reshape(n_nets, -1) for layer in layers for part in layer], axis=1)

    @classmethod
    def of(cls, inputs: Inputs, widths: Sequence[int], flat: Singles) -> Fold:
        """From what `flat` gave. widths: the outputs of each layer."""
        n_nets, place = len(flat), 0
        weights, biases = [], []
        for n_in, n_out in pairwise((inputs.width, *widths)):
            weights.append(flat[:, place : place + n_in * n_out].reshape(n_nets, n_in, n_out))
            place += n_in * n_out
            biases.append(flat[:, place : place + n_out])
            place += n_out
        return cls(inputs, tuple(weights), tuple(biases))


@dataclass(frozen=True, slots=True)
class _Cells:
    """The inputs of all folds side by side, so that they are made in one go: each a feature, moved, scaled and clipped.

    places  (n_cells,) positions in the matrix
    parts   by fold: which of the cells are its own
    """

    places: NDArray[np.intp]
    low: Singles
    factor: Singles
    least: Singles
    most: Singles
    parts: tuple[slice, ...]

    @classmethod
    def of(cls, folds: Sequence[Inputs]) -> _Cells:
        ends = np.cumsum([inputs.width for inputs in folds]).tolist()

        def joined(plain: float, bins: Callable[[Inputs], Singles | float]) -> Singles:
            """A number for each cell: `plain` for features, what `bins` gives for bins."""
            cells = np.full(ends[-1], plain, np.float32)
            for inputs, end in zip(folds, ends, strict=True):
                cells[end - len(inputs.of) : end] = bins(inputs)
            return cells

        return cls(
            np.concatenate([np.concatenate((inputs.places, inputs.places[inputs.of])) for inputs in folds]),
            joined(0.0, lambda inputs: inputs.low),
            joined(1.0, lambda inputs: inputs.factor),
            joined(-np.inf, lambda _: 0.0),
            joined(np.inf, lambda _: 1.0),
            tuple(slice(end - inputs.width, end) for inputs, end in zip(folds, ends, strict=True)),
        )

    def fill(self, rows: Singles, cells: Singles) -> None:
        cells[:] = rows[:, self.places]
        cells -= self.low
        cells *= self.factor
        np.maximum(cells, self.least, out=cells)
        np.minimum(cells, self.most, out=cells)


@dataclass(frozen=True, slots=True)
class Stack:
    """Nets of some folds, alike but for their inputs. A fold's answers are the same bits in any stack.

    first    by fold (n_nets, 1, n_inputs, width): the weights of the first layer
    weights  by layer after it (n_folds * n_nets, 1, inputs, outputs)
    biases   by layer (n_folds * n_nets, 1, 1, outputs)
    folds    of many rows each fold by itself, where there are more: what a layer holds of few nets stays in the cache
    """

    cells: _Cells
    first: tuple[Singles, ...]
    weights: tuple[Singles, ...]
    biases: tuple[Singles, ...]
    n_outputs: int  # the last layer may be wider, by zeros
    folds: tuple[Stack, ...] = ()

    @classmethod
    def of(cls, folds: Sequence[Fold]) -> Stack:
        """Folds must have the same widths."""
        n_outputs = folds[0].n_outputs
        weights = [_joined(layer) for layer in zip(*(fold.weights[1:] for fold in folds), strict=True)]
        biases = [_joined(layer)[:, None] for layer in zip(*(fold.biases for fold in folds), strict=True)]
        spare = [(0, 0)] * 3 + [(0, max(_LEAST_OUTPUTS - n_outputs, 0))]
        weights[-1], biases[-1] = np.pad(weights[-1], spare), np.pad(biases[-1], spare)
        first = [np.ascontiguousarray(fold.weights[0])[:, None] for fold in folds]

        def part(start: int, stop: int, parts: tuple[Stack, ...] = ()) -> Stack:
            n_nets = len(first[0])
            own = slice(start * n_nets, stop * n_nets)
            return cls(
                _Cells.of([fold.inputs for fold in folds[start:stop]]),
                tuple(first[start:stop]),
                tuple(layer[own] for layer in weights),
                tuple(layer[own] for layer in biases),
                n_outputs,
                parts,
            )

        each = tuple(part(fold, fold + 1) for fold in range(len(folds)))
        return each[0] if len(folds) == 1 else part(0, len(folds), each)

    def outputs(self, X: Any) -> NDArray[np.float64]:
        """(n_folds, n_rows, n_outputs): by fold the mean of what its nets say."""
        if self.folds and X.shape[0] > _FEW_ROWS:
            return np.concatenate([fold.outputs(X) for fold in self.folds])
        cells, is_dense = self.cells, isinstance(X, np.ndarray)
        if not is_dense:  # of a wide matrix only what is seen is filled up with zeros
            seen, places = np.unique(cells.places, return_inverse=True)
            X, cells = X[:, seen], replace(cells, places=places)
        n_rows = X.shape[0]
        outputs = np.empty((len(self.first), n_rows, self.n_outputs))
        step = max(_CACHED // (len(self.biases[0]) * self.biases[0].shape[-1] * BLOCK), 1) * BLOCK
        for start in range(0, n_rows, step):
            rows = X[start : start + step]
            outputs[:, start : start + step] = self._answers(rows if is_dense else rows.toarray(), cells)
        return outputs

    def _answers(self, rows: Singles, cells: _Cells) -> NDArray[np.float64]:
        n_rows, n_folds = len(rows), len(self.first)
        n_blocks = -(-n_rows // BLOCK)
        n_nets = len(self.biases[0]) // n_folds
        made = np.zeros((n_blocks * BLOCK, len(cells.places)), np.float32)
        cells.fill(rows, made[:n_rows])
        blocks = made.reshape(n_blocks, BLOCK, -1)
        sums = np.empty((n_folds * n_nets, n_blocks, BLOCK, self.biases[0].shape[-1]), np.float32)
        for fold, (part, first) in enumerate(zip(cells.parts, self.first, strict=True)):
            np.matmul(blocks[:, :, part], first, out=sums[fold * n_nets : (fold + 1) * n_nets])
        for weights, biases in zip(self.weights, self.biases, strict=False):
            sums += biases
            sums = np.matmul(_activated(sums), weights)
        sums += self.biases[-1]
        answers = sums.reshape(n_folds, n_nets, n_blocks * BLOCK, -1)[:, :, :n_rows, : self.n_outputs]
        total = np.zeros((n_folds, n_rows, self.n_outputs))
        for net in range(n_nets):  # one after the other, so that the order does not depend on the number of rows
            total += answers[:, net]
        return total / n_nets


def _joined(layer: Sequence[Singles]) -> Singles:
    return np.concatenate(layer)[:, None]


def _activated(sums: Singles) -> Singles:
    """SiLU, in the place of the sums."""
    with np.errstate(over="ignore"):
        gates = np.exp(np.negative(sums))
    gates += 1.0
    sums /= gates
    return sums

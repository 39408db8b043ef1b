"""Gaussian processes as they are served: those of all folds side by side, each with the bits that it gives alone.

A row's distances are added up feature by feature, and its outputs over the rows of the process, always as many: no
matrix product of a library, whose order of adding up depends on how many rows are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family.target import Floats
from athanor.engine.gaussian.fit import Process, seen
from athanor.engine.gaussian.kernel import matern

_BLOCK_CELLS = 2**14  # distances at a time: 128 KB, which the second cache holds
_WIDTH = 64  # rows of a process are filled up to so many: a loop over them ends as it began


@dataclass(frozen=True, slots=True)
class Stack:
    """Processes, filled up with features and rows that change nothing where others have more.

    places   (n_processes, n_features) in the matrix that is asked about
    lengths  (n_processes, n_features) of their scales; without end where filled up
    scaled   (n_processes, n_features, n_rows) the rows in length scales
    sizes    (n_processes, n_rows) their squares, added up
    alpha    (n_processes, n_outputs, n_rows)
    own      of each process its rows and outputs
    """

    places: NDArray[np.intp]
    lengths: Floats
    scaled: Floats
    sizes: Floats
    alpha: Floats
    intercepts: tuple[Floats, ...]
    own: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, processes: Sequence[Process], features: Sequence[NDArray[np.intp]] | None = None) -> Stack:
        """Features  of each process those of its matrix, in the matrix that is asked about; None: they are the same"""
        n_features = max(len(process.places) for process in processes)
        n_rows = -(-max(len(process.rows) for process in processes) // _WIDTH) * _WIDTH
        n_outputs = max(process.alpha.shape[1] for process in processes)
        places = np.zeros((len(processes), n_features), np.intp)
        lengths = np.full(places.shape, np.inf)
        scaled = np.zeros((len(processes), n_features, n_rows))
        alpha = np.zeros((len(processes), n_outputs, n_rows))
        for place, process in enumerate(processes):
            (own_rows, own_features), own_outputs = process.rows.shape, process.alpha.shape[1]
            places[place, :own_features] = process.places if features is None else features[place][process.places]
            lengths[place, :own_features] = process.lengths
            scaled[place, :own_features, :own_rows] = (process.rows / process.lengths).T
            alpha[place, :own_outputs, :own_rows] = process.alpha[:-1].T
        sizes = (
            np.add.accumulate(np.square(scaled), axis=1)[:, -1] if n_features else np.zeros((len(processes), n_rows))
        )
        return cls(
            places,
            lengths,
            scaled,
            sizes,
            alpha,
            tuple(process.alpha[-1] for process in processes),
            tuple((len(process.rows), process.alpha.shape[1]) for process in processes),
        )

    def outputs(self, X: Any) -> list[Floats]:
        """Of each process (n_rows, n_outputs)."""
        found = [np.tile(intercept, (X.shape[0], 1)) for intercept in self.intercepts]
        if not self.scaled.size:
            return found
        most = max(_BLOCK_CELLS // self.sizes.size, 1)
        for start in range(0, X.shape[0], most):
            rows = slice(start, start + most)
            alike = self._alike(X[rows])
            for process, (outputs, (n_rows, n_outputs)) in enumerate(zip(found, self.own, strict=True)):
                products = alike[:, process, None] * self.alpha[process, :n_outputs]
                outputs[rows] += np.add.reduce(products[:, :, :n_rows], axis=2)
        return found

    def _alike(self, X: Any) -> Floats:
        """(n_asked, n_processes, n_rows) the kernel between each row that is asked about and those of the processes."""
        if isinstance(X, np.ndarray):
            scaled = X[:, self.places] / self.lengths
        else:
            scaled = np.stack([seen(X, places) for places in self.places], axis=1) / self.lengths
        distances = np.einsum("apf,pfr->apr", scaled, self.scaled)
        distances *= -2.0
        distances += self.sizes
        distances += np.add.accumulate(np.square(scaled), axis=2)[:, :, -1:]  # one after the other, however many
        np.maximum(distances, 0.0, out=distances)
        return matern(distances)

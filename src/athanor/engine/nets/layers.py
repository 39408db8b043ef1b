"""Nets side by side, forward and back: the leading axis of every array is the net.

Nothing of a net depends on which others stand beside it, to the bit: products are one matrix product per net, all else
goes cell by cell or down the rows of one net.

Inputs are scaled feature by feature, pass some hidden layers, and leave through a linear layer that starts at zero.
Sizes at the start and how fast each kind of parameter learns are those of RealMLP, Holzmüller et al. (2024),
arxiv.org/abs/2407.04491, appendix A, in the form in which a layer's weights carry their factor 1 / sqrt(inputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

_SCALE_RATE, _BIAS_RATE = 6.0, 0.1  # of the learning rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """hidden  widths of the hidden layers, at least one"""

    n_inputs: int
    hidden: tuple[int, ...]
    n_outputs: int

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of each layer."""
        widths = (self.n_inputs, *self.hidden, self.n_outputs)
        return tuple(pairwise(widths))

    @property
    def n_parameters(self) -> int:
        return self.n_inputs + sum(n_in * n_out + n_out for n_in, n_out in self.sizes)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Views of flat (n_nets, n_parameters) numbers.

    scale    (n_nets, n_inputs)
    weights  by layer (n_nets, inputs, outputs)
    biases   by layer (n_nets, outputs)
    """

    scale: Singles
    weights: tuple[Singles, ...]
    biases: tuple[Singles, ...]

    @classmethod
    def of(cls, architecture: Architecture, flat: Singles) -> Parameters:
        n_nets, place = len(flat), architecture.n_inputs
        scale, weights, biases = flat[:, :place], [], []
        for n_in, n_out in architecture.sizes:
            weights.append(flat[:, place : place + n_in * n_out].reshape(n_nets, n_in, n_out))
            place += n_in * n_out
            biases.append(flat[:, place : place + n_out])
            place += n_out
        return cls(scale, tuple(weights), tuple(biases))

    @property
    def first(self) -> Singles:
        """The weights of the first layer, the scales of the inputs within."""
        return self.scale[:, :, None] * self.weights[0]


def started(architecture: Architecture, rngs: Sequence[np.random.Generator]) -> Singles:
    """(n_nets, n_parameters) at the start of a training, each net's by its own generator."""
    flat = np.zeros((len(rngs), architecture.n_parameters), np.float32)
    parameters = Parameters.of(architecture, flat)
    parameters.scale[:] = 1.0
    for net, rng in enumerate(rngs):
        for weights, biases in zip(parameters.weights[:-1], parameters.biases[:-1], strict=True):
            n_in, n_out = weights[net].shape
            weights[net] = rng.standard_normal((n_in, n_out), np.float32) / np.float32(np.sqrt(n_in))
            biases[net] = rng.standard_normal(n_out, np.float32)
    return flat


def paces(architecture: Architecture) -> tuple[Singles, Singles]:
    """(n_parameters,) how fast each parameter learns, and whether it decays (1 or 0), of the rates of its net."""
    pace, decays = np.ones((2, 1, architecture.n_parameters), np.float32)
    by_pace, by_decay = Parameters.of(architecture, pace), Parameters.of(architecture, decays)
    by_pace.scale[:], by_decay.scale[:] = _SCALE_RATE, 0.0
    for (n_in, _), weights, bias, bias_decay in zip(
        architecture.sizes, by_pace.weights, by_pace.biases, by_decay.biases, strict=True
    ):
        weights[:], bias[:], bias_decay[:] = 1.0 / np.sqrt(n_in), _BIAS_RATE, 0.0
    return pace[0], decays[0]


@dataclass(slots=True)
class Passage:
    """Rows on their way through nets and back, in arrays that are made once: memory fresh from the system costs more
    than what is computed in it.

    values  by layer (n_nets, n_rows, width): the inputs, and what leaves each hidden layer
    slopes  by hidden layer (n_nets, n_rows, width): of its values by its sums
    sums    (n_nets, n_rows, n_outputs) of the last layer
    by_sums by hidden layer (n_nets, n_rows, width): derivatives, on the way back
    """

    values: list[Singles]
    slopes: list[Singles]
    sums: Singles
    by_sums: list[Singles]

    @classmethod
    def of(cls, architecture: Architecture, n_nets: int, n_rows: int) -> Passage:
        def arrays(widths: Sequence[int]) -> list[Singles]:
            return [np.empty((n_nets, n_rows, width), np.float32) for width in widths]

        hidden = architecture.hidden
        (sums,) = arrays([architecture.n_outputs])
        return cls(arrays([architecture.n_inputs, *hidden]), arrays(hidden), sums, arrays(hidden))

    @property
    def n_nets(self) -> int:
        return len(self.sums)

    def part(self, n_nets: int, n_rows: int) -> Passage:
        """As much of it as so many nets and rows need."""
        if (n_nets, n_rows) == self.sums.shape[:2]:
            return self
        values, slopes, by_sums = (
            [array[:n_nets, :n_rows] for array in arrays] for arrays in (self.values, self.slopes, self.by_sums)
        )
        return Passage(values, slopes, self.sums[:n_nets, :n_rows], by_sums)

    def forward(self, parameters: Parameters, kept: Sequence[Singles] | None = None) -> Singles:
        """(n_nets, n_rows, n_outputs) of the inputs that stand in `values[0]`.

        kept  by hidden layer (n_nets, n_rows, width): the factor of each value, 0 where it is dropped; None: nothing is
        """
        weights = (parameters.first, *parameters.weights[1:])
        for layer, (values, slopes, spare) in enumerate(zip(self.values[1:], self.slopes, self.by_sums, strict=True)):
            np.matmul(self.values[layer], weights[layer], out=values)
            np.add(values, parameters.biases[layer][:, None, :], out=values)
            activate(values, slopes, spare)
            if kept is not None:
                np.multiply(values, kept[layer], out=values)
                np.multiply(slopes, kept[layer], out=slopes)
        np.matmul(self.values[-1], weights[-1], out=self.sums)
        self.sums += parameters.biases[-1][:, None, :]
        return self.sums

    def backward(self, parameters: Parameters, by_outputs: Singles, gradient: Parameters) -> None:
        """Write the derivatives by all parameters, from those by the outputs (n_nets, n_rows, n_outputs)."""
        by_sums = by_outputs
        for layer in reversed(range(len(self.values))):
            np.matmul(self.values[layer].swapaxes(1, 2), by_sums, out=gradient.weights[layer])
            np.add.reduce(by_sums, axis=1, out=gradient.biases[layer])
            if layer:
                by_values = self.by_sums[layer - 1]
                np.matmul(by_sums, parameters.weights[layer].swapaxes(1, 2), out=by_values)
                by_values *= self.slopes[layer - 1]
                by_sums = by_values
        # So far by the products of scales and weights: each of the two gets the other's size times that.
        by_products = gradient.weights[0]
        np.einsum("nio,nio->ni", by_products, parameters.weights[0], out=gradient.scale)
        by_products *= parameters.scale[:, :, None]


def activate(sums: Singles, slopes: Singles, spare: Singles) -> None:
    """SiLU, sums / (1 + exp(-sums)): its values in the place of the sums, and its slopes by them."""
    with np.errstate(over="ignore"):  # an infinite exponential makes the gate 0, as it should be
        gates = np.exp(np.negative(sums, out=slopes), out=slopes)
    gates += 1.0
    np.reciprocal(gates, out=gates)
    values = np.multiply(sums, gates, out=sums)
    closed = np.subtract(1.0, gates, out=spare)
    closed *= values
    slopes += closed

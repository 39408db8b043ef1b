"""Nets trained side by side: batches, dropout, Adam, and a schedule that depends on nothing but the number of steps.

Adam with a short second memory, and decay and dropout that fade in the end, as for RealMLP, Holzmüller et al. (2024),
arxiv.org/abs/2407.04491, appendix A. Of the four cycles of its learning rate there is only the first: on nine tables it
ended 0.7 % better than four with patience, and 1.5 to 2.3 % better than two or three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.nets.inputs import Inputs
from athanor.engine.nets.layers import Architecture, Parameters, Passage, Singles, paces, started
from athanor.engine.nets.losses import Loss

_FIRST_MEMORY, _SECOND_MEMORY, _TINY = 0.9, 0.95, 1e-8
_CYCLES = 1
_CACHED = 2**18  # values of a layer: nets that go through side by side
_LEVELS = 256  # of a random byte: what is dropped is a share of them


@dataclass(frozen=True, slots=True)
class Rows:
    """What a net learns from.

    X       (n_rows, inputs.n_seen) float32, dense or CSR: the features that are seen
    inputs  what is made of them for the nets
    y       (n_rows,) in the numbers of the loss
    weight  (n_rows,) 1 on average; None weighs rows equally
    """

    X: Any
    inputs: Inputs
    y: Singles
    weight: Singles | None = None

    def __len__(self) -> int:
        return len(self.y)

    def into(self, place: Singles, rows: NDArray[np.int64] | slice) -> None:
        """Write the inputs of some rows into (n_rows, n_inputs) cells."""
        seen = self.X[rows]
        self.inputs.fill(seen if isinstance(seen, np.ndarray) else seen.toarray(), place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """One of the nets side by side.

    rate     of learning, at its highest
    decay    share of the weights that goes with each step at a learning rate of 1
    dropout  share of the hidden values that is dropped
    """

    rows: Rows
    seed: int
    rate: float
    decay: float
    dropout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """n_rows: in a batch. n_steps: in the whole training."""

    n_rows: int
    n_steps: int

    def rate(self, step: int) -> float:
        """The share of the learning rate that a step has: up for two fifths of them, and slowly down again."""
        return 0.5 - 0.5 * float(np.cos(2.0 * np.pi * np.log2(1.0 + step / self.n_steps)))

    def firmness(self, step: int) -> float:
        """The share of decay and dropout that a step has: all in the first half, and less and less in the second."""
        return 0.5 + 0.5 * float(np.cos(np.pi * max(2.0 * step / self.n_steps - 1.0, 0.0)))


@dataclass(slots=True)
class _Batches:
    """A net's rows, shuffled anew each time they are through. What is left over of less than a batch waits."""

    rows: Rows
    n_rows: int
    rng: np.random.Generator
    _order: NDArray[np.int64] = field(init=False)
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = len(self.rows)

    def draw(self) -> NDArray[np.int64]:
        if self._next + self.n_rows > len(self.rows):
            self._order, self._next = self.rng.permutation(len(self.rows)), 0
        self._next += self.n_rows
        return self._order[self._next - self.n_rows : self._next]


@dataclass(slots=True)
class Training:
    """Some nets of one architecture, on their way. Their batches are of one size, and no larger than their rows.

    parameters  (n_nets, n_parameters) after `n_steps`
    """

    architecture: Architecture
    nets: tuple[Net, ...]
    schedule: Schedule
    loss: Loss
    parameters: Singles = field(init=False)
    n_steps: int = field(default=0, init=False)
    _batches: list[_Batches] = field(init=False)
    _droppers: list[np.random.Generator] = field(init=False)
    _passage: Passage = field(init=False)
    _factors: list[Singles] = field(init=False)
    _gradient: Singles = field(init=False)
    _spare: Singles = field(init=False)
    _first: Singles = field(init=False)
    _second: Singles = field(init=False)
    _pace: Singles = field(init=False)
    _decays: Singles = field(init=False)

    def __post_init__(self) -> None:
        def generators(purpose: int) -> list[np.random.Generator]:
            return [np.random.Generator(np.random.SFC64([net.seed, purpose])) for net in self.nets]

        self.parameters = started(self.architecture, generators(0))
        batches = zip(self.nets, generators(1), strict=True)
        self._batches = [_Batches(net.rows, self.schedule.n_rows, rng) for net, rng in batches]
        self._droppers = generators(2)
        n_rows, most = self.schedule.n_rows, max(_CACHED // (self.schedule.n_rows * max(self.architecture.hidden)), 1)
        self._passage = Passage.of(self.architecture, min(most, len(self.nets)), n_rows)
        self._factors = [np.empty_like(values) for values in self._passage.slopes]
        self._gradient = np.empty((self._passage.n_nets, self.architecture.n_parameters), np.float32)
        self._spare = np.empty(self.architecture.n_parameters, np.float32)
        self._first, self._second = np.zeros((2, *self.parameters.shape), np.float32)
        self._pace, self._decays = paces(self.architecture)

    def step(self) -> None:
        """Make one step."""
        for some in self._parts():
            self._step(some)
        self.n_steps += 1

    def outputs(self, rows: Rows) -> Singles:
        """(n_nets, len(rows), n_outputs) what the nets say now."""
        outputs = np.empty((len(self.nets), len(rows), self.architecture.n_outputs), np.float32)
        for some in self._parts():
            parameters = Parameters.of(self.architecture, self.parameters[some])
            for start in range(0, len(rows), self.schedule.n_rows):
                chunk = slice(start, min(start + self.schedule.n_rows, len(rows)))
                passage = self._passage.part(some.stop - some.start, chunk.stop - start)
                rows.into(passage.values[0][0], chunk)
                passage.values[0][1:] = passage.values[0][0]
                outputs[some, chunk] = passage.forward(parameters)
        return outputs

    def _parts(self) -> Iterator[slice]:
        """The nets, as many at a time as stay in the processor's cache."""
        for start in range(0, len(self.nets), self._passage.n_nets):
            yield slice(start, min(start + self._passage.n_nets, len(self.nets)))

    def _step(self, some: slice) -> None:
        passage = self._passage.part(some.stop - some.start, self.schedule.n_rows)
        y, weight = self._draw(some, passage.values[0])
        parameters = Parameters.of(self.architecture, self.parameters[some])
        outputs = passage.forward(parameters, self._kept(some))
        by_outputs = self.loss.slopes(outputs, y)
        by_outputs *= weight[:, :, None]
        gradient = self._gradient[: some.stop - some.start]
        passage.backward(parameters, by_outputs, Parameters.of(self.architecture, gradient))
        for place, own in zip(range(some.start, some.stop), gradient, strict=True):
            self._move(place, own)

    def _draw(self, some: slice, X: Singles) -> tuple[Singles, Singles]:
        """The next batch of each net: its inputs into `X`, its y, and what each row counts: all together 1."""
        n_rows = self.schedule.n_rows
        y, weight = np.empty((len(X), n_rows), np.float32), np.full((len(X), n_rows), 1.0 / n_rows, np.float32)
        for place, (net, batches) in enumerate(zip(self.nets[some], self._batches[some], strict=True)):
            drawn = batches.draw()
            net.rows.into(X[place], drawn)
            y[place] = net.rows.y[drawn]
            if net.rows.weight is not None:
                weight[place] *= net.rows.weight[drawn]
        return y, weight

    def _kept(self, some: slice) -> list[Singles] | None:
        """By hidden layer the factor of each value: 0, or what makes up for those dropped."""
        firmness = self.schedule.firmness(self.n_steps)
        dropped = [round(_LEVELS * net.dropout * firmness) for net in self.nets[some]]
        if not any(dropped):
            return None
        kept = [factors[: len(dropped)] for factors in self._factors]
        for place, (least, rng) in enumerate(zip(dropped, self._droppers[some], strict=True)):
            for factors in kept:
                size = factors[place].size
                drawn = rng.integers(0, 2**64, -(-size // 8), np.uint64).view(np.uint8)[:size]
                is_kept = (drawn >= least).reshape(factors[place].shape)
                np.multiply(is_kept, np.float32(_LEVELS / (_LEVELS - least)), out=factors[place])
        return kept

    def _move(self, place: int, gradient: Singles) -> None:
        """A step of Adam for one net. Uses up the gradient."""
        done = self.n_steps + 1
        share, firmness = self.schedule.rate(done), self.schedule.firmness(done)
        first_due, second_due = 1.0 - _FIRST_MEMORY**done, 1.0 - _SECOND_MEMORY**done
        net, first, second = self.nets[place], self._first[place], self._second[place]
        rate = share * net.rate
        first *= np.float32(_FIRST_MEMORY)
        first += np.multiply(gradient, np.float32(1.0 - _FIRST_MEMORY), out=self._spare)
        np.square(gradient, out=gradient)
        gradient *= np.float32(1.0 - _SECOND_MEMORY)
        second *= np.float32(_SECOND_MEMORY)
        second += gradient
        size = np.sqrt(second, out=gradient)
        size *= np.float32(1.0 / np.sqrt(second_due))
        size += np.float32(_TINY)
        change = np.divide(first, size, out=size)
        change *= np.float32(rate / first_due)
        change *= self._pace
        parameters = self.parameters[place]
        if net.decay:
            decay = np.multiply(self._decays, np.float32(rate * firmness * net.decay), out=self._spare)
            parameters -= np.multiply(decay, parameters, out=decay)
        parameters -= change

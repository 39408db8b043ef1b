"""A Gaussian process fitted step by step: first the kernel, then for classes the outputs, at last on all rows.

The kernel is found by the evidence of the values; of classes by that of their labels, taken for values. With a length
scale for each feature classes came out worse than with one for all: labels say too little for so many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import FitInput, FittedModel, Step
from athanor.engine.family.target import Classes, Fittable, Floats, Target
from athanor.engine.family.telling import telling_features
from athanor.engine.gaussian.classes import ClassRows, Mode
from athanor.engine.gaussian.evidence import Evidence, Settings, factor_of, solved
from athanor.engine.gaussian.kernel import matern, squared_distances
from athanor.engine.linear.lbfgs import Point, descend
from athanor.engine.linear.losses import Loss, logistic, softmax, squared, start_of

MOST_FEATURES = 100
_STRENGTHS, _USUAL_STRENGTH = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0), 10.0  # of the variance behind the classes
_MODE_STEPS = 100
_FAR = 2  # strengths in a row that the rows to stop by like less: greater ones are not tried
_JITTER = 1e-6  # on the diagonal of a kernel without noise
_LOG_ODDS = 4.0  # that a share gains while it grows by 1, at one half


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process given rows: a row's outputs are its kernel with them @ alpha[:-1] + alpha[-1].

    places   (n_places,) of the features that are looked at
    lengths  (n_places,) their length scales
    rows     (n_rows, n_places) float32; none where the outputs of all rows are alike
    alpha    (n_rows + 1, n_outputs)
    """

    places: NDArray[np.int32]
    lengths: Floats
    rows: NDArray[np.float32]
    alpha: Floats

    def outputs(self, rows: Floats) -> Floats:
        """(n_rows, n_outputs) of rows as they were seen, quickly: not with the last bits that the model gives."""
        alike = matern(squared_distances(rows / self.lengths, self.rows / self.lengths))
        return np.asarray(alike @ self.alpha[:-1] + self.alpha[-1], np.float64)


NOTHING = Process(
    places=np.zeros(0, np.int32), lengths=np.zeros(0), rows=np.zeros((0, 0), np.float32), alpha=np.zeros((1, 0))
)


def seen(X: Any, places: NDArray[np.int32]) -> Floats:
    """Some features of a dense or CSR matrix."""
    part = X[:, places]
    return np.asarray(part if isinstance(part, np.ndarray) else part.toarray(), np.float64)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with some weight: X (n_rows, n_places), y values or codes, weight with a mean of 1."""

    X: Floats
    y: Floats
    weight: Floats

    @classmethod
    def of(cls, X: Any, fittable: Fittable, places: NDArray[np.int32]) -> _Rows:
        weight = np.ones(len(fittable.y)) if fittable.weight is None else fittable.weight
        some = weight > 0.0
        weight = weight[some] / (weight[some].mean() if some.any() else 1.0)
        return cls(seen(X[fittable.rows[some]], places), fittable.y[some], weight)

    def and_those(self, more: _Rows) -> _Rows:
        """Drawn from one table: a mean of 1 says the same of both."""
        X, y, weight = (
            np.concatenate(pair) for pair in ((self.X, more.X), (self.y, more.y), (self.weight, more.weight))
        )
        return _Rows(X, y, weight)

    def labels(self, target: Target) -> Floats:
        """(n_rows, n_outputs) y; where there are more than one, 1 for the row's class and 0 for the others."""
        return (self.y[:, None] == np.arange(target.n_outputs)) * 1.0 if target.n_outputs > 1 else self.y[:, None]


@dataclass(slots=True)
class GaussianFit:
    """A fit under way.

    constant  (n_outputs,) the best answer that is the same for all rows
    middle    (n_outputs,) mean of the labels
    spread    of the labels, all outputs together
    model     makes a model of a process
    """

    given: FitInput
    target: Target
    places: NDArray[np.int32]
    train: _Rows
    judged: _Rows
    loss: Loss
    constant: Floats
    middle: Floats
    spread: float
    model: Callable[[Process], FittedModel]
    _n_steps: int = field(default=0, init=False)

    @classmethod
    def of(cls, given: FitInput, target: Target, model: Callable[[Process], FittedModel]) -> GaussianFit:
        loss = softmax if target.n_outputs > 1 else logistic if isinstance(target, Classes) else squared
        fittable = target.encode(given.truth)
        every = _Rows.of(given.X, fittable, np.zeros(0, np.int32)).labels(target)
        weight = None if fittable.weight is None else fittable.weight[fittable.weight > 0.0]
        middle = np.average(every, axis=0, weights=weight)
        spread = float(np.sqrt(np.average(np.square(every - middle), axis=0, weights=weight).mean()))
        X = given.X if weight is None and len(fittable.rows) == given.X.shape[0] else given.X[_weighty(fittable)]
        places = telling_features(X, every, weight, MOST_FEATURES)
        train = _Rows.of(given.X, fittable, places)
        judged = _Rows.of(given.X_stop, target.encode(given.truth_stop), places)
        constant = start_of(loss, target, fittable)
        return cls(given, target, places, train, judged, loss, constant, middle, spread or 1.0, model)

    def process(self, steps: int) -> Process:
        """At most so many steps for the kernel."""
        so_far = self.nothing
        first_s = 2.0 * evidence_s(len(self.train.y), len(self.places))
        if not len(self.places) or self.given.watch(Step(n=0, model=lambda: self.model(so_far), next_s=first_s)):
            return so_far
        evidence = Evidence(self.train.X, self._values(self.train), 1.0 / self.train.weight, self.loss is squared)

        def step(_: Point) -> bool:
            nonlocal so_far
            if evidence.last is not None:  # the point that was stepped to is the last one that was looked at
                so_far = self._of_values(self.train, evidence.last.settings, evidence.last.alpha)
            return self._asks_again(so_far)

        reached = descend(
            evidence, evidence.start, steps=steps, watch=step, gradient_tolerance=1e-4, value_tolerance=1e-5
        )
        if reached.is_stopped:
            return so_far
        settings = evidence.settings(reached.point)
        return self._of_quantity(settings) if self.loss is squared else self._of_classes(settings, so_far)

    def _of_quantity(self, settings: Settings) -> Process:
        every = self.train.and_those(self.judged)
        kernel = _kernel(every.X / settings.lengths)
        factor = factor_of(kernel, settings.amplitude, settings.noise / every.weight)
        return self._of_values(every, settings, solved(factor, self._values(every)))

    def _of_classes(self, settings: Settings, best: Process) -> Process:
        """The outputs that the classes ask for, under a kernel as strong as the rows to stop by like it."""
        n_judged, n_outputs = len(self.judged.y), len(self.constant)
        rows, every = self._class_rows(self.train, settings), self.train.and_those(self.judged)
        mode = chosen = Mode(np.zeros((len(self.train.y), n_outputs)), self.constant)
        best_loss, best_strength, worse = self._judged_loss(best), _USUAL_STRENGTH, 0

        def of_mode(mode: Mode, rows: _Rows) -> Process:
            return self._process(settings.lengths, rows.X, mode.alpha, mode.intercept)

        def better(mode: Mode) -> Process:
            process = of_mode(mode, self.train)
            return process if self._judged_loss(process) < best_loss else best

        def go_on(make: Callable[[], Mode]) -> bool:
            return self._asks(lambda: better(make()))

        for strength in _STRENGTHS if n_judged else (_USUAL_STRENGTH,):
            mode, is_stopped = rows.mode(strength**0.5, mode, steps=_MODE_STEPS, watch=go_on)
            process = of_mode(mode, self.train)
            now = self._judged_loss(process)
            if now < best_loss:
                best, best_loss, chosen, best_strength, worse = process, now, mode, strength, 0
            else:
                worse += 1
            told = Step(n=self._n_steps, model=partial(self.model, best), loss=best_loss)
            if is_stopped or self.given.watch(told):
                return best
            if worse == _FAR:
                break
        padded = Mode(np.concatenate((chosen.alpha, np.zeros((n_judged, n_outputs)))), chosen.intercept)
        final, _ = self._class_rows(every, settings).mode(
            best_strength**0.5, padded, steps=_MODE_STEPS, watch=lambda make: self._asks(lambda: of_mode(make(), every))
        )
        return of_mode(final, every)

    def _class_rows(self, rows: _Rows, settings: Settings) -> ClassRows:
        factor = factor_of(_kernel(rows.X / settings.lengths), 1.0, np.full(len(rows.y), _JITTER))
        return ClassRows(factor, rows.y, rows.weight, self.loss)

    @property
    def nothing(self) -> Process:
        """What is known before the first step."""
        return self._process(
            np.ones(len(self.places)), self.train.X[:0], np.zeros((0, len(self.constant))), self.constant
        )

    def _values(self, rows: _Rows) -> Floats:
        return (rows.labels(self.target) - self.middle) / self.spread

    def _of_values(self, rows: _Rows, settings: Settings, alpha: Floats) -> Process:
        """Of classes roughly: by how much a label goes up with the log-odds."""
        size = self.spread if self.loss is squared else _LOG_ODDS * self.spread
        return self._process(settings.lengths, rows.X, size * settings.amplitude * alpha, self.constant)

    def _process(self, lengths: Floats, rows: Floats, alpha: Floats, intercept: Floats) -> Process:
        return Process(
            places=self.places,
            lengths=np.array(lengths),
            rows=rows.astype(np.float32),
            alpha=np.concatenate((alpha, intercept[None])),
        )

    def _asks_again(self, process: Process) -> bool:
        return self._asks(lambda: process, self._judged_loss(process) if len(self.judged.y) else None)

    def _asks(self, make: Callable[[], Process], loss: float | None = None) -> bool:
        """Whether to end after this step."""
        self._n_steps += 1
        return self.given.watch(Step(n=self._n_steps, model=lambda: self.model(make()), loss=loss))

    def _judged_loss(self, process: Process) -> float:
        """On the rows to stop by; where there are none on those to fit."""
        rows = self.judged if len(self.judged.y) else self.train
        losses, _ = self.loss(process.outputs(rows.X), rows.y)
        return float(np.average(losses, weights=rows.weight))


def _weighty(fittable: Fittable) -> NDArray[np.int64]:
    return fittable.rows if fittable.weight is None else fittable.rows[fittable.weight > 0.0]


def _kernel(scaled: Floats) -> Floats:
    distances = squared_distances(scaled, scaled)
    np.fill_diagonal(distances, 0.0)
    return matern(distances)


def evidence_s(n_rows: int, n_features: int) -> float:
    """Seconds that the evidence of so many rows and its gradient take, about."""
    return n_rows**2 * (n_rows * 5e-11 + n_features * 3e-10 + 2e-8)

"""Neural nets: a few side by side, trained on scaled features and stopped by what they say together.

The recipe is close to RealMLP, Holzmüller et al. (2024), arxiv.org/abs/2407.04491; many small nets in one go is an idea
of TabM, Gorishniy et al. (2024), arxiv.org/abs/2410.24210.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, Estimate, FitInput, FittedModel, Options, Shape, Step
from athanor.engine.family.target import FILE as TARGET_FILE
from athanor.engine.family.target import (
    Fittable,
    Floats,
    Quantity,
    Target,
    load_target,
    save_target,
    target_of,
    weighted_quantile,
)
from athanor.engine.models.bag import FoldBag
from athanor.engine.nets.inputs import Inputs, choose_inputs
from athanor.engine.nets.layers import Architecture, Parameters
from athanor.engine.nets.losses import Huber, Logistic, Loss, Pinball, Softmax, Squared
from athanor.engine.nets.serving import Fold, Stack
from athanor.engine.nets.training import Net, Rows, Schedule, Training

NETS_FILE, WEIGHTS_FILE, INPUTS_FILE = "nets.json", "weights.npy", "inputs.npy"
BINS_FILE, BINNED_FILE = "bins.npy", "binned.npy"

_LEAST_INPUTS, _MOST_INPUTS = 64, 512
_LEAST_BATCH, _MOST_BATCH, _BATCHES = 32, 256, 20  # rows of a batch; so many of them in a pass over all rows
_LEAST_STEPS, _MOST_STEPS = 1500, 6000
_POINTS = 100  # of the learning curve, about
_TOLD_S = 0.2  # between two questions whether to go on, at most
_JUDGED_SHARE = 0.15  # of the time of a fit that judging on the rows to stop by may take
_PATIENCE, _LOST_PATIENCE = 0.3, 0.1  # of all steps without anything better; where it is far worse

_PORTFOLIO: tuple[Options, ...] = (
    {"nets": 4, "width": 96, "layers": 2, "bins": 16, "epochs": 60, "rate": 0.04, "decay": 0.02, "dropout": 0.15},
    # Weaker where a quantity acts in steps, better where it acts smoothly, and half the work: blended with the first it
    # took 3 % off its loss, more than any other second configuration that was tried.
    {"nets": 4, "width": 96, "layers": 2, "bins": 0, "epochs": 60, "rate": 0.04, "decay": 0.02, "dropout": 0.15},
)


@dataclass(frozen=True, slots=True)
class FittedNeural:
    """nets    None where the margin is the same for all rows
    bounds  of the outputs: those of a quantity do not leave the range that they were trained on
    """

    target: Target
    nets: Fold | None = None
    bounds: tuple[float, float] | None = None
    _stack: Stack | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_stack", None if self.nets is None else Stack.of([self.nets]))

    def margins(self, X: Any) -> Floats:
        if self._stack is None:
            return self.target.decode(np.zeros((X.shape[0], 0)))
        return self.said(self._stack.outputs(X)[0])

    def said(self, outputs: Floats) -> Floats:
        """The margins that the nets' outputs mean."""
        return self.target.decode(outputs if self.bounds is None else np.clip(outputs, *self.bounds))

    def importance(self, n_features: int) -> Floats:
        """How far each feature reaches through all layers. The features of the view are all of about one size."""
        sizes = np.zeros(n_features)
        if self.nets is not None:
            sizes[self.nets.inputs.places] = self.nets.reach()
        return sizes

    def save(self, folder: Path) -> None:
        save_target(self.target, folder)
        if self.nets is None:
            return
        facts = {"widths": self.nets.widths[1:], "bounds": self.bounds}
        (folder / NETS_FILE).write_text(json.dumps(facts), encoding="utf-8")
        inputs = self.nets.inputs
        for name, numbers in (
            (WEIGHTS_FILE, self.nets.flat()),
            (INPUTS_FILE, inputs.places.astype(np.int32)),
            (BINNED_FILE, inputs.of.astype(np.int32)),
            (BINS_FILE, np.stack((inputs.low, inputs.factor))),
        ):
            np.save(folder / name, numbers, allow_pickle=False)


@dataclass(frozen=True, slots=True)
class NeuralBag:
    """The nets of all folds in one stack."""

    models: tuple[FittedNeural, ...]
    stack: Stack

    def margins(self, X: Any) -> list[Floats]:
        return [model.said(outputs) for model, outputs in zip(self.models, self.stack.outputs(X), strict=True)]


@dataclass(frozen=True, slots=True)
class Neural:
    """Asked every few steps whether to go on."""

    name: str = "neural"
    label: str = "Neural net"
    aliases: frozenset[str] = frozenset(
        {
            "nn",
            "mlp",
            "realmlp",
            "tabm",
            "net",
            "nets",
            "neural net",
            "neural nets",
            "neural network",
            "neural networks",
            "neural_net",
            "neural_network",
            "neuralnet",
            "neuralnetwork",
            "deep learning",
            "deep_learning",
            "deeplearning",
            "tabular nn",
        }
    )
    problems: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
    takes_sparse: bool = True
    view: str = "scaled"
    formats: frozenset[str] = frozenset({NETS_FILE, WEIGHTS_FILE, INPUTS_FILE, BINS_FILE, BINNED_FILE, TARGET_FILE})
    libraries: tuple[str, ...] = ("scipy.sparse", "threadpoolctl")
    most_rows: int | None = None
    distributions: frozenset[str] = frozenset({"gaussian", "laplace", "huber", "quantile"})
    places: tuple[int, ...] = (45, 115)

    def portfolio(self) -> tuple[Options, ...]:
        return _PORTFOLIO

    def estimate(self, shape: Shape, options: Options) -> Estimate:
        n_rows = min(shape.n_rows, int(options.get("max_rows", shape.n_rows)))
        architecture = _architecture(options, _inputs_of(options, n_rows, shape.n_features), shape.n_margins)
        schedule = schedule_of(options, n_rows)
        n_nets = int(options["nets"])
        cells = shape.cells(n_rows, density=0.05)
        memory = 12 * cells + 24 * n_nets * architecture.n_parameters + 16 * n_rows * (shape.n_margins + n_nets)
        memory += 4 * n_rows * n_nets * shape.n_margins + 20 * 2**20
        seconds = 0.05 + _choosing_s(cells) + 0.8 * schedule.n_steps * _step_s(architecture, schedule, n_nets)
        return Estimate(memory_bytes=int(memory), seconds=float(seconds))

    def lighter(self, options: Options) -> tuple[Options, ...]:
        """Half as many nets, of half the width."""
        return ({**options, "nets": max(int(options["nets"]) // 2, 1), "width": max(int(options["width"]) // 2, 16)},)

    def fit(self, given: FitInput, options: Options) -> FittedNeural:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        target = target_of(given)
        if not target.n_outputs:
            return FittedNeural(target)
        # One thread, so that sums add up in the same order on every machine and beside every number of workers.
        with threadpool_limits(limits=1, user_api="blas"):
            return _Fit.of(given, options, target).model()

    def load(self, folder: Path) -> FittedNeural:
        target = load_target(folder)
        if not target.n_outputs:
            return FittedNeural(target)
        facts = json.loads((folder / NETS_FILE).read_text(encoding="utf-8"))
        places, binned, bins, weights = (
            np.load(folder / name, allow_pickle=False) for name in (INPUTS_FILE, BINNED_FILE, BINS_FILE, WEIGHTS_FILE)
        )
        inputs = Inputs(places.astype(np.intp), binned.astype(np.intp), *bins)
        bounds = None if facts["bounds"] is None else tuple(facts["bounds"])
        return FittedNeural(target, Fold.of(inputs, facts["widths"], weights), bounds)

    def bag(self, models: Sequence[FittedModel], places: Sequence[NDArray[np.intp]]) -> Bag:
        nets = [(model, model.nets) for model in models if isinstance(model, FittedNeural)]
        folds = [
            Fold(fold.inputs.among(place), fold.weights, fold.biases)
            for (_, fold), place in zip(nets, places, strict=True)
            if fold is not None
        ]
        if len(folds) < len(models) or len({fold.widths for fold in folds}) > 1:
            return FoldBag.of(models, places)
        return NeuralBag(tuple(model for model, _ in nets), Stack.of(folds))


@dataclass(slots=True)
class _Fit:
    """One fit, which has something to learn.

    train, judged  positions and numbers of the rows to fit, and of those to stop by
    best           the nets that said best together what the rows to stop by are, so far
    """

    given: FitInput
    options: Options
    target: Target
    loss: Loss
    train: Fittable
    judged: Fittable
    best: Fold
    _best_loss: float = field(default=np.inf, init=False)

    @classmethod
    def of(cls, given: FitInput, options: Options, target: Target) -> _Fit:
        train, judged = _counting(target.encode(given.truth)), _counting(target.encode(given.truth_stop))
        loss = _loss_of(given, target, train)
        return cls(given, options, target, loss, train, judged, _constant(_start(loss, train, target.n_outputs)))

    def model(self) -> FittedNeural:
        """Train until the schedule, the rows to stop by or the watch say that it is enough."""
        given, n_rows = self.given, len(self.train.rows)
        widest = _architecture(self.options, _inputs_of(self.options, n_rows, given.X.shape[1]), self.target.n_outputs)
        schedule, n_nets = schedule_of(self.options, n_rows), int(self.options["nets"])
        first_s = _choosing_s(getattr(given.X, "nnz", given.X.size)) + _step_s(widest, schedule, n_nets)
        if given.watch(Step(n=0, model=self._fitted, next_s=first_s)):
            return self._fitted()
        training, judged = self._training(schedule)
        step_s = _step_s(training.architecture, schedule, n_nets)
        each = max(min(schedule.n_steps // _POINTS, int(_TOLD_S / step_s)), 1)
        # Judging takes a third of a step for as many rows: the way back and the update are left out.
        every = max(round(len(judged) / schedule.n_rows / 3.0 / each / _JUDGED_SHARE), 1)
        n_told, better_at = 0, 0
        constant_loss = self._best_loss = self._judged(training, judged)
        while training.n_steps < schedule.n_steps:
            for _ in range(min(each if n_told else 1, schedule.n_steps - training.n_steps)):
                training.step()
            n_told += 1
            now = None
            if n_told % every == 0 or n_told == 1 or training.n_steps == schedule.n_steps:
                now = self._judged(training, judged)
                if now < self._best_loss:
                    self._best_loss, better_at = now, training.n_steps
                    self._take(training)
            if given.watch(Step(n=n_told, model=self._fitted, loss=now)):
                break
            # Half of what was won is lost again: it learns its rows by heart.
            is_lost = now is not None and now > (constant_loss + self._best_loss) / 2.0
            waited = (training.n_steps - better_at) / schedule.n_steps
            if waited > (_LOST_PATIENCE if is_lost else _PATIENCE):
                break
        return self._fitted()

    def _training(self, schedule: Schedule) -> tuple[Training, Rows]:
        given, options, n_outputs = self.given, self.options, self.target.n_outputs
        X, train = _chosen(given.X, self.train.rows), self.train
        columns = train.y[:, None] if n_outputs == 1 else (train.y[:, None] == np.arange(n_outputs)).astype(np.float64)
        inputs = choose_inputs(X, columns, train.weight, most=_most_inputs(len(train.rows)), bins=int(options["bins"]))
        rows = _rows(X, train, inputs)
        nets = [
            Net(
                rows=rows,
                seed=int(np.random.default_rng([given.seed % 2**32, place]).integers(2**63)),
                rate=float(options["rate"]),
                decay=float(options["decay"]),
                dropout=float(options["dropout"]),
            )
            for place in range(int(options["nets"]))
        ]
        training = Training(_architecture(options, inputs.width, n_outputs), tuple(nets), schedule, self.loss)
        Parameters.of(training.architecture, training.parameters).biases[-1][:] = self.best.biases[-1]
        judged = self.judged if len(self.judged.rows) else train
        return training, _rows(_chosen(given.X_stop if judged is self.judged else given.X, judged.rows), judged, inputs)

    def _judged(self, training: Training, rows: Rows) -> float:
        outputs = training.outputs(rows)
        together = np.add.reduce(outputs, axis=0) / np.float32(len(outputs))
        return float(np.average(self.loss.losses(together, rows.y), weights=rows.weight))

    def _take(self, training: Training) -> None:
        parameters = Parameters.of(training.architecture, training.parameters.copy())
        weights = (parameters.first, *parameters.weights[1:])
        self.best = Fold(training.nets[0].rows.inputs, weights, parameters.biases)

    def _fitted(self) -> FittedNeural:
        bounds = None
        if isinstance(self.target, Quantity):
            bounds = float(self.train.y.min()), float(self.train.y.max())
        return FittedNeural(self.target, self.best, bounds)


def _architecture(options: Options, n_inputs: int, n_outputs: int) -> Architecture:
    hidden = (int(options["width"]),) * int(options["layers"])
    return Architecture(n_inputs=n_inputs, hidden=hidden, n_outputs=n_outputs)


def _most_inputs(n_rows: int) -> int:
    return min(max(n_rows // 2, _LEAST_INPUTS), _MOST_INPUTS)


def _inputs_of(options: Options, n_rows: int, n_features: int) -> int:
    """At most so many inputs."""
    return min(_most_inputs(n_rows), n_features * (1 + int(options["bins"])))


def _choosing_s(cells: float) -> float:
    """Seconds until it is known what the nets see, about."""
    return 0.01 + cells * 1e-8


def schedule_of(options: Options, n_rows: int) -> Schedule:
    """It depends on the number of rows alone: a fit on a slow machine makes the same steps."""
    batch = 2 ** round(np.log2(max(n_rows, 1) / _BATCHES)) if n_rows > _BATCHES else 1
    batch = min(max(batch, _LEAST_BATCH), _MOST_BATCH, n_rows)
    steps = int(options["epochs"]) * max(n_rows // batch, 1)
    return Schedule(n_rows=batch, n_steps=min(max(steps, _LEAST_STEPS), _MOST_STEPS))


def _step_s(architecture: Architecture, schedule: Schedule, n_nets: int) -> float:
    """Seconds that a step of all nets takes, about."""
    products = 6.0 * schedule.n_rows * architecture.n_parameters / 8e10
    values = schedule.n_rows * (sum(architecture.hidden) * 4e-9 + architecture.n_outputs * 2e-8)
    return 2e-4 + n_nets * (products + values + architecture.n_parameters * 2e-9)


def _loss_of(given: FitInput, target: Target, train: Fittable) -> Loss:
    if not isinstance(target, Quantity):
        return Logistic() if target.n_outputs == 1 else Softmax()
    if given.distribution is None:
        return Pinball() if given.metric.name in {"mae", "mape"} else Squared()
    match given.distribution.name:
        case "quantile":
            return Pinball(float(given.distribution.parameter or 0.5))
        case "laplace":
            return Pinball()
        case "huber":
            sizes = np.abs(train.y - weighted_quantile(train.y, train.weight, 0.5))
            return Huber(max(weighted_quantile(sizes, train.weight, float(given.distribution.parameter or 0.9)), 1e-6))
    return Squared()


def _start(loss: Loss, rows: Fittable, n_outputs: int) -> Floats:
    """(n_outputs,) the best constant answer, or one near to it."""
    match loss:
        case Pinball(level):
            return np.array([weighted_quantile(rows.y, rows.weight, level)])
        case Logistic() | Softmax():
            shares = np.bincount(rows.y.astype(np.int64), rows.weight, minlength=2) / max(len(rows.y), 1)
            shares = np.maximum(shares, 1e-9)
            return np.log(shares[1:] / shares[0]) if n_outputs == 1 else np.log(shares)
    return np.array([np.average(rows.y, weights=rows.weight)])


def _counting(rows: Fittable) -> Fittable:
    """Those with a weight above 0, their weights 1 on average."""
    if rows.weight is None:
        return rows
    counts = np.flatnonzero(rows.weight > 0.0)
    weight = rows.weight[counts]
    return Fittable(
        rows.rows[counts], rows.y[counts], weight / max(float(weight.mean()), 1e-300) if len(weight) else weight
    )


def _chosen(X: Any, rows: NDArray[np.int64]) -> Any:
    return X if len(rows) == X.shape[0] else X[rows]


def _rows(X: Any, fittable: Fittable, inputs: Inputs) -> Rows:
    seen = X if inputs.n_seen == X.shape[1] else X[:, inputs.places]
    weight = None if fittable.weight is None else fittable.weight.astype(np.float32)
    return Rows(seen, inputs, fittable.y.astype(np.float32), weight)


def _constant(outputs: Floats) -> Fold:
    """A net that says the same to every row."""
    one, none = np.zeros(1, np.intp), np.zeros(0, np.intp)
    weights = (np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, len(outputs)), np.float32))
    biases = (np.zeros((1, 1), np.float32), outputs[None].astype(np.float32))
    return Fold(Inputs(one, none, *np.zeros((2, 0), np.float32)), weights, biases)


NEURAL = Neural()

"""One fold of one trial: fit on the other folds' rows, predict the fold's own. Runs in a pool process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from athanor.engine.disk import sha256_of
from athanor.engine.family import FitInput, FittedModel, Options
from athanor.engine.fitting.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.fitting.fold_parts import FoldParts, PartsMaker
from athanor.engine.fitting.room import NeedsRoom, Work, fit_into, left_out
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.fitting.watch import Ending, Watch
from athanor.engine.models import FAMILIES
from athanor.engine.seeds import seed_for
from athanor.errors import Impossible

# What saving a tree takes, and a row's way through it: the guess before the first model was saved and predicted with.
TREE_S, TREE_ROW_S = 1e-4, 6e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFit:
    """An order to fit one fold.

    deadline  point of the clock by which the fit is back with what it has; None: when it is done
    max_rows  at most so many training rows (memory ran out before); None: all
    memory    bytes that the fit may use now; None: as many as it wants
    room      bytes that it could use if it ran alone
    lightened in words, what it goes without because there was no room for all
    """

    trial: str
    family: str
    options: Options
    fold: int
    seed: int
    deadline: float | None = None
    max_rows: int | None = None
    memory: int | None = None
    room: int | None = None
    lightened: str = ""

    @property
    def most_rows(self) -> int | None:
        """At most so many training rows: what the configuration asks for, or memory has room for; None: all."""
        limits = [limit for limit in (self.max_rows, self.options.get("max_rows")) if limit is not None]
        return min(map(int, limits), default=None)


@dataclass(slots=True)
class CrossFitter:
    """Fits folds of one training set, one after the other."""

    given: TrainingSet
    checkpoints: CheckpointStore
    closing: Callable[[], bool]  # everybody stops
    clock: Callable[[], float] = time.monotonic
    _maker: PartsMaker = field(init=False)
    _endings: dict[str, Ending] = field(default_factory=dict, init=False)  # by family

    def __post_init__(self) -> None:
        self._maker = PartsMaker(self.given, self.checkpoints)

    def forget(self) -> None:
        """Let go of the matrices that the next fit might have used."""
        self._maker.forget()

    def fit(self, order: FoldFit) -> FoldRecord:
        """Fit, predict the fold's own rows, keep both.

        Raises Impossible where the family cannot, NeedsRoom where it could if nothing ran beside it.
        """
        given, family = self.given, FAMILIES[order.family]
        started = self.clock()
        order = self._made_to_fit(order)
        parts = self._maker.of(family.view, order.fold, seed=order.seed, max_rows=order.most_rows)
        ending = self._ending(order.family, len(parts.valid.truth.y))

        def snapshot(model: FittedModel) -> None:
            if (kept := self._written(order, parts, model, watch, started)) is not None:
                self.checkpoints.keep_snapshot(*kept)

        watch = Watch(clock=self.clock, deadline=order.deadline, closing=self.closing, ending=ending, keep=snapshot)
        model = family.fit(
            FitInput(
                problem=given.problem,
                metric=given.metric,
                X=parts.fit.X,
                truth=parts.fit.truth,
                X_stop=parts.stop.X,
                truth_stop=parts.stop.truth,
                categorical=parts.view.categorical,
                seed=seed_for(order.seed, order.trial, order.fold),
                watch=watch,
                distribution=given.task.distribution,
            ),
            order.options,
        )
        fitted = self.clock()
        kept = self._written(order, parts, model, watch, started)
        if kept is None:
            raise Impossible(f"{family.label} gave predictions that are not finite numbers.")
        self.checkpoints.keep_fold(*kept)
        ending.note(watch.n_steps, self.clock() - fitted)
        _, record, _ = kept
        return record

    def _made_to_fit(self, order: FoldFit) -> FoldFit:
        """The order as memory has room for it."""
        if order.memory is None or order.room is None:
            return order
        family, maker, memory = FAMILIES[order.family], self._maker, order.memory
        size, n_train = maker.size(family.view, order.fold), maker.n_training_rows(order.fold)
        wanted = Work(
            family=family,
            options=order.options,
            n_rows=min(n_train, order.most_rows or n_train),
            n_judged=len(self.given.validated(order.fold)),
            n_features=size.n_features,
            n_margins=self.given.problem.n_margins(self.given.truth),
            row_bytes=size.row_bytes,
            is_sparse=size.is_sparse,
        )
        work = fit_into(wanted, order.room)
        if work.needed > memory:
            raise NeedsRoom
        if work.n_rows < wanted.n_rows:
            order = replace(order, max_rows=work.n_rows)
        there = maker.bytes_of(family.view, order.fold, max_rows=order.most_rows)
        if work.needed - there + maker.kept_bytes > memory:
            maker.forget()
        return replace(order, options=work.options, lightened=left_out(wanted, work))

    def _written(
        self, order: FoldFit, parts: FoldParts, model: FittedModel, watch: Watch, started: float
    ) -> tuple[Path, FoldRecord, NDArray[np.float32]] | None:
        """The model's files, the record, and answers to the fold's own rows; None where these are no finite numbers."""
        given, family = self.given, FAMILIES[order.family]
        fitted = self.clock()
        margins = np.empty((0, given.problem.n_margins(given.truth)))
        score, predicted = float("nan"), fitted
        if len(parts.valid.truth.y):  # a model of all rows is judged by none
            margins = model.margins(parts.valid.X)
            predicted = self.clock()
            answers = given.problem.predictions(margins, given.truth.classes)
            score = given.metric.score(parts.valid.truth, answers)
        if not np.isfinite(margins).all():
            return None
        folder = self.checkpoints.new_folder()
        model.save(folder)
        record = FoldRecord(
            trial=order.trial,
            family=order.family,
            view=family.view,
            fold=order.fold,
            score=None if np.isnan(score) else float(score),
            fit_s=fitted - started,
            predict_s=(predicted - fitted) * 1000 / max(len(margins), 1),
            n_features=parts.view.n_features,
            truncated=watch.is_cut,
            files=sha256_of(folder),
            n_rows=len(parts.fit.truth.y) + len(parts.stop.truth.y),
            curve=watch.curve,
            lightened=order.lightened,
        )
        return folder, record, margins.astype(np.float32)

    def _ending(self, family: str, n_judged: int) -> Ending:
        """What predicting and saving take in this process, family by family."""
        if family not in self._endings:
            step_s = self.given.problem.n_margins(self.given.truth) * (TREE_S + n_judged * TREE_ROW_S)
            self._endings[family] = Ending(step_s=step_s)
        return self._endings[family]


def fewer_rows(order: FoldFit, n_rows: int) -> FoldFit:
    """The same fit on half as many training rows, for a machine where all do not fit."""
    return replace(order, max_rows=max(min(order.most_rows or n_rows, n_rows) // 2, 1))

"""One fold of one trial: fit on the other folds' rows, predict the fold's own. Runs in a pool process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from athanor.engine.checkpoint import CheckpointStore, FoldRecord, sha256_of
from athanor.engine.fold_parts import PartsMaker
from athanor.engine.models import FAMILIES, FitInput, Options
from athanor.engine.seeds import seed_for
from athanor.engine.training_set import TrainingSet
from athanor.errors import Impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFit:
    """An order to fit one fold.

    deadline  point of the monotonic clock after which the fit returns what it has; None: when it is done
    max_rows  at most so many training rows (memory ran out before); None: all
    """

    trial: str
    family: str
    options: Options
    fold: int
    seed: int
    deadline: float | None = None
    max_rows: int | None = None


@dataclass(slots=True)
class CrossFitter:
    """Fits folds of one training set, one after the other."""

    given: TrainingSet
    checkpoints: CheckpointStore
    closing: Callable[[], bool]  # everybody stops
    _maker: PartsMaker = field(init=False)

    def __post_init__(self) -> None:
        self._maker = PartsMaker(self.given, self.checkpoints)

    def fit(self, order: FoldFit) -> FoldRecord:
        """Fit, predict the fold's own rows, keep both. Raises Impossible where the family cannot."""
        given, family = self.given, FAMILIES[order.family]
        started = time.monotonic()
        parts = self._maker.of(family.view, order.fold, seed=order.seed, max_rows=order.max_rows)
        stopped = False

        def stop() -> bool:
            nonlocal stopped
            late = order.deadline is not None and time.monotonic() >= order.deadline
            stopped = stopped or late or self.closing()
            return stopped

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
                stop=stop,
            ),
            order.options,
        )
        fitted = time.monotonic()
        margins = model.margins(parts.valid.X)
        if not np.isfinite(margins).all():
            raise Impossible(f"{family.label} gave predictions that are not finite numbers.")
        predicted = time.monotonic()
        answers = given.problem.predictions(margins, given.truth.classes)
        score = given.metric.score(parts.valid.truth, answers)
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
            truncated=stopped,
            files=sha256_of(folder),
        )
        self.checkpoints.keep_fold(folder, record, margins.astype(np.float32))
        return record


def fewer_rows(order: FoldFit, n_rows: int) -> FoldFit:
    """The same fit on half as many training rows, for a machine where all do not fit."""
    return replace(order, max_rows=max((order.max_rows or n_rows) // 2, 1))

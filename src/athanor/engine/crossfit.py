"""One fold of one trial: fit on the other folds' rows, predict the fold's own. Runs in a pool process."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from athanor.engine.checkpoint import CheckpointStore, FoldRecord, sha256_of
from athanor.engine.features import VIEWS, FittedView
from athanor.engine.models import FAMILIES, FitInput, Options
from athanor.engine.training_set import TrainingSet
from athanor.errors import Impossible

_VIEWS_KEPT = 2  # the lockstep fits one fold of every trial in turn, in two views


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
class _Matrices:
    view: FittedView
    X: Any
    X_valid: Any


@dataclass(slots=True)
class CrossFitter:
    """Fits folds of one training set, one after the other, and keeps the matrices that the next one may need."""

    given: TrainingSet
    checkpoints: CheckpointStore
    closing: Callable[[], bool]  # everybody stops
    _matrices: OrderedDict[tuple[str, int, int | None], _Matrices] = field(default_factory=OrderedDict)

    def fit(self, order: FoldFit) -> FoldRecord:
        """Fit, predict the fold's own rows, keep both. Raises Impossible where the family cannot."""
        given, family = self.given, FAMILIES[order.family]
        started = time.monotonic()
        valid = np.flatnonzero(given.folds == order.fold)
        train = self._training_rows(order)
        matrices = self._matrices_for(family.view, order, train, valid)
        truth, truth_valid = given.truth.take(train), given.truth.take(valid)
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
                X=matrices.X,
                truth=truth,
                X_valid=matrices.X_valid,
                truth_valid=truth_valid,
                categorical=matrices.view.categorical,
                seed=seed_for(order.seed, order.trial, order.fold),
                stop=stop,
            ),
            order.options,
        )
        fitted = time.monotonic()
        margins = model.margins(matrices.X_valid)
        if not np.isfinite(margins).all():
            raise Impossible(f"{family.label} gave predictions that are not finite numbers.")
        predicted = time.monotonic()
        answers = given.problem.predictions(margins, given.truth.classes)
        score = given.metric.score(truth_valid, answers)
        folder = self.checkpoints.new_folder()
        model.save(folder)
        record = FoldRecord(
            trial=order.trial,
            family=order.family,
            view=family.view,
            fold=order.fold,
            score=None if np.isnan(score) else float(score),
            fit_s=fitted - started,
            predict_s=(predicted - fitted) * 1000 / max(len(valid), 1),
            n_features=matrices.view.n_features,
            truncated=stopped,
            files=sha256_of(folder),
        )
        self.checkpoints.keep_fold(folder, record, margins.astype(np.float32))
        return record

    def _training_rows(self, order: FoldFit) -> np.ndarray[Any, np.dtype[np.int64]]:
        train = np.flatnonzero(self.given.folds != order.fold)
        if order.max_rows is None or len(train) <= order.max_rows:
            return train
        rng = np.random.default_rng(seed_for(order.seed, "rows", order.fold))
        return np.sort(rng.choice(train, order.max_rows, replace=False))

    def _matrices_for(self, view_name: str, order: FoldFit, train: Any, valid: Any) -> _Matrices:
        key = (view_name, order.fold, order.max_rows)
        if key in self._matrices:
            self._matrices.move_to_end(key)
            return self._matrices[key]
        while len(self._matrices) >= _VIEWS_KEPT:
            self._matrices.popitem(last=False)
        # A view is a function of the fold's training rows alone, whatever a degraded fit can afford to learn from, so
        # that all trials of a fold share one.
        view = self._view(view_name, order.fold)
        features = self.given.features
        made = _Matrices(view, view.transform(features.take(train)), view.transform(features.take(valid)))
        self._matrices[key] = made
        return made

    def _view(self, name: str, fold: int) -> FittedView:
        place = self.checkpoints.view_folder(name, fold)
        if not place.exists():
            rows = np.flatnonzero(self.given.folds != fold)
            fitted = VIEWS[name].fit(self.given.features.take(rows))
            written = self.checkpoints.new_folder()
            fitted.save(written)
            self.checkpoints.keep_view(written, name, fold)
        return VIEWS[name].load(place)


def seed_for(seed: int, trial: str, fold: int) -> int:
    """A seed for each (trial, fold), the same wherever and whenever it is fitted."""
    digest = hashlib.blake2b(f"{seed}/{trial}/{fold}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFFFFFF


def fewer_rows(order: FoldFit, n_rows: int) -> FoldFit:
    """The same fit on half as many training rows, for a machine where all do not fit."""
    return replace(order, max_rows=max((order.max_rows or n_rows) // 2, 1))
